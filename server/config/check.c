// SPDX-License-Identifier: MIT
#include "server/config/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/config/config.h"

#define PLACE_BYTES 300u // of "FILE:LINE: "; a longer name of a file is cut

struct check {
    const struct config *config;
    const char *listener; // whose files are looked at; NULL: those of the whole broker
    char *error;
    size_t error_size;
};

static const char *advice_of(int error)
{
    switch (error) {
    case ENOENT:
        return "correct the path or create it";
    case EACCES:
        return "let the user of the broker read it";
    case EISDIR:
        return "name a file";
    case ENOTDIR:
        return "name a directory";
    default:
        return "name what can be read";
    }
}

static int fail(const struct check *check, const struct config_file *file, const char *key, int error)
{
    char place[PLACE_BYTES];
    char listener[CONFIG_NAME_BYTES + 16] = "";
    config_place(check->config, file->line, place, sizeof(place));
    if (check->listener != NULL)
        (void)snprintf(listener, sizeof(listener), "listener '%s': ", check->listener);
    (void)snprintf(check->error, check->error_size, "%s%s%s %s cannot be read: %s; %s", place, listener, key,
                   file->path, strerror(error), advice_of(error));
    return -error;
}

// Opening would wait for a writer where the file is a pipe.
static int check_file(const struct check *check, const struct config_file *file, const char *key)
{
    struct stat status;
    if (file->path == NULL)
        return 0;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
        error = EISDIR;
    if (fd >= 0)
        (void)close(fd); // only opened
    return error == 0 ? 0 : fail(check, file, key, error);
}

static int check_directory(const struct check *check, const struct config_file *directory, const char *key)
{
    if (directory->path == NULL)
        return 0;
    DIR *opened = opendir(directory->path);
    if (opened == NULL)
        return fail(check, directory, key, errno);
    (void)closedir(opened); // only opened
    return 0;
}

static int check_certificate(const struct check *check, const struct config_certificate *certificate)
{
    int status = check_file(check, &certificate->certfile, "certfile");
    return status == 0 ? check_file(check, &certificate->keyfile, "keyfile") : status;
}

static int check_tls(const struct check *check, const struct config_tls *tls)
{
    int status = check_certificate(check, &tls->certificate);
    for (uint32_t i = 0; status == 0 && i < tls->certificate_count; i++)
        status = check_certificate(check, &tls->certificates[i]);
    if (status == 0)
        status = check_file(check, &tls->psk_file, "psk-file");
    if (status == 0)
        status = check_file(check, &tls->cafile, "cafile");
    if (status == 0)
        status = check_directory(check, &tls->capath, "capath");
    if (status == 0)
        status = check_file(check, &tls->crlfile, "crlfile");
    return status;
}

int config_check(const struct config *config, char *ret_error, size_t error_size)
{
    struct check check = {.config = config, .error = ret_error, .error_size = error_size};
    int status = check_file(&check, &config->auth.password_file, "auth.password-file");
    if (status == 0)
        status = check_file(&check, &config->topic_check.acl_file, "topic-check.acl-file");
    if (status == 0)
        status = check_directory(&check, &config->plugin_directory, "plugin-directory");
    for (uint32_t i = 0; status == 0 && i < config->plugin_count; i++)
        status = check_file(&check, &(struct config_file){config->plugins[i].path, config->plugins[i].line},
                            "plugin");
    for (uint32_t i = 0; status == 0 && i < config->listener_count; i++) {
        check.listener = config->listeners[i].name;
        status = check_tls(&check, &config->listeners[i].tls);
    }
    return status;
}

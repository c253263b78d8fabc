// SPDX-License-Identifier: MIT
#include "server/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config/document.h"
#include "server/config/schema.h"

void config_default(struct config *ret_config)
{
    memset(ret_config, 0, sizeof(*ret_config)); // as an initializer it might pass over the stack
    ret_config->listener_count = 1;
    ret_config->listeners[0] = (struct config_listener){
        .name = "default", .host = "0.0.0.0", .port = CONFIG_PORT_TCP, .connections_max = UINT64_MAX};
    ret_config->sys_interval_s = 20;
    ret_config->allow_anonymous = true;
    ret_config->limits = limits_default();
    ret_config->texts_length = 1;
}

int config_parse(const char *bytes, size_t length, const char *name, struct config *ret_config,
                 char *ret_error, size_t error_size)
{
    struct document document = {.name = name, .error = ret_error, .error_size = error_size};
    int status = document_open(&document, bytes, length);
    if (status != 0)
        return status;
    struct config *config = memory_require(sizeof(*config)); // too large for the stack
    config_default(config);
    status = schema_read(&document, config);
    document_close(&document);
    if (status == 0)
        *ret_config = *config;
    free(config);
    return status;
}

// Reads to the end of the file, and one byte past the ceiling at most. Returns the count, or -errno.
static ssize_t file_read(int fd, char *bytes, size_t size)
{
    size_t length = 0;
    while (length < size) {
        ssize_t count = read(fd, bytes + length, size - length);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count == 0)
            break;
        length += count > 0 ? (size_t)count : 0;
    }
    return length > CONFIG_FILE_BYTES_MAX ? -EFBIG : (ssize_t)length;
}

int config_load(const char *path, struct config *ret_config, char *ret_error, size_t error_size)
{
    if (path == NULL) {
        config_default(ret_config);
        return 0;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        (void)snprintf(ret_error, error_size, "cannot open %s: %s", path, strerror(error));
        return -error;
    }
    char *bytes = memory_require(CONFIG_FILE_BYTES_MAX + 1);
    ssize_t length = file_read(fd, bytes, CONFIG_FILE_BYTES_MAX + 1);
    (void)close(fd); // only read from
    int status = (int)length;
    if (length < 0)
        (void)snprintf(ret_error, error_size, "cannot read %s: %s", path, strerror(-status));
    else
        status = config_parse(bytes, (size_t)length, path, ret_config, ret_error, error_size);
    free(bytes);
    return status;
}

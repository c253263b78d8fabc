// SPDX-License-Identifier: MIT
#include "server/transport/listener_unix.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MODE_OWNER_ONLY 0600

static int listener_unix_fail(int error, const char *path, const char *what, const char *advice,
                              char *ret_error)
{
    (void)snprintf(ret_error, LISTENER_ERROR_BYTES, "cannot %s unix:%s: %s%s", what, path, strerror(error),
                   advice); // cut if ever too long
    return -error;
}

// Whether the file is a socket that nobody listens on.
static bool socket_is_left_over(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool refused =
        connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
    (void)close(fd); // nothing was written to it
    return refused;
}

// The file gets the permissions that the socket has when it is bound. The umask of the process is no way to
// restrict them: other threads make files meanwhile.
static int bind_for_owner(int fd, const struct sockaddr_un *address)
{
    if (fchmod(fd, MODE_OWNER_ONLY) < 0)
        return -errno;
    return bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
}

static int socket_bind(int fd, const struct sockaddr_un *address)
{
    int failed = bind_for_owner(fd, address);
    if (failed != -EADDRINUSE || !socket_is_left_over(address))
        return failed;
    if (unlink(address->sun_path) < 0)
        return -errno;
    return bind_for_owner(fd, address);
}

int listener_unix_admit(const struct listener_options *options, char *ret_error)
{
    const char *path = options->unix_path;
    const struct listener_file *file = &options->file;
    bool owned = file->owner != (uid_t)-1 || file->group != (gid_t)-1;
    if ((!owned || lchown(path, file->owner, file->group) == 0) && chmod(path, file->mode) == 0)
        return 0;
    return listener_unix_fail(errno, path, "give mode, owner and group to", "", ret_error);
}

// Binds and listens. Returns 0, or -errno and one line in ret_error; then no file of ours is left.
static int socket_open(int fd, const struct listener_options *options, const struct sockaddr_un *address,
                       char *ret_error)
{
    int failed;
    uint32_t attempt = 0;
    do
        failed = socket_bind(fd, address);
    while (failed == -EADDRINUSE && listener_wait_for_address(&attempt));
    if (failed) {
        const char *advice =
            failed == -EADDRINUSE ? "; another process listens there, or it is no socket" : "";
        return listener_unix_fail(-failed, options->unix_path, "listen on", advice, ret_error);
    }
    failed = listener_unix_admit(options, ret_error);
    if (failed == 0 && listen(fd, options->backlog) < 0)
        failed = listener_unix_fail(errno, options->unix_path, "listen on", "", ret_error);
    if (failed)
        (void)unlink(options->unix_path); // it is ours, and of no use
    return failed;
}

int listener_unix_open(const struct listener_options *options, char *ret_error)
{
    const char *path = options->unix_path;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return listener_unix_fail(ENAMETOOLONG, path, "listen on", "; a path has at most 107 bytes",
                                  ret_error);
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return listener_unix_fail(errno, path, "listen on", "", ret_error);
    int failed = socket_open(fd, options, &address, ret_error);
    if (failed == 0)
        return fd;
    (void)close(fd); // nothing was written to it
    return failed;
}

// SPDX-License-Identifier: MIT
#include "client/local.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCAL_BACKLOG 16

static int local_name(int listener, char name[LOCAL_NAME_BYTES])
{
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        return -errno;
    size_t head = offsetof(struct sockaddr_un, sun_path) + 1;
    if (size <= head || size - head >= LOCAL_NAME_BYTES)
        return -ENAMETOOLONG;
    memcpy(name, address.sun_path + 1, size - head);
    name[size - head] = '\0';
    return 0;
}

int local_listen(char name[LOCAL_NAME_BYTES])
{
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0)
        return -errno;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int status = 0;
    // An address that is only a family has the kernel choose a free name.
    if (bind(listener, (struct sockaddr *)&address, sizeof address.sun_family) != 0 ||
        listen(listener, LOCAL_BACKLOG) != 0)
        status = -errno;
    if (status == 0)
        status = local_name(listener, name);
    if (status == 0)
        return listener;
    close(listener);
    return status;
}

static bool is_ours(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid();
}

int local_accept(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return -errno;
        if (is_ours(fd))
            return fd;
        close(fd);
    }
}

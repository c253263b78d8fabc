// SPDX-License-Identifier: MIT
#include "server/service/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/service/service.h"

static bool parse_number(const char *text, uint32_t number_max, uint32_t *ret_number)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    *ret_number = (uint32_t)number;
    return errno == 0 && *end == '\0' && text[0] >= '0' && text[0] <= '9' && number <= number_max;
}

// Gives each socket its name. Returns false unless there is one for each.
static bool take_names(struct activation *activation, const char *names)
{
    for (uint32_t i = 0; i < activation->count; i++) {
        size_t length = strcspn(names, ":");
        bool last = i + 1 == activation->count;
        if (length >= ACTIVATION_NAME_BYTES || last != (names[length] == '\0'))
            return false;
        memcpy(activation->sockets[i].name, names, length);
        activation->sockets[i].name[length] = '\0';
        names += length + 1;
    }
    return true;
}

int activation_parse(const struct activation_variables *variables, int64_t pid,
                     struct activation *ret_activation, char *ret_error)
{
    char own_pid[24];
    (void)snprintf(own_pid, sizeof own_pid, "%" PRId64, pid); // fits
    ret_activation->count = 0;
    if (variables->pid == NULL || variables->fds == NULL || strcmp(variables->pid, own_pid) != 0)
        return 0;
    uint32_t count;
    if (!parse_number(variables->fds, ACTIVATION_SOCKETS_MAX, &count)) {
        (void)snprintf(ret_error, SERVICE_ERROR_BYTES,
                       "LISTEN_FDS is '%.32s': it has to be a number of sockets, %u at most", variables->fds,
                       ACTIVATION_SOCKETS_MAX); // fits
        return -EINVAL;
    }
    ret_activation->count = count;
    for (uint32_t i = 0; i < count; i++)
        ret_activation->sockets[i] = (struct activation_socket){.fd = ACTIVATION_FIRST + (int)i};
    if (variables->names != NULL && count > 0 && !take_names(ret_activation, variables->names)) {
        (void)snprintf(ret_error, SERVICE_ERROR_BYTES,
                       "LISTEN_FDNAMES is '%.128s': it has to name the %u sockets of LISTEN_FDS",
                       variables->names, count); // fits
        return -EINVAL;
    }
    return 0;
}

// A descriptor that does not block makes io_uring give up at once where it should wait.
static int make_ready(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

int activation_init(struct activation *ret_activation, char *ret_error)
{
    struct activation_variables variables = {getenv("LISTEN_PID"), getenv("LISTEN_FDS"),
                                             getenv("LISTEN_FDNAMES")};
    int failed = activation_parse(&variables, getpid(), ret_activation, ret_error);
    (void)unsetenv("LISTEN_PID"); // cannot fail with such a name
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    for (uint32_t i = 0; i < ret_activation->count && !failed; i++) {
        int fd = ret_activation->sockets[i].fd;
        failed = make_ready(fd);
        if (failed)
            (void)snprintf(ret_error, SERVICE_ERROR_BYTES,
                           "LISTEN_FDS is %u, but descriptor %d cannot be used: %s", ret_activation->count,
                           fd, strerror(-failed)); // fits
    }
    return failed;
}

struct activation_socket *activation_find(struct activation *activation, const char *name)
{
    for (uint32_t i = 0; i < activation->count; i++) {
        struct activation_socket *socket = &activation->sockets[i];
        if (!socket->taken && strcmp(socket->name, name) == 0)
            return socket;
    }
    return NULL;
}

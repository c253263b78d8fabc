// SPDX-License-Identifier: MIT
#include "server/service/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/service/service.h"

static bool parse_number(const char *text, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    *ret_number = number;
    return errno == 0 && end != text && *end == '\0' && text[0] >= '0' && text[0] <= '9';
}

// How often to be heard of, unless that was meant for another process.
static uint64_t watchdog_from_environment(void)
{
    const char *interval_text = getenv("WATCHDOG_USEC");
    const char *pid_text = getenv("WATCHDOG_PID");
    uint64_t interval_us = 0;
    uint64_t pid = 0;
    if (interval_text == NULL || !parse_number(interval_text, &interval_us) ||
        interval_us > UINT64_MAX / NS_PER_US)
        return 0;
    if (pid_text != NULL && (!parse_number(pid_text, &pid) || pid != (uint64_t)getpid()))
        return 0;
    return interval_us * NS_PER_US;
}

static int notify_address(struct notify *notify, const char *path)
{
    size_t length = strlen(path);
    if (path[0] != '/' && path[0] != '@')
        return -EAFNOSUPPORT;
    if (length >= sizeof notify->address.sun_path)
        return -ENAMETOOLONG;
    notify->address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(notify->address.sun_path, path, length);
    notify->address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (path[0] == '@')
        notify->address.sun_path[0] = '\0';
    else
        notify->address_length++; // with the end of the text
    return 0;
}

static int notify_open(struct notify *notify, const char *path)
{
    int failed = notify_address(notify, path);
    if (failed)
        return failed;
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return notify->fd < 0 ? -errno : 0;
}

int notify_init(struct notify *notify, char *ret_error)
{
    *notify = (struct notify){.fd = -1};
    const char *path = getenv("NOTIFY_SOCKET");
    int failed = path == NULL ? 0 : notify_open(notify, path);
    if (failed)
        (void)snprintf(ret_error, SERVICE_ERROR_BYTES,
                       "NOTIFY_SOCKET '%s': %s; the service manager cannot be told anything", path,
                       strerror(-failed)); // cut if ever too long
    else if (path != NULL)
        notify->watchdog_ns = watchdog_from_environment();
    (void)unsetenv("NOTIFY_SOCKET"); // cannot fail with such a name
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    return failed;
}

void notify_finish(struct notify *notify)
{
    if (notify->fd >= 0)
        (void)close(notify->fd); // nothing that was sent depends on it
    notify->fd = -1;
}

static int notify_send(const struct notify *notify, const char *state)
{
    if (notify->fd < 0)
        return 0;
    ssize_t sent = sendto(notify->fd, state, strlen(state), MSG_NOSIGNAL,
                          (const struct sockaddr *)&notify->address, notify->address_length);
    return sent < 0 ? -errno : 0;
}

int notify_ready(const struct notify *notify, const char *status)
{
    char state[NOTIFY_STATUS_BYTES + 64];
    size_t used =
        (size_t)snprintf(state, sizeof state, "READY=1\nMAINPID=%d\nSTATUS=", (int)getpid()); // fits
    for (; *status != '\0' && used < sizeof state - 1; status++)
        if (*status != '\n')
            state[used++] = *status;
    state[used] = '\0';
    return notify_send(notify, state);
}

int notify_reloading(const struct notify *notify, uint64_t now_ns)
{
    char state[64];
    (void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu",
                   now_ns / NS_PER_US); // fits
    return notify_send(notify, state);
}

int notify_stopping(const struct notify *notify)
{
    return notify_send(notify, "STOPPING=1");
}

int notify_alive(const struct notify *notify)
{
    return notify_send(notify, "WATCHDOG=1");
}

// SPDX-License-Identifier: MIT
// What the service manager is told: systemd's protocol, in which each message is a datagram of lines
// NAME=VALUE to the socket that NOTIFY_SOCKET names. Written out here, because libsystemd would bring five
// libraries into the process for it.
#ifndef SERVICE_NOTIFY_H
#define SERVICE_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include "server/base/base.h"

#define NOTIFY_STATUS_BYTES 512u // of a status; a longer one is cut

struct notify {
    int fd;                     // -1: nobody wants to hear
    struct sockaddr_un address; // a path, or a name of the abstract namespace behind a NUL
    socklen_t address_length;
    uint64_t watchdog_ns; // how often the manager wants to hear that we are alive; 0 = never
};

// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment, so that nothing
// else speaks for the broker. Returns 0, also if there is no manager; or -errno and one line in ret_error (of
// SERVICE_ERROR_BYTES), and then nobody is told anything.
WARN_UNUSED int notify_init(struct notify *notify, char *ret_error);
void notify_finish(struct notify *notify);

// Each is 0, also if there is nobody to tell, or -errno. `status` is for a person who asks the manager; a
// line break in it is left out.
WARN_UNUSED int notify_ready(const struct notify *notify, const char *status);
WARN_UNUSED int notify_reloading(const struct notify *notify, uint64_t now_ns); // until notify_ready
WARN_UNUSED int notify_stopping(const struct notify *notify);
WARN_UNUSED int notify_alive(const struct notify *notify);

#endif

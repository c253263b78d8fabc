// SPDX-License-Identifier: MIT
// Sockets that the broker did not open itself: systemd's protocol, in which a process finds them from
// descriptor 3 on, their number in LISTEN_FDS and their names, one behind the other with ':' between, in
// LISTEN_FDNAMES.
#ifndef SERVICE_ACTIVATION_H
#define SERVICE_ACTIVATION_H

#include "server/base/base.h"

#define ACTIVATION_SOCKETS_MAX 64u  // more are a fault
#define ACTIVATION_NAME_BYTES  256u // systemd's are shorter
#define ACTIVATION_FIRST       3    // descriptor

struct activation_socket {
    int fd;
    char name[ACTIVATION_NAME_BYTES]; // "" = none
    bool taken;                       // by a listener; the caller sets it
};

struct activation {
    struct activation_socket sockets[ACTIVATION_SOCKETS_MAX];
    uint32_t count;
};

// What the environment says, for tests apart from it. NULL is a variable that is not there.
struct activation_variables {
    const char *pid;
    const char *fds;
    const char *names;
};

// Fills in the sockets that are meant for the process `pid`: none if the variables name another one. Touches
// no descriptor. Returns 0, or -EINVAL and one line in ret_error (of SERVICE_ERROR_BYTES).
WARN_UNUSED int activation_parse(const struct activation_variables *variables, int64_t pid,
                                 struct activation *ret_activation, char *ret_error);

// The same from the environment, from which it takes the variables. The sockets are the caller's; they are
// closed on exec, and block, as the ring wants them. Returns 0, or -errno and one line in ret_error.
WARN_UNUSED int activation_init(struct activation *ret_activation, char *ret_error);

// The first socket of that name that is not taken; NULL if there is none.
struct activation_socket *activation_find(struct activation *activation, const char *name);

#endif

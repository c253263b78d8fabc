// SPDX-License-Identifier: MIT
// A local connection to ourselves, for a library that insists on connecting a socket of its own.
//
//     local_listen -> (the library connects to `name`) -> local_accept
#ifndef CLIENT_LOCAL_H
#define CLIENT_LOCAL_H

#include <stddef.h>

#define LOCAL_NAME_BYTES 16u

// Listens under an abstract name that the kernel chooses. Returns a descriptor and its name without the
// leading NUL, or a negative errno.
int local_listen(char name[LOCAL_NAME_BYTES]);

// Takes our own connection, and closes those of others: anybody on this host could have come first. Returns a
// non-blocking descriptor, or -EAGAIN when ours has not come, or another negative errno.
int local_accept(int listener);

#endif

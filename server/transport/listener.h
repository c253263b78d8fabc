// SPDX-License-Identifier: MIT
// A listening socket. It is opened once and accepted from by every shard.
#ifndef TRANSPORT_LISTENER_H
#define TRANSPORT_LISTENER_H

#include <stdatomic.h>
#include <sys/types.h>

#include "server/base/base.h"

#define ADDRESS_TEXT_BYTES   128u // "[IPv6 address%scope]:port", "unix:" and a path
#define LISTENER_ERROR_BYTES 1536u

struct listener {
    uint32_t number;                  // that its owner knows it by
    int fd;                           // -1: it is closed
    char address[ADDRESS_TEXT_BYTES]; // what it is bound to, with the port that the kernel chose if none was
                                      // asked for
    bool is_unix;
    bool is_passed;               // somebody else has opened the socket, and keeps it
    char *unix_path;              // the file to remove at the end; NULL: none, or it is not ours
    _Atomic uint64_t connections; // open ones that came from here, on all shards
    _Atomic uint64_t sessions;    // whose last connection came from here, on all shards
};

// Of the file of a unix socket.
struct listener_file {
    mode_t mode;
    uid_t owner; // -1: unchanged
    gid_t group; // -1: unchanged
};

struct listener_options {
    const char *host;      // address or name; "" = every address of the machine
    uint16_t port;         // 0 = a free one
    const char *unix_path; // instead of both; or NULL
    struct listener_file file;
    int backlog;
};

// Opens, binds and listens. Its number is left as it is. Returns 0, or -errno and one line in ret_error (of
// LISTENER_ERROR_BYTES).
WARN_UNUSED int listener_open(struct listener *listener, const struct listener_options *options,
                              char *ret_error);

// The same with a socket that somebody else has opened and listens on. It stays the caller's, and so does its
// file.
WARN_UNUSED int listener_adopt(struct listener *listener, int fd, char *ret_error);

// Gives a listener that is open another backlog, and its file another mode and owner; a socket that was
// passed is left alone. Returns 0, or -errno and one line in ret_error.
WARN_UNUSED int listener_adjust(const struct listener *listener, const struct listener_options *options,
                                char *ret_error);

// Whether a socket is bound to the address that the options name, which a free port never is.
WARN_UNUSED bool listener_fits(const struct listener_options *options, int fd);

// The address of a socket that somebody else has opened; "no socket" if it is none.
void listener_describe_socket(int fd, char ret_text[ADDRESS_TEXT_BYTES]);

// Whether only this machine can connect: a loopback address, a unix socket.
WARN_UNUSED bool listener_is_local(const struct listener *listener);

// Closes the socket and removes its file, if they are ours. Nobody accepts from it any more.
void listener_close(struct listener *listener);

// The text of a socket address: 192.0.2.1:1883, [2001:db8::1]:1883, unix.
struct sockaddr_storage;
void address_text(const struct sockaddr_storage *address, char ret_text[ADDRESS_TEXT_BYTES]);

#endif

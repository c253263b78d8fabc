// SPDX-License-Identifier: MIT
// A listening socket, and what lies between the connections that come from it and MQTT. It is opened once and
// accepted from by every shard.
#ifndef TRANSPORT_LISTENER_H
#define TRANSPORT_LISTENER_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "proto/proto.h"
#include "server/base/base.h"

#define ADDRESS_TEXT_BYTES   128u // "[IPv6 address%scope]:port", "unix:" and a path
#define LISTENER_ERROR_BYTES 1536u
#define LISTENER_PATHS_MAX   8u
#define LISTENER_ORIGINS_MAX 16u

struct tls_context;

// What connections speak below MQTT.
struct listener_layers {
    bool proxy_protocol;
    bool proxy_common_name; // of a certificate that the proxy found good: the user name
    bool websocket;
    struct bytes paths[LISTENER_PATHS_MAX]; // of WebSocket that are served; none: every path
    uint32_t path_count;
    struct bytes origins[LISTENER_ORIGINS_MAX]; // that may connect; none: every origin
    uint32_t origin_count;
};

struct listener {
    int fd;
    char address[ADDRESS_TEXT_BYTES]; // what it is bound to, with the port that the kernel chose if none was
                                      // asked for
    bool is_unix;
    const char *unix_path; // the file to remove at the end, borrowed; NULL: none, or it is not ours
    struct listener_layers layers;
    pthread_mutex_t tls_lock; // of the pointer: a context is replaced while others take it
    struct tls_context *tls;  // counted; NULL: not over TLS
    bool is_tls;
    uint32_t handshakes_max; // steps of TLS handshakes in one turn of a shard
    uint64_t connections_max;
    _Atomic uint64_t connections; // open ones that came from here, on all shards
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
    const char *unix_path; // instead of both, must outlive the listener; or NULL
    struct listener_file file;
    int backlog;
    uint64_t connections_max;
};

// Opens, binds and listens. Layers and TLS are the caller's to set before the first connection is accepted.
// Returns 0, or -errno and one line in ret_error (of LISTENER_ERROR_BYTES).
WARN_UNUSED int listener_open(struct listener *listener, const struct listener_options *options,
                              char *ret_error);

// The same with a socket that somebody else has opened and listens on. It is the caller's until this has
// returned 0; its file stays where it is.
WARN_UNUSED int listener_adopt(struct listener *listener, int fd, uint64_t connections_max, char *ret_error);

// Whether a socket is bound to the address that the options name, which a free port never is.
WARN_UNUSED bool listener_fits(const struct listener_options *options, int fd);

// The address of a socket that somebody else has opened; "no socket" if it is none.
void listener_describe_socket(int fd, char ret_text[ADDRESS_TEXT_BYTES]);

// Whether only this machine can connect: a loopback address, a unix socket.
WARN_UNUSED bool listener_is_local(const struct listener *listener);

// Closes the socket, removes its file, and lets the TLS context go.
void listener_close(struct listener *listener);

// Gives connections accepted from now on this context (takes the reference).
void listener_take_tls(struct listener *listener, struct tls_context *tls);

// The context with a reference for the caller; NULL if there is none. For any thread.
struct tls_context *listener_ref_tls(struct listener *listener);

// The text of a socket address: 192.0.2.1:1883, [2001:db8::1]:1883, unix.
struct sockaddr_storage;
void address_text(const struct sockaddr_storage *address, char ret_text[ADDRESS_TEXT_BYTES]);

#endif

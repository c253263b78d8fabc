// SPDX-License-Identifier: MIT
// The PROXY protocol, versions 1 and 2, as who is behind a proxy reads it: the header in front of everything
// else on a connection that says between whom it really is. [The PROXY protocol, by W. Tarreau, section 2;
// the sections named here are its own]
//
//     1: PROXY SP TCP4 SP source SP destination SP source port SP destination port CR LF
//     2: signature (12 bytes) | version, command | family, transport | length (2 bytes) | addresses | TLVs
//
// Whether there is a header is never guessed: a listener has one on each connection or on none, else a client
// could pretend to be another one (section 5).
#ifndef PROTO_PROXY_H
#define PROTO_PROXY_H

#include "proto/bytes.h"

#define PROXY_LINE_MAX 107u                 // version 1 (section 2.1)
#define PROXY_FIXED    16u                  // version 2, what is always there (section 2.2)
#define PROXY_SIZE_MIN (PROXY_FIXED + 216u) // a limit that holds all addresses
#define PROXY_HOST_MAX 16u

enum proxy_status {
    PROXY_NEED_MORE, // the header is cut; see ret_header->size
    PROXY_READY,
    PROXY_MALFORMED, // see ret_header->why; the connection is to be closed without an answer
};

enum proxy_family {
    PROXY_UNSPEC, // nothing is said: the addresses are those of the connection itself
    PROXY_INET,
    PROXY_INET6,
    PROXY_UNIX,
};

struct proxy_address {
    uint8_t host[PROXY_HOST_MAX]; // PROXY_INET: the first 4 bytes, PROXY_INET6: all of them, as on the wire
    uint16_t port;
    struct bytes path; // PROXY_UNIX: a view; an abstract name begins with a zero byte; may be empty
};

// What the client's TLS connection to the proxy was like (section 2.2.6).
struct proxy_tls {
    bool there;               // the proxy said something about it; the rest is zero if it did not
    bool used;                // the client connected over TLS
    bool certificate;         // with a certificate, over this connection
    bool certificate_earlier; // with a certificate, over this one or an earlier one of the TLS session
    bool verified;            // and the proxy found it good
    struct bytes version;     // such as TLSv1.3; may be empty; a view, as the next one
    struct bytes common_name; // of the certificate, UTF-8; may be empty; nothing to go by unless `verified`
};

struct proxy_header {
    uint32_t size; // of the whole header: what follows it is the client's. 0 as long as it is not known
    bool local;    // the proxy speaks for itself, a health check: to be treated as PROXY_UNSPEC
    enum proxy_family family;
    struct proxy_address source;      // the client
    struct proxy_address destination; // whom it connected to
    struct proxy_tls tls;
    struct bytes authority; // the host name that the client asked for (SNI), UTF-8; may be empty; a view
    const char *why;        // when malformed: a phrase for the log
};

// Looks at the start of `stream`. `size_max`: the largest header of version 2 in bytes that is allowed, at
// least PROXY_SIZE_MIN; a line of version 1 has its own limit, PROXY_LINE_MAX. Views are into `stream`.
//
// Malformed as soon as it can be seen, and whatever is not exactly as the protocol has it: other versions,
// commands, families and transports, addresses that are cut, numbers with leading zeroes, TLVs that do not
// fill the header exactly, one of those read here that is there twice, texts that are not UTF-8, a checksum
// that is wrong (section 2.2.3). TLVs of other types are passed over. Of a header that is local, or of a
// family or transport that is not specified, only the size matters.
__attribute__((warn_unused_result)) enum proxy_status proxy_read(struct bytes stream, uint32_t size_max,
                                                                 struct proxy_header *ret_header);

#endif

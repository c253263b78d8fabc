// SPDX-License-Identifier: MIT
// The text of a listener's `bind`:
//
//     host:port   [IPv6]:port   :port   port   host   [IPv6]   IPv6   unix:/path
//
// where the port is 0 (any free one) to 65535. A text that is nothing but digits is a port. A text with more
// than one colon is an IPv6 address as a whole or wrong: it is never cut at a colon outside brackets. Names
// are not resolved here. A text that begins with unix: is never a host.
#ifndef CONFIG_BIND_H
#define CONFIG_BIND_H

#include <stdint.h>

#include "server/config/config.h"

struct bind {
    char host[CONFIG_HOST_BYTES]; // without brackets; "" is every address of the machine
    uint16_t port;
    bool port_given;
    char unix_path[CONFIG_UNIX_BYTES]; // "" is none; otherwise host is "" and there is no port
};

// Returns NULL, or what is wrong with the text, as what was expected instead: "a port from 0 to 65535".
WARN_UNUSED const char *bind_parse(const char *text, struct bind *ret_bind);

#endif

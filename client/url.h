// SPDX-License-Identifier: MIT
// Where a broker is, as one line of text.
//
//     scheme://[user[:password]@]host[:port][/path][?query][#fragment]
//     unix://[user[:password]@]/path
//
// Path and query are for WebSocket; a fragment is for nobody.
// The user part ends at the last '@' before the path, so a password may hold one. User name and password are
// percent-decoded; a host in brackets is an IPv6 address, in which %25 introduces a zone. The scheme's case
// does not matter.
#ifndef CLIENT_URL_H
#define CLIENT_URL_H

#include "client/error.h"

enum url_scheme {
    URL_SCHEME_MQTT,
    URL_SCHEME_MQTTS,
    URL_SCHEME_WS,
    URL_SCHEME_WSS,
    URL_SCHEME_UNIX,
    URL_SCHEME_HTTP, // of a proxy, and so the next
    URL_SCHEME_SOCKS5,
};

struct url {
    enum url_scheme scheme;
    uint16_t port;  // the scheme's default unless named
    bool bracketed; // the host stood in brackets
    const char *host;
    const char *user_name; // NULL: none
    const char *password;  // NULL: none
    const char *path; // from its '/' or '?' on, as written, of a unix socket decoded; "" when there is none
    char *text;       // what the others point into
};

// Returns 0, HBMQTT_ERROR_ARGUMENT or HBMQTT_ERROR_SYSTEM with *ret_error set; *ret_url is then untouched. An
// error text never holds the password.
int url_parse(const char *text, struct url *ret_url, struct error *ret_error);
// The same for where a proxy is.
int url_parse_proxy(const char *text, struct url *ret_url, struct error *ret_error);
void url_finish(struct url *url);

// "mqtt://host:port" without the user: what messages name the broker by. Cut where `size` ends.
void url_describe(const struct url *url, char *text, size_t size);

// What a WebSocket upgrade asks for: path and query, "/mqtt" when the URL has neither. Cut where `size` ends;
// returns the whole length.
size_t url_request_target(const struct url *url, char *text, size_t size);

// The Host header of the upgrade: without the scheme's own port, and without the zone of an address. Cut
// likewise.
void url_request_host(const struct url *url, char *text, size_t size);

#endif

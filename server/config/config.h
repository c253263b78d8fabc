// SPDX-License-Identifier: MIT
// The door of server/config/: what a person can choose, from the configuration file (YAML) or by default.
//
// The structure holds everything itself, without pointers: it can be copied, is nobody's to free, and is
// filled completely or, when the file is at fault, not at all. Reading the file logs nothing: a fault comes
// back as one line for the caller to print, and what deserves a word but not a refusal comes back as a list
// of warnings.
//
// A key that this version does not know stops the start, because a misspelt key must not pass for a chosen
// value. A key of the original hbmqtt that this version does not support stops the start where ignoring it
// would let somebody in (password-file, ACLs, authentication plugins) and is a warning where it would not.
//
// Long texts lie one after the other in `texts`, and what has one holds its place there: room for the longest
// of each kind in each of 64 listeners would be 4 MiB, of which a file fills some hundred bytes. A text that
// several listeners have from the entry `default` is there once.
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/config/limits.h"

#define CONFIG_ERROR_BYTES    512u     // room that holds every line of ret_error
#define CONFIG_FILE_BYTES_MAX 1048576u // a longer file is refused
#define CONFIG_LISTENERS_MAX  64u      // a further one is refused
#define CONFIG_NAME_BYTES     64u      // of a listener
#define CONFIG_HOST_BYTES     256u
#define CONFIG_SHARDS_MAX     64u
#define CONFIG_WARNINGS_MAX   16u // the last of them counts what did not find room
#define CONFIG_WARNING_BYTES  256u

// Rooms for texts, with their ends.
#define CONFIG_PATH_BYTES     1024u  // of a file, or of a path in a URL
#define CONFIG_PEM_BYTES      16384u // `cadata`
#define CONFIG_CIPHERS_BYTES  512u   // `ciphers`, `ciphersuites`, `groups`
#define CONFIG_ORIGIN_BYTES   256u
#define CONFIG_IDENTITY_BYTES 64u     // `owner`, `group`
#define CONFIG_UNIX_BYTES     108u    // sun_path
#define CONFIG_TEXTS_BYTES    262144u // all of the above but the last together; what goes beyond is refused

#define CONFIG_CERTIFICATES_MAX 8u // beside the first, on one listener; a further one is refused, and so on
#define CONFIG_PATHS_MAX        8u
#define CONFIG_ORIGINS_MAX      16u

// Where `bind` names no port.
#define CONFIG_PORT_TCP 1883u
#define CONFIG_PORT_TLS 8883u
#define CONFIG_PORT_WS  80u
#define CONFIG_PORT_WSS 443u

// The place of a text, for config_text. 0 is the empty text, which stands for none.
struct config_text {
    uint32_t offset; // in texts of struct config
};

struct config_certificate {
    struct config_text certfile;
    struct config_text keyfile; // the same as certfile where the file names none
};

enum config_type { CONFIG_TCP, CONFIG_WS };
enum config_client_certificate {
    CONFIG_CLIENT_CERTIFICATE_NONE,     // not asked for
    CONFIG_CLIENT_CERTIFICATE_OPTIONAL, // who shows one must show a good one
    CONFIG_CLIENT_CERTIFICATE_REQUIRED,
};
enum config_user_name {
    CONFIG_USER_NAME_CONNECT, // what the CONNECT says
    CONFIG_USER_NAME_COMMON_NAME,
    CONFIG_USER_NAME_SUBJECT_ALT_NAME,
};
enum config_tls_version { CONFIG_TLS_1_2, CONFIG_TLS_1_3 };

// All zero unless enabled. Files are named, not opened: whether they can be read and hold what they should is
// for whoever serves the listener.
struct config_tls {
    bool enabled;                          // then there is a certificate or a psk_file, or both
    struct config_certificate certificate; // for clients that name no host, or an unknown one; may be none
    struct config_certificate certificates[CONFIG_CERTIFICATES_MAX]; // for the hosts they are made out to
    uint32_t certificate_count;
    struct config_text psk_file;
    enum config_client_certificate client_certificate; // unless none, there is at least one of the next three
    struct config_text cafile;
    struct config_text capath;
    struct config_text cadata; // PEM
    struct config_text crlfile;
    enum config_user_name user_name_from; // other than CONNECT only if client certificates are asked for
    enum config_tls_version version_min;
    struct config_text ciphers;      // of TLS 1.2, as OpenSSL writes them; none = its defaults
    struct config_text ciphersuites; // of TLS 1.3, likewise
    struct config_text groups;
    uint32_t handshakes_max; // steps in one turn of a shard
};

struct config_listener {
    char name[CONFIG_NAME_BYTES];
    char host[CONFIG_HOST_BYTES]; // an address or a name, to be resolved; "" is every address of the machine,
                                  // IPv4 and IPv6
    uint16_t port;                // 0 is a free one
    char unix_path[CONFIG_UNIX_BYTES]; // absolute; "" = the listener has a host and a port. If it is there:
    uint32_t unix_mode;                // permissions, 0 to 0777
    struct config_text unix_owner;     // a name or a number; none = unchanged
    struct config_text unix_group;
    uint32_t line;            // in the file; 0 without a file
    uint64_t connections_max; // on this listener; UINT64_MAX = as many as limits.connections_max lets through
    bool proxy_protocol;      // a connection begins with a header that names the client's address
    enum config_type type;    // CONFIG_WS, within TLS if that is enabled:
    struct config_text paths[CONFIG_PATHS_MAX];     // of URLs, each with its '/' in front; others are refused
    uint32_t path_count;                            // 0 = any path
    struct config_text origins[CONFIG_ORIGINS_MAX]; // scheme://host[:port] or "null"
    uint32_t origin_count;                          // 0 = any
    struct config_tls tls;
};

struct config {
    struct config_listener listeners[CONFIG_LISTENERS_MAX];
    uint32_t listener_count; // at least 1
    uint32_t sys_interval_s; // between two rounds of $SYS topics; 0 = none
    uint32_t shard_count;    // 0 = one for each processor
    bool allow_anonymous;    // clients without user name and password are let in
    struct limits limits;
    uint32_t warning_count;
    char warnings[CONFIG_WARNINGS_MAX][CONFIG_WARNING_BYTES];
    uint32_t texts_length; // at least 1: the end of the empty text
    char texts[CONFIG_TEXTS_BYTES];
};

// The text lives as long as the configuration; "" is none.
static inline const char *config_text(const struct config *config, struct config_text text)
{
    return config->texts + text.offset;
}

// What holds without a file: TCP on 0.0.0.0:1883, anonymous access, $SYS every 20 s.
void config_default(struct config *ret_config);

// Reads the file at `path` (NULL: the defaults). Returns 0, or -errno and one line in ret_error (no newline),
// cut to error_size bytes: -EINVAL for a fault of the contents, with file and line; -EFBIG; what open(2) and
// read(2) return.
WARN_UNUSED int config_load(const char *path, struct config *ret_config, char *ret_error, size_t error_size);

// As config_load, from bytes; `name` stands for the file in messages.
WARN_UNUSED int config_parse(const char *bytes, size_t length, const char *name, struct config *ret_config,
                             char *ret_error, size_t error_size);

#endif

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
// would let somebody in (ssl, password-file, ACLs, authentication plugins) and is a warning where it would
// not.
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
#define CONFIG_PORT           1883u // where `bind` names none

struct config_listener {
    char name[CONFIG_NAME_BYTES];
    char host[CONFIG_HOST_BYTES]; // an address or a name, to be resolved; "" is every address of the machine,
                                  // IPv4 and IPv6
    uint16_t port;                // 0 is a free one
    uint32_t line;                // in the file; 0 without a file
    uint64_t connections_max; // on this listener; UINT64_MAX = as many as limits.connections_max lets through
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
};

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

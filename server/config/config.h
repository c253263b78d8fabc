// SPDX-License-Identifier: MIT
// The door of server/config/: what a person can choose, from the configuration file (YAML) or by default.
//
// A configuration is made in one piece and never changes: whoever has a reference may read it from any
// thread, and all that it points to lives as long. Another reading of the file makes another configuration;
// config_compare (compare.h) says what is different, and who still needs the old one keeps his reference.
//
// Reading the file logs nothing: a fault comes back as one line for the caller to print, and what deserves a
// word but not a refusal comes back as a list of warnings. A key that is not known is a fault, because a
// misspelt key must not pass for a chosen value.
//
// All keys, with their types, defaults and ranges, are in keys.def and limits.def.
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/config/check.h"
#include "server/config/compare.h"
#include "server/config/limits.h"
#include "server/config/settings.h"

#define CONFIG_ERROR_BYTES    512u      // room that holds every line of ret_error
#define CONFIG_FILE_BYTES_MAX 1048576u  // a longer file is refused
#define CONFIG_BYTES_MAX      67108864u // in memory; a file that comes to more, by aliases, is refused
#define CONFIG_LISTENERS_MAX  64u       // a further one is refused, and so on
#define CONFIG_NAME_BYTES     64u       // of a listener, with its end
#define CONFIG_HOST_BYTES     256u
#define CONFIG_UNIX_BYTES     108u // sun_path
#define CONFIG_SHARDS_MAX     64u
#define CONFIG_PLUGINS_MAX    64u
#define CONFIG_WARNINGS_MAX   16u // the last of them says that there are more

// Rooms for texts, with their ends; a longer text is refused.
#define CONFIG_PATH_BYTES     1024u  // of a file, or of a path in a URL
#define CONFIG_PEM_BYTES      16384u // `cadata`
#define CONFIG_CIPHERS_BYTES  512u   // `ciphers`, `ciphersuites`, `groups`
#define CONFIG_ORIGIN_BYTES   256u
#define CONFIG_IDENTITY_BYTES 64u // of a user or a group of the system

#define CONFIG_CERTIFICATES_MAX 8u // beside the first, on one listener
#define CONFIG_PATHS_MAX        8u
#define CONFIG_ORIGINS_MAX      16u

#define CONFIG_NEVER UINT64_MAX // of a time or a number without a limit

// Where `bind` names no port.
#define CONFIG_PORT_TCP 1883u
#define CONFIG_PORT_TLS 8883u
#define CONFIG_PORT_WS  80u
#define CONFIG_PORT_WSS 443u

// A file or directory that is named, not opened: whether it holds what it should is for whoever opens it, who
// also has the line for his message. One that is not absolute begins in the directory of the process.
struct config_file {
    const char *path; // NULL = none
    uint32_t line;
};

// ---- listeners

struct config_certificate {
    struct config_file certfile;
    struct config_file keyfile; // the same as certfile where the file names none
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

// All zero unless enabled.
struct config_tls {
    bool enabled;                          // then there is a certificate or a psk_file, or both
    struct config_certificate certificate; // for clients that name no host, or an unknown one; may be none
    struct config_certificate certificates[CONFIG_CERTIFICATES_MAX]; // for the hosts they are made out to
    uint32_t certificate_count;
    struct config_file psk_file;
    enum config_client_certificate client_certificate; // unless none, there is at least one of the next three
    struct config_file cafile;
    struct config_file capath; // a directory
    const char *cadata;        // PEM
    struct config_file crlfile;
    enum config_user_name user_name_from; // other than CONNECT only if client certificates are asked for
    enum config_tls_version version_min;
    const char *ciphers;      // of TLS 1.2, as OpenSSL writes them; NULL = its defaults
    const char *ciphersuites; // of TLS 1.3, likewise
    const char *groups;
    uint32_t handshakes_max; // steps in one turn of a shard
};

struct config_listener {
    const char *name; // shorter than CONFIG_NAME_BYTES
    const char *host; // an address or a name, to be resolved, shorter than CONFIG_HOST_BYTES; "" is every
                      // address of the machine, IPv4 and IPv6
    uint16_t port;    // 0 is a free one
    const char *unix_path;  // absolute, shorter than CONFIG_UNIX_BYTES; NULL = the listener has a host and a
                            // port. If it is there:
    uint32_t unix_mode;     // permissions, 0 to 0777
    const char *unix_owner; // a name or a number; NULL = unchanged
    const char *unix_group;
    uint32_t line;            // of the address; 0 without a file
    uint64_t connections_max; // CONFIG_NEVER = as many as limits.connections_max lets through
    struct limits limits;     // what holds for the connections of this listener, and their sessions
    bool proxy_protocol;      // a connection begins with a header that names the client's address
    bool proxy_common_name;   // and the common name of its certificate, which is its user name
    enum config_type type;    // CONFIG_WS, within TLS if that is enabled:
    const char *paths[CONFIG_PATHS_MAX];     // of URLs, each with its '/' in front; others are refused
    uint32_t path_count;                     // 0 = any path
    const char *origins[CONFIG_ORIGINS_MAX]; // scheme://host[:port] or "null"
    uint32_t origin_count;                   // 0 = any
    struct config_tls tls;
};

// ---- who may connect, and do what

struct config_auth {
    bool allow_anonymous;             // clients that nothing vouches for are let in
    struct config_file password_file; // NULL path = passwords are not looked at
    bool plugins_chosen; // only plugins that `authenticate` are asked about clients, otherwise all
};

// Bits for the actions that a rule is about.
enum config_action {
    CONFIG_ACTION_SUBSCRIBE = 1,
    CONFIG_ACTION_PUBLISH = 2,
    CONFIG_ACTION_RECEIVE = 4, // to be sent a message
};

enum config_subject {
    CONFIG_SUBJECT_USER,      // who has this user name
    CONFIG_SUBJECT_GROUP,     // the users of this group, which exists
    CONFIG_SUBJECT_ANONYMOUS, // who has no user name
    CONFIG_SUBJECT_EVERYBODY,
};

struct config_rule {
    uint32_t actions; // bits of enum config_action, at least one
    bool deny;
    enum config_subject kind;
    const char *subject; // the name of the user or the group
    const char *filter;  // a valid topic filter
    uint32_t line;
};

struct config_group {
    const char *name; // unique
    const char **users;
    uint32_t user_count;
    uint32_t line;
};

struct config_topic_check {
    bool enabled;        // false: nothing is checked, and no plugin is asked about topics
    bool acl;            // the rules and the acl_file hold
    bool taboo;          // the original's topic_taboo: three topics are for the user admin alone
    bool plugins_chosen; // only plugins that `filter` are asked about topics, otherwise all
    uint32_t listed;     // bits of the actions that the file has a list of rules for, which may be empty: for
                         // these, what no rule allows is refused
    struct config_rule *rules; // in the order of the file
    uint32_t rule_count;
    struct config_group *groups;
    uint32_t group_count;
    struct config_file acl_file; // in the format of mosquitto
    uint32_t line;               // of the map; 0 = the file has none
};

// ---- plugins

enum config_plugin_kind {
    CONFIG_PLUGIN_SHARED_OBJECT,
    CONFIG_PLUGIN_EVENT_LOGGER, // this and all that follow are built in
    CONFIG_PLUGIN_PACKET_LOGGER,
    CONFIG_PLUGIN_AUTH_ANONYMOUS,
    CONFIG_PLUGIN_AUTH_FILE,
    CONFIG_PLUGIN_TOPIC_TABOO,
    CONFIG_PLUGIN_TOPIC_ACL,
    CONFIG_PLUGIN_BROKER_SYS,
    CONFIG_PLUGIN_PERSISTENCE,
};

// The effect of auth_anonymous, auth_file, topic_taboo, topic_acl and broker_sys is in the other members of
// the configuration already; they have no settings here.
struct config_plugin {
    enum config_plugin_kind kind;
    const char *name;                // unique; of those built in, the name that hbmqtt has for it
    const char *path;                // of a shared object: ends in .so; NULL = NAME.so in plugin_directory
    bool authenticates;              // named in auth.plugins
    bool filters;                    // named in topic-check.plugins
    const struct settings *settings; // a map; NULL = none
    uint32_t line;
};

// ---- all of it

enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };
enum config_log_target { CONFIG_LOG_STDERR, CONFIG_LOG_SYSLOG, CONFIG_LOG_JOURNAL, CONFIG_LOG_FILE };

struct config_log {
    enum log_level level;
    enum config_log_format format;
    enum config_log_target to;
    struct config_file file; // if it goes to a file
    uint32_t peer_burst;     // lines about clients that pass at once
    uint32_t peer_per_second;
    uint32_t line; // of the map; 0 = the file has none
};

struct config {
    const char *name;                  // of the file, for messages; NULL without one
    struct config_listener *listeners; // in the order of the file, `default` first
    uint32_t listener_count;           // 1 to CONFIG_LISTENERS_MAX
    uint32_t sys_interval_s;           // between two rounds of $SYS topics; 0 = none
    uint32_t shard_count;              // 0 = one for each processor
    uint32_t qos_max;                  // that a subscription is granted
    uint64_t session_expiry_s;         // after which a session without a connection ends; CONFIG_NEVER
    struct config_auth auth;
    struct config_topic_check topic_check;
    struct config_plugin *plugins; // in the order of the file
    uint32_t plugin_count;
    struct config_file plugin_directory;
    struct config_log log;
    const char *user; // to run as, a name or a number; NULL = unchanged
    const char *group;
    uint32_t user_line;
    uint32_t group_line;
    bool seccomp;
    struct limits limits;
    const char **warnings;
    uint32_t warning_count; // 0 to CONFIG_WARNINGS_MAX
    // What the original has and this version has no use for; a warning says so.
    uint32_t disconnect_delay_s;
    uint32_t puback_timeout_s;
    const char *persistence_file;
};

// Reads the file at `path`. NULL is what holds without a file: TCP on 0.0.0.0:1883, anonymous access, $SYS
// every 20 s. Returns 0 and a reference for the caller, or -errno and one line in ret_error (no newline), cut
// to error_size bytes: -EINVAL for a fault of the contents, with file and line; -EFBIG; what open(2) and
// read(2) return.
WARN_UNUSED int config_load(const char *path, const struct config **ret_config, char *ret_error,
                            size_t error_size);

// As config_load, from bytes; `name` stands for the file in messages.
WARN_UNUSED int config_parse(const char *bytes, size_t length, const char *name,
                             const struct config **ret_config, char *ret_error, size_t error_size);

// The same configuration, with one more reference. For any thread, as the next.
const struct config *config_ref(const struct config *config);

// Gives one reference back; with the last one it is freed. NULL is accepted.
void config_unref(const struct config *config);

// Writes what goes before a message about a line of the file, "FILE:LINE: ", or nothing without a file.
void config_place(const struct config *config, uint32_t line, char *ret_text, size_t size);

#endif

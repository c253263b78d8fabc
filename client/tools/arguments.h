// SPDX-License-Identifier: MIT
// The command lines of hbmqtt_pub and hbmqtt_sub.
//
// Short options may be glued to their value (-t/gateway) and to each other (-lr); long ones take --name value
// or --name=value and may be cut short where that is not ambiguous. One table holds the options of both
// tools; the help is made from it.
#ifndef TOOLS_ARGUMENTS_H
#define TOOLS_ARGUMENTS_H

#include "client/error.h"

#include <limits.h>

enum tool {
    TOOL_PUB = 1,
    TOOL_SUB = 2,
};

enum arguments_action {
    ARGUMENTS_RUN,
    ARGUMENTS_HELP,
    ARGUMENTS_VERSION,
};

// Where hbmqtt_pub takes its messages from.
enum arguments_source {
    SOURCE_NONE,
    SOURCE_FILE,    // one message for each line of a file
    SOURCE_LINES,   // one for each line of standard input that is not blank
    SOURCE_MESSAGE, // the one given
    SOURCE_EMPTY,   // one without bytes
    SOURCE_STDIN,   // all of standard input as one
    SOURCE_WHOLE,   // all of a file as one
};

#define ARGUMENTS_UNSET      (-1)    // for a number that was not given
#define ARGUMENTS_NO_RETRIES INT_MIN // for one that may be negative

// Everything that is not said to be owned points into the argv that was parsed, or is NULL where nothing was
// given.
struct arguments {
    enum arguments_action action;
    char *url; // owned: several are separated by blanks
    const char *config_file;
    const char *client_id;
    const char *user_name;
    const char *password;
    const char **topics; // one or more. The array is owned
    size_t topic_count;
    const char **unwanted; // filters of hbmqtt_sub whose messages are not printed. The array is owned
    size_t unwanted_count;
    const char **ended; // filters whose subscriptions hbmqtt_sub ends. The array is owned
    size_t ended_count;
    bool subscribe_only; // hbmqtt_sub ends once the broker has answered
    const char *host;    // in place of a URL
    int port;            // or ARGUMENTS_UNSET
    char *url_topic;     // of -L, owned
    enum arguments_source source;
    const char *source_text; // the message, or the name of the file
    int qos;                 // or ARGUMENTS_UNSET
    int keepalive_s;         // or ARGUMENTS_UNSET
    bool clean_session;
    bool debug;
    bool retain;
    const char *will_topic;
    const char *will_message;
    int will_qos; // or ARGUMENTS_UNSET
    bool will_retain;
    uint64_t count; // messages after which hbmqtt_sub ends; 0: never
    bool verbose;   // hbmqtt_sub prints topics as well
    bool no_retained;
    bool no_newline;
    const char *format;         // of what hbmqtt_sub prints; NULL: the payload
    double timeout_s;           // or 0: none
    int repeat;                 // times that hbmqtt_pub publishes; or ARGUMENTS_UNSET
    double repeat_delay_s;      // between them
    const char *response_topic; // of hbmqtt_pub
    bool quiet;                 // no progress
    int inflight_max;           // or ARGUMENTS_UNSET
    bool auto_reconnect;
    int reconnect_retries;    // or ARGUMENTS_NO_RETRIES
    int reconnect_interval_s; // the longest, or ARGUMENTS_UNSET
    const char *queue_file;
    const char *proxy;
    const char *certificate_file;
    const char *key_file;
    bool insecure;
    const char *ca_file;
    const char *ca_path;
    const char *ca_data;
    const char *extra_headers; // JSON
};

// Returns 0, or HBMQTT_ERROR_ARGUMENT or HBMQTT_ERROR_SYSTEM with *ret_error set. In both cases
// arguments_finish must be called. May reorder argv.
int arguments_parse(enum tool tool, int argc, char **argv, struct arguments *ret_arguments,
                    struct error *ret_error);
void arguments_finish(struct arguments *arguments);

// What -h prints.
void arguments_print_help(enum tool tool);

// "hbmqtt_pub" or "hbmqtt_sub".
const char *tool_name(enum tool tool);

// Reads a decimal number from `lowest` to `highest`. False if `text` is anything else.
bool number_parse(const char *text, int64_t lowest, int64_t highest, int64_t *ret_number);

#endif

// SPDX-License-Identifier: MIT
// The configuration file of hbmqtt_pub and hbmqtt_sub: YAML, with the keys of the Python hbmqtt's client.
//
// A key may be written with '-' or '_'. A key that nobody knows is told as a warning and passed over; a value
// of the wrong type is an error. Both name the file and the line. A key without a value counts as left out.
#ifndef TOOLS_CONFIG_H
#define TOOLS_CONFIG_H

#include "client/error.h"

#include <limits.h>

#define CONFIG_UNSET      (-1)    // for a number or a flag that was left out
#define CONFIG_NO_RETRIES INT_MIN // for one that may be negative
#define CONFIG_RETRIES    2       // of reconnect_retries, when the file does not say

struct config_topic {
    char *topic;
    int qos;    // or CONFIG_UNSET
    int retain; // 0, 1 or CONFIG_UNSET
};

// Text is owned, NULL where it was left out.
struct config {
    char *uri;
    char *ca_file;
    char *ca_path;
    char *ca_data;
    char *certificate_file;
    char *key_file;
    int check_host_name;
    int verify_certificate;
    int keepalive_s;
    int ping_delay_s;
    int default_qos;
    int default_retain;
    int auto_reconnect;
    int reconnect_interval_s;
    int reconnect_retries; // or CONFIG_NO_RETRIES
    int clean_session;
    int connection_timeout_s;
    char *will_topic;
    char *will_message;
    int will_qos;
    int will_retain;
    struct config_topic *topics;
    size_t topic_count;
};

typedef void (*config_warn)(const char *text);

void config_init(struct config *config);
void config_finish(struct config *config);

// Reads `path` into a config that was initialised. Returns 0, or HBMQTT_ERROR_ARGUMENT or HBMQTT_ERROR_SYSTEM
// with *ret_error set.
int config_read(struct config *config, const char *path, config_warn warn, struct error *ret_error);

// What the file says about `topic`, or NULL.
const struct config_topic *config_find_topic(const struct config *config, const char *topic);

#endif

// SPDX-License-Identifier: MIT
#include "client/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_BYTES_MAX 268435460u // the largest packet that MQTT allows: five bytes in front of 268,435,455

// No structure of ours will ever be as large: a size above is one that was never set.
#define STRUCTURE_BYTES_MAX 4096u

static const struct hbmqtt_options defaults = {
    .size = sizeof defaults,
    .clean_session = true,
    .keepalive_s = 10,
    .ping_delay_ms = 1000,
    .connect_timeout_ms = 60000,
    .answer_timeout_ms = 60000,
    .packet_bytes_max = PACKET_BYTES_MAX,
    .inbox_bytes_max = 16u << 20,
    .output_bytes_max = 1u << 20,
    .inflight_max = 20,
    .verify_certificate = true,
    .check_host_name = true,
    .protocol_version = 4,
    .reconnect = true,
    .reconnect_min_ms = 1000,
    .reconnect_max_ms = 10000,
    .reconnect_retries = -1,
    .queue_bytes_max = 16u << 20,
    .chunk_bytes_min = 65536,
};

static size_t size_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void hbmqtt_options_init(struct hbmqtt_options *options, size_t size)
{
    memset(options, 0, size);
    memcpy(options, &defaults, size_smaller(size, sizeof defaults));
    options->size = size;
}

bool settings_tail_unused(const void *structure, size_t known, size_t size)
{
    const unsigned char *bytes = structure;
    if (size > STRUCTURE_BYTES_MAX)
        return false;
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

// A structure ends where one of a release ended, or behind this one: else it would hold a part of a member.
static bool size_is_known(size_t size)
{
    return size == offsetof(struct hbmqtt_options, ca_file) ||
           size == offsetof(struct hbmqtt_options, protocol_version) || size >= sizeof(struct hbmqtt_options);
}

// Copies `size` bytes and a NUL behind them to *ret_copy; NULL stays NULL.
static int copy_bytes(const void *bytes, size_t size, void **ret_copy)
{
    *ret_copy = NULL;
    if (bytes == NULL)
        return 0;
    char *copy = malloc(size + 1);
    if (copy == NULL)
        return -ENOMEM;
    if (size != 0)
        memcpy(copy, bytes, size);
    copy[size] = '\0';
    *ret_copy = copy;
    return 0;
}

static int copy_text(const char *text, const char **ret_copy)
{
    void *copy = NULL;
    int status = copy_bytes(text, text == NULL ? 0 : strlen(text), &copy);
    *ret_copy = copy;
    return status;
}

static int copy_will(struct settings *settings, const struct hbmqtt_message *will)
{
    settings->options.will = NULL;
    if (will == NULL)
        return 0;
    settings->will = *will;
    settings->options.will = &settings->will;
    void *payload = NULL;
    int status = copy_text(will->topic, &settings->will.topic);
    status |= copy_bytes(will->payload, will->payload_length, &payload);
    settings->will.payload = payload;
    return status;
}

// More headers than can be sent are not copied: request_connect refuses them.
static int copy_headers(struct settings *settings, const struct hbmqtt_header *headers, size_t count)
{
    settings->options.headers = NULL;
    if (headers == NULL || count == 0 || count > HBMQTT_HEADERS_MAX)
        return 0;
    settings->header = calloc(count, sizeof *settings->header);
    if (settings->header == NULL)
        return -ENOMEM;
    settings->options.headers = settings->header;
    int status = 0;
    for (size_t i = 0; i < count; i++) {
        status |= copy_text(headers[i].name, &settings->header[i].name);
        status |= copy_text(headers[i].value, &settings->header[i].value);
    }
    return status;
}

// The texts of TLS.
static int copy_identities(struct hbmqtt_options *options, const struct hbmqtt_options *given)
{
    int status = copy_text(given->ca_file, &options->ca_file);
    status |= copy_text(given->ca_path, &options->ca_path);
    status |= copy_text(given->ca_data, &options->ca_data);
    status |= copy_text(given->certificate_file, &options->certificate_file);
    status |= copy_text(given->key_file, &options->key_file);
    return status;
}

int settings_init(struct settings *settings, const struct hbmqtt_options *options)
{
    *settings = (struct settings){.options = defaults, .understood = true};
    if (options == NULL)
        return 0;
    size_t size = options->size;
    settings->understood = size_is_known(size) && settings_tail_unused(options, sizeof *options, size);
    if (!settings->understood)
        return 0;
    memcpy(&settings->options, options, size_smaller(size, sizeof settings->options));
    settings->options.size = sizeof settings->options;
    // Every copy is tried, so that each pointer is ours or NULL when something fails.
    void *password = NULL;
    struct hbmqtt_options given = settings->options;
    int status = copy_text(given.client_id, &settings->options.client_id);
    status |= copy_text(given.user_name, &settings->options.user_name);
    status |= copy_bytes(given.password, given.password_length, &password);
    settings->options.password = password;
    status |= copy_will(settings, given.will);
    status |= copy_identities(&settings->options, &given);
    status |= copy_text(given.queue_file, &settings->options.queue_file);
    status |= copy_text(given.proxy, &settings->options.proxy);
    status |= copy_headers(settings, given.headers, given.header_count);
    if (status != 0)
        settings_finish(settings);
    return status;
}

// The copies were made by malloc; only the public structure calls them constant.
static void copy_free(const void *copy)
{
    free((void *)(uintptr_t)copy);
}

void settings_finish(struct settings *settings)
{
    copy_free(settings->options.client_id);
    copy_free(settings->options.user_name);
    copy_free(settings->options.password);
    copy_free(settings->will.topic);
    copy_free(settings->will.payload);
    copy_free(settings->options.ca_file);
    copy_free(settings->options.ca_path);
    copy_free(settings->options.ca_data);
    copy_free(settings->options.certificate_file);
    copy_free(settings->options.key_file);
    copy_free(settings->options.queue_file);
    copy_free(settings->options.proxy);
    for (size_t i = 0; settings->header != NULL && i < settings->options.header_count; i++) {
        copy_free(settings->header[i].name);
        copy_free(settings->header[i].value);
    }
    free(settings->header);
    *settings = (struct settings){0};
}

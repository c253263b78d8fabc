// SPDX-License-Identifier: MIT
#include "client/request.h"

#include "proto/proto.h"

#include <strings.h>

#define TEXT_BYTES_MAX   65535u // a length field of two bytes
#define INFLIGHT_MAX_MAX 16384u // leaves half of the identifiers' window for holes

static int request_fault(struct error *ret_error, const char *what, const char *why)
{
    return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "%s %s", what, why);
}

// Views `text`, "" for NULL, if MQTT allows it as a text field. [MQTT-1.5.3-1, MQTT-4.7.3-3]
static int view_text(const char *what, const char *text, struct bytes *ret_bytes, struct error *ret_error)
{
    if (text == NULL)
        text = "";
    if (strlen(text) > TEXT_BYTES_MAX)
        return request_fault(ret_error, what, "is longer than 65535 bytes");
    struct bytes bytes = bytes_of(text);
    if (!utf8_valid(bytes))
        return request_fault(ret_error, what, "is not valid UTF-8");
    *ret_bytes = bytes;
    return 0;
}

static int view_topic(const char *what, const char *text, struct bytes *ret_topic, struct error *ret_error)
{
    int status = view_text(what, text, ret_topic, ret_error);
    if (status != 0)
        return status;
    if (ret_topic->length == 0)
        return request_fault(ret_error, what, "is empty"); // [MQTT-4.7.3-1]
    if (!topic_name_valid(*ret_topic, UINT32_MAX))
        return request_fault(ret_error, what, "holds a wildcard (+ or #)"); // [MQTT-3.3.2-2]
    return 0;
}

static int check_message(const char *what, const struct hbmqtt_message *message, struct error *ret_error)
{
    size_t known = sizeof *message;
    if (message->size < known || !settings_tail_unused(message, known, message->size))
        return request_fault(ret_error, what, "has a size or a member that this library does not know");
    if (message->properties != NULL)
        return request_fault(ret_error, what, "has properties, which MQTT 3.1.1 does not know");
    if (message->qos > 2)
        return request_fault(ret_error, what, "has a QoS other than 0, 1 or 2");
    if (message->payload == NULL && message->payload_length != 0)
        return request_fault(ret_error, what, "has a length and no payload");
    return 0;
}

static int connect_will(const struct hbmqtt_message *will, struct packet_connect *connect,
                        struct error *ret_error)
{
    int status = check_message("the will", will, ret_error);
    if (status == 0)
        status = view_topic("the topic of the will", will->topic, &connect->will.topic, ret_error);
    if (status != 0)
        return status;
    if (will->payload_length > TEXT_BYTES_MAX)
        return request_fault(ret_error, "the message of the will", "is longer than 65535 bytes");
    connect->has_will = true;
    connect->will.payload = (struct bytes){will->payload, (uint32_t)will->payload_length};
    connect->will.qos = will->qos;
    connect->will.retain = will->retain;
    return 0;
}

// The user in the URL comes before the one in the options.
static int connect_user(const struct hbmqtt_options *options, const struct url *url,
                        struct packet_connect *connect, struct error *ret_error)
{
    const char *user_name = url == NULL ? NULL : url->user_name;
    const char *url_password = url == NULL ? NULL : url->password;
    struct bytes password = url_password == NULL ? (struct bytes){0} : bytes_of(url_password);
    connect->has_password = url_password != NULL;
    if (user_name == NULL) {
        user_name = options->user_name;
        if (options->password_length > TEXT_BYTES_MAX)
            return request_fault(ret_error, "the password", "is longer than 65535 bytes");
        password = (struct bytes){options->password, (uint32_t)options->password_length};
        connect->has_password = options->password != NULL;
    }
    connect->has_user_name = user_name != NULL;
    if (connect->has_password && !connect->has_user_name)
        return request_fault(ret_error, "the password", "needs a user name"); // [MQTT-3.1.2-22]
    if (password.length > TEXT_BYTES_MAX)
        return request_fault(ret_error, "the password", "is longer than 65535 bytes");
    connect->password = password;
    return view_text("the user name", user_name, &connect->user_name, ret_error);
}

static int check_options(const struct settings *settings, struct error *ret_error)
{
    const struct hbmqtt_options *options = &settings->options;
    if (!settings->understood)
        return request_fault(ret_error, "hbmqtt_options",
                             "has a size or a member that this library does not know");
    if (options->protocol_version != MQTT_VERSION_3_1_1 || options->properties != NULL)
        return request_fault(ret_error, "protocol_version",
                             "is not 4, or there are properties: only MQTT 3.1.1 is served");
    if (options->queue_policy < HBMQTT_QUEUE_REFUSE || options->queue_policy > HBMQTT_QUEUE_DROP_NEWEST)
        return request_fault(ret_error, "queue_policy", "is none of enum hbmqtt_queue_policy");
    if (options->queue_bytes_max == 0 || options->chunk_bytes_min == 0)
        return request_fault(ret_error, "queue_bytes_max or chunk_bytes_min", "is 0");
    if (options->inflight_max == 0 || options->inflight_max > INFLIGHT_MAX_MAX)
        return request_fault(ret_error, "inflight_max", "is not from 1 to 16384");
    if (options->inbox_bytes_max == 0 || options->output_bytes_max == 0)
        return request_fault(ret_error, "inbox_bytes_max or output_bytes_max", "is 0");
    if (options->packet_bytes_max < FRAME_HEADER_MAX)
        return request_fault(ret_error, "packet_bytes_max", "is less than 5");
    return 0;
}

bool hbmqtt_topic_is_valid(const char *topic)
{
    struct bytes bytes = {0};
    struct error ignored;
    return view_topic("", topic, &bytes, &ignored) == 0;
}

bool hbmqtt_filter_is_valid(const char *filter)
{
    struct bytes bytes = {0};
    struct error ignored;
    return view_text("", filter, &bytes, &ignored) == 0 && topic_filter_valid(bytes, UINT32_MAX);
}

// What the upgrade says itself, and what describes a body that it does not have.
static bool header_is_reserved(const char *name)
{
    static const char *const names[] = {"host", "upgrade", "connection", "content-length",
                                        "transfer-encoding"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return strncasecmp(name, "sec-websocket-", strlen("sec-websocket-")) == 0;
}

static bool header_name_is_valid(const char *name)
{
    static const char token[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
    return name != NULL && *name != '\0' && name[strspn(name, token)] == '\0';
}

// A line end here would let the value say anything to the server.
static bool header_value_is_valid(const char *value)
{
    for (; value != NULL && *value != '\0'; value++)
        if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f)
            return false;
    return value != NULL;
}

static int check_headers(const struct hbmqtt_options *options, struct error *ret_error)
{
    size_t total = 0;
    if (options->header_count > HBMQTT_HEADERS_MAX)
        return request_fault(ret_error, "the list of headers", "is longer than 64");
    if (options->header_count != 0 && options->headers == NULL)
        return request_fault(ret_error, "the list of headers", "has a count and no headers");
    for (size_t i = 0; i < options->header_count; i++) {
        const struct hbmqtt_header *header = &options->headers[i];
        if (!header_name_is_valid(header->name))
            return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "'%s' is not a name for a header",
                             header->name == NULL ? "" : header->name);
        if (header_is_reserved(header->name))
            return error_set(ret_error, HBMQTT_ERROR_ARGUMENT,
                             "the header '%s' belongs to the WebSocket upgrade", header->name);
        if (!header_value_is_valid(header->value))
            return error_set(ret_error, HBMQTT_ERROR_ARGUMENT,
                             "the value of the header '%s' holds a control character", header->name);
        total += strlen(header->name) + strlen(header->value) + strlen(": \r\n");
    }
    if (total > HBMQTT_HEADERS_BYTES_MAX)
        return request_fault(ret_error, "the list of headers", "is larger than 8192 bytes");
    return 0;
}

int request_connect(const struct settings *settings, const struct url *url,
                    struct packet_connect *ret_connect, struct error *ret_error)
{
    const struct hbmqtt_options *options = &settings->options;
    struct packet_connect connect = {
        .version = MQTT_VERSION_3_1_1,
        .clean = options->clean_session,
        .keepalive_s = options->keepalive_s,
    };
    int status = check_options(settings, ret_error);
    if (status == 0)
        status = check_headers(options, ret_error);
    if (status == 0)
        status = view_text("the client id", options->client_id, &connect.client_id, ret_error);
    if (status == 0 && connect.client_id.length == 0 && !connect.clean)
        status =
            request_fault(ret_error, "a session that is to be kept", "needs a client id"); // [MQTT-3.1.3-7]
    if (status == 0)
        status = connect_user(options, url, &connect, ret_error);
    if (status == 0 && options->will != NULL)
        status = connect_will(options->will, &connect, ret_error);
    if (status == 0)
        *ret_connect = connect;
    return status;
}

int request_call(const struct hbmqtt_call *call, struct error *ret_error)
{
    if (call == NULL)
        return 0;
    if (call->size < sizeof *call || !settings_tail_unused(call, sizeof *call, call->size))
        return request_fault(ret_error, "hbmqtt_call",
                             "has a size or a member that this library does not know");
    if (call->properties != NULL || call->reason_code != 0)
        return request_fault(ret_error, "hbmqtt_call",
                             "has properties or a reason code, which MQTT 3.1.1 does not know");
    return 0;
}

int request_publish(const struct hbmqtt_message *message, const uint64_t *file_bytes,
                    struct packet_publish *ret_publish, struct error *ret_error)
{
    struct packet_publish publish = {.qos = message->qos, .retain = message->retain};
    int status = check_message("the message", message, ret_error);
    if (status == 0)
        status = view_topic("the topic", message->topic, &publish.topic, ret_error);
    if (status != 0)
        return status;
    // The remaining length also counts the topic with its length field, and the packet identifier above QoS
    // 0.
    size_t head = 2u + publish.topic.length + (message->qos == 0 ? 0u : 2u);
    if (file_bytes != NULL && message->payload_length != 0)
        return request_fault(ret_error, "the message", "has a payload beside the file");
    uint64_t length = file_bytes != NULL ? *file_bytes : message->payload_length;
    if (length > VARINT_MAX - head)
        return request_fault(ret_error, "the message", "is larger than MQTT allows (256 MiB)");
    publish.payload = (struct bytes){file_bytes != NULL ? NULL : message->payload, (size_t)length};
    *ret_publish = publish;
    return 0;
}

// Appends one entry: a filter, and its QoS byte when it is for SUBSCRIBE.
static int put_filter(const char *text, const struct hbmqtt_subscription *subscription,
                      struct buffer *entries, struct error *ret_error)
{
    struct bytes filter = {0};
    int status = view_text("a topic filter", text, &filter, ret_error);
    if (status != 0)
        return status;
    if (!topic_filter_valid(filter, UINT32_MAX))
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "'%s' is not a topic filter",
                         text == NULL ? "" : text);
    size_t size = 2u + filter.length + (subscription == NULL ? 0u : 1u);
    if (buffer_length(entries) + size > VARINT_MAX - 2u)
        return request_fault(ret_error, "the list of filters", "is larger than MQTT allows");
    uint8_t *room = buffer_reserve(entries, size);
    if (room == NULL)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    struct writer writer = writer_of(room, size);
    if (subscription == NULL)
        unsubscribe_put(&writer, filter);
    else
        subscribe_put(&writer, filter, (struct subscription_options){.qos = subscription->qos});
    buffer_added(entries, size);
    return 0;
}

static int check_count(size_t count, struct error *ret_error)
{
    if (count == 0) // [MQTT-3.8.3-3, MQTT-3.10.3-2]
        return request_fault(ret_error, "the list of filters", "is empty");
    if (count > HBMQTT_FILTERS_MAX)
        return request_fault(ret_error, "the list of filters", "is longer than 1024");
    return 0;
}

int request_subscribe(const struct hbmqtt_subscription *subscriptions, size_t count, struct buffer *entries,
                      struct error *ret_error)
{
    int status = check_count(count, ret_error);
    for (size_t i = 0; i < count && status == 0; i++) {
        const struct hbmqtt_subscription *at = &subscriptions[i];
        if (at->qos > 2)
            return request_fault(ret_error, "a subscription", "has a QoS other than 0, 1 or 2");
        if (!settings_tail_unused(at->reserved, 0, sizeof at->reserved))
            return request_fault(ret_error, "a subscription", "uses reserved members");
        status = put_filter(at->filter, at, entries, ret_error);
    }
    return status;
}

int request_unsubscribe(const char *const *filters, size_t count, struct buffer *entries,
                        struct error *ret_error)
{
    int status = check_count(count, ret_error);
    for (size_t i = 0; i < count && status == 0; i++)
        status = put_filter(filters[i], NULL, entries, ret_error);
    return status;
}

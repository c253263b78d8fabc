// SPDX-License-Identifier: MIT
// Errands, with the client library.
#include "bench/errand.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/wire.h"
#include "client/hbmqtt.h"

#define ENTERS          "$SYS/broker/ring/enters"
#define SUBMISSIONS     "$SYS/broker/ring/submissions"
#define RING_TIMEOUT_MS 5000
#define INFLIGHT_MAX    1000

static int errand_fail(struct hbmqtt_client *client, const char *what)
{
    fprintf(stderr, "hbmqtt_load: %s: %s\n", what, hbmqtt_error_text(client));
    return -EPROTO;
}

// Returns a connected client, or NULL after one line on stderr.
static struct hbmqtt_client *errand_begin(const struct options *options)
{
    char client_id[48];
    char uri[320];
    struct hbmqtt_options settings;
    bool bare_ipv6 = strchr(options->host, ':') != NULL;
    snprintf(client_id, sizeof(client_id), "load%d-errand", (int)getpid());
    snprintf(uri, sizeof(uri), bare_ipv6 ? "mqtt://[%s]:%s" : "mqtt://%s:%s", options->host, options->port);
    hbmqtt_options_init(&settings, sizeof(settings));
    settings.client_id = client_id;
    settings.inflight_max = INFLIGHT_MAX;
    struct hbmqtt_client *client = hbmqtt_create(&settings);
    if (client == NULL) {
        fprintf(stderr, "hbmqtt_load: no memory for a client\n");
        return NULL;
    }
    if (hbmqtt_connect(client, uri) == 0)
        return client;
    (void)errand_fail(client, "cannot connect"); // the caller learns it from NULL
    hbmqtt_destroy(client);
    return NULL;
}

static int errand_end(struct hbmqtt_client *client, int rc)
{
    if (rc == 0 && hbmqtt_disconnect(client) != 0)
        rc = errand_fail(client, "cannot disconnect");
    hbmqtt_destroy(client);
    return rc;
}

// Retained messages on all topics; empty ones erase. [MQTT-3.3.1-10]
static int put_all(struct hbmqtt_client *client, const struct options *options, uint8_t *payload,
                   size_t length)
{
    for (uint32_t number = 0; number < options->retained; number++) {
        char topic[WIRE_TOPIC_BYTES + 1] = "";
        struct wire_tag tag = {0, number, 0};
        struct hbmqtt_message message = {
            .size = sizeof(message), .topic = topic, .payload = payload, .payload_length = length};
        message.qos = length > 0 ? options->qos : 1;
        message.retain = true;
        wire_put_topic((uint8_t *)topic, number);
        if (length > 0)
            memcpy(payload, &tag, sizeof(tag));
        if (hbmqtt_publish_start(client, &message) != 0)
            return errand_fail(client, "cannot publish");
    }
    return hbmqtt_flush(client) == 0 ? 0 : errand_fail(client, "cannot publish");
}

int errand_put_retained(const struct options *options)
{
    uint8_t *payload = calloc(1, options->payload);
    struct hbmqtt_client *client = payload != NULL ? errand_begin(options) : NULL;
    int rc = -EIO;
    if (client != NULL)
        rc = errand_end(client, put_all(client, options, payload, options->payload));
    free(payload);
    return rc;
}

int errand_erase_retained(const struct options *options)
{
    struct hbmqtt_client *client = errand_begin(options);
    return client != NULL ? errand_end(client, put_all(client, options, NULL, 0)) : -EIO;
}

static uint64_t number_of(const struct hbmqtt_message *message)
{
    char text[32];
    snprintf(text, sizeof(text), "%.*s", (int)message->payload_length, (const char *)message->payload);
    return strtoull(text, NULL, 10);
}

// Retained figures are of some earlier moment. The two of one moment come one after the other.
static int read_fresh(struct hbmqtt_client *client, struct ring_use *ret_use)
{
    const struct hbmqtt_message *message;
    struct ring_use use;
    bool entered = false;
    while (hbmqtt_deliver(client, RING_TIMEOUT_MS, &message) == 0) {
        if (message->retain)
            continue;
        if (strcmp(message->topic, ENTERS) == 0) {
            use.enters = number_of(message);
            entered = true;
        } else if (entered) {
            use.submissions = number_of(message);
            *ret_use = use;
            return 0;
        }
    }
    return errand_fail(client, "--ring: the broker tells nothing of its ring (is sys_interval 1 or 2?)");
}

int errand_read_ring(const struct options *options, struct ring_use *ret_use)
{
    static const struct hbmqtt_subscription topics[] = {{.filter = ENTERS}, {.filter = SUBMISSIONS}};
    struct hbmqtt_client *client = errand_begin(options);
    if (client == NULL)
        return -EIO;
    int rc = 0;
    if (hbmqtt_subscribe(client, topics, 2, NULL) != 0)
        rc = errand_fail(client, "cannot subscribe");
    return errand_end(client, rc != 0 ? rc : read_fresh(client, ret_use));
}

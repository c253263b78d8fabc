// SPDX-License-Identifier: MIT
// Errands: retained messages over a connection as the load has it, our broker's figures with the client
// library.
#include "bench/errand.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/connection.h"
#include "bench/wire.h"
#include "client/hbmqtt.h"

#define ENTERS          "$SYS/broker/ring/enters"
#define SUBMISSIONS     "$SYS/broker/ring/submissions"
#define RING_TIMEOUT_MS 5000
#define INFLIGHT_MAX    1000u
#define SEND_BYTES      65536u
#define SILENCE_MAX_MS  10000

// ---- Retained messages ----

enum placer_stage { PLACER_CONNECTING, PLACER_PUBLISHING, PLACER_LEAVING, PLACER_GONE };

// A client that publishes to all topics, and goes when all is acknowledged. The broker has done all of it
// when it closes the connection, also at QoS 0.
struct placer {
    const struct options *options;
    bool erases; // with empty messages
    uint8_t qos;
    enum placer_stage stage;
    uint32_t published;
    uint32_t acknowledged; // at QoS 0: published
    int epoll_fd;
    struct transport transport;
    struct connection connection;
    struct publish_form form;
    uint8_t *send_buffer;
    size_t send_capacity;
    struct receive_buffer receive;
};

static int placer_fail(const struct placer *placer, int error, const char *what)
{
    const char *why = connection_why(&placer->connection, error);
    fprintf(stderr, "hbmqtt_load: retained messages: %s%s%s\n", what, why != NULL ? ": " : "",
            why != NULL ? why : "");
    return error != 0 ? error : -EPROTO;
}

static int placer_send(struct placer *placer, const uint8_t *data, size_t length)
{
    int rc = connection_send(&placer->connection, data, length);
    return rc != 0 ? placer_fail(placer, rc, "cannot send") : 0;
}

static uint32_t placer_put(const struct placer *placer, uint8_t *at)
{
    uint8_t topic[WIRE_TOPIC_BYTES];
    uint32_t number = placer->published;
    uint16_t packet_id = (uint16_t)(1 + number % UINT16_MAX);
    if (placer->erases)
        return wire_put_erase(at, number, packet_id);
    wire_put_topic(topic, number);
    publish_form_put(&placer->form, topic, packet_id, (struct wire_tag){0, number, 0}, at);
    return placer->form.size;
}

// Publishes as much as may be in flight, and leaves when there is no more.
static int placer_publish(struct placer *placer)
{
    uint32_t all = placer->options->retained;
    while (placer->published < all && placer->published - placer->acknowledged < INFLIGHT_MAX &&
           !connection_blocked(&placer->connection)) {
        size_t length = 0;
        do {
            length += placer_put(placer, placer->send_buffer + length);
            placer->published++;
        } while (placer->published < all && placer->published - placer->acknowledged < INFLIGHT_MAX &&
                 placer->send_capacity - length >= placer->form.size);
        if (placer->qos == 0)
            placer->acknowledged = placer->published;
        int rc = placer_send(placer, placer->send_buffer, length);
        if (rc != 0)
            return rc;
    }
    if (placer->acknowledged < all)
        return 0;
    uint8_t disconnect[WIRE_HELLO_MAX];
    placer->stage = PLACER_LEAVING;
    return placer_send(placer, disconnect, wire_put_disconnect(disconnect));
}

static int placer_take(struct placer *placer, const struct wire_packet *packet)
{
    uint8_t release[WIRE_ACK_BYTES];
    if (placer->stage == PLACER_CONNECTING) {
        if (packet->type != WIRE_CONNACK || packet->code != 0)
            return placer_fail(placer, 0, "the broker refused the connection");
        placer->stage = PLACER_PUBLISHING;
        return 0;
    }
    switch (packet->type) {
    case WIRE_PUBREC:
        return placer_send(placer, release, wire_put_ack(release, WIRE_PUBREL, packet->packet_id));
    case WIRE_PUBACK:
    case WIRE_PUBCOMP:
        placer->acknowledged += placer->acknowledged < placer->published;
        return 0;
    default:
        return placer_fail(placer, 0, "the broker sent a packet that no publisher may get");
    }
}

static int placer_receive(struct placer *placer)
{
    struct wire_packet packet;
    int rc = connection_receive(&placer->connection, &placer->receive);
    if (rc == -EAGAIN)
        return 0;
    if (rc < 0 && placer->stage == PLACER_LEAVING) {
        placer->stage = PLACER_GONE;
        return 0;
    }
    if (rc < 0)
        return placer_fail(placer, rc, "lost the broker");
    do {
        while (splitter_next(&placer->connection.splitter, &placer->form, &packet)) {
            rc = placer_take(placer, &packet);
            if (rc != 0)
                return rc;
        }
    } while (connection_give_more(&placer->connection));
    if (placer->connection.splitter.failed)
        return placer_fail(placer, 0, "the broker sent bytes that answer nothing");
    return 0;
}

static int placer_turn(struct placer *placer)
{
    struct epoll_event event;
    int count = epoll_wait(placer->epoll_fd, &event, 1, SILENCE_MAX_MS);
    if (count < 0)
        return errno == EINTR ? 0 : placer_fail(placer, -errno, "epoll");
    if (count == 0)
        return placer_fail(placer, -ETIMEDOUT, "the broker is silent");
    int rc = 0;
    if (event.events & EPOLLOUT)
        rc = connection_flush(&placer->connection);
    if (rc != 0)
        return placer_fail(placer, rc, "cannot send");
    if (event.events & ~(uint32_t)EPOLLOUT)
        rc = placer_receive(placer);
    return rc == 0 && placer->stage == PLACER_PUBLISHING ? placer_publish(placer) : rc;
}

static int placer_prepare(struct placer *placer)
{
    int rc = publish_form_init(&placer->form, placer->options->payload, placer->qos);
    if (rc == 0) {
        publish_form_set_retain(&placer->form);
        placer->send_capacity = placer->form.size > SEND_BYTES ? placer->form.size : SEND_BYTES;
        placer->send_buffer = malloc(placer->send_capacity);
    }
    placer->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (rc != 0 || placer->send_buffer == NULL || placer->epoll_fd < 0)
        return placer_fail(placer, -ENOMEM, "cannot prepare");
    return transport_init(&placer->transport, placer->options);
}

static int placer_run(struct placer *placer)
{
    uint8_t connect[WIRE_HELLO_MAX];
    char client_id[48];
    snprintf(client_id, sizeof(client_id), "load%d-errand", (int)getpid());
    int rc = placer_prepare(placer);
    if (rc != 0)
        return rc;
    rc = connection_open(&placer->connection, &placer->transport, placer->epoll_fd, placer);
    if (rc != 0)
        return placer_fail(placer, rc, "cannot connect");
    rc = placer_send(placer, connect, wire_put_connect(connect, client_id));
    while (rc == 0 && placer->stage != PLACER_GONE)
        rc = placer_turn(placer);
    return rc;
}

static int place_retained(const struct options *options, bool erase)
{
    struct placer *placer = calloc(1, sizeof(*placer));
    if (placer == NULL) {
        fprintf(stderr, "hbmqtt_load: no memory\n");
        return -ENOMEM;
    }
    placer->options = options;
    placer->erases = erase;
    placer->qos = erase ? 1 : options->qos;
    placer->connection.fd = placer->epoll_fd = -1;
    int rc = placer_run(placer);
    connection_close(&placer->connection);
    transport_finish(&placer->transport);
    publish_form_finish(&placer->form);
    free(placer->send_buffer);
    if (placer->epoll_fd >= 0)
        close(placer->epoll_fd);
    free(placer);
    return rc;
}

int errand_put_retained(const struct options *options)
{
    return place_retained(options, false);
}

int errand_erase_retained(const struct options *options)
{
    return place_retained(options, true);
}

// ---- The ring ----

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
    struct hbmqtt_client *client = hbmqtt_create(&settings);
    if (client == NULL) {
        fprintf(stderr, "hbmqtt_load: no memory for a client\n");
        return NULL;
    }
    if (hbmqtt_connect(client, uri, NULL) == 0)
        return client;
    (void)errand_fail(client, "cannot connect"); // the caller learns it from NULL
    hbmqtt_destroy(client);
    return NULL;
}

static int errand_end(struct hbmqtt_client *client, int rc)
{
    if (rc == 0 && hbmqtt_disconnect(client, NULL) != 0)
        rc = errand_fail(client, "cannot disconnect");
    hbmqtt_destroy(client);
    return rc;
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

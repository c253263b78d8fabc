// SPDX-License-Identifier: MIT
// Clients that come and go: see visitors.h for what a visit is.
#include "bench/visitors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/meter.h"

#define EVENTS_MAX 256
#define WORD_BITS  64u

static int visitor_fail(const struct visitor *visitor, int error, const char *what)
{
    const char *why = connection_why(&visitor->connection, error);
    fprintf(stderr, "hbmqtt_load: visitor %u: %s%s%s\n", visitor->index, what, why != NULL ? ": " : "",
            why != NULL ? why : "");
    return error != 0 ? error : -EPROTO;
}

static int visitor_send(struct visitor *visitor, const uint8_t *bytes, size_t length)
{
    int rc = connection_send(&visitor->connection, bytes, length);
    return rc != 0 ? visitor_fail(visitor, rc, "cannot send") : 0;
}

static int visitor_come(struct visitors *visitors, struct visitor *visitor)
{
    uint8_t connect[WIRE_HELLO_MAX];
    char client_id[48];
    snprintf(client_id, sizeof(client_id), "load%d-v%u", (int)getpid(), visitor->index);
    visitor->started_ns = meter_now_ns();
    visitor->received = 0;
    if (visitor->seen != NULL)
        memset(visitor->seen, 0, (visitors->options->retained / WORD_BITS + 1) * sizeof(*visitor->seen));
    int rc = connection_open(&visitor->connection, &visitors->transport, visitors->epoll_fd, visitor);
    if (rc != 0)
        return visitor_fail(visitor, rc, "cannot connect");
    visitor->stage = VISITOR_CONNECTING;
    visitors->away--;
    return visitor_send(visitor, connect, wire_put_connect(connect, client_id));
}

static int visitor_leave(struct visitor *visitor)
{
    uint8_t disconnect[WIRE_HELLO_MAX];
    visitor->stage = VISITOR_LEAVING;
    return visitor_send(visitor, disconnect, wire_put_disconnect(disconnect));
}

static void visitor_note_latency(struct visitors *visitors, const struct visitor *visitor)
{
    latency_arrive(&visitors->latency, meter_now_ns());
    latency_note(&visitors->latency, visitor->started_ns);
    latency_flush(&visitors->latency);
}

static int visitor_take_connack(struct visitors *visitors, struct visitor *visitor,
                                const struct wire_packet *packet)
{
    if (packet->type != WIRE_CONNACK || packet->code != 0)
        return visitor_fail(visitor, 0, "the broker refused the connection");
    if (visitors->options->shape == SHAPE_CONNECT) {
        visitor_note_latency(visitors, visitor);
        return visitor_leave(visitor);
    }
    uint8_t subscribe[WIRE_HELLO_MAX];
    visitor->stage = VISITOR_SUBSCRIBED;
    visitor->started_ns = meter_now_ns();
    return visitor_send(visitor, subscribe, wire_put_subscribe_all(subscribe, visitors->options->qos));
}

static void visitor_reply(struct visitors *visitors, enum wire_type type, uint16_t packet_id)
{
    visitors->replies_length += wire_put_ack(visitors->replies + visitors->replies_length, type, packet_id);
}

// Retained messages come in any order.
static void visitor_take_retained(struct visitors *visitors, struct visitor *visitor,
                                  const struct wire_packet *packet)
{
    uint32_t number = packet->tag.sequence;
    if (visitors->options->qos > 0)
        visitor_reply(visitors, visitors->options->qos == 1 ? WIRE_PUBACK : WIRE_PUBREC, packet->packet_id);
    if (number >= visitors->options->retained ||
        (visitor->seen[number / WORD_BITS] >> number % WORD_BITS & 1)) {
        visitors->repeated++;
        return;
    }
    visitor->seen[number / WORD_BITS] |= 1ull << number % WORD_BITS;
    visitors->delivered++;
    if (++visitor->received == visitors->options->retained)
        visitor_note_latency(visitors, visitor);
}

static int visitor_take(struct visitors *visitors, struct visitor *visitor, const struct wire_packet *packet)
{
    if (visitor->stage == VISITOR_CONNECTING)
        return visitor_take_connack(visitors, visitor, packet);
    if (packet->type == WIRE_PUBLISH && visitor->stage == VISITOR_SUBSCRIBED)
        visitor_take_retained(visitors, visitor, packet);
    else if (packet->type == WIRE_PUBREL && visitor->stage != VISITOR_LEAVING) // [MQTT-3.14.4-2]
        visitor_reply(visitors, WIRE_PUBCOMP, packet->packet_id);
    else if (packet->type == WIRE_SUBACK && packet->code > 2)
        return visitor_fail(visitor, 0, "the broker refused the subscription");
    return 0;
}

static void visitor_go(struct visitors *visitors, struct visitor *visitor)
{
    connection_close(&visitor->connection);
    visitor->stage = VISITOR_AWAY;
    visitors->away++;
    visitors->visits++;
}

static int visitor_after_receive(struct visitors *visitors, struct visitor *visitor)
{
    size_t length = visitors->replies_length;
    visitors->replies_length = 0;
    int rc = length > 0 ? visitor_send(visitor, visitors->replies, length) : 0;
    if (rc == 0 && visitor->stage == VISITOR_SUBSCRIBED && visitor->received == visitors->options->retained)
        return visitor_leave(visitor);
    return rc;
}

static int visitor_receive(struct visitors *visitors, struct visitor *visitor)
{
    struct wire_packet packet;
    int rc = connection_receive(&visitor->connection, &visitors->receive);
    if (rc == -EAGAIN)
        return 0;
    if (rc < 0 && visitor->stage == VISITOR_LEAVING) {
        visitor_go(visitors, visitor);
        return 0;
    }
    if (rc < 0)
        return visitor_fail(visitor, rc, "lost the broker");
    visitors->receives++;
    do {
        while (splitter_next(&visitor->connection.splitter, &visitors->form, &packet)) {
            rc = visitor_take(visitors, visitor, &packet);
            if (rc != 0)
                return rc;
        }
    } while (connection_give_more(&visitor->connection));
    if (visitor->connection.splitter.failed)
        return visitor_fail(visitor, 0, "the broker sent bytes that are no packet of this load");
    return visitor_after_receive(visitors, visitor);
}

static int visitor_on_event(struct visitors *visitors, struct visitor *visitor, uint32_t epoll_events)
{
    if (epoll_events & EPOLLOUT) {
        int rc = connection_flush(&visitor->connection);
        if (rc != 0)
            return visitor_fail(visitor, rc, "cannot send");
    }
    return epoll_events & ~(uint32_t)EPOLLOUT ? visitor_receive(visitors, visitor) : 0;
}

static int visitors_come(struct visitors *visitors)
{
    int rc = 0;
    for (uint32_t index = 0; index < visitors->count && visitors->away > 0 && rc == 0; index++)
        if (visitors->list[index].stage == VISITOR_AWAY)
            rc = visitor_come(visitors, &visitors->list[index]);
    return rc;
}

int visitors_turn(struct visitors *visitors, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int rc = visitors->stopped ? 0 : visitors_come(visitors);
    if (rc != 0)
        return rc;
    int count = epoll_wait(visitors->epoll_fd, events, EVENTS_MAX, timeout_ms);
    if (count < 0) {
        rc = -errno;
        fprintf(stderr, "hbmqtt_load: epoll: %s\n", strerror(-rc));
        return rc == -EINTR ? 0 : rc;
    }
    for (int index = 0; index < count && rc == 0; index++)
        rc = visitor_on_event(visitors, events[index].data.ptr, events[index].events);
    return rc;
}

void visitors_write_off(struct visitors *visitors)
{
    for (uint32_t index = 0; index < visitors->count; index++) {
        struct visitor *visitor = &visitors->list[index];
        if (visitor->stage == VISITOR_SUBSCRIBED)
            visitors->lost += visitors->options->retained - visitor->received;
        if (visitor->stage != VISITOR_AWAY)
            visitor_go(visitors, visitor);
    }
}

static int visitors_make_list(struct visitors *visitors)
{
    const struct options *options = visitors->options;
    bool retained = options->shape == SHAPE_RETAINED;
    size_t words = options->retained / WORD_BITS + 1;
    visitors->count = visitors->away = options->connections;
    visitors->list = calloc(visitors->count, sizeof(*visitors->list));
    visitors->seen = retained ? calloc(visitors->count * words, sizeof(*visitors->seen)) : NULL;
    for (uint32_t index = 0; visitors->list != NULL && index < visitors->count; index++) {
        visitors->list[index].index = index;
        visitors->list[index].connection.fd = -1;
        if (visitors->seen != NULL)
            visitors->list[index].seen = visitors->seen + index * words;
    }
    return visitors->list == NULL || (retained && visitors->seen == NULL) ? -ENOMEM : 0;
}

struct visitors *visitors_create(const struct options *options)
{
    struct visitors *visitors = calloc(1, sizeof(*visitors));
    if (visitors == NULL) {
        fprintf(stderr, "hbmqtt_load: no memory\n");
        return NULL;
    }
    visitors->options = options;
    visitors->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int rc = visitors->epoll_fd < 0 ? -errno : visitors_make_list(visitors);
    rc = rc != 0 ? rc : publish_form_init(&visitors->form, options->payload, options->qos);
    if (rc != 0) {
        fprintf(stderr, "hbmqtt_load: cannot prepare: %s\n", strerror(-rc));
    } else {
        publish_form_set_retain(&visitors->form);
        if (connection_limit_raise(visitors->count) == 0 &&
            transport_init(&visitors->transport, options) == 0)
            return visitors;
    }
    visitors_destroy(visitors);
    return NULL;
}

void visitors_destroy(struct visitors *visitors)
{
    if (visitors == NULL)
        return;
    for (uint32_t index = 0; visitors->list != NULL && index < visitors->count; index++)
        connection_close(&visitors->list[index].connection);
    if (visitors->epoll_fd >= 0)
        close(visitors->epoll_fd);
    transport_finish(&visitors->transport);
    publish_form_finish(&visitors->form);
    free(visitors->seen);
    free(visitors->list);
    free(visitors);
}

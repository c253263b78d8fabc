// SPDX-License-Identifier: MIT
// The protocol of a client: see peer.h for its stages.
#include "bench/peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/meter.h"

static const char *const role_names[] = {
    [PEER_SUBSCRIBER] = "subscriber",
    [PEER_PUBLISHER] = "publisher",
    [PEER_IDLE] = "connection",
};

static int peer_fail(const struct peer *peer, int error, const char *what)
{
    const char *why = connection_why(&peer->connection, error);
    fprintf(stderr, "hbmqtt_load: %s %u: %s%s%s\n", role_names[peer->role], peer->index, what,
            why != NULL ? ": " : "", why != NULL ? why : "");
    return error != 0 ? error : -EPROTO;
}

static uint16_t id_after(uint16_t packet_id)
{
    return packet_id == UINT16_MAX ? 1 : packet_id + 1; // [MQTT-2.3.1-1]
}

static uint32_t peer_group(const struct peer *peer, const struct team *team)
{
    const struct ledger_layout *layout = &team->ledger.layout;
    return peer->index / (peer->role == PEER_PUBLISHER ? layout->publishers : layout->subscribers);
}

static void team_reply(struct team *team, enum wire_type type, uint16_t packet_id)
{
    team->replies_length += wire_put_ack(team->replies + team->replies_length, type, packet_id);
}

static uint32_t publisher_room(const struct peer *peer, const struct team *team)
{
    uint32_t taken = ledger_undelivered(&team->ledger, peer->index);
    if (taken < peer->unacknowledged)
        taken = peer->unacknowledged;
    uint32_t room = taken < team->options->window ? team->options->window - taken : 0;
    if (team->options->rate == 0)
        return room;
    uint32_t due = schedule_due_of(&team->schedule, peer->index, team->now_ns) -
                   team->ledger.flows[peer->index].published;
    return due < room ? due : room;
}

// The wildcard shape: the filters of each subscriber, and the topics that its publisher walks.
static uint32_t team_filters_each(const struct team *team)
{
    return team->options->filters / team->options->subscribers;
}

static uint32_t team_filter(const struct team *team, uint32_t peer, uint32_t number)
{
    return peer + number % team_filters_each(team) * team->options->subscribers;
}

// Sends `count` messages, which fit the send buffer.
static int publisher_send(struct peer *peer, struct team *team, uint32_t count)
{
    bool wildcard = team->options->shape == SHAPE_WILDCARD;
    bool open = team->options->rate > 0;
    struct wire_tag tag = {peer->index, ledger_publish(&team->ledger, peer->index, count), meter_now_ns()};
    uint8_t *at = team->send_buffer;
    for (uint32_t sent = 0; sent < count; sent++) {
        if (wildcard)
            wire_put_topic(peer->topic, team_filter(team, peer->index, tag.sequence));
        if (open)
            tag.sent_ns = schedule_intended_ns(&team->schedule, peer->index, tag.sequence);
        publish_form_put(&team->form, peer->topic, peer->next_id, tag, at);
        at += team->form.size;
        tag.sequence++;
        peer->next_id = id_after(peer->next_id);
    }
    if (team->options->qos > 0)
        peer->unacknowledged += count;
    team->traffic.published += count;
    team->traffic.sends++;
    return connection_send(&peer->connection, team->send_buffer, (size_t)(at - team->send_buffer));
}

int peer_publish(struct peer *peer, struct team *team)
{
    uint32_t fits = (uint32_t)(team->send_capacity / team->form.size);
    uint32_t room = publisher_room(peer, team);
    if (room < team->options->batch)
        return 0;
    while (room > 0 && !connection_blocked(&peer->connection)) {
        uint32_t count = room < fits ? room : fits;
        int rc = publisher_send(peer, team, count);
        if (rc != 0)
            return peer_fail(peer, rc, "cannot send");
        room -= count;
    }
    return 0;
}

static void subscriber_take_publish(struct peer *peer, struct team *team, const struct wire_packet *packet)
{
    enum ledger_result result = ledger_deliver(&team->ledger, peer->index, packet->tag);
    if (result == LEDGER_MOVED)
        team_add_due(team, &team->publishers[packet->tag.publisher]);
    if (result != LEDGER_REFUSED)
        latency_note(&team->latency, packet->tag.sent_ns);
    if (team->options->qos == 1)
        team_reply(team, WIRE_PUBACK, packet->packet_id);
    else if (team->options->qos == 2)
        team_reply(team, WIRE_PUBREC, packet->packet_id);
}

static int subscriber_take(struct peer *peer, struct team *team, const struct wire_packet *packet)
{
    switch (packet->type) {
    case WIRE_PUBLISH:
        subscriber_take_publish(peer, team, packet);
        return 0;
    case WIRE_PUBREL:
        team_reply(team, WIRE_PUBCOMP, packet->packet_id);
        return 0;
    default:
        return peer_fail(peer, 0, "the broker sent a packet that no subscriber may get");
    }
}

static void publisher_note_order(struct peer *peer, struct team *team, uint16_t packet_id)
{
    team->traffic.disordered += packet_id != peer->acknowledge_id;
    peer->acknowledge_id = id_after(packet_id);
}

static int publisher_end_exchange(struct peer *peer, struct team *team)
{
    if (peer->unacknowledged == 0)
        return peer_fail(peer, 0, "the broker acknowledged what was not sent");
    peer->unacknowledged--;
    team->traffic.acknowledged++;
    team_add_due(team, peer);
    return 0;
}

static int publisher_take(struct peer *peer, struct team *team, const struct wire_packet *packet)
{
    switch (packet->type) {
    case WIRE_PUBACK:
        publisher_note_order(peer, team, packet->packet_id);
        return publisher_end_exchange(peer, team);
    case WIRE_PUBREC:
        publisher_note_order(peer, team, packet->packet_id);
        team_reply(team, WIRE_PUBREL, packet->packet_id);
        return 0;
    case WIRE_PUBCOMP:
        return publisher_end_exchange(peer, team);
    default:
        return peer_fail(peer, 0, "the broker sent a packet that no publisher may get");
    }
}

static void peer_become_ready(struct peer *peer, struct team *team)
{
    peer->stage = PEER_READY;
    team->ready_count++;
}

// One SUBSCRIBE for each filter, without waiting for answers.
static int peer_subscribe(struct peer *peer, struct team *team)
{
    bool wildcard = team->options->shape == SHAPE_WILDCARD;
    uint32_t count = wildcard ? team_filters_each(team) : 1;
    size_t size = 0;
    int rc = 0;
    for (uint32_t number = 0; number < count && rc == 0; number++) {
        uint8_t *at = team->send_buffer + size;
        if (wildcard)
            size +=
                wire_put_subscribe_wildcard(at, team_filter(team, peer->index, number), team->options->qos);
        else
            size += wire_put_subscribe(at, peer_group(peer, team), team->options->qos);
        if (number + 1 == count || team->send_capacity - size < WIRE_HELLO_MAX) {
            rc = connection_send(&peer->connection, team->send_buffer, size);
            size = 0;
        }
    }
    peer->awaited = count;
    return rc;
}

static int peer_take_connack(struct peer *peer, struct team *team, const struct wire_packet *packet)
{
    if (packet->type != WIRE_CONNACK || packet->code != 0)
        return peer_fail(peer, 0, "the broker refused the connection");
    if (peer->role != PEER_SUBSCRIBER) {
        peer_become_ready(peer, team);
        return 0;
    }
    peer->stage = PEER_SUBSCRIBING;
    int rc = peer_subscribe(peer, team);
    return rc != 0 ? peer_fail(peer, rc, "cannot send") : 0;
}

static int peer_take_suback(struct peer *peer, struct team *team, const struct wire_packet *packet)
{
    if (packet->type != WIRE_SUBACK || packet->code != team->options->qos)
        return peer_fail(peer, 0, "the broker did not grant the subscription at its QoS");
    if (--peer->awaited == 0)
        peer_become_ready(peer, team);
    return 0;
}

static int peer_take(struct peer *peer, struct team *team, const struct wire_packet *packet)
{
    switch (peer->stage) {
    case PEER_CONNECTING:
        return peer_take_connack(peer, team, packet);
    case PEER_SUBSCRIBING:
        return peer_take_suback(peer, team, packet);
    default:
        return peer->role == PEER_PUBLISHER ? publisher_take(peer, team, packet)
                                            : subscriber_take(peer, team, packet);
    }
}

static int peer_send_replies(struct peer *peer, struct team *team)
{
    size_t length = team->replies_length;
    team->replies_length = 0;
    int rc = length > 0 ? connection_send(&peer->connection, team->replies, length) : 0;
    return rc != 0 ? peer_fail(peer, rc, "cannot send") : 0;
}

static int peer_receive(struct peer *peer, struct team *team)
{
    struct wire_packet packet;
    int rc = connection_receive(&peer->connection, &team->receive);
    if (rc < 0)
        return rc == -EAGAIN ? 0 : peer_fail(peer, rc, "lost the broker");
    if (peer->role == PEER_SUBSCRIBER) {
        team->traffic.receives++;
        latency_arrive(&team->latency, meter_now_ns());
    }
    do {
        while (splitter_next(&peer->connection.splitter, &team->form, &packet)) {
            rc = peer_take(peer, team, &packet);
            if (rc != 0)
                return rc;
        }
    } while (connection_give_more(&peer->connection));
    if (peer->connection.splitter.failed)
        return peer_fail(peer, 0, "the broker sent bytes that are no packet of this load");
    return peer_send_replies(peer, team);
}

int peer_open(struct peer *peer, struct team *team, int epoll_fd)
{
    uint8_t connect[WIRE_HELLO_MAX];
    char client_id[48];
    snprintf(client_id, sizeof(client_id), "load%d-%.1s%u", (int)getpid(), role_names[peer->role],
             peer->index);
    peer->next_id = peer->acknowledge_id = 1;
    if (peer->role == PEER_PUBLISHER)
        wire_put_topic(peer->topic, peer_group(peer, team));
    int rc = connection_open(&peer->connection, &team->transport, epoll_fd, peer);
    if (rc == 0) {
        peer->stage = PEER_CONNECTING;
        rc = connection_send(&peer->connection, connect, wire_put_connect(connect, client_id));
    }
    return rc != 0 ? peer_fail(peer, rc, "cannot connect") : 0;
}

int peer_on_event(struct peer *peer, struct team *team, uint32_t epoll_events)
{
    if (epoll_events & EPOLLOUT) {
        int rc = connection_flush(&peer->connection);
        if (rc != 0)
            return peer_fail(peer, rc, "cannot send");
        if (peer->role == PEER_PUBLISHER)
            team_add_due(team, peer);
    }
    return epoll_events & ~(uint32_t)EPOLLOUT ? peer_receive(peer, team) : 0;
}

// SPDX-License-Identifier: MIT
// The protocol of a client: see peer.h for its stages.
#include "bench/peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static const char *const role_names[] = {
    [PEER_SUBSCRIBER] = "subscriber",
    [PEER_PUBLISHER] = "publisher",
    [PEER_IDLE] = "connection",
};

static int peer_fail(const struct peer *peer, int error, const char *what)
{
    fprintf(stderr, "hbmqtt_load: %s %u: %s%s%s\n", role_names[peer->role], peer->index, what,
            error != 0 ? ": " : "", error != 0 ? strerror(-error) : "");
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

static void team_add_due(struct team *team, struct peer *publisher)
{
    if (!publisher->due) {
        publisher->due = true;
        team->due[team->due_count++] = publisher;
    }
}

static uint32_t publisher_room(const struct peer *peer, const struct team *team)
{
    uint32_t taken = ledger_undelivered(&team->ledger, peer->index);
    if (taken < peer->unacknowledged)
        taken = peer->unacknowledged;
    return taken < team->options->window ? team->options->window - taken : 0;
}

// Sends `count` messages, which fit the send buffer.
static int publisher_send(struct peer *peer, struct team *team, uint32_t count)
{
    struct wire_tag tag = {peer->index, ledger_publish(&team->ledger, peer->index, count)};
    uint8_t *at = team->send_buffer;
    for (uint32_t sent = 0; sent < count; sent++) {
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
    if (ledger_deliver(&team->ledger, peer->index, packet->tag) == LEDGER_MOVED)
        team_add_due(team, &team->publishers[packet->tag.publisher]);
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

static int peer_take_connack(struct peer *peer, struct team *team, const struct wire_packet *packet)
{
    if (packet->type != WIRE_CONNACK || packet->code != 0)
        return peer_fail(peer, 0, "the broker refused the connection");
    if (peer->role != PEER_SUBSCRIBER) {
        peer_become_ready(peer, team);
        return 0;
    }
    uint8_t subscribe[WIRE_HELLO_MAX];
    uint32_t size = wire_put_subscribe(subscribe, peer_group(peer, team), team->options->qos);
    peer->stage = PEER_SUBSCRIBING;
    int rc = connection_send(&peer->connection, subscribe, size);
    return rc != 0 ? peer_fail(peer, rc, "cannot send") : 0;
}

static int peer_take_suback(struct peer *peer, struct team *team, const struct wire_packet *packet)
{
    if (packet->type != WIRE_SUBACK || packet->code != team->options->qos)
        return peer_fail(peer, 0, "the broker did not grant the subscription at its QoS");
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
    team->traffic.receives += peer->role == PEER_SUBSCRIBER;
    while (splitter_next(&peer->connection.splitter, &team->form, &packet)) {
        rc = peer_take(peer, team, &packet);
        if (rc != 0)
            return rc;
    }
    if (peer->connection.splitter.failed)
        return peer_fail(peer, 0, "the broker sent bytes that are no packet of this load");
    return peer_send_replies(peer, team);
}

int peer_open(struct peer *peer, const struct team *team, const struct address *address, int epoll_fd)
{
    uint8_t connect[WIRE_HELLO_MAX];
    char client_id[48];
    snprintf(client_id, sizeof(client_id), "load%d-%.1s%u", (int)getpid(), role_names[peer->role],
             peer->index);
    peer->next_id = peer->acknowledge_id = 1;
    if (peer->role == PEER_PUBLISHER)
        wire_put_topic(peer->topic, peer_group(peer, team));
    int rc = connection_open(&peer->connection, address, epoll_fd, peer);
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

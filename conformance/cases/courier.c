// SPDX-License-Identifier: MIT
#include "conformance/cases/courier.h"

#include <stdlib.h>

enum { CONNECTIONS_MAX = 50, STEP_MS = 1500 };

// A connection with the session of this name; NULL when it was lost before CONNACK.
static struct peer *courier_connect(struct trial *trial, const char *name, const struct address *address)
{
    const char *why = "";
    struct stream *stream = stream_open(address, trial->transport, deadline_in_ms(ANSWER_MS), &why);
    if (stream == NULL)
        return NULL;
    struct peer *peer = peer_of_stream(trial, name, stream, SENDER_SERVER);
    struct packet packet;
    peer_send_anyway(peer, packet_connect(trial_id(trial, name), .keep = true));
    if (peer_next(peer, deadline_in_ms(STEP_MS), &packet) == PEER_PACKET) {
        trial_require(trial, packet.type == PACKET_CONNACK && packet.code == 0, "CONNACK 0", "%s",
                      packet_describe(packet.whole));
        return peer;
    }
    peer_cut(peer);
    return NULL;
}

// Sends, and waits for the answer to this identifier.
static bool courier_step(struct peer *peer, struct bytes packet, enum packet_type answer, unsigned id)
{
    struct packet got;
    peer_send_anyway(peer, packet);
    struct deadline deadline = deadline_in_ms(STEP_MS);
    while (peer_next(peer, deadline, &got) == PEER_PACKET)
        if (got.type == answer && got.id == id)
            return true;
    return false;
}

unsigned courier_publish(struct trial *trial, const char *name, const struct address *address,
                         const char *topic, unsigned qos, unsigned count)
{
    struct peer *peer = NULL;
    unsigned connections = 0, number = 0;
    bool sent = false, received = false; // PUBLISH was sent once; PUBREC came
    while (number < count) {
        if (peer == NULL) {
            trial_require(trial, connections++ < CONNECTIONS_MAX, "the messages get through",
                          "not over %d connections", CONNECTIONS_MAX);
            peer = courier_connect(trial, name, address);
            if (peer == NULL)
                continue;
        }
        unsigned id = number + 1;
        struct bytes publish =
            packet_publish(topic, .qos = qos, .id = id, .dup = sent, .payload = arena_print("%u", number));
        bool got = true;
        if (!received) {
            sent = true;
            got = courier_step(peer, publish, qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, id);
            received = got && qos == 2;
        }
        if (got && qos == 2)
            got = courier_step(peer, packet_answer(PACKET_PUBREL, id), PACKET_PUBCOMP, id);
        if (got) {
            number++;
            sent = received = false;
        } else {
            peer_cut(peer);
            peer = NULL;
        }
    }
    peer_hang_up(peer);
    return connections;
}

void courier_take(struct trial *trial, const char *name, const struct address *address, const char *topic,
                  unsigned *ret_counts, unsigned count)
{
    static bool open[65536]; // identifiers whose PUBREL has not come
    unsigned quiet = 0, connections = 0;
    struct peer *peer = NULL;
    while (quiet < 2) {
        if (peer == NULL) {
            trial_require(trial, connections++ < CONNECTIONS_MAX, "the messages get through",
                          "not over %d connections", CONNECTIONS_MAX);
            peer = courier_connect(trial, name, address);
            continue;
        }
        struct packet packet;
        enum peer_event event = peer_next(peer, deadline_in_ms(250), &packet);
        quiet = event == PEER_SILENT ? quiet + 1 : 0;
        if (event == PEER_END) {
            peer_cut(peer);
            peer = NULL;
        } else if (event == PEER_PACKET && packet.type == PACKET_PUBREL) {
            open[packet.id] = false;
            peer_send_anyway(peer, packet_answer(PACKET_PUBCOMP, packet.id));
        } else if (event == PEER_PACKET && packet.type == PACKET_PUBLISH) {
            unsigned number = (unsigned)strtoul(
                arena_print("%.*s", (int)packet.payload.length, (const char *)packet.payload.data), NULL, 10);
            bool is_new = packet.qos != 2 || !open[packet.id];
            trial_require(trial, number < count && bytes_equal(packet.topic, bytes_text(topic)),
                          "a message that was published", "%s", packet_describe(packet.whole));
            ret_counts[number] += is_new;
            open[packet.id] = packet.qos == 2;
            peer_send_anyway(peer, packet_answer(packet.qos == 2 ? PACKET_PUBREC : PACKET_PUBACK, packet.id));
        }
    }
    peer_hang_up(peer);
}

// SPDX-License-Identifier: MIT
#include "harness/peer.h"

#include <errno.h>
#include <string.h>

#include "harness/arena.h"

static void peer_log(struct peer *peer, enum timeline_kind kind, const char *text, struct bytes bytes)
{
    timeline_add(&peer->trial->record->timeline, kind, peer->name, text, bytes);
}

struct peer *peer_of_stream(struct trial *trial, const char *name, struct stream *stream,
                            enum packet_sender other)
{
    struct peer *peer = arena_take(sizeof *peer);
    *peer = (struct peer){.trial = trial,
                          .name = arena_print("%s", name),
                          .stream = stream,
                          .other = other,
                          .answer_ms = ANSWER_MS};
    return peer;
}

struct peer *peer_open_at(struct trial *trial, const char *name, const struct address *address)
{
    const char *why = "";
    struct stream *stream = stream_open(address, trial->transport, deadline_in_ms(OPEN_MS), &why);
    if (stream == NULL)
        trial_fail(trial, "a connection", "%s", why);
    struct peer *peer = peer_of_stream(trial, name, stream, SENDER_SERVER);
    peer_log(peer, TIMELINE_OPENED, transport_name(trial->transport), (struct bytes){0});
    return peer;
}

struct peer *peer_open(struct trial *trial, const char *name)
{
    return peer_open_at(trial, name, trial_address(trial));
}

static struct peer *peer_take_client(struct trial *trial, const char *name, unsigned ms, const char **ret_why)
{
    struct stream *stream =
        stream_accept(trial->listener, trial->transport, trial->certificates, deadline_in_ms(ms), ret_why);
    if (stream == NULL)
        return NULL;
    struct peer *peer = peer_of_stream(trial, name, stream, SENDER_CLIENT);
    peer_log(peer, TIMELINE_OPENED, "a client connects", (struct bytes){0});
    return peer;
}

struct peer *peer_accept(struct trial *trial, const char *name)
{
    const char *why = "";
    struct peer *peer = peer_take_client(trial, name, CLIENT_MS, &why);
    if (peer == NULL)
        trial_fail(trial, "a connection from the client", "%s", why);
    return peer;
}

struct peer *peer_accept_within(struct trial *trial, const char *name, unsigned ms)
{
    const char *why = "";
    return peer_take_client(trial, name, ms, &why);
}

struct peer *peer_connect_at(struct trial *trial, const struct connect *connect,
                             const struct address *address)
{
    struct peer *peer = peer_open_at(trial, connect->id, address);
    struct connect tagged = *connect;
    tagged.id = trial_id(trial, connect->id);
    peer_send(peer, packet_connect_of(&tagged));
    peer_expect(peer, packet_connack(connect->expect_present, 0));
    return peer;
}

struct peer *peer_connect_as(struct trial *trial, const struct connect *connect)
{
    return peer_connect_at(trial, connect, trial_address(trial));
}

void peer_send_frame(struct peer *peer, struct bytes bytes, unsigned frame)
{
    int result = stream_send_frame(peer->stream, bytes, frame, deadline_in_ms(peer->answer_ms));
    peer_log(peer, TIMELINE_SENT, result == 0 ? "" : strerror(-result), bytes);
    if (result != 0)
        trial_fail(peer->trial, arena_print("%s can send %s", peer->name, packet_describe(bytes)), "%s",
                   strerror(-result));
}

void peer_send(struct peer *peer, struct bytes bytes)
{
    peer_send_frame(peer, bytes, FRAME_BINARY);
}

void peer_send_pieces(struct peer *peer, struct bytes bytes, size_t piece)
{
    for (size_t at = 0; at < bytes.length; at += piece)
        peer_send(peer, bytes_slice(bytes, at, piece));
}

void peer_send_anyway(struct peer *peer, struct bytes bytes)
{
    int result = stream_send(peer->stream, bytes, deadline_in_ms(peer->answer_ms));
    peer_log(peer, TIMELINE_SENT, result == 0 ? "" : strerror(-result), bytes);
}

// Takes the packet that the inbox begins with out of it.
static void peer_take_first(struct peer *peer, size_t length, struct packet *ret_packet)
{
    struct bytes whole = bytes_join(bytes_slice(buffer_bytes(&peer->inbox), 0, length), (struct bytes){0});
    buffer_consume(&peer->inbox, length);
    peer_log(peer, TIMELINE_RECEIVED, "", whole);
    const char *fault = "";
    if (!packet_parse(whole, peer->other, ret_packet, &fault))
        trial_fail(peer->trial, "packets that are right in themselves", "%s sent to %s %s [%s]",
                   peer->other == SENDER_CLIENT ? "the client" : "the broker", peer->name, fault,
                   bytes_hex(whole, 64));
}

enum peer_event peer_next(struct peer *peer, struct deadline deadline, struct packet *ret_packet)
{
    for (;;) {
        size_t length = 0;
        int found = packet_find(buffer_bytes(&peer->inbox), &length);
        if (found == 1) {
            peer_take_first(peer, length, ret_packet);
            return PEER_PACKET;
        }
        if (found < 0)
            trial_fail(peer->trial, "packets", "%s got bytes that are none: %s", peer->name,
                       bytes_hex(buffer_bytes(&peer->inbox), 64));
        ssize_t count = peer->ended ? 0 : stream_receive(peer->stream, &peer->inbox, deadline);
        if (count == -ETIMEDOUT)
            return PEER_SILENT;
        if (count <= 0) {
            if (!peer->ended)
                peer_log(peer, TIMELINE_ENDED, count == 0 ? "" : strerror((int)-count),
                         buffer_bytes(&peer->inbox));
            peer->ended = true;
            return PEER_END;
        }
    }
}

static const char *event_text(struct peer *peer, enum peer_event event, const struct packet *packet)
{
    if (event == PEER_PACKET)
        return arena_print("%s got %s [%s]", peer->name, packet_describe(packet->whole),
                           bytes_hex(packet->whole, 64));
    if (event == PEER_END)
        return arena_print("%s was closed", peer->name);
    return arena_print("%s got nothing in %u ms", peer->name, peer->answer_ms);
}

void peer_expect(struct peer *peer, struct bytes packet)
{
    struct packet got = {0};
    enum peer_event event = peer_next(peer, deadline_in_ms(peer->answer_ms), &got);
    if (event != PEER_PACKET || !bytes_equal(got.whole, packet))
        trial_fail(peer->trial,
                   arena_print("%s gets %s [%s]", peer->name, packet_describe(packet), bytes_hex(packet, 64)),
                   "%s", event_text(peer, event, &got));
}

bool peer_expect_all(struct peer *peer, const struct bytes *packets, size_t count)
{
    bool *came = arena_take(count * sizeof *came);
    bool in_order = true;
    for (size_t i = 0; i < count; i++) {
        struct packet got = {0};
        enum peer_event event = peer_next(peer, deadline_in_ms(peer->answer_ms), &got);
        size_t which = 0;
        while (which < count &&
               (came[which] || event != PEER_PACKET || !bytes_equal(got.whole, packets[which])))
            which++;
        if (which == count) {
            const char *missing = "";
            for (size_t j = 0; j < count; j++)
                if (!came[j])
                    missing = arena_print("%s %s;", missing, packet_describe(packets[j]));
            trial_fail(peer->trial, arena_print("%s gets%s in whatever order", peer->name, missing), "%s",
                       event_text(peer, event, &got));
        }
        came[which] = true;
        in_order = in_order && which == i;
    }
    return in_order;
}

struct packet peer_expect_type(struct peer *peer, enum packet_type type)
{
    struct packet got = {0};
    enum peer_event event = peer_next(peer, deadline_in_ms(peer->answer_ms), &got);
    if (event != PEER_PACKET || got.type != type)
        trial_fail(peer->trial, arena_print("%s gets %s", peer->name, packet_type_name(type)), "%s",
                   event_text(peer, event, &got));
    return got;
}

struct packet peer_expect_publish_of(struct peer *peer, const struct publish *publish)
{
    struct packet got = {0};
    enum peer_event event = peer_next(peer, deadline_in_ms(peer->answer_ms), &got);
    struct publish wanted = *publish;
    if (wanted.id == 0)
        wanted.id = got.id;
    struct bytes whole = packet_publish_of(&wanted);
    if (event != PEER_PACKET || !bytes_equal(got.whole, whole))
        trial_fail(peer->trial, arena_print("%s gets %s", peer->name, packet_describe(whole)), "%s",
                   event_text(peer, event, &got));
    return got;
}

void peer_acknowledge(struct peer *peer, const struct packet *packet)
{
    if (packet->qos == 1)
        peer_send(peer, packet_answer(PACKET_PUBACK, packet->id));
    if (packet->qos == 2) {
        peer_send(peer, packet_answer(PACKET_PUBREC, packet->id));
        peer_expect(peer, packet_answer(PACKET_PUBREL, packet->id));
        peer_send(peer, packet_answer(PACKET_PUBCOMP, packet->id));
    }
}

struct packet peer_take_of(struct peer *peer, const struct publish *publish)
{
    struct packet packet = peer_expect_publish_of(peer, publish);
    peer_acknowledge(peer, &packet);
    return packet;
}

size_t peer_collect(struct peer *peer, struct packet *ret_packets, size_t count)
{
    size_t came = 0, open = 0;
    struct packet packet;
    while ((came < count || open > 0) &&
           peer_next(peer, deadline_in_ms(peer->answer_ms), &packet) == PEER_PACKET) {
        if (packet.type == PACKET_PUBREL) {
            peer_send(peer, packet_answer(PACKET_PUBCOMP, packet.id));
            open -= open > 0;
        } else if (packet.type != PACKET_PUBLISH || came == count)
            trial_fail(peer->trial,
                       arena_print("%s gets %zu messages and what belongs to them", peer->name, count), "%s",
                       packet_describe(packet.whole));
        else {
            if (packet.qos > 0)
                peer_send(peer, packet_answer(packet.qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, packet.id));
            open += packet.qos == 2;
            ret_packets[came++] = packet;
        }
    }
    return came;
}

void peer_expect_close(struct peer *peer)
{
    struct packet got = {0};
    enum peer_event event = peer_next(peer, deadline_in_ms(peer->answer_ms), &got);
    if (event != PEER_END)
        trial_fail(peer->trial, arena_print("%s is closed, with nothing sent before", peer->name), "%s",
                   event_text(peer, event, &got));
}

void peer_expect_last(struct peer *peer, struct bytes packet)
{
    peer_expect(peer, packet);
    peer_expect_close(peer);
}

void peer_expect_silence(struct peer *peer, unsigned ms)
{
    struct packet got = {0};
    enum peer_event event = peer_next(peer, deadline_in_exact_ms(ms), &got);
    if (event != PEER_SILENT)
        trial_fail(peer->trial, arena_print("%s gets nothing", peer->name), "%s",
                   event_text(peer, event, &got));
}

void peer_expect_nothing(struct peer *peer)
{
    peer_expect_silence(peer, QUIET_MS);
    peer_ping(peer);
}

static unsigned peer_id_take(struct peer *peer)
{
    peer->latest_id = peer->latest_id % 65535 + 1;
    return peer->latest_id;
}

void peer_subscribe(struct peer *peer, const char *filter, unsigned qos)
{
    unsigned id = peer_id_take(peer);
    peer_send(peer, packet_subscribe(id, filter, qos));
    peer_expect(peer, packet_suback(id, qos));
}

void peer_unsubscribe(struct peer *peer, const char *filter)
{
    unsigned id = peer_id_take(peer);
    peer_send(peer, packet_unsubscribe(id, filter));
    peer_expect(peer, packet_answer(PACKET_UNSUBACK, id));
}

void peer_publish_of(struct peer *peer, const struct publish *publish)
{
    struct publish numbered = *publish;
    if (numbered.qos > 0 && numbered.id == 0)
        numbered.id = peer_id_take(peer);
    peer_send(peer, packet_publish_of(&numbered));
    if (numbered.qos == 1)
        peer_expect(peer, packet_answer(PACKET_PUBACK, numbered.id));
    if (numbered.qos == 2) {
        peer_expect(peer, packet_answer(PACKET_PUBREC, numbered.id));
        peer_send(peer, packet_answer(PACKET_PUBREL, numbered.id));
        peer_expect(peer, packet_answer(PACKET_PUBCOMP, numbered.id));
    }
}

void peer_ping(struct peer *peer)
{
    peer_send(peer, packet_empty(PACKET_PINGREQ));
    peer_expect(peer, packet_empty(PACKET_PINGRESP));
}

static void peer_closed(struct peer *peer, const char *how)
{
    peer_log(peer, TIMELINE_CLOSED, how, (struct bytes){0});
    buffer_finish(&peer->inbox);
    peer->stream = NULL;
}

void peer_disconnect(struct peer *peer)
{
    peer_send(peer, packet_empty(PACKET_DISCONNECT));
    stream_half_close(peer->stream);
    peer_expect_close(peer);
    peer_hang_up(peer);
}

void peer_cut(struct peer *peer)
{
    stream_reset(peer->stream);
    peer_closed(peer, "RST");
}

void peer_hang_up(struct peer *peer)
{
    stream_close(peer->stream);
    peer_closed(peer, "FIN");
}

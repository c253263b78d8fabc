// SPDX-License-Identifier: MIT
#include "server/witness.h"

#include "server/client.h"
#include "server/identity.h"

static struct hbmqtt_plugin_event event_of(const struct shard *shard, enum hbmqtt_plugin_event_kind kind)
{
    return (struct hbmqtt_plugin_event){.kind = kind, .time_ns = shard->turn.now_ns};
}

static struct hbmqtt_plugin_message message_of(const struct publication *publication)
{
    return (struct hbmqtt_plugin_message){
        .size = sizeof(struct hbmqtt_plugin_message),
        .qos = publication->qos,
        .retain = publication->retain,
        .topic = bytes_to_plugin(publication->topic),
        .payload = bytes_to_plugin(publication->payload),
    };
}

void witness_session_tell(struct shard *shard, enum hbmqtt_plugin_event_kind kind, struct session *session,
                          const char *reason)
{
    struct hbmqtt_plugin_event event = event_of(shard, kind);
    event.session = &identity_of_session(shard, session)->session;
    event.reason = reason;
    roster_tell_event(shard->roster, &event);
}

void witness_filter_tell(struct shard *shard, enum hbmqtt_plugin_event_kind kind, struct session *session,
                         struct bytes filter, uint8_t qos)
{
    struct hbmqtt_plugin_event event = event_of(shard, kind);
    event.session = &identity_of_session(shard, session)->session;
    event.filter = bytes_to_plugin(filter);
    event.qos = qos;
    roster_tell_event(shard->roster, &event);
}

void witness_message_tell(struct shard *shard, enum hbmqtt_plugin_event_kind kind, struct session *session,
                          const struct publication *publication)
{
    struct hbmqtt_plugin_event event = event_of(shard, kind);
    const struct hbmqtt_plugin_message message = message_of(publication);
    event.session = session == NULL ? NULL : &identity_of_session(shard, session)->session;
    event.message = &message;
    roster_tell_event(shard->roster, &event);
}

void witness_delivery_tell(struct shard *shard, struct session *session,
                           const struct publication *publication)
{
    const struct hbmqtt_plugin_message message = message_of(publication);
    roster_tell(shard->roster, &(struct call){.kind = CALL_SENT,
                                              .session = &identity_of_session(shard, session)->session,
                                              .message = &message});
}

void witness_expiry_tell(struct shard *shard, struct session *session)
{
    roster_tell(shard->roster, &(struct call){.kind = CALL_EXPIRED,
                                              .session = &identity_of_session(shard, session)->session});
}

// Packets.

// Who it is about: before a client has its session, at least where it is.
static const struct hbmqtt_plugin_session *session_of_client(struct shard *shard, const struct client *client,
                                                             struct hbmqtt_plugin_session *stranger,
                                                             char peer[ADDRESS_TEXT_BYTES])
{
    if (client->link.session != NULL)
        return &identity_of_session(shard, client->link.session)->session;
    if (client->identity != NULL)
        return &client->identity->session;
    connection_peer(&client->connection, peer);
    *stranger = (struct hbmqtt_plugin_session){.size = sizeof *stranger, .peer = peer, .listener = ""};
    return stranger;
}

static void packet_tell(struct shard *shard, const struct client *client, enum hbmqtt_plugin_event_kind kind,
                        const struct hbmqtt_plugin_packet *packet)
{
    char peer[ADDRESS_TEXT_BYTES];
    struct hbmqtt_plugin_session stranger;
    struct hbmqtt_plugin_event event = event_of(shard, kind);
    event.session = session_of_client(shard, client, &stranger, peer);
    event.packet = packet;
    roster_tell_event(shard->roster, &event);
}

void witness_received_tell(struct shard *shard, struct client *client, const struct frame *frame)
{
    if (client->judged && client->link.state == LINK_NEW)
        return; // the CONNECT, which the shard that it comes from has told of
    const struct hbmqtt_plugin_packet packet = {
        .size = sizeof packet,
        .type = frame_type(frame),
        .name = packet_type_name(frame_type(frame)),
        .length = frame->size,
        .bytes = bytes_to_plugin(frame_packet(frame)),
    };
    packet_tell(shard, client, HBMQTT_EVENT_PACKET_RECEIVED, &packet);
}

// What leaves an outbox is read as the peer will read it: a packet is told when its first byte leaves, and
// then as many bytes are passed over as it has.
void witness_sent_tell(struct shard *shard, struct client *client, uint64_t length)
{
    const struct outbox *outbox = &client->link.outbox;
    if (client->told_by != shard->adopted) {
        // What is at the front may be the middle of a packet; when all has left, the next one is whole.
        client->told_by = outbox->bytes == length ? shard->adopted : client->told_by;
        client->told_ahead = 0;
        return;
    }
    uint8_t beginning[WITNESS_PACKET_BYTES];
    uint64_t at = client->told_ahead < length ? client->told_ahead : length;
    client->told_ahead -= at;
    while (at < length) {
        struct bytes bytes = {beginning, outbox_copy(outbox, at, beginning, sizeof beginning)};
        struct frame frame = {0};
        if (frame_read(bytes, UINT32_MAX, &frame) == FRAME_MALFORMED || frame.size == 0)
            return; // an answer in another protocol
        const struct hbmqtt_plugin_packet packet = {
            .size = sizeof packet,
            .type = frame_type(&frame),
            .name = packet_type_name(frame_type(&frame)),
            .length = frame.size,
            .bytes = {(const char *)beginning, bytes.length < frame.size ? bytes.length : frame.size},
        };
        packet_tell(shard, client, HBMQTT_EVENT_PACKET_SENT, &packet);
        at += frame.size;
    }
    client->told_ahead += at - length;
}

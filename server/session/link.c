// SPDX-License-Identifier: MIT
#include "server/session/session.h"

#include "server/session/connect.h"

void link_init(struct link *link, const struct link_options *options)
{
    *link = (struct link){.state = LINK_NEW, .received_ns = options->now_ns, .listener = options->listener};
    list_init(&link->dirty);
    outbox_init(&link->outbox, options->chunks, options->outbox_bytes_max);
    inbox_init(&link->inbox, options->chunks);
}

void link_finish(struct link *link)
{
    assert(link->session == NULL);
    list_remove(&link->dirty);
    outbox_finish(&link->outbox);
    inbox_finish(&link->inbox);
    if (link->will != NULL)
        message_unref(link->will);
    link->will = NULL;
}

void link_put(struct link *link, struct turn *turn, const struct packet *packet)
{
    outbox_put_packet(&link->outbox, packet, link->version);
    counter_add(&turn->counters->controls_sent, 1);
    link_touch(link, turn);
}

void link_put_ack(struct link *link, struct turn *turn, uint8_t packet_type, uint16_t packet_id,
                  uint8_t reason)
{
    if (reason != REASON_SUCCESS) {
        struct packet packet = {.type = packet_type, .ack = {.packet_id = packet_id, .reason = reason}};
        link_put(link, turn, &packet);
        return;
    }
    outbox_put_ack(&link->outbox, packet_type, packet_id);
    counter_add(&turn->counters->controls_sent, 1);
    link_touch(link, turn);
}

uint64_t link_silence_deadline_ns(const struct link *link)
{
    if (link->keepalive_ms == 0)
        return TIMER_NEVER;
    return link->received_ns + link->keepalive_ms * NS_PER_MS * 3 / 2;
}

static void effect_close(struct effect *effect, uint8_t reason)
{
    effect->kind = EFFECT_CLOSE;
    effect->reason = reason;
}

static void effect_acknowledge(struct effect *effect, uint8_t packet_type, uint16_t packet_id)
{
    if (effect->kind == EFFECT_NONE)
        effect->kind = EFFECT_ACKNOWLEDGE;
    effect->acknowledge = packet_type;
    effect->packet_id = packet_id;
}

void link_refuse(struct link *link, struct turn *turn, uint8_t version, uint8_t reason)
{
    uint8_t code = version == MQTT_VERSION_5_0 ? reason : (uint8_t)reason_to_connect_return(reason);
    if (code == CONNECT_RETURN_NONE)
        return; // [MQTT-3.2.2-6]
    link->version = version;
    link_put(link, turn,
             &(struct packet){.type = PACKET_CONNACK, .connack = {.code = code}}); // [MQTT-3.2.2-4]
    counter_add(&turn->counters->connections_refused, 1);
}

void link_accept(struct link *link, struct turn *turn, bool session_present)
{
    link->state = LINK_OPEN;
    struct packet_connack connack = {
        .session_present = session_present && link->version != MQTT_VERSION_3_1, // reserved there
        .code = CONNECT_RETURN_ACCEPTED,
    };
    link_put(link, turn, &(struct packet){.type = PACKET_CONNACK, .connack = connack});
}

// A CONNECT that does not decode gets no CONNACK [MQTT-3.1.4-1], but for a level that is not served
// [MQTT-3.1.2-2].
static void link_reject_connect(struct link *link, const struct frame *frame, struct turn *turn,
                                struct effect *effect)
{
    if (effect->reason == REASON_UNSUPPORTED_PROTOCOL_VERSION && connect_names_mqtt(frame->body))
        link_refuse(link, turn, MQTT_VERSION_3_1_1, effect->reason);
}

static void link_handle_connect(struct link *link, struct turn *turn, const struct access *access,
                                struct effect *effect)
{
    const struct packet_connect *connect = &effect->packet.connect;
    uint8_t reason =
        connect_judge(connect, turn_limits(turn, link->listener), link->authenticated ? NULL : access);
    if (reason != REASON_SUCCESS) {
        link_refuse(link, turn, connect->version, reason);
        effect_close(effect, reason);
        return;
    }
    link->version = connect->version;
    link->keepalive_ms = connect->keepalive_s * 1000u;
    effect->kind = EFFECT_CONNECT;
}

static void link_handle_publish(struct link *link, struct turn *turn, struct effect *effect)
{
    const struct packet_publish *publish = &effect->packet.publish;
    // That it is a name, and text, the decoder has seen.
    if (!topic_levels_within(publish->topic, (uint32_t)turn_limits(turn, link->listener)->topic_levels_max)) {
        effect_close(effect, REASON_TOPIC_NAME_INVALID);
        return;
    }
    counter_add(&turn->counters->publishes_received, 1);
    counter_add(&turn->counters->publish_bytes_received, publish->payload.length);
    bool routed = access_may_publish(publish->topic); // else acknowledged and dropped [MQTT-3.3.5-2]
    if (publish->qos == 2 && !session_receive_begin(link->session, turn, publish->packet_id))
        routed = false;
    if (routed)
        effect->kind = EFFECT_PUBLISH;
    if (publish->qos > 0)
        effect_acknowledge(effect, publish->qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, publish->packet_id);
}

// What may come on an open link. A packet that only a server sends, or a second CONNECT, is a violation.
// [MQTT-3.1.0-2]
static void link_handle_open(struct link *link, struct turn *turn, struct effect *effect)
{
    const struct packet *packet = &effect->packet;
    switch (packet->type) {
    case PACKET_PUBLISH:
        link_handle_publish(link, turn, effect);
        break;
    case PACKET_PUBACK:
    case PACKET_PUBREC:
    case PACKET_PUBCOMP:
        session_acknowledged(link->session, turn, packet->type, &packet->ack);
        break;
    case PACKET_PUBREL: // PUBCOMP answers every PUBREL, also one whose PUBLISH is not known [MQTT-4.3.3-2]
        session_receive_release(link->session, turn, packet->ack.packet_id);
        effect_acknowledge(effect, PACKET_PUBCOMP, packet->ack.packet_id);
        break;
    case PACKET_SUBSCRIBE:
        effect->kind = EFFECT_SUBSCRIBE;
        break;
    case PACKET_UNSUBSCRIBE:
        effect->kind = EFFECT_UNSUBSCRIBE;
        break;
    case PACKET_PINGREQ: // [MQTT-3.12.4-1]
        effect->kind = EFFECT_PING;
        break;
    case PACKET_DISCONNECT: // the will is not sent [MQTT-3.14.4-3]
        if (link->will != NULL)
            message_unref(link->will);
        link->will = NULL;
        effect_close(effect, REASON_SUCCESS);
        break;
    default:
        effect_close(effect, REASON_PROTOCOL_ERROR);
    }
}

void link_handle(struct link *link, const struct frame *frame, struct turn *turn, const struct access *access,
                 struct effect *ret_effect)
{
    struct effect *effect = ret_effect;
    effect->kind = EFFECT_NONE;
    effect->acknowledge = 0;
    counter_add(&turn->counters->packets_received, 1);
    bool is_connect = frame_type(frame) == PACKET_CONNECT;
    if (is_connect)
        counter_add(&turn->counters->connects_received, 1);
    if (link_out_of_turn(link, frame_type(frame))) {
        effect_close(effect, REASON_PROTOCOL_ERROR);
        return;
    }
    uint8_t reason = packet_decode(frame, link->version, &effect->packet);
    if (reason != REASON_SUCCESS) {
        effect_close(effect, reason);
        if (is_connect)
            link_reject_connect(link, frame, turn, effect);
        return;
    }
    if (is_connect)
        link_handle_connect(link, turn, access, effect);
    else
        link_handle_open(link, turn, effect);
}

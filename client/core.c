// SPDX-License-Identifier: MIT
#include "client/core.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define CORE_RECEIVE_BYTES   65536u // room offered for one receive, at least
#define CORE_EXCHANGES_FIRST 64u    // slots of the window when it first grows

static void core_read_on(struct core *core, uint64_t now_ms);

int core_status(const struct core *core)
{
    if (core->state == CORE_OPEN)
        return 0;
    return core->ending.code != 0 ? core->ending.code : HBMQTT_ERROR_NOT_CONNECTED;
}

// Ending.

void core_end(struct core *core, const struct error *ending)
{
    if (core->state == CORE_IDLE)
        return;
    core->state = CORE_IDLE;
    core->ending = *ending;
    inbox_detach(&core->inbox);
}

// Both return the code of `ending`.
static int core_break(struct core *core, const char *packet, const char *why)
{
    struct error ending;
    error_set(&ending, HBMQTT_ERROR_PROTOCOL, "the broker broke the protocol: %s: %s", packet, why);
    core_end(core, &ending);
    return core->ending.code;
}

static int core_starve(struct core *core)
{
    struct error ending;
    error_set(&ending, HBMQTT_ERROR_SYSTEM, "out of memory");
    core_end(core, &ending);
    return core->ending.code;
}

// Output.

static void core_show(const struct core *core, bool sent, const char *packet, uint16_t packet_id,
                      size_t packet_bytes)
{
    if (core->trace == NULL)
        return;
    struct hbmqtt_trace trace = {sizeof trace, sent, packet, packet_id, packet_bytes};
    core->trace(core->trace_context, &trace);
}

static uint16_t packet_identifier(const struct packet *packet)
{
    switch (packet->type) {
    case PACKET_PUBLISH:
        return packet->publish.packet_id;
    case PACKET_PUBACK:
    case PACKET_PUBREC:
    case PACKET_PUBREL:
    case PACKET_PUBCOMP:
        return packet->ack.packet_id;
    case PACKET_SUBSCRIBE:
    case PACKET_UNSUBSCRIBE:
        return packet->subscribe.packet_id;
    case PACKET_SUBACK:
    case PACKET_UNSUBACK:
        return packet->suback.packet_id;
    default:
        return 0;
    }
}

// Appends a packet that the protocol allows. Returns 0, or the code of `ending` when memory is lacking.
static int core_send(struct core *core, const struct packet *packet)
{
    uint32_t size = packet_size(packet, MQTT_VERSION_3_1_1);
    assert(size != 0);
    uint8_t *room = buffer_reserve(&core->output, size);
    if (room == NULL)
        return core_starve(core);
    struct writer writer = writer_of(room, size);
    packet_encode(packet, MQTT_VERSION_3_1_1, &writer);
    assert(!writer.overflow && writer.at == room + size);
    buffer_added(&core->output, size);
    core->output_total += size;
    core_show(core, true, packet_type_name(packet->type), packet_identifier(packet), size);
    return 0;
}

// An answer to something that the broker sent, and so counted.
static void core_reply(struct core *core, uint8_t packet_type, uint16_t packet_id)
{
    struct packet packet = {.type = packet_type, .ack = {.packet_id = packet_id}};
    uint64_t total = core->output_total;
    if (core_send(core, &packet) != 0)
        return;
    core->reply_bytes += (uint32_t)(core->output_total - total);
    core->reply_end = core->output_total;
}

struct bytes core_output(const struct core *core)
{
    return core->state == CORE_IDLE ? (struct bytes){NULL, 0} : buffer_bytes(&core->output);
}

void core_output_sent(struct core *core, size_t size, uint64_t now_ms)
{
    buffer_taken(&core->output, size);
    core->sent_total += size;
    if (core->sent_total >= core->reply_end)
        core->reply_bytes = 0;
    if (size != 0)
        core->sent_at_ms = now_ms;
    core_read_on(core, now_ms);
}

// Opening and closing.

void core_init(struct core *core, const struct core_limits *limits)
{
    *core = (struct core){.state = CORE_IDLE, .limits = *limits};
    buffer_init(&core->input);
    buffer_init(&core->output);
    inbox_init(&core->inbox, limits->inbox_bytes_max);
    inflight_init(&core->outgoing);
    packet_id_set_init(&core->released);
}

void core_finish(struct core *core)
{
    buffer_finish(&core->input);
    buffer_finish(&core->output);
    inbox_finish(&core->inbox);
    free(core->outgoing.slots);
}

// Forgets the exchanges of the connection before. Identifiers go on where they were: in a continued session
// the broker may still hold a QoS 2 identifier of ours, and would take a new message under it for a
// repetition [MQTT-4.3.3-2].
static void core_forget_exchanges(struct core *core)
{
    uint16_t next = core->outgoing.next;
    free(core->outgoing.slots);
    inflight_init(&core->outgoing);
    core->outgoing.first = next;
    core->outgoing.next = next;
    core->publishing = 0;
    core->watch.packet_id = 0;
}

int core_open(struct core *core, const struct packet_connect *connect, uint32_t ping_after_ms,
              uint64_t now_ms)
{
    assert(core->state == CORE_IDLE);
    buffer_finish(&core->input);
    buffer_finish(&core->output);
    core_forget_exchanges(core);
    core->output_total = core->sent_total = core->reply_end = 0;
    core->reply_bytes = 0;
    core->keepalive_ms = connect->keepalive_s * 1000u;
    core->ping_after_ms = ping_after_ms;
    core->ping_waiting = false;
    core->stopped = false;
    core->sent_at_ms = now_ms;
    core->session_present = false;
    core->refusal_code = 0;
    error_clear(&core->ending);
    core->state = CORE_OPENING;
    struct packet packet = {.type = PACKET_CONNECT, .connect = *connect};
    return core_send(core, &packet);
}

void core_close(struct core *core)
{
    struct error wish = {0};
    struct packet packet = {.type = PACKET_DISCONNECT};
    if (core->state != CORE_OPEN)
        core_end(core, &wish);
    else if (core_send(core, &packet) == 0)
        core->state = CORE_CLOSING;
}

static const char *refusal_text(uint8_t code)
{
    switch (code) {
    case CONNECT_RETURN_BAD_PROTOCOL_VERSION:
        return "the protocol version is not served";
    case CONNECT_RETURN_BAD_CLIENT_ID:
        return "the client id is not allowed";
    case CONNECT_RETURN_SERVER_UNAVAILABLE:
        return "the service is not available";
    case CONNECT_RETURN_BAD_CREDENTIALS:
        return "bad user name or password";
    case CONNECT_RETURN_NOT_AUTHORIZED:
        return "not authorized";
    default:
        return "for a reason unknown to MQTT 3.1.1";
    }
}

static void core_accept(struct core *core, const struct packet_connack *connack)
{
    core->refusal_code = connack->code;
    if (connack->code != CONNECT_RETURN_ACCEPTED) {
        struct error ending;
        error_set(&ending, HBMQTT_ERROR_REFUSED, "refused by the broker: %s (code %u)",
                  refusal_text(connack->code), connack->code);
        core_end(core, &ending);
        return;
    }
    core->session_present = connack->session_present;
    core->state = CORE_OPEN;
    if (!connack->session_present) {
        packet_id_set_init(&core->released);
        inbox_forget_ids(&core->inbox);
    }
}

// Messages that come.

static void core_receive_exactly_once(struct core *core, const struct packet_publish *publish)
{
    if (packet_id_set_has(&core->released, publish->packet_id)) {
        core_reply(core, PACKET_PUBREC, publish->packet_id);
        return;
    }
    // Sent again before we had answered: one copy is delivered, and its answer now belongs to this
    // connection. Only what is marked as a repetition can be one [MQTT-3.3.1-1], so the search is rare.
    struct inbox_message *held = publish->dup ? inbox_find(&core->inbox, publish->packet_id) : NULL;
    if (held != NULL)
        held->acknowledgeable = true;
    else if (inbox_push(&core->inbox, publish) != 0)
        core_starve(core);
}

static void core_receive(struct core *core, const struct packet_publish *publish)
{
    if (publish->qos == 2)
        core_receive_exactly_once(core, publish);
    else if (inbox_push(&core->inbox, publish) != 0)
        core_starve(core);
}

// PUBACK and PUBREC leave in the order in which messages are taken, which is that of their coming
// [MQTT-4.6.0-2, MQTT-4.6.0-3].
static void core_acknowledge(struct core *core, const struct inbox_message *message)
{
    bool can = message->acknowledgeable && core->state == CORE_OPEN;
    if (message->message.qos == 1 && can)
        core_reply(core, PACKET_PUBACK, message->packet_id);
    if (message->message.qos != 2 || message->packet_id == 0)
        return;
    // Known as delivered even if PUBREC cannot be sent: the broker sends the message again when the session
    // goes on.
    packet_id_set_add(&core->released, message->packet_id);
    if (can)
        core_reply(core, PACKET_PUBREC, message->packet_id);
}

// Acknowledgements of what we sent.

static void core_end_exchange(struct core *core, const struct packet *packet,
                              const struct inflight_slot *slot)
{
    bool watched = core->watch.packet_id == packet_identifier(packet);
    if (packet->type == PACKET_SUBACK) {
        if (packet->suback.codes.length != slot->detail) {
            core_break(core, "SUBACK", "not one code for each filter");
            return;
        }
        if (watched)
            memcpy(core->watch.codes, packet->suback.codes.data, slot->detail);
    } else if (packet->type != PACKET_UNSUBACK) {
        core->publishing--;
    }
    if (watched)
        core->watch.ended = true;
}

static void core_receive_acknowledgement(struct core *core, const struct packet *packet)
{
    uint16_t packet_id = packet_identifier(packet);
    struct inflight_slot slot = {0};
    enum inflight_result result =
        inflight_acknowledge(&core->outgoing, packet->type, packet_id, false, &slot);
    if (result == INFLIGHT_ENDED)
        core_end_exchange(core, packet, &slot);
    // A PUBREC that nothing waits for is answered all the same, so that the broker can finish an exchange of
    // an earlier connection. PUBRELs leave in the order of the PUBRECs [MQTT-4.6.0-4].
    else if (packet->type == PACKET_PUBREC)
        core_reply(core, PACKET_PUBREL, packet_id);
}

static void core_receive_release(struct core *core, uint16_t packet_id)
{
    (void)packet_id_set_remove(&core->released,
                               packet_id); // PUBCOMP answers an unknown identifier too [MQTT-4.3.3-2]
    core_reply(core, PACKET_PUBCOMP, packet_id);
}

// Input.

static void core_dispatch(struct core *core, const struct packet *packet)
{
    switch (packet->type) {
    case PACKET_PUBLISH:
        core_receive(core, &packet->publish);
        return;
    case PACKET_PUBREL:
        core_receive_release(core, packet->ack.packet_id);
        return;
    case PACKET_PUBACK:
    case PACKET_PUBREC:
    case PACKET_PUBCOMP:
    case PACKET_SUBACK:
    case PACKET_UNSUBACK:
        core_receive_acknowledgement(core, packet);
        return;
    case PACKET_PINGRESP:
        core->ping_waiting = false;
        return;
    default:
        core_break(core, packet_type_name(packet->type), "not for a client, or not at this time");
        return;
    }
}

static void core_handle(struct core *core, const struct frame *frame)
{
    struct packet packet;
    const char *name = packet_type_name(frame_type(frame));
    uint8_t reason = packet_decode(frame, MQTT_VERSION_3_1_1, &packet);
    if (reason != REASON_SUCCESS) {
        core_break(core, name, reason_text(reason));
        return;
    }
    core_show(core, false, name, packet_identifier(&packet), frame->size);
    if (core->state == CORE_OPEN)
        core_dispatch(core, &packet);
    else if (core->state == CORE_OPENING && packet.type == PACKET_CONNACK)
        core_accept(core, &packet.connack);
    else if (core->state == CORE_OPENING)
        core_break(core, name, "before CONNACK"); // [MQTT-3.2.0-1]
    // What crosses our DISCONNECT is not acknowledged, so a continued session brings it again.
}

bool core_wants_input(const struct core *core)
{
    return core->state != CORE_IDLE && !inbox_full(&core->inbox) && core->reply_bytes < CORE_REPLY_BYTES_MAX;
}

static void core_process(struct core *core)
{
    core->stopped = false;
    while (core_wants_input(core)) {
        struct frame frame = {0};
        enum frame_status status =
            frame_read(buffer_bytes(&core->input), core->limits.packet_bytes_max, &frame);
        if (status == FRAME_NEED_MORE)
            return;
        if (status == FRAME_MALFORMED) {
            core_break(core, "frame", reason_text(frame.reason));
            return;
        }
        core_handle(core, &frame);
        buffer_taken(&core->input, frame.size);
    }
    core->stopped = true;
}

// Goes on where input had stopped at a ceiling. The broker's silence counts from now.
static void core_read_on(struct core *core, uint64_t now_ms)
{
    if (!core->stopped || !core_wants_input(core))
        return;
    core->ping_at_ms = now_ms;
    core_process(core);
}

uint8_t *core_input_room(struct core *core, size_t *ret_size)
{
    // A long packet doubles the room as its bytes come; a length field alone makes us allocate nothing.
    uint8_t *room = buffer_reserve(&core->input, CORE_RECEIVE_BYTES);
    if (room == NULL)
        core_starve(core);
    else
        *ret_size = core->input.capacity - core->input.end;
    return room;
}

void core_input_added(struct core *core, size_t size, uint64_t now_ms)
{
    buffer_added(&core->input, size);
    core->ping_at_ms = now_ms; // a broker that sends is alive, even if PINGRESP is behind a long packet
    core_process(core);
}

const struct hbmqtt_message *core_take(struct core *core, uint64_t now_ms)
{
    const struct hbmqtt_message *message = inbox_take(&core->inbox);
    core_read_on(core, now_ms);
    return message;
}

void core_release(struct core *core)
{
    if (core->inbox.taken == NULL)
        return;
    core_acknowledge(core, core->inbox.taken);
    inbox_release(&core->inbox);
}

// Time.

uint64_t core_deadline_ms(const struct core *core)
{
    if (core->state != CORE_OPEN || core->ping_after_ms == 0)
        return CORE_NEVER;
    if (!core->ping_waiting)
        return core->sent_at_ms + core->ping_after_ms;
    // While we do not read, silence says nothing about the broker.
    return core_wants_input(core) ? core->ping_at_ms + core->keepalive_ms : CORE_NEVER;
}

int core_ping(struct core *core, uint64_t now_ms)
{
    if (core->state != CORE_OPEN)
        return core_status(core);
    if (core->ping_waiting)
        return 0;
    struct packet packet = {.type = PACKET_PINGREQ};
    core->ping_waiting = true;
    core->ping_at_ms = now_ms;
    return core_send(core, &packet);
}

void core_tick(struct core *core, uint64_t now_ms)
{
    if (now_ms < core_deadline_ms(core))
        return;
    if (!core->ping_waiting) {
        (void)core_ping(core, now_ms); // a failure is in `ending`
        return;
    }
    struct error ending;
    error_set(&ending, HBMQTT_ERROR_LOST, "connection lost: the broker did not answer PINGREQ within %u s",
              core->keepalive_ms / 1000);
    core_end(core, &ending);
}

// Requests.

bool core_has_room(const struct core *core)
{
    const struct inflight *outgoing = &core->outgoing;
    return buffer_length(&core->output) < core->limits.output_bytes_max &&
           (!inflight_full(outgoing) || outgoing->capacity < INFLIGHT_SLOTS_MAX);
}

bool core_can_publish(const struct core *core, uint8_t qos)
{
    return core_has_room(core) && (qos == 0 || core->publishing < core->limits.inflight_max);
}

// Makes room for one more exchange. Returns 0 or the code of `ending`.
static int core_reserve_exchange(struct core *core)
{
    struct inflight *outgoing = &core->outgoing;
    if (!inflight_full(outgoing))
        return 0;
    uint32_t capacity = outgoing->capacity == 0 ? CORE_EXCHANGES_FIRST : outgoing->capacity * 2;
    struct inflight_slot *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        return core_starve(core);
    struct inflight_slot *former = outgoing->slots;
    inflight_move(outgoing, slots, capacity);
    free(former);
    return 0;
}

static void core_begin(struct core *core, uint8_t wait, uint32_t detail, uint16_t *ret_packet_id)
{
    // No message is kept for sending again: the slot's item stays empty until there is reconnecting.
    uint16_t packet_id = inflight_begin(&core->outgoing, wait, NULL, detail);
    core->watch.packet_id = packet_id;
    core->watch.ended = false;
    *ret_packet_id = packet_id;
}

int core_publish(struct core *core, struct packet_publish *publish)
{
    if (core->state != CORE_OPEN)
        return core_status(core);
    if (!core_can_publish(core, publish->qos))
        return CORE_WAIT;
    publish->packet_id = 0;
    if (publish->qos != 0) {
        int status = core_reserve_exchange(core);
        if (status != 0)
            return status;
        uint8_t wait = publish->qos == 1 ? INFLIGHT_WAIT_PUBACK : INFLIGHT_WAIT_PUBREC;
        core_begin(core, wait, publish->qos, &publish->packet_id);
        core->publishing++;
    }
    struct packet packet = {.type = PACKET_PUBLISH, .publish = *publish};
    return core_send(core, &packet);
}

int core_request(struct core *core, uint8_t packet_type, struct bytes entries, uint32_t count)
{
    assert(count >= 1 && count <= HBMQTT_FILTERS_MAX);
    if (core->state != CORE_OPEN)
        return core_status(core);
    if (!core_has_room(core))
        return CORE_WAIT;
    int status = core_reserve_exchange(core);
    if (status != 0)
        return status;
    struct packet packet = {.type = packet_type, .subscribe = {.entries = entries}};
    uint8_t wait = packet_type == PACKET_SUBSCRIBE ? INFLIGHT_WAIT_SUBACK : INFLIGHT_WAIT_UNSUBACK;
    core_begin(core, wait, count, &packet.subscribe.packet_id);
    return core_send(core, &packet);
}

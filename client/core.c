// SPDX-License-Identifier: MIT
#include "client/core.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CORE_RECEIVE_BYTES 65536u // room offered for one receive, at least

static void core_read_on(struct core *core, uint64_t now_ms);
static void core_tell_all(struct core *core, struct sending **list, const struct error *why);

int core_status(const struct core *core)
{
    if (core->state == CORE_OPEN)
        return 0;
    return core->ending.code != 0 ? core->ending.code : HBMQTT_ERROR_NOT_CONNECTED;
}

// Ending.

static const struct error nothing_wrong;
static const struct error not_connected = {HBMQTT_ERROR_NOT_CONNECTED, "the connection was closed"};

static void core_forget_chunked(struct core *core)
{
    chunked_finish(&core->chunked);
    core->chunk_next = false;
}

void core_end(struct core *core, const struct error *ending)
{
    if (core->state == CORE_IDLE)
        return;
    if (core->state == CORE_OPENING && core->outbound.sent_total != 0)
        core->unanswered = true;
    core->state = CORE_IDLE;
    core->ending = *ending;
    inbox_detach(&core->inbox);
    core_forget_chunked(core);
    outbound_begin(&core->outbound);
    core_tell_all(core, &core->pings, ending);
    struct sending *lost;
    while ((lost = outbound_take_lost(&core->outbound)) != NULL)
        core_tell(core, lost, ending->code == 0 ? &not_connected : ending, (struct bytes){0});
}

void core_tell(struct core *core, struct sending *sending, const struct error *why, struct bytes codes)
{
    struct hbmqtt_result result = {
        .size = sizeof result,
        .error = why->code,
        .text = why->text,
        .reason_codes = codes.data,
        .reason_code_count = codes.length,
    };
    hbmqtt_done done = sending->done;
    void *context = sending->context;
    free(sending);
    if (done != NULL && core->hooks.ended != NULL)
        core->hooks.ended(core->hooks.context, done, context, &result);
}

void core_tell_call(const struct core *core, const struct hbmqtt_call *call)
{
    struct hbmqtt_result result = {.size = sizeof result, .text = ""};
    core->hooks.ended(core->hooks.context, call->done, call->context, &result);
}

static void core_tell_all(struct core *core, struct sending **list, const struct error *why)
{
    struct sending *sending = *list;
    *list = NULL; // a callback may begin a new one
    while (sending != NULL) {
        struct sending *next = sending->next;
        core_tell(core, sending, why, (struct bytes){0});
        sending = next;
    }
}

void core_abandon(struct core *core, const struct error *why, bool kept)
{
    struct sending *sending;
    core->accepting = false;
    while ((sending = outbound_give_up(&core->outbound, !kept)) != NULL)
        core_tell(core, sending, why, (struct bytes){0});
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
    if (core->hooks.trace == NULL)
        return;
    struct hbmqtt_trace trace = {sizeof trace, sent, packet, packet_id, packet_bytes};
    core->hooks.trace(core->hooks.context, &trace);
}

static void core_show_sending(void *context, const struct sending *sending, uint8_t packet_type,
                              uint16_t packet_id, size_t packet_bytes)
{
    core_show(context, true, packet_type_name(packet_type), packet_id, packet_bytes);
}

// Sends again, and what was queued, as far as there is room.
static void core_pump(struct core *core)
{
    if (core->state == CORE_OPEN && outbound_pump(&core->outbound, core_show_sending, core) != 0)
        core_starve(core);
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
    uint8_t *room = outbound_reserve(&core->outbound, size);
    if (room == NULL)
        return core_starve(core);
    struct writer writer = writer_of(room, size);
    packet_encode(packet, MQTT_VERSION_3_1_1, &writer);
    assert(!writer.overflow && writer.at == room + size);
    outbound_added(&core->outbound, size);
    core_show(core, true, packet_type_name(packet->type), packet_identifier(packet), size);
    return 0;
}

// An answer to something that the broker sent, and so counted.
static void core_reply(struct core *core, uint8_t packet_type, uint16_t packet_id)
{
    struct packet packet = {.type = packet_type, .ack = {.packet_id = packet_id}};
    uint64_t total = core->outbound.output_total;
    if (core_send(core, &packet) != 0)
        return;
    core->reply_bytes += (uint32_t)(core->outbound.output_total - total);
    core->reply_end = core->outbound.output_total;
}

struct bytes core_output(struct core *core)
{
    struct bytes bytes = {0};
    if (core->state == CORE_IDLE)
        return bytes;
    int status = outbound_output(&core->outbound, &bytes);
    if (status != 0) {
        struct error ending;
        error_set(&ending, HBMQTT_ERROR_SYSTEM, "a message cannot be %s: %s",
                  core->outbound.streamed == NULL ? "written to the queue file" : "read from its file",
                  status == -ENODATA ? "the file ended early" : strerror(-status));
        // It would fail on every connection.
        struct sending *unreadable = outbound_drop_streamed(&core->outbound);
        core_end(core, &ending);
        if (unreadable != NULL)
            core_tell(core, unreadable, &ending, (struct bytes){0});
    }
    return bytes;
}

bool core_has_output(const struct core *core)
{
    return core->state != CORE_IDLE &&
           (buffer_length(&core->outbound.output) != 0 || core->outbound.streamed != NULL);
}

void core_output_sent(struct core *core, size_t size, uint64_t now_ms)
{
    outbound_sent(&core->outbound, size);
    if (core->outbound.sent_total >= core->reply_end)
        core->reply_bytes = 0;
    if (size != 0)
        core->sent_at_ms = now_ms;
    struct sending *left;
    while ((left = outbound_take_left(&core->outbound)) != NULL)
        core_tell(core, left, &nothing_wrong, (struct bytes){0});
    core_pump(core);
    core_read_on(core, now_ms);
}

// Opening and closing.

void core_init(struct core *core, const struct core_limits *limits)
{
    *core = (struct core){.state = CORE_IDLE, .limits = *limits};
    buffer_init(&core->input);
    outbound_init(&core->outbound, &limits->outbound);
    inbox_init(&core->inbox, limits->inbox_bytes_max);
    subscriptions_init(&core->subscriptions);
    packet_id_set_init(&core->released);
}

void core_finish(struct core *core)
{
    buffer_finish(&core->input);
    core_forget_chunked(core);
    outbound_finish(&core->outbound);
    inbox_finish(&core->inbox);
    subscriptions_finish(&core->subscriptions);
}

int core_open(struct core *core, const struct packet_connect *connect, uint32_t ping_after_ms,
              uint64_t now_ms)
{
    assert(core->state == CORE_IDLE);
    buffer_finish(&core->input);
    outbound_begin(&core->outbound);
    core->reply_end = 0;
    core->reply_bytes = 0;
    core->keepalive_ms = connect->keepalive_s * 1000u;
    core->ping_after_ms = ping_after_ms;
    core->ping_waiting = false;
    core->stopped = false;
    core->sent_at_ms = core->heard_at_ms = now_ms;
    core->clean = connect->clean;
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

// Asks for everything again that the broker had granted in a session that is gone.
static void core_subscribe_again(struct core *core)
{
    struct buffer entries;
    size_t at = 0;
    int count;
    buffer_init(&entries);
    while ((count = subscriptions_put(&core->subscriptions, &at, HBMQTT_FILTERS_MAX, &entries)) > 0) {
        struct sending *sending =
            sending_of_request(PACKET_SUBSCRIBE, buffer_bytes(&entries), (uint32_t)count, NULL);
        if (sending == NULL)
            break;
        sending->own = true;
        if (outbound_take_ahead(&core->outbound, sending) != 0) {
            free(sending);
            break;
        }
        core_show(core, true, packet_type_name(PACKET_SUBSCRIBE), 0, sending->packet_bytes);
        buffer_finish(&entries);
    }
    buffer_finish(&entries);
    if (count != 0)
        core_starve(core);
}

static void core_begin_session(struct core *core)
{
    packet_id_set_init(&core->released);
    inbox_forget_ids(&core->inbox);
    journal_forget(core->outbound.journal);
    core_subscribe_again(core);
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
    if (core->clean && connack->session_present) { // [MQTT-3.2.2-1]
        core_break(core, "CONNACK", "a session that was to be clean is continued");
        return;
    }
    core->session_present = connack->session_present;
    core->state = CORE_OPEN;
    core->doubtful = connack->session_present && core->unanswered;
    core->unanswered = false;
    outbound_resume(&core->outbound, connack->session_present);
    if (!connack->session_present)
        core_begin_session(core);
    else if (core->doubtful)
        core_subscribe_again(core);
    core_pump(core);
}

// Messages that come.

// The message of QoS 2 was given to the program: whatever comes under its identifier until PUBREL is a
// repetition.
static void core_remember(struct core *core, uint16_t packet_id)
{
    packet_id_set_add(&core->released, packet_id);
    journal_come(core->outbound.journal, packet_id);
    (void)journal_flush(core->outbound.journal); // a failure shows before anything leaves
}

// True if a message of QoS 2 is one that the program has had.
static bool core_was_delivered(struct core *core, const struct packet_publish *publish)
{
    bool delivered = packet_id_set_has(&core->released, publish->packet_id);
    if (!delivered || !core->doubtful || publish->dup)
        return delivered;
    (void)packet_id_set_remove(&core->released,
                               publish->packet_id); // no repetition [MQTT-3.3.1-1]: of a new session
    return false;
}

static void core_receive_exactly_once(struct core *core, const struct packet_publish *publish)
{
    if (core_was_delivered(core, publish)) {
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
    core_remember(core, message->packet_id);
    if (can)
        core_reply(core, PACKET_PUBREC, message->packet_id);
}

// Acknowledgements of what we sent.

static void core_end_subscribe(struct core *core, struct sending *sending, struct bytes codes)
{
    if (codes.length != sending->filter_count) {
        free(sending);
        core_break(core, "SUBACK", "not one code for each filter");
        return;
    }
    struct bytes packet = {sending->packet, sending->packet_bytes};
    size_t before = core->subscriptions.count;
    bool own = sending->own;
    if (subscriptions_add(&core->subscriptions, packet, codes) != 0)
        core_starve(core);
    core_tell(core, sending, &nothing_wrong, codes);
    if (own && core->subscriptions.count < before && core->hooks.refused != NULL)
        core->hooks.refused(core->hooks.context, "the broker refused a filter that it had granted before");
}

static void core_end_exchange(struct core *core, const struct packet *packet, struct sending *sending)
{
    static const uint8_t success = 0;
    struct bytes codes = {&success, 1};
    if (packet->type == PACKET_SUBACK) {
        core_end_subscribe(core, sending, packet->suback.codes);
        return;
    }
    if (packet->type == PACKET_UNSUBACK)
        subscriptions_remove(&core->subscriptions, (struct bytes){sending->packet, sending->packet_bytes});
    core_tell(core, sending, &nothing_wrong, codes);
}

static void core_receive_acknowledgement(struct core *core, const struct packet *packet)
{
    uint16_t packet_id = packet_identifier(packet);
    struct sending *sending = NULL;
    enum inflight_result result = outbound_acknowledge(&core->outbound, packet->type, packet_id, &sending);
    if (result == INFLIGHT_ENDED)
        core_end_exchange(core, packet, sending);
    // A PUBREC that nothing waits for is answered all the same, so that the broker can finish an exchange of
    // an earlier connection. PUBRELs leave in the order of the PUBRECs [MQTT-4.6.0-4].
    else if (packet->type == PACKET_PUBREC)
        core_reply(core, PACKET_PUBREL, packet_id);
}

static void core_receive_release(struct core *core, uint16_t packet_id)
{
    // PUBCOMP answers an unknown identifier too [MQTT-4.3.3-2]
    if (packet_id_set_remove(&core->released, packet_id))
        journal_go(core->outbound.journal, packet_id);
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
        core_tell_all(core, &core->pings, &nothing_wrong);
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

// What comes next must not be looked at yet.
static bool core_is_blocked(const struct core *core)
{
    const struct inbox *inbox = &core->inbox;
    return inbox_full(inbox) || core->reply_bytes >= CORE_REPLY_BYTES_MAX ||
           (core->chunk_next && (inbox->count != 0 || inbox->taken != NULL));
}

bool core_wants_input(const struct core *core)
{
    return core->state != CORE_IDLE && !core_is_blocked(core);
}

static void core_end_chunked(struct core *core)
{
    uint8_t qos = core->chunked.message.qos;
    uint16_t packet_id = core->chunked.packet_id;
    bool unwanted = core->chunked.unwanted;
    core_forget_chunked(core);
    if (core->state != CORE_OPEN || qos == 0)
        return;
    if (qos == 2 && !unwanted)
        core_remember(core, packet_id);
    core_reply(core, qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, packet_id);
}

// Gives away what is there of the message.
static void core_chunk_on(struct core *core)
{
    struct chunked *chunked = &core->chunked;
    struct bytes bytes = buffer_bytes(&core->input);
    uint64_t left = chunked->message.payload_length - chunked->offset;
    if (bytes.length > left)
        bytes.length = (size_t)left;
    uint64_t offset = chunked->offset;
    chunked->offset += bytes.length;
    if (!chunked->unwanted && core->hooks.chunk != NULL)
        core->hooks.chunk(core->hooks.context, &chunked->message, offset, bytes);
    buffer_taken(&core->input, bytes.length);
    if (chunked->topic != NULL && chunked->offset == chunked->message.payload_length)
        core_end_chunked(core);
}

// Acts on one packet, or a piece of one. False: there is none, or it has to wait.
static bool core_process_one(struct core *core)
{
    struct packet_publish publish;
    struct frame frame = {0};
    if (core->chunked.topic != NULL) {
        if (buffer_length(&core->input) == 0)
            return false;
        core_chunk_on(core);
        return true;
    }
    enum frame_status status = frame_read(buffer_bytes(&core->input), core->limits.packet_bytes_max, &frame);
    if (status == FRAME_MALFORMED) {
        core_break(core, "frame", reason_text(frame.reason));
        return false;
    }
    size_t head = core->state != CORE_OPEN ? 0
                                           : chunked_find(buffer_bytes(&core->input), &frame,
                                                          core->limits.chunk_bytes_min, &publish);
    if (head != 0) {
        core->chunk_next = true;
        if (core_is_blocked(core))
            return false;
        core_show(core, false, packet_type_name(PACKET_PUBLISH), publish.packet_id, frame.size);
        core->chunk_next = false;
        if (chunked_begin(&core->chunked, &publish) != 0) {
            core_starve(core);
            return false;
        }
        core->chunked.unwanted = publish.qos == 2 && core_was_delivered(core, &publish);
        buffer_taken(&core->input, head);
        return true;
    }
    if (status == FRAME_NEED_MORE)
        return false;
    core_handle(core, &frame);
    buffer_taken(&core->input, frame.size);
    return true;
}

static void core_process(struct core *core)
{
    core->stopped = false;
    while (core_wants_input(core) && core_process_one(core))
        ;
    core->stopped = !core_wants_input(core);
    core_pump(core);
}

// Goes on where input had stopped at a ceiling. The broker's silence counts from now.
static void core_read_on(struct core *core, uint64_t now_ms)
{
    if (!core->stopped || !core_wants_input(core))
        return;
    core->heard_at_ms = now_ms;
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
    core->heard_at_ms = now_ms; // a broker that sends is alive, even if PINGRESP is behind a long packet
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

// Silence of the broker's after which it is asked for a sign of life, so that its answer is due when the
// period is over.
static uint64_t core_ask_at_ms(const struct core *core)
{
    uint64_t ours = core->sent_at_ms + core->ping_after_ms;
    uint64_t theirs = core->heard_at_ms + core->keepalive_ms / 2;
    return ours < theirs || core_is_blocked(core) ? ours : theirs;
}

uint64_t core_deadline_ms(const struct core *core)
{
    if (core->state != CORE_OPEN || core->ping_after_ms == 0)
        return CORE_NEVER;
    if (!core->ping_waiting)
        return core_ask_at_ms(core);
    // While we do not read, silence says nothing about the broker.
    if (core_is_blocked(core))
        return CORE_NEVER;
    uint64_t alive_at_ms = core->heard_at_ms;
    if (core->outbound.sent_total < core->ping_end && core->sent_at_ms > alive_at_ms)
        alive_at_ms = core->sent_at_ms; // it still takes what lies before PINGREQ
    uint64_t earliest_ms = core->ping_at_ms + core->keepalive_ms / 2;
    uint64_t silent_ms = alive_at_ms + core->keepalive_ms;
    return silent_ms > earliest_ms ? silent_ms : earliest_ms;
}

int core_ping(struct core *core, const struct hbmqtt_call *call, uint64_t now_ms)
{
    if (core->state != CORE_OPEN)
        return core_status(core);
    if (call != NULL && call->done != NULL) {
        struct sending *sending = sending_of_call(PACKET_PINGREQ, call);
        if (sending == NULL)
            return core_starve(core);
        sending->next = core->pings;
        core->pings = sending;
    }
    if (core->ping_waiting)
        return 0;
    struct packet packet = {.type = PACKET_PINGREQ};
    core->ping_waiting = true;
    core->ping_at_ms = now_ms;
    int status = core_send(core, &packet);
    core->ping_end = core->outbound.output_total;
    return status;
}

void core_tick(struct core *core, uint64_t now_ms)
{
    if (now_ms < core_deadline_ms(core))
        return;
    if (!core->ping_waiting) {
        (void)core_ping(core, NULL, now_ms); // a failure is in `ending`
        return;
    }
    struct error ending;
    error_set(&ending, HBMQTT_ERROR_LOST, "connection lost: the broker did not answer PINGREQ within %u s",
              core->keepalive_ms / 1000);
    core_end(core, &ending);
}

// Requests.

bool core_can_publish(const struct core *core, uint8_t qos)
{
    return core->state == CORE_OPEN && outbound_can_publish(&core->outbound, qos);
}

bool core_has_room(const struct core *core)
{
    return core->outbound.held_bytes < core->outbound.limits.held_bytes_max;
}

// Returns 0 if something can be taken now.
static int core_admit(const struct core *core)
{
    if (core->state != CORE_OPEN && !core->accepting)
        return core->state == CORE_CLOSING ? HBMQTT_ERROR_NOT_CONNECTED : core_status(core);
    return core_has_room(core) ? 0 : CORE_WAIT;
}

int core_take_sending(struct core *core, struct sending *sending, uint16_t *ret_packet_id)
{
    int status = core_admit(core);
    if (status != 0)
        return status;
    bool open = core->state == CORE_OPEN;
    uint8_t type = sending->type;
    size_t size = sending->packet_bytes + sending->payload_bytes;
    uint64_t total = core->outbound.output_total;
    if (outbound_take(&core->outbound, sending, open, ret_packet_id) != 0)
        return core_starve(core);
    if (core->outbound.output_total != total)
        core_show(core, true, packet_type_name(type), *ret_packet_id, size);
    return 0;
}

static int core_take_or_free(struct core *core, struct sending *sending, uint16_t *ret_packet_id)
{
    if (sending == NULL)
        return HBMQTT_ERROR_SYSTEM;
    int status = core_take_sending(core, sending, ret_packet_id);
    if (status != 0)
        free(sending);
    return status;
}

int core_publish(struct core *core, struct packet_publish *publish, const struct hbmqtt_call *call)
{
    publish->packet_id = 0;
    bool told = call != NULL && call->done != NULL;
    // What nobody waits for and nobody keeps goes straight into the output.
    if (publish->qos == 0 && !told && core_can_publish(core, 0)) {
        struct packet packet = {.type = PACKET_PUBLISH, .publish = *publish};
        return core_send(core, &packet);
    }
    int status = core_admit(core);
    if (status != 0)
        return status;
    return core_take_or_free(core, sending_of_publish(publish, call), &publish->packet_id);
}

int core_request(struct core *core, uint8_t packet_type, struct bytes entries, uint32_t count,
                 const struct hbmqtt_call *call)
{
    assert(count >= 1 && count <= HBMQTT_FILTERS_MAX);
    uint16_t packet_id = 0;
    int status = core_admit(core);
    if (status != 0)
        return status;
    return core_take_or_free(core, sending_of_request(packet_type, entries, count, call), &packet_id);
}

void core_drop_oldest(struct core *core, const struct error *why)
{
    struct sending *sending;
    while (!core_has_room(core) && (sending = outbound_drop_oldest(&core->outbound)) != NULL)
        core_tell(core, sending, why, (struct bytes){0});
}

void core_hand_over(struct core *core, const void *context, const struct hbmqtt_call *call)
{
    outbound_hand_over(&core->outbound, context, call);
    for (struct sending *at = core->pings; at != NULL; at = at->next)
        if (at->context == context)
            sending_set_call(at, call);
}

// SPDX-License-Identifier: MIT
#include "client/test/model_broker.h"

#include <string.h>

#define WINDOW 20 // messages on their way to the client

void model_broker_init(struct model_broker *broker, size_t number)
{
    memset(broker, 0, sizeof *broker);
    broker->outgoing_count = number;
    for (size_t i = 0; i < number; i++)
        broker->outgoing[i].qos = (uint8_t)(1 + i % 2);
    broker->next_id = 1;
}

static void fault(struct model_broker *broker, const char *what)
{
    if (broker->faults++ == 0)
        broker->fault = what;
}

static void put(struct model_broker *broker, const uint8_t *bytes, size_t size)
{
    if (broker->output_size + size > MODEL_BYTES) {
        fault(broker, "the client does not read");
        return;
    }
    memcpy(broker->output + broker->output_size, bytes, size);
    broker->output_size += size;
}

static void put_ack(struct model_broker *broker, uint8_t first, uint16_t id)
{
    const uint8_t packet[] = {first, 2, (uint8_t)(id >> 8), (uint8_t)id};
    put(broker, packet, sizeof packet);
}

static void put_publish(struct model_broker *broker, size_t number, bool dup)
{
    const struct model_outgoing *one = &broker->outgoing[number];
    const uint8_t packet[] = {(uint8_t)(0x30 | one->qos << 1 | (dup ? 8 : 0)),
                              7,
                              0,
                              1,
                              'd',
                              (uint8_t)(one->id >> 8),
                              (uint8_t)one->id,
                              'A',
                              (uint8_t)number};
    put(broker, packet, sizeof packet);
}

static void send_more(struct model_broker *broker)
{
    size_t open = 0;
    for (size_t i = 0; i < broker->outgoing_next; i++)
        open += !broker->outgoing[i].done;
    while (broker->connected && broker->subscribed && open < WINDOW &&
           broker->outgoing_next < broker->outgoing_count) {
        struct model_outgoing *one = &broker->outgoing[broker->outgoing_next];
        one->id = broker->next_id++;
        put_publish(broker, broker->outgoing_next++, false);
        open++;
    }
}

static void send_again(struct model_broker *broker)
{
    for (size_t i = 0; i < broker->outgoing_next; i++) {
        const struct model_outgoing *one = &broker->outgoing[i];
        if (one->done)
            continue;
        if (one->released)
            put_ack(broker, 0x62, one->id);
        else
            put_publish(broker, i, true);
    }
}

static void log_message(struct model_broker *broker, uint8_t qos, uint8_t number)
{
    struct model_log *log = &broker->came[qos];
    if (log->count < sizeof log->number)
        log->number[log->count++] = number;
}

void model_broker_forget(struct model_broker *broker)
{
    broker->exists = false;
    broker->subscribed = false;
    memset(broker->known, 0, sizeof broker->known);
    // What was on its way is lost with the session; what was not sent yet will be, to whoever subscribes.
    for (size_t i = 0; i < broker->outgoing_next; i++)
        broker->outgoing[i].done = true;
}

static void receive_connect(struct model_broker *broker, const uint8_t *body)
{
    bool clean = (body[7] & 2) != 0;
    if (broker->connected)
        fault(broker, "a second CONNECT");
    if (clean)
        model_broker_forget(broker);
    broker->forgets = clean;
    const uint8_t connack[] = {0x20, 2, broker->exists, 0};
    put(broker, connack, sizeof connack);
    broker->connected = true;
    broker->exists = true;
    send_again(broker);
    send_more(broker);
}

static void receive_publish(struct model_broker *broker, uint8_t first, const uint8_t *body, size_t size)
{
    uint8_t qos = first >> 1 & 3;
    size_t topic = (size_t)body[0] << 8 | body[1];
    const uint8_t *rest = body + 2 + topic;
    uint16_t id = qos == 0 ? 0 : (uint16_t)(rest[0] << 8 | rest[1]);
    uint8_t number = rest[(qos == 0 ? 0 : 2) + 1];
    if (size != 2 + topic + (qos == 0 ? 0u : 2u) + 2)
        fault(broker, "a PUBLISH of another size");
    if (qos == 0) {
        log_message(broker, 0, number);
    } else if (qos == 1) {
        log_message(broker, 1, number);
        put_ack(broker, 0x40, id);
    } else {
        if (broker->known[id] && (first & 8) == 0)
            fault(broker, "a repetition without DUP");
        if (broker->known[id] && broker->held[id] != number)
            fault(broker, "another message under an identifier that is in use");
        if (!broker->known[id] && !broker->late)
            log_message(broker, 2, number);
        broker->known[id] = true;
        broker->held[id] = number;
        put_ack(broker, 0x50, id);
    }
}

static void receive_acknowledgement(struct model_broker *broker, uint8_t type, uint16_t id)
{
    for (size_t i = 0; i < broker->outgoing_next; i++) {
        struct model_outgoing *one = &broker->outgoing[i];
        if (one->id != id || one->done)
            continue;
        if (type == 5) {
            one->released = true;
            put_ack(broker, 0x62, id);
        } else {
            if ((type == 4) != (one->qos == 1) || (type == 7 && !one->released))
                fault(broker, "an acknowledgement of another kind");
            one->done = true;
        }
        return;
    }
    if (type == 5)
        put_ack(broker, 0x62, id);
}

static void receive_release(struct model_broker *broker, uint16_t id)
{
    if (broker->known[id] && broker->late)
        log_message(broker, 2, broker->held[id]);
    broker->known[id] = false;
    put_ack(broker, 0x70, id);
}

static void receive_subscribe(struct model_broker *broker, const uint8_t *body)
{
    const uint8_t suback[] = {0x90, 3, body[0], body[1], 2};
    put(broker, suback, sizeof suback);
    broker->subscribed = true;
    broker->subscribes++;
}

static void receive_packet(struct model_broker *broker, const uint8_t *packet, size_t head, size_t size)
{
    const uint8_t *body = packet + head;
    uint8_t type = packet[0] >> 4;
    uint16_t id = size >= 2 ? (uint16_t)(body[0] << 8 | body[1]) : 0;
    static const uint8_t ping[] = {0xd0, 0};
    if ((type == 1) == broker->connected)
        fault(broker, "CONNECT is not the first packet, and only that");
    else if (type == 1)
        receive_connect(broker, body);
    else if (type == 3)
        receive_publish(broker, packet[0], body, size);
    else if (type == 4 || type == 5 || type == 7)
        receive_acknowledgement(broker, type, id);
    else if (type == 6)
        receive_release(broker, id);
    else if (type == 8)
        receive_subscribe(broker, body);
    else if (type == 12)
        put(broker, ping, sizeof ping);
    else if (type != 14)
        fault(broker, "a packet that no client sends");
    send_more(broker);
}

// Returns the size of the first packet, with its head in *ret_head; 0 when it is not whole.
static size_t split(const struct model_broker *broker, size_t *ret_head)
{
    size_t length = 0;
    for (size_t i = 1; i < broker->input_size && i <= 4; i++) {
        length |= (size_t)(broker->input[i] & 0x7f) << 7 * (i - 1);
        if ((broker->input[i] & 0x80) != 0)
            continue;
        *ret_head = i + 1;
        return broker->input_size >= i + 1 + length ? i + 1 + length : 0;
    }
    return 0;
}

void model_broker_receive(struct model_broker *broker, const uint8_t *bytes, size_t size)
{
    size_t head = 0;
    size_t packet;
    if (broker->input_size + size > MODEL_BYTES) {
        fault(broker, "a packet that is too long");
        return;
    }
    memcpy(broker->input + broker->input_size, bytes, size);
    broker->input_size += size;
    while ((packet = split(broker, &head)) != 0) {
        receive_packet(broker, broker->input, head, packet - head);
        broker->input_size -= packet;
        memmove(broker->input, broker->input + packet, broker->input_size);
    }
}

size_t model_broker_send(struct model_broker *broker, uint8_t *bytes, size_t size)
{
    if (size > broker->output_size)
        size = broker->output_size;
    memcpy(bytes, broker->output, size);
    broker->output_size -= size;
    memmove(broker->output, broker->output + size, broker->output_size);
    return size;
}

void model_broker_cut(struct model_broker *broker)
{
    broker->connected = false;
    broker->input_size = 0;
    broker->output_size = 0;
    if (broker->forgets)
        model_broker_forget(broker);
}

bool model_broker_is_done(const struct model_broker *broker)
{
    if (broker->outgoing_next < broker->outgoing_count)
        return false;
    for (size_t i = 0; i < broker->outgoing_count; i++)
        if (!broker->outgoing[i].done)
            return false;
    return true;
}

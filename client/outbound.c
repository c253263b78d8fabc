// SPDX-License-Identifier: MIT
#include "client/outbound.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define EXCHANGES_FIRST 64u    // slots of the window when it first grows
#define STREAM_BYTES    65536u // read from a file at a time

static void list_append(struct sending_list *list, struct sending *sending)
{
    sending->next = NULL;
    if (list->last == NULL)
        list->first = sending;
    else
        list->last->next = sending;
    list->last = sending;
}

static struct sending *list_take(struct sending_list *list)
{
    struct sending *sending = list->first;
    if (sending == NULL)
        return NULL;
    list->first = sending->next;
    if (list->first == NULL)
        list->last = NULL;
    return sending;
}

static void list_finish(struct sending_list *list)
{
    struct sending *sending;
    while ((sending = list_take(list)) != NULL)
        free(sending);
}

static bool is_counted(const struct sending *sending)
{
    return sending_is_publish(sending) && sending->qos != 0;
}

static struct bytes packet_of(const struct sending *sending)
{
    return (struct bytes){sending->packet, sending->packet_bytes};
}

void outbound_init(struct outbound *outbound, const struct outbound_limits *limits)
{
    *outbound = (struct outbound){.limits = *limits};
    buffer_init(&outbound->output);
    buffer_init(&outbound->behind);
    inflight_init(&outbound->window);
}

static struct sending **exchange_of(struct outbound *outbound, uint16_t packet_id)
{
    return &outbound->exchanges[packet_id & (outbound->window.capacity - 1)];
}

static void drop_exchanges(struct outbound *outbound)
{
    uint16_t packet_id = 0;
    while (inflight_next(&outbound->window, &packet_id) != NULL)
        free(*exchange_of(outbound, packet_id));
    free(outbound->exchanges);
    free(outbound->window.slots);
}

void outbound_finish(struct outbound *outbound)
{
    drop_exchanges(outbound);
    list_finish(&outbound->leaving);
    list_finish(&outbound->queue);
    buffer_finish(&outbound->output);
    buffer_finish(&outbound->behind);
}

// Output.

void outbound_begin(struct outbound *outbound)
{
    buffer_finish(&outbound->output);
    buffer_finish(&outbound->behind);
    if (outbound->streamed != NULL && outbound->streamed->qos == 0)
        list_append(&outbound->leaving, outbound->streamed); // to be given up with the rest of what was lost
    outbound->streamed = NULL;
    outbound->output_total = outbound->sent_total = 0;
    outbound->round++;
    outbound->resuming = false;
}

// Puts what was under way in front of the queue: to a broker that knows nothing of it, it is new.
static void start_over(struct outbound *outbound)
{
    struct sending_list list = {NULL, NULL};
    struct inflight *window = &outbound->window;
    uint16_t packet_id = 0;
    while (inflight_next(window, &packet_id) != NULL) {
        struct sending *sending = *exchange_of(outbound, packet_id);
        *exchange_of(outbound, packet_id) = NULL;
        outbound->queued += is_counted(sending);
        if (sending_is_publish(sending))
            sending_set_dup(sending, false); // [MQTT-3.3.1-1]
        list_append(&list, sending);
    }
    if (list.first == NULL)
        return;
    list.last->next = outbound->queue.first;
    outbound->queue.first = list.first;
    if (outbound->queue.last == NULL)
        outbound->queue.last = list.last;
    outbound->publishing = 0;
    memset(window->slots, 0, window->capacity * sizeof *window->slots);
    window->count = 0;
    window->first = window->next;
}

void outbound_resume(struct outbound *outbound, bool session_present)
{
    if (!session_present)
        start_over(outbound);
    outbound->resuming = outbound->window.count != 0;
    outbound->resumed_id = 0;
}

uint8_t *outbound_reserve(struct outbound *outbound, size_t size)
{
    return buffer_reserve(outbound->streamed == NULL ? &outbound->output : &outbound->behind, size);
}

void outbound_added(struct outbound *outbound, size_t size)
{
    buffer_added(outbound->streamed == NULL ? &outbound->output : &outbound->behind, size);
    outbound->output_total += size;
}

static int append_packet(struct outbound *outbound, struct sending *sending)
{
    uint8_t *room = outbound_reserve(outbound, sending->packet_bytes);
    if (room == NULL)
        return -ENOMEM;
    memcpy(room, sending->packet, sending->packet_bytes);
    outbound_added(outbound, sending->packet_bytes);
    sending->round = outbound->round;
    if (sending->file >= 0) {
        outbound->streamed = sending;
        outbound->streamed_bytes = 0;
        outbound->output_total += sending->payload_bytes;
    }
    return 0;
}

// Reads the next piece of the message whose payload is in a file.
static int stream_on(struct outbound *outbound)
{
    struct sending *sending = outbound->streamed;
    uint64_t left = sending->payload_bytes - outbound->streamed_bytes;
    size_t size = left < STREAM_BYTES ? (size_t)left : STREAM_BYTES;
    uint8_t *room = buffer_reserve(&outbound->output, size);
    if (room == NULL)
        return -ENOMEM;
    ssize_t count =
        pread(sending->file, room, size, (off_t)(sending->file_offset + outbound->streamed_bytes));
    if (count < 0 && errno == ESPIPE)
        count = read(sending->file, room, size); // a pipe: only QoS 0 was let in
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    if (count == 0 && size != 0)
        return -ENODATA;
    buffer_added(&outbound->output, (size_t)count);
    outbound->streamed_bytes += (uint64_t)count;
    return 0;
}

static int stream_end(struct outbound *outbound)
{
    struct bytes behind = buffer_bytes(&outbound->behind);
    struct sending *sending = outbound->streamed;
    outbound->streamed = NULL;
    if (sending->qos == 0)
        list_append(&outbound->leaving, sending);
    if (behind.length == 0)
        return 0;
    uint8_t *room = buffer_reserve(&outbound->output, behind.length);
    if (room == NULL)
        return -ENOMEM;
    memcpy(room, behind.data, behind.length);
    buffer_added(&outbound->output, behind.length);
    buffer_finish(&outbound->behind);
    return 0;
}

int outbound_output(struct outbound *outbound, struct bytes *ret_bytes)
{
    int status = journal_settle(outbound->journal);
    if (status == 0 && outbound->streamed != NULL && buffer_length(&outbound->output) == 0)
        status = stream_on(outbound);
    if (status == 0 && outbound->streamed != NULL &&
        outbound->streamed_bytes == outbound->streamed->payload_bytes)
        status = stream_end(outbound);
    if (status == 0)
        *ret_bytes = buffer_bytes(&outbound->output);
    return status;
}

void outbound_sent(struct outbound *outbound, size_t size)
{
    buffer_taken(&outbound->output, size);
    outbound->sent_total += size;
}

struct sending *outbound_take_left(struct outbound *outbound)
{
    struct sending *first = outbound->leaving.first;
    if (first == NULL || first->sent_end > outbound->sent_total)
        return NULL;
    return list_take(&outbound->leaving);
}

// Beginning.

bool outbound_has_room(const struct outbound *outbound)
{
    const struct inflight *window = &outbound->window;
    return outbound->streamed == NULL &&
           buffer_length(&outbound->output) < outbound->limits.output_bytes_max &&
           (!inflight_full(window) || window->capacity < INFLIGHT_SLOTS_MAX);
}

static bool window_has_room(const struct outbound *outbound, const struct sending *sending)
{
    return outbound_has_room(outbound) &&
           (!is_counted(sending) || outbound->publishing < outbound->limits.inflight_max);
}

bool outbound_can_publish(const struct outbound *outbound, uint8_t qos)
{
    return outbound_has_room(outbound) && !outbound->resuming && outbound->queue.first == NULL &&
           (qos == 0 || (outbound->publishing < outbound->limits.inflight_max &&
                         outbound->held_bytes < outbound->limits.held_bytes_max));
}

// Makes room for one more exchange.
static int grow_window(struct outbound *outbound)
{
    struct inflight *window = &outbound->window;
    if (!inflight_full(window))
        return 0;
    uint32_t capacity = window->capacity == 0 ? EXCHANGES_FIRST : window->capacity * 2;
    struct inflight_slot *slots = calloc(capacity, sizeof *slots);
    struct sending **exchanges = calloc(capacity, sizeof *exchanges);
    if (slots == NULL || exchanges == NULL) {
        free(slots);
        free(exchanges);
        return -ENOMEM;
    }
    uint16_t packet_id = 0;
    while (inflight_next(window, &packet_id) != NULL)
        exchanges[packet_id & (capacity - 1)] = *exchange_of(outbound, packet_id);
    free(outbound->exchanges);
    outbound->exchanges = exchanges;
    struct inflight_slot *former = window->slots;
    inflight_move(window, slots, capacity);
    free(former);
    return 0;
}

static uint8_t wait_of(const struct sending *sending)
{
    switch (sending->type) {
    case PACKET_SUBSCRIBE:
        return INFLIGHT_WAIT_SUBACK;
    case PACKET_UNSUBSCRIBE:
        return INFLIGHT_WAIT_UNSUBACK;
    default:
        return sending->qos == 1 ? INFLIGHT_WAIT_PUBACK : INFLIGHT_WAIT_PUBREC;
    }
}

// Gives it an identifier of the window, which has room.
static uint16_t open_exchange(struct outbound *outbound, struct sending *sending)
{
    uint16_t packet_id = inflight_begin(&outbound->window, wait_of(sending), NULL, sending->filter_count);
    *exchange_of(outbound, packet_id) = sending;
    outbound->publishing += is_counted(sending);
    sending_set_id(sending, packet_id);
    journal_send(outbound->journal, sending->serial, packet_id);
    return packet_id;
}

// Sends it for the first time. It is in no list.
static int begin(struct outbound *outbound, struct sending *sending, uint16_t *ret_packet_id)
{
    bool exchange = sending->id_offset != 0;
    *ret_packet_id = 0;
    if (exchange && grow_window(outbound) != 0)
        return -ENOMEM;
    // The room comes first, so that nothing has changed when there is none.
    if (outbound_reserve(outbound, sending->packet_bytes) == NULL)
        return -ENOMEM;
    if (exchange)
        *ret_packet_id = open_exchange(outbound, sending);
    (void)append_packet(outbound, sending); // there is room
    if (exchange)
        return 0;
    outbound->held_bytes -= sending_held_bytes(sending);
    sending->sent_end = outbound->output_total;
    if (outbound->streamed != sending)
        list_append(&outbound->leaving, sending);
    return 0;
}

static void enqueue(struct outbound *outbound, struct sending *sending)
{
    list_append(&outbound->queue, sending);
    outbound->queued += is_counted(sending);
}

int outbound_take(struct outbound *outbound, struct sending *sending, bool open, uint16_t *ret_packet_id)
{
    bool at_once =
        open && !outbound->resuming && outbound->queue.first == NULL && window_has_room(outbound, sending);
    *ret_packet_id = 0;
    if (is_counted(sending) && sending->serial == 0 && sending->file < 0)
        sending->serial = journal_take(outbound->journal, packet_of(sending));
    outbound->held_bytes += sending_held_bytes(sending);
    if (!at_once) {
        enqueue(outbound, sending);
        return 0;
    }
    int status = begin(outbound, sending, ret_packet_id);
    if (status == 0)
        return 0;
    outbound->held_bytes -= sending_held_bytes(sending);
    journal_end(outbound->journal, sending->serial, packet_of(sending));
    return status;
}

int outbound_take_ahead(struct outbound *outbound, struct sending *sending)
{
    uint16_t packet_id = 0;
    if (inflight_full(&outbound->window) && outbound->window.capacity == INFLIGHT_SLOTS_MAX)
        return -ENOMEM;
    outbound->held_bytes += sending_held_bytes(sending);
    int status = begin(outbound, sending, &packet_id);
    if (status != 0)
        outbound->held_bytes -= sending_held_bytes(sending);
    return status;
}

// Leaves holes up to `packet_id`, which is then the next one.
static int skip_to(struct outbound *outbound, uint16_t packet_id)
{
    struct inflight *window = &outbound->window;
    if (window->count == 0) {
        window->first = window->next = packet_id;
        return 0;
    }
    while (window->next != packet_id) {
        struct inflight_slot slot;
        if (window->capacity == INFLIGHT_SLOTS_MAX && inflight_full(window))
            return -ENOMEM;
        if (grow_window(outbound) != 0)
            return -ENOMEM;
        uint16_t hole = inflight_begin(window, INFLIGHT_WAIT_PUBACK, NULL, 0);
        (void)inflight_acknowledge(window, PACKET_PUBACK, hole, false, &slot);
    }
    return 0;
}

int outbound_restore(struct outbound *outbound, struct sending *sending, uint16_t packet_id, bool released)
{
    if (packet_id == 0) {
        outbound->held_bytes += sending_held_bytes(sending);
        enqueue(outbound, sending);
        return 0;
    }
    if (skip_to(outbound, packet_id) != 0 || grow_window(outbound) != 0)
        return -ENOMEM;
    struct inflight_slot slot;
    uint64_t serial = sending->serial;
    outbound->held_bytes += sending_held_bytes(sending);
    sending->serial = 0; // what it was given is written down already
    (void)open_exchange(outbound, sending);
    sending->serial = serial;
    if (released && sending->qos == 2)
        (void)inflight_acknowledge(&outbound->window, PACKET_PUBREC, packet_id, false, &slot);
    return 0;
}

// Sending again.

static int resend(struct outbound *outbound, struct sending *sending, uint8_t wait, uint16_t packet_id,
                  outbound_show show, void *context)
{
    if (wait == INFLIGHT_WAIT_PUBCOMP) {
        uint8_t *room = outbound_reserve(outbound, ACK_SHORT_BYTES);
        if (room == NULL)
            return -ENOMEM;
        ack_encode_short(PACKET_PUBREL, packet_id, room);
        outbound_added(outbound, ACK_SHORT_BYTES);
        sending->round = outbound->round;
        if (show != NULL)
            show(context, sending, PACKET_PUBREL, packet_id, ACK_SHORT_BYTES);
        return 0;
    }
    if (sending_is_publish(sending))
        sending_set_dup(sending, true); // [MQTT-3.3.1-1]
    int status = append_packet(outbound, sending);
    if (status == 0 && show != NULL)
        show(context, sending, sending->type, packet_id, sending->packet_bytes + sending->payload_bytes);
    return status;
}

static int resume(struct outbound *outbound, outbound_show show, void *context)
{
    int status = 0;
    while (status == 0 && outbound->streamed == NULL &&
           buffer_length(&outbound->output) < outbound->limits.output_bytes_max) {
        uint16_t packet_id = outbound->resumed_id;
        struct inflight_slot *slot = inflight_next(&outbound->window, &packet_id);
        struct sending *sending = slot == NULL ? NULL : *exchange_of(outbound, packet_id);
        if (sending == NULL) {
            outbound->resuming = false;
            return 0;
        }
        outbound->resumed_id = packet_id;
        if (sending->round != outbound->round)
            status = resend(outbound, sending, slot->wait, packet_id, show, context);
    }
    return status;
}

static void put_back(struct outbound *outbound, struct sending *sending)
{
    sending->next = outbound->queue.first;
    outbound->queue.first = sending;
    if (outbound->queue.last == NULL)
        outbound->queue.last = sending;
    outbound->queued += is_counted(sending);
}

int outbound_pump(struct outbound *outbound, outbound_show show, void *context)
{
    int status = outbound->resuming ? resume(outbound, show, context) : 0;
    while (status == 0 && !outbound->resuming && outbound->queue.first != NULL &&
           window_has_room(outbound, outbound->queue.first)) {
        struct sending *sending = list_take(&outbound->queue);
        uint16_t packet_id = 0;
        outbound->queued -= is_counted(sending);
        status = begin(outbound, sending, &packet_id);
        if (status != 0)
            put_back(outbound, sending);
        else if (show != NULL)
            show(context, sending, sending->type, packet_id, sending->packet_bytes + sending->payload_bytes);
    }
    return status;
}

// Acknowledgements.

enum inflight_result outbound_acknowledge(struct outbound *outbound, uint8_t packet_type, uint16_t packet_id,
                                          struct sending **ret_sending)
{
    struct inflight_slot slot = {0};
    *ret_sending = NULL;
    // The window may have moved on when this has returned; where the exchange stood does not.
    struct sending **at = outbound->window.capacity == 0 ? NULL : exchange_of(outbound, packet_id);
    enum inflight_result result =
        inflight_acknowledge(&outbound->window, packet_type, packet_id, false, &slot);
    if (result == INFLIGHT_UNKNOWN)
        return result;
    struct sending *sending = *at;
    *ret_sending = sending;
    if (result == INFLIGHT_RELEASE)
        journal_release(outbound->journal, sending->serial);
    if (result != INFLIGHT_ENDED)
        return result;
    *at = NULL;
    outbound->publishing -= is_counted(sending);
    outbound->held_bytes -= sending_held_bytes(sending);
    journal_end(outbound->journal, sending->serial, packet_of(sending));
    return result;
}

// Giving up.

// Ends the exchange without its answer.
static struct sending *abandon(struct outbound *outbound, uint16_t packet_id, uint8_t wait)
{
    static const uint8_t answers[] = {
        [INFLIGHT_WAIT_PUBACK] = PACKET_PUBACK,     [INFLIGHT_WAIT_PUBREC] = PACKET_PUBREC,
        [INFLIGHT_WAIT_PUBCOMP] = PACKET_PUBCOMP,   [INFLIGHT_WAIT_SUBACK] = PACKET_SUBACK,
        [INFLIGHT_WAIT_UNSUBACK] = PACKET_UNSUBACK,
    };
    struct inflight_slot slot;
    struct sending **at = exchange_of(outbound, packet_id);
    struct sending *sending = *at;
    *at = NULL;
    (void)inflight_acknowledge(&outbound->window, answers[wait], packet_id, true, &slot);
    outbound->publishing -= is_counted(sending);
    outbound->held_bytes -= sending_held_bytes(sending);
    journal_end(outbound->journal, sending->serial, packet_of(sending));
    if (outbound->streamed == sending)
        outbound->streamed = NULL;
    return sending;
}

static struct sending *unqueue(struct outbound *outbound, struct sending **link, struct sending *before)
{
    struct sending *sending = *link;
    *link = sending->next;
    if (outbound->queue.last == sending)
        outbound->queue.last = before;
    outbound->queued -= is_counted(sending);
    outbound->held_bytes -= sending_held_bytes(sending);
    journal_end(outbound->journal, sending->serial, packet_of(sending));
    return sending;
}

struct sending *outbound_give_up(struct outbound *outbound, bool all)
{
    uint16_t packet_id = 0;
    struct inflight_slot *slot;
    while ((slot = inflight_next(&outbound->window, &packet_id)) != NULL)
        if (all || !sending_is_publish(*exchange_of(outbound, packet_id)))
            return abandon(outbound, packet_id, slot->wait);
    struct sending *before = NULL;
    for (struct sending **link = &outbound->queue.first; *link != NULL; link = &(*link)->next) {
        if (all || !is_counted(*link))
            return unqueue(outbound, link, before);
        before = *link;
    }
    return NULL;
}

struct sending *outbound_take_lost(struct outbound *outbound)
{
    return list_take(&outbound->leaving);
}

struct sending *outbound_drop_streamed(struct outbound *outbound)
{
    struct sending *sending = outbound->streamed;
    outbound->streamed = NULL;
    if (sending == NULL || sending->id_offset == 0)
        return sending;
    const uint8_t *id = sending->packet + sending->id_offset;
    return abandon(outbound, (uint16_t)(id[0] << 8 | id[1]), wait_of(sending));
}

struct sending *outbound_drop_oldest(struct outbound *outbound)
{
    struct sending *before = NULL;
    for (struct sending **link = &outbound->queue.first; *link != NULL; link = &(*link)->next) {
        if (sending_is_publish(*link))
            return unqueue(outbound, link, before);
        before = *link;
    }
    return NULL;
}

static void hand_over_in(struct sending *first, const void *context, const struct hbmqtt_call *call)
{
    for (struct sending *at = first; at != NULL; at = at->next)
        if (at->context == context)
            sending_set_call(at, call);
}

void outbound_hand_over(struct outbound *outbound, const void *context, const struct hbmqtt_call *call)
{
    uint16_t packet_id = 0;
    hand_over_in(outbound->leaving.first, context, call);
    hand_over_in(outbound->queue.first, context, call);
    if (outbound->streamed != NULL && outbound->streamed->context == context)
        sending_set_call(outbound->streamed, call);
    while (inflight_next(&outbound->window, &packet_id) != NULL) {
        struct sending *sending = *exchange_of(outbound, packet_id);
        if (sending->context == context)
            sending_set_call(sending, call);
    }
}

// The journal.

static void rewrite_one(struct journal *journal, const struct sending *sending, uint16_t packet_id,
                        bool released)
{
    if (sending->serial == 0)
        return;
    struct journal_message message = {.serial = sending->serial,
                                      .packet_id = packet_id,
                                      .released = released,
                                      .packet = packet_of(sending)};
    journal_rewrite(journal, &message);
}

int outbound_tidy_journal(struct outbound *outbound, const struct packet_id_set *incoming)
{
    struct journal *journal = outbound->journal;
    if (!journal_is_stale(journal) || journal_rewrite_begin(journal) != 0)
        return 0;
    uint16_t packet_id = 0;
    struct inflight_slot *slot;
    while ((slot = inflight_next(&outbound->window, &packet_id)) != NULL)
        rewrite_one(journal, *exchange_of(outbound, packet_id), packet_id,
                    slot->wait == INFLIGHT_WAIT_PUBCOMP);
    for (const struct sending *at = outbound->queue.first; at != NULL; at = at->next)
        rewrite_one(journal, at, 0, false);
    for (uint32_t id = 1; id <= UINT16_MAX; id++)
        if (packet_id_set_has(incoming, (uint16_t)id))
            journal_come(journal, (uint16_t)id);
    return journal_rewrite_end(journal);
}

// SPDX-License-Identifier: MIT
// The window is kept in 16-bit arithmetic: an identifier is inside if it is less than `next - first` steps
// behind `first`, and its slot is the identifier modulo the capacity. Both go on across the wrap, because
// 65536 is a multiple of every capacity. `next` is never 0; `first` never rests there either.
#include "proto/inflight.h"

#include <assert.h>

#include "proto/packet.h"

static uint16_t id_after(uint16_t packet_id)
{
    return packet_id == UINT16_MAX ? 1 : (uint16_t)(packet_id + 1);
}

// How many identifiers the window spans. One that reaches across the wrap counts identifier 0, which takes no
// slot.
static uint16_t span(const struct inflight *inflight)
{
    return (uint16_t)(inflight->next - inflight->first);
}

static bool window_has(const struct inflight *inflight, uint16_t packet_id)
{
    return packet_id != 0 && (uint16_t)(packet_id - inflight->first) < span(inflight);
}

static struct inflight_slot *slot_of(const struct inflight *inflight, uint16_t packet_id)
{
    return &inflight->slots[packet_id & (inflight->capacity - 1)];
}

void inflight_init(struct inflight *inflight)
{
    *inflight = (struct inflight){.first = 1, .next = 1};
}

bool inflight_full(const struct inflight *inflight)
{
    return span(inflight) >= inflight->capacity;
}

void inflight_move(struct inflight *inflight, struct inflight_slot *slots, uint32_t capacity)
{
    assert(capacity > inflight->capacity && capacity <= INFLIGHT_SLOTS_MAX &&
           (capacity & (capacity - 1)) == 0);
    struct inflight moved = *inflight;
    moved.slots = slots;
    moved.capacity = capacity;
    for (uint16_t id = inflight->first; id != inflight->next; id = id_after(id))
        *slot_of(&moved, id) = *slot_of(inflight, id);
    *inflight = moved;
}

uint16_t inflight_begin(struct inflight *inflight, uint8_t wait, void *item, uint32_t detail)
{
    assert(!inflight_full(inflight) && wait != INFLIGHT_WAIT_NOTHING);
    uint16_t packet_id = inflight->next;
    *slot_of(inflight, packet_id) = (struct inflight_slot){item, detail, wait};
    inflight->next = id_after(packet_id);
    inflight->count++;
    return packet_id;
}

// Ends an exchange and moves the start of the window over the holes that this leaves there. Each step over a
// hole is paid for by the exchange that made it.
static void end(struct inflight *inflight, struct inflight_slot *slot)
{
    *slot = (struct inflight_slot){0};
    inflight->count--;
    while (inflight->first != inflight->next &&
           slot_of(inflight, inflight->first)->wait == INFLIGHT_WAIT_NOTHING)
        inflight->first = id_after(inflight->first);
}

static uint8_t wait_for(uint8_t packet_type)
{
    switch (packet_type) {
    case PACKET_PUBACK:
        return INFLIGHT_WAIT_PUBACK;
    case PACKET_PUBREC:
        return INFLIGHT_WAIT_PUBREC;
    case PACKET_PUBCOMP:
        return INFLIGHT_WAIT_PUBCOMP;
    case PACKET_SUBACK:
        return INFLIGHT_WAIT_SUBACK;
    case PACKET_UNSUBACK:
        return INFLIGHT_WAIT_UNSUBACK;
    default:
        return INFLIGHT_WAIT_NOTHING;
    }
}

enum inflight_result inflight_acknowledge(struct inflight *inflight, uint8_t packet_type, uint16_t packet_id,
                                          bool failed, struct inflight_slot *ret_slot)
{
    if (!window_has(inflight, packet_id))
        return INFLIGHT_UNKNOWN;
    struct inflight_slot *slot = slot_of(inflight, packet_id);
    uint8_t wait = wait_for(packet_type);
    if (packet_type == PACKET_PUBREC && slot->wait == INFLIGHT_WAIT_PUBCOMP && !failed) {
        *ret_slot = *slot;
        return INFLIGHT_REPEATED;
    }
    if (wait == INFLIGHT_WAIT_NOTHING || slot->wait != wait)
        return INFLIGHT_UNKNOWN;
    *ret_slot = *slot;
    if (wait == INFLIGHT_WAIT_PUBREC && !failed) {
        // From here on only PUBREL is ever sent. [MQTT-4.3.3-6]
        slot->item = NULL;
        slot->wait = INFLIGHT_WAIT_PUBCOMP;
        return INFLIGHT_RELEASE;
    }
    end(inflight, slot);
    return INFLIGHT_ENDED;
}

struct inflight_slot *inflight_next(struct inflight *inflight, uint16_t *packet_id)
{
    uint16_t id = *packet_id == 0 ? inflight->first : id_after(*packet_id);
    // The exchange that the walk stood at may have ended, and the window with it moved past the next step.
    if (id != inflight->next && !window_has(inflight, id))
        id = inflight->first;
    for (; id != inflight->next; id = id_after(id)) {
        struct inflight_slot *slot = slot_of(inflight, id);
        if (slot->wait != INFLIGHT_WAIT_NOTHING) {
            *packet_id = id;
            return slot;
        }
    }
    return NULL;
}

void packet_id_set_init(struct packet_id_set *set)
{
    memset(set, 0, sizeof *set);
}

static uint64_t id_bit(uint16_t packet_id)
{
    return 1ull << (packet_id % 64);
}

bool packet_id_set_has(const struct packet_id_set *set, uint16_t packet_id)
{
    return (set->words[packet_id / 64] & id_bit(packet_id)) != 0;
}

void packet_id_set_add(struct packet_id_set *set, uint16_t packet_id)
{
    set->count += !packet_id_set_has(set, packet_id);
    set->words[packet_id / 64] |= id_bit(packet_id);
}

bool packet_id_set_remove(struct packet_id_set *set, uint16_t packet_id)
{
    bool had = packet_id_set_has(set, packet_id);
    set->count -= had;
    set->words[packet_id / 64] &= ~id_bit(packet_id);
    return had;
}

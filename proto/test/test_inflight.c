// SPDX-License-Identifier: MIT
// In-flight windows: every exchange, the wrap of identifiers, holes, growth, and acknowledgements that nobody
// awaits.
#include "proto/inflight.h"

#include <stdlib.h>

#include "proto/packet.h"
#include "proto/test/suite.h"

struct window {
    struct inflight inflight;
    struct inflight_slot *slots;
};

static void window_grow(struct window *window, uint32_t capacity)
{
    struct inflight_slot *slots = malloc(capacity * sizeof *slots);
    if (slots == NULL)
        abort();
    inflight_move(&window->inflight, slots, capacity);
    free(window->slots);
    window->slots = slots;
}

static void window_init(struct window *window, uint32_t capacity)
{
    inflight_init(&window->inflight);
    window->slots = NULL;
    if (capacity != 0)
        window_grow(window, capacity);
}

static void window_finish(struct window *window)
{
    free(window->slots);
}

// Begins and ends exchanges until `next` is the next identifier.
static void window_advance(struct window *window, uint16_t next)
{
    struct inflight_slot slot;
    while (window->inflight.next != next) {
        uint16_t id = inflight_begin(&window->inflight, INFLIGHT_WAIT_PUBACK, NULL, 0);
        CU_ASSERT_EQUAL_FATAL(inflight_acknowledge(&window->inflight, PACKET_PUBACK, id, false, &slot),
                              INFLIGHT_ENDED);
    }
}

// The identifiers that the walk finds, in a text: "1 3 4".
static const char *walk(struct inflight *inflight)
{
    static char text[200];
    size_t length = 0;
    uint16_t id = 0;
    text[0] = '\0';
    while (inflight_next(inflight, &id) != NULL && length < sizeof text - 10)
        length += (size_t)snprintf(text + length, sizeof text - length, length == 0 ? "%u" : " %u", id);
    return text;
}

static void a_window_without_slots_is_full(void)
{
    struct inflight inflight;
    uint16_t id = 0;
    struct inflight_slot slot;
    inflight_init(&inflight);
    CU_ASSERT_TRUE(inflight_full(&inflight));
    CU_ASSERT_PTR_NULL(inflight_next(&inflight, &id));
    CU_ASSERT_EQUAL(inflight_acknowledge(&inflight, PACKET_PUBACK, 0, false, &slot), INFLIGHT_UNKNOWN);
    CU_ASSERT_EQUAL(inflight_acknowledge(&inflight, PACKET_PUBACK, 1, false, &slot), INFLIGHT_UNKNOWN);
}

static void each_exchange_ends_with_its_own_acknowledgement(void)
{
    static const struct {
        uint8_t wait;
        uint8_t packet_type;
    } exchanges[] = {
        {INFLIGHT_WAIT_PUBACK, PACKET_PUBACK},
        {INFLIGHT_WAIT_PUBCOMP, PACKET_PUBCOMP}, // as after a resumed session
        {INFLIGHT_WAIT_SUBACK, PACKET_SUBACK},
        {INFLIGHT_WAIT_UNSUBACK, PACKET_UNSUBACK},
    };
    struct window window;
    int item;
    window_init(&window, 4);
    for (size_t i = 0; i < COUNT(exchanges); i++) {
        struct inflight_slot slot;
        uint16_t id = inflight_begin(&window.inflight, exchanges[i].wait, &item, 42);
        CU_ASSERT_EQUAL(id, i + 1);
        for (uint8_t type = 0; type < 16; type++) {
            bool repeated = type == PACKET_PUBREC && exchanges[i].wait == INFLIGHT_WAIT_PUBCOMP;
            if (type != exchanges[i].packet_type && !repeated) {
                CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, type, id, false, &slot),
                                INFLIGHT_UNKNOWN);
            }
        }
        CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, exchanges[i].packet_type, id, false, &slot),
                        INFLIGHT_ENDED);
        CU_ASSERT_PTR_EQUAL(slot.item, &item);
        CU_ASSERT_EQUAL(slot.detail, 42);
        CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, exchanges[i].packet_type, id, false, &slot),
                        INFLIGHT_UNKNOWN);
        CU_ASSERT_EQUAL(window.inflight.count, 0);
    }
    window_finish(&window);
}

static void qos_2_is_released_once_and_repeats_are_told(void)
{
    struct window window;
    struct inflight_slot slot;
    int item;
    window_init(&window, 2);
    uint16_t id = inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBREC, &item, 7);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBCOMP, id, false, &slot),
                    INFLIGHT_UNKNOWN);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBREC, id, false, &slot),
                    INFLIGHT_RELEASE);
    CU_ASSERT_PTR_EQUAL(slot.item, &item);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBREC, id, false, &slot),
                    INFLIGHT_REPEATED);
    CU_ASSERT_PTR_NULL(slot.item); // handed out once
    CU_ASSERT_EQUAL(slot.detail, 7);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBREC, id, true, &slot), INFLIGHT_UNKNOWN);
    CU_ASSERT_EQUAL(window.inflight.count, 1);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBCOMP, id, false, &slot), INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBREC, id, false, &slot),
                    INFLIGHT_UNKNOWN);
    CU_ASSERT_EQUAL(window.inflight.count, 0);
    window_finish(&window);
}

static void an_acknowledgement_that_failed_ends_the_exchange(void)
{
    // [MQTT-4.4.0-2] of 5.0
    struct window window;
    struct inflight_slot slot;
    int item;
    window_init(&window, 2);
    uint16_t first = inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBREC, &item, 0);
    uint16_t second = inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBACK, &item, 0);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBREC, first, true, &slot),
                    INFLIGHT_ENDED);
    CU_ASSERT_PTR_EQUAL(slot.item, &item);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, second, true, &slot),
                    INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(window.inflight.count, 0);
    window_finish(&window);
}

static void holes_keep_the_window_until_the_oldest_ends(void)
{
    struct window window;
    struct inflight_slot slot;
    window_init(&window, 4);
    for (uint16_t id = 1; id <= 4; id++) {
        CU_ASSERT_FALSE(inflight_full(&window.inflight));
        CU_ASSERT_EQUAL(inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBACK, NULL, id), id);
    }
    CU_ASSERT_TRUE(inflight_full(&window.inflight));
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, 2, false, &slot), INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, 3, false, &slot), INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(window.inflight.count, 2);
    CU_ASSERT_TRUE(inflight_full(&window.inflight));
    CU_ASSERT_STRING_EQUAL(walk(&window.inflight), "1 4");
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, 1, false, &slot), INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(slot.detail, 1);
    CU_ASSERT_EQUAL(window.inflight.first, 4);
    CU_ASSERT_FALSE(inflight_full(&window.inflight));
    CU_ASSERT_EQUAL(inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBACK, NULL, 0), 5);
    CU_ASSERT_STRING_EQUAL(walk(&window.inflight), "4 5");
    // An identifier whose slot is another one's now, and one that was never given out.
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, 1, false, &slot), INFLIGHT_UNKNOWN);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, 8, false, &slot), INFLIGHT_UNKNOWN);
    window_finish(&window);
}

static void identifiers_wrap_to_1_and_0_is_never_given_out(void)
{
    struct window window;
    struct inflight_slot slot;
    window_init(&window, 4);
    window_advance(&window, 65534);
    CU_ASSERT_EQUAL(inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBACK, NULL, 0), 65534);
    CU_ASSERT_EQUAL(inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBACK, NULL, 0), 65535);
    CU_ASSERT_EQUAL(inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBACK, NULL, 0), 1);
    CU_ASSERT_STRING_EQUAL(walk(&window.inflight), "65534 65535 1");
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, 0, false, &slot), INFLIGHT_UNKNOWN);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, 65535, false, &slot),
                    INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, 65534, false, &slot),
                    INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(window.inflight.first, 1);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, 1, false, &slot), INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(window.inflight.first, window.inflight.next);
    window_finish(&window);
}

static void a_full_window_that_ends_at_the_wrap_keeps_every_slot(void)
{
    for (uint32_t start = 65530; start <= 65535; start++) {
        struct window window;
        struct inflight_slot slot;
        window_init(&window, 4);
        window_advance(&window, (uint16_t)start);
        while (!inflight_full(&window.inflight)) {
            uint16_t next = window.inflight.next;
            CU_ASSERT_EQUAL(inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBACK, NULL, next), next);
        }
        CU_ASSERT_TRUE(window.inflight.count >= 3);
        uint16_t id = 0;
        uint32_t walked = 0;
        for (struct inflight_slot *at; (at = inflight_next(&window.inflight, &id)) != NULL; walked++) {
            CU_ASSERT_EQUAL(at->detail, id);
            CU_ASSERT_NOT_EQUAL(id, 0);
        }
        CU_ASSERT_EQUAL(walked, window.inflight.count);
        while (window.inflight.count != 0) {
            id = window.inflight.first;
            CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, id, false, &slot),
                            INFLIGHT_ENDED);
            CU_ASSERT_EQUAL(slot.detail, id);
        }
        window_finish(&window);
    }
}

static void growth_keeps_order_holes_and_identifiers(void)
{
    struct window window;
    struct inflight_slot slot;
    window_init(&window, 4);
    window_advance(&window, 65533);
    while (!inflight_full(&window.inflight)) {
        uint16_t next = window.inflight.next;
        (void)inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBREC, NULL, next); // the identifier is `next`
    }
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBREC, 65534, true, &slot),
                    INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBREC, 65535, false, &slot),
                    INFLIGHT_RELEASE);
    window_grow(&window, 16);
    CU_ASSERT_FALSE(inflight_full(&window.inflight));
    CU_ASSERT_EQUAL(window.inflight.next, 1);
    CU_ASSERT_EQUAL(inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBACK, NULL, 1), 1);
    CU_ASSERT_STRING_EQUAL(walk(&window.inflight), "65533 65535 1");
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBREC, 65534, false, &slot),
                    INFLIGHT_UNKNOWN);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBREC, 65533, false, &slot),
                    INFLIGHT_RELEASE);
    CU_ASSERT_EQUAL(slot.detail, 65533);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBCOMP, 65535, false, &slot),
                    INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBCOMP, 65533, false, &slot),
                    INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(window.inflight.first, 1);
    window_finish(&window);
}

static void the_largest_window_is_used_to_its_last_slot(void)
{
    struct window window;
    struct inflight_slot slot;
    window_init(&window, INFLIGHT_SLOTS_MAX);
    window_advance(&window, 50000);
    for (uint32_t i = 0; i + 1 < INFLIGHT_SLOTS_MAX; i++) {
        uint16_t next = window.inflight.next;
        CU_ASSERT_EQUAL(inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBACK, NULL, next), next);
    }
    CU_ASSERT_EQUAL(window.inflight.count, INFLIGHT_SLOTS_MAX - 1);
    // All but the oldest end: what is left of the window is one long hole.
    uint16_t id = 0;
    (void)inflight_next(&window.inflight, &id); // the oldest stays
    while (inflight_next(&window.inflight, &id) != NULL) {
        CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, id, false, &slot),
                        INFLIGHT_ENDED);
        CU_ASSERT_EQUAL(slot.detail, id);
    }
    CU_ASSERT_STRING_EQUAL(walk(&window.inflight), "50000");
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, 50000, false, &slot),
                    INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(window.inflight.first, window.inflight.next);
    window_finish(&window);
}

static void exchanges_may_end_while_they_are_walked(void)
{
    struct window window;
    struct inflight_slot slot;
    window_init(&window, 8);
    for (uint32_t i = 0; i < 8; i++)
        (void)inflight_begin(&window.inflight, INFLIGHT_WAIT_PUBACK, NULL, 0); // 1 to 8
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, 2, false, &slot), INFLIGHT_ENDED);
    CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, 3, false, &slot), INFLIGHT_ENDED);
    uint16_t id = 0;
    uint32_t walked = 0;
    while (inflight_next(&window.inflight, &id) != NULL) {
        CU_ASSERT_EQUAL(inflight_acknowledge(&window.inflight, PACKET_PUBACK, id, false, &slot),
                        INFLIGHT_ENDED);
        walked++;
    }
    CU_ASSERT_EQUAL(walked, 6);
    CU_ASSERT_EQUAL(window.inflight.count, 0);
    window_finish(&window);
}

static void the_set_of_incoming_identifiers_counts_each_once(void)
{
    static struct packet_id_set set;
    packet_id_set_init(&set);
    CU_ASSERT_FALSE(packet_id_set_has(&set, 1));
    CU_ASSERT_FALSE(packet_id_set_remove(&set, 1));
    for (uint32_t id = 1; id <= UINT16_MAX; id++) {
        packet_id_set_add(&set, (uint16_t)id);
        packet_id_set_add(&set, (uint16_t)id);
    }
    CU_ASSERT_EQUAL(set.count, UINT16_MAX);
    CU_ASSERT_FALSE(packet_id_set_has(&set, 0));
    CU_ASSERT_TRUE(packet_id_set_has(&set, 65535));
    CU_ASSERT_TRUE(packet_id_set_remove(&set, 64));
    CU_ASSERT_FALSE(packet_id_set_has(&set, 64));
    CU_ASSERT_TRUE(packet_id_set_has(&set, 63) && packet_id_set_has(&set, 65));
    CU_ASSERT_FALSE(packet_id_set_remove(&set, 64));
    CU_ASSERT_EQUAL(set.count, UINT16_MAX - 1);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a window without slots is full", a_window_without_slots_is_full},
        {"each exchange ends with its own acknowledgement", each_exchange_ends_with_its_own_acknowledgement},
        {"QoS 2 is released once and repeats are told", qos_2_is_released_once_and_repeats_are_told},
        {"an acknowledgement that failed ends the exchange",
         an_acknowledgement_that_failed_ends_the_exchange},
        {"holes keep the window until the oldest ends", holes_keep_the_window_until_the_oldest_ends},
        {"identifiers wrap to 1 and 0 is never given out", identifiers_wrap_to_1_and_0_is_never_given_out},
        {"a full window that ends at the wrap keeps every slot",
         a_full_window_that_ends_at_the_wrap_keeps_every_slot},
        {"growth keeps order, holes and identifiers", growth_keeps_order_holes_and_identifiers},
        {"the largest window is used to its last slot", the_largest_window_is_used_to_its_last_slot},
        {"exchanges may end while they are walked", exchanges_may_end_while_they_are_walked},
        {"the set of incoming identifiers counts each once",
         the_set_of_incoming_identifiers_counts_each_once},
    };
    return RUN_TESTS("inflight", cases);
}

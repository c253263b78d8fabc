// SPDX-License-Identifier: MIT
// The numbers of layout.def against the header, as C sees it.
#include "server/plugin/hbmqtt_plugin.h"

#include "test/suite.h"

struct place {
    const char *structure;
    const char *field; // NULL: the size
    size_t is;
    size_t pinned;
};

static const struct place places[] = {
#define SIZE(structure_, bytes)           {#structure_, NULL, sizeof(struct structure_), bytes},
#define FIELD(structure_, field_, offset) {#structure_, #field_, offsetof(struct structure_, field_), offset},
#include "server/plugin/test/layout.def"
#undef SIZE
#undef FIELD
};

static void every_structure_lies_as_it_did(void)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct place *place = &places[i];
        if (place->is != place->pinned)
            printf("\n    %s.%s is at %zu, was at %zu", place->structure,
                   place->field == NULL ? "(size)" : place->field, place->is, place->pinned);
        CU_ASSERT_EQUAL(place->is, place->pinned);
    }
}

// A structure that got a field without a line in the table would be pinned by its size only.
static void no_field_is_missing_in_the_table(void)
{
    for (size_t i = 0; i + 1 < sizeof places / sizeof places[0]; i++) {
        bool is_last = places[i + 1].field == NULL;
        if (places[i].field == NULL || is_last)
            continue;
        CU_ASSERT(places[i + 1].pinned > places[i].pinned);
        CU_ASSERT(places[i + 1].pinned - places[i].pinned <= sizeof(struct hbmqtt_plugin_bytes));
    }
}

static void verdicts_and_events_have_the_numbers_that_they_had(void)
{
    CU_ASSERT_EQUAL(HBMQTT_PLUGIN_ABI, 1);
    static const int verdicts[] = {HBMQTT_NO_OPINION, HBMQTT_ALLOW, HBMQTT_DENY, HBMQTT_PENDING,
                                   HBMQTT_NOT_CONCERNED};
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(verdicts[i], i);
    CU_ASSERT_EQUAL(HBMQTT_STABLE, 256);
    CU_ASSERT_EQUAL(HBMQTT_UNVOUCHED, 512);
    static const int events[] = {
        HBMQTT_EVENT_PRE_START,         HBMQTT_EVENT_POST_START,          HBMQTT_EVENT_PRE_SHUTDOWN,
        HBMQTT_EVENT_POST_SHUTDOWN,     HBMQTT_EVENT_CLIENT_CONNECTED,    HBMQTT_EVENT_CLIENT_DISCONNECTED,
        HBMQTT_EVENT_CLIENT_SUBSCRIBED, HBMQTT_EVENT_CLIENT_UNSUBSCRIBED, HBMQTT_EVENT_MESSAGE_RECEIVED,
        HBMQTT_EVENT_MESSAGE_BROADCAST, HBMQTT_EVENT_RETAINED_MESSAGE,    HBMQTT_EVENT_PACKET_SENT,
        HBMQTT_EVENT_PACKET_RECEIVED,
    };
    for (int i = 0; i < 13; i++)
        CU_ASSERT_EQUAL(events[i], i);
}

int main(void)
{
    _Static_assert(sizeof(void *) == 8, "the numbers are those of 64-bit machines");
    static const CU_TestInfo cases[] = {
        {"every structure lies as it did", every_structure_lies_as_it_did},
        {"no field is missing in the table", no_field_is_missing_in_the_table},
        {"verdicts and events have the numbers that they had",
         verdicts_and_events_have_the_numbers_that_they_had},
    };
    return RUN_TESTS("plugin layout", cases);
}

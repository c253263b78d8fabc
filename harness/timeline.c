// SPDX-License-Identifier: MIT
#include "harness/timeline.h"

#include <string.h>

#include "harness/deadline.h"

struct record {
    uint32_t length; // of all of it, a multiple of 8; written last, so that 0 is one that was never finished
    uint32_t kind;
    uint64_t time_ns;
    uint32_t name_size, text_size; // with their ends
    uint32_t shown, bytes_length;
};

void timeline_init(struct timeline *timeline)
{
    timeline->start_ns = clock_now_ns();
    atomic_store(&timeline->used, 0);
    atomic_store(&timeline->lost, 0);
}

void timeline_add(struct timeline *timeline, enum timeline_kind kind, const char *name, const char *text,
                  struct bytes bytes)
{
    struct record record = {
        .kind = kind,
        .time_ns = clock_now_ns() - timeline->start_ns,
        .name_size = (uint32_t)strlen(name) + 1,
        .text_size = (uint32_t)strlen(text) + 1,
        .shown = (uint32_t)(bytes.length < TIMELINE_SHOWN_MAX ? bytes.length : TIMELINE_SHOWN_MAX),
        .bytes_length = (uint32_t)bytes.length,
    };
    uint32_t length =
        (uint32_t)(sizeof record + record.name_size + record.text_size + record.shown + 7) & ~7U;
    uint_least32_t at = atomic_load(&timeline->used);
    do {
        if (length > TIMELINE_BYTES - at) {
            atomic_fetch_add(&timeline->lost, 1);
            return;
        }
    } while (!atomic_compare_exchange_weak(&timeline->used, &at, at + length));
    uint8_t *to = timeline->records + at;
    memcpy(to, &record, sizeof record);
    memcpy(to + sizeof record, name, record.name_size);
    memcpy(to + sizeof record + record.name_size, text, record.text_size);
    if (record.shown > 0)
        memcpy(to + sizeof record + record.name_size + record.text_size, bytes.data, record.shown);
    atomic_thread_fence(memory_order_release);
    memcpy(to, &length, sizeof length);
}

bool timeline_next(const struct timeline *timeline, size_t *at, struct timeline_event *ret_event)
{
    struct record record;
    if (*at + sizeof record > TIMELINE_BYTES || *at >= atomic_load(&timeline->used))
        return false;
    const uint8_t *from = timeline->records + *at;
    memcpy(&record, from, sizeof record);
    if (record.length == 0 || record.length > TIMELINE_BYTES - *at)
        return false; // its writer died over it
    const char *name = (const char *)from + sizeof record;
    *ret_event = (struct timeline_event){
        .kind = (enum timeline_kind)record.kind,
        .time_ns = record.time_ns,
        .name = name,
        .text = name + record.name_size,
        .bytes = {from + sizeof record + record.name_size + record.text_size, record.shown},
        .bytes_length = record.bytes_length,
    };
    *at += record.length;
    return true;
}

const char *timeline_kind_text(enum timeline_kind kind)
{
    static const char *const texts[] = {"opens",  "-->",  "<--",   "is closed on",
                                        "closes", "note", "proxy", "verdict"};
    return texts[kind];
}

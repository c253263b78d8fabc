// SPDX-License-Identifier: MIT
// The ledger of published and delivered messages: see ledger.h.
#include "bench/ledger.h"

#include <errno.h>
#include <stdlib.h>

// Amortized over the deliveries that made `holders` zero, this is a constant for each of them.
static void flow_find_slowest(struct flow *flow, uint32_t links)
{
    uint32_t farthest = 0; // behind `published`
    uint32_t holders = 0;
    for (uint32_t link = 0; link < links; link++) {
        uint32_t behind = flow->published - flow->next[link];
        if (behind > farthest) {
            farthest = behind;
            holders = 0;
        }
        holders += behind == farthest;
    }
    flow->slowest = flow->published - farthest;
    flow->holders = holders;
}

int ledger_init(struct ledger *ledger, struct ledger_layout layout)
{
    size_t flows = (size_t)layout.groups * layout.publishers;
    *ledger = (struct ledger){.layout = layout};
    ledger->flows = calloc(flows, sizeof(*ledger->flows));
    ledger->links = calloc(flows * layout.subscribers, sizeof(*ledger->links));
    if (ledger->flows == NULL || ledger->links == NULL) {
        ledger_finish(ledger);
        return -ENOMEM;
    }
    for (size_t flow = 0; flow < flows; flow++) {
        ledger->flows[flow].next = ledger->links + flow * layout.subscribers;
        ledger->flows[flow].holders = layout.subscribers;
    }
    return 0;
}

void ledger_finish(struct ledger *ledger)
{
    free(ledger->flows);
    free(ledger->links);
}

uint32_t ledger_publish(struct ledger *ledger, uint32_t publisher, uint32_t count)
{
    struct flow *flow = &ledger->flows[publisher];
    uint32_t first = flow->published;
    flow->published += count;
    ledger->expected += (uint64_t)count * ledger->layout.subscribers;
    return first;
}

// True if `tag` names a message that was published to the group of `subscriber`.
static bool tag_plausible(const struct ledger *ledger, uint32_t group, struct wire_tag tag)
{
    uint32_t first = group * ledger->layout.publishers;
    return tag.publisher - first < ledger->layout.publishers &&
           (int32_t)(ledger->flows[tag.publisher].published - tag.sequence) > 0;
}

enum ledger_result ledger_deliver(struct ledger *ledger, uint32_t subscriber, struct wire_tag tag)
{
    uint32_t group = subscriber / ledger->layout.subscribers;
    if (!tag_plausible(ledger, group, tag)) {
        ledger->misrouted++;
        return LEDGER_REFUSED;
    }
    struct flow *flow = &ledger->flows[tag.publisher];
    uint32_t *next = &flow->next[subscriber - group * ledger->layout.subscribers];
    int32_t skipped = (int32_t)(tag.sequence - *next);
    if (skipped < 0) {
        ledger->repeated++;
        return LEDGER_REFUSED;
    }
    bool held = *next == flow->slowest;
    ledger->delivered++;
    ledger->lost += (uint32_t)skipped;
    *next = tag.sequence + 1;
    if (!held || --flow->holders > 0)
        return LEDGER_NOTED;
    flow_find_slowest(flow, ledger->layout.subscribers);
    return LEDGER_MOVED;
}

uint32_t ledger_undelivered(const struct ledger *ledger, uint32_t publisher)
{
    const struct flow *flow = &ledger->flows[publisher];
    return flow->published - flow->slowest;
}

uint64_t ledger_outstanding(const struct ledger *ledger)
{
    return ledger->expected - ledger->delivered - ledger->lost;
}

void ledger_write_off(struct ledger *ledger)
{
    uint32_t flows = ledger->layout.groups * ledger->layout.publishers;
    ledger->lost += ledger_outstanding(ledger);
    for (uint32_t publisher = 0; publisher < flows; publisher++) {
        struct flow *flow = &ledger->flows[publisher];
        for (uint32_t link = 0; link < ledger->layout.subscribers; link++)
            flow->next[link] = flow->published;
        flow_find_slowest(flow, ledger->layout.subscribers);
    }
}

// SPDX-License-Identifier: MIT
#include "server/store/store.h"

#include <stdlib.h>

#define WAITING_FIRST 256u

void store_init(struct store *store)
{
    *store = (struct store){0};
}

void store_finish(struct store *store)
{
    free(store->waiting);
    *store = (struct store){0};
}

// One turn asks for at most as many as packets fit into what it received, so the ring stays as small as that.
static void store_grow(struct store *store)
{
    uint32_t capacity = store->capacity ? store->capacity * 2 : WAITING_FIRST;
    struct acknowledgement *larger = memory_require(capacity * sizeof *larger);
    uint32_t count = store->tail - store->head;
    for (uint32_t i = 0; i < count; i++)
        larger[i] = store->waiting[(store->head + i) & (store->capacity - 1)];
    free(store->waiting);
    *store = (struct store){.waiting = larger, .capacity = capacity, .tail = count};
}

void store_commit(struct store *store, uint64_t client, uint8_t packet_type, uint16_t packet_id,
                  uint8_t reason)
{
    if (store->tail - store->head == store->capacity)
        store_grow(store);
    struct acknowledgement *acknowledgement = &store->waiting[store->tail++ & (store->capacity - 1)];
    acknowledgement->client = client;
    acknowledgement->packet_id = packet_id;
    acknowledgement->packet_type = packet_type;
    acknowledgement->reason = reason;
}

const struct acknowledgement *store_next_released(struct store *store)
{
    if (store->head == store->tail)
        return NULL;
    return &store->waiting[store->head++ & (store->capacity - 1)];
}

// SPDX-License-Identifier: MIT
#include "server/plugin/verdicts.h"

#include <stdlib.h>

#include "server/plugin/hbmqtt_plugin.h"

struct verdict_entry {
    int verdict;
    uint32_t action;
    uint32_t length;
    uint8_t topic[];
};

static bool entry_is_of(const struct verdict_entry *entry, const struct verdict_key *key)
{
    return entry != NULL && entry->action == key->action &&
           bytes_equal((struct bytes){entry->topic, entry->length}, key->topic);
}

static uint32_t place_of(const struct verdict_key *key)
{
    uint64_t hash = hash_bytes(key->topic.data, key->topic.length, key->hash_seed);
    return (uint32_t)(hash + key->action) % VERDICTS_MAX;
}

int verdicts_find(struct verdicts *verdicts, const struct verdict_key *key)
{
    if (verdicts == NULL || verdicts->epoch != key->epoch)
        return HBMQTT_NO_OPINION;
    // Who publishes often stays with a topic, which needs no hash then.
    if (!entry_is_of(verdicts->entries[verdicts->latest], key)) {
        uint32_t place = place_of(key);
        if (!entry_is_of(verdicts->entries[place], key))
            return HBMQTT_NO_OPINION;
        verdicts->latest = place;
    }
    return verdicts->entries[verdicts->latest]->verdict;
}

static void verdicts_clear(struct verdicts *verdicts)
{
    for (uint32_t i = 0; i < VERDICTS_MAX; i++) {
        free(verdicts->entries[i]);
        verdicts->entries[i] = NULL;
    }
}

void verdicts_put(struct verdicts **verdicts, const struct verdict_key *key, int verdict)
{
    if (key->topic.length > VERDICTS_TOPIC_BYTES)
        return;
    if (*verdicts == NULL)
        *verdicts = memory_require(sizeof **verdicts);
    if ((*verdicts)->epoch != key->epoch)
        verdicts_clear(*verdicts);
    (*verdicts)->epoch = key->epoch;
    uint32_t place = place_of(key);
    free((*verdicts)->entries[place]);
    struct verdict_entry *entry = memory_require(sizeof *entry + key->topic.length);
    *entry = (struct verdict_entry){verdict, key->action, (uint32_t)key->topic.length};
    if (key->topic.length > 0)
        memcpy(entry->topic, key->topic.data, key->topic.length);
    (*verdicts)->entries[place] = entry;
    (*verdicts)->latest = place;
}

void verdicts_destroy(struct verdicts *verdicts)
{
    if (verdicts == NULL)
        return;
    verdicts_clear(verdicts);
    free(verdicts);
}

// SPDX-License-Identifier: MIT
// The byte of a topic holds, for each action, whether it was decided and, ALLOWED_SHIFT bits higher, whether
// it is allowed.
#include "server/plugin/verdicts.h"

#include <stdlib.h>

#include "server/plugin/hbmqtt_plugin.h"

#define ALLOWED_SHIFT 3

int verdicts_find(struct verdicts *verdicts, const struct verdict_key *key)
{
    if (verdicts == NULL || verdicts->epoch != key->epoch)
        return HBMQTT_NO_OPINION;
    const uint8_t *byte = decisions_find(&verdicts->decisions, key->topic);
    if (byte == NULL || (*byte & key->action) == 0)
        return HBMQTT_NO_OPINION;
    return (*byte & key->action << ALLOWED_SHIFT) != 0 ? HBMQTT_ALLOW : HBMQTT_DENY;
}

static void verdicts_begin(struct verdicts *verdicts, const struct verdict_key *key)
{
    decisions_finish(&verdicts->decisions);
    decisions_init(&verdicts->decisions, key->hash_seed);
    verdicts->epoch = key->epoch;
}

void verdicts_put(struct verdicts **verdicts, const struct verdict_key *key, int verdict)
{
    bool first = *verdicts == NULL;
    if (first) {
        *verdicts = memory_require(sizeof **verdicts);
        **verdicts = (struct verdicts){.epoch = key->epoch};
    }
    if (first || (*verdicts)->epoch != key->epoch)
        verdicts_begin(*verdicts, key);
    uint8_t bits = (uint8_t)(key->action | (verdict == HBMQTT_ALLOW ? key->action << ALLOWED_SHIFT : 0));
    uint8_t *byte = decisions_find(&(*verdicts)->decisions, key->topic);
    if (byte == NULL)
        decisions_put(&(*verdicts)->decisions, key->topic, bits);
    else
        *byte = (uint8_t)((*byte & ~(key->action | key->action << ALLOWED_SHIFT)) | bits);
}

void verdicts_destroy(struct verdicts *verdicts)
{
    if (verdicts == NULL)
        return;
    decisions_finish(&verdicts->decisions);
    free(verdicts);
}

// SPDX-License-Identifier: MIT
#include "server/ring/ring_feature.h"

#include <stdio.h>
#include <string.h>

struct ring_feature_name {
    const char *name;
    uint32_t bits; // the feature
    uint32_t with; // what falls with it
};

static const struct ring_feature_name feature_names[] = {
    {"multishot-accept", RING_MULTISHOT_ACCEPT, 0},
    {"multishot-receive", RING_MULTISHOT_RECEIVE, 0},
    {"buffer-ring", RING_BUFFER_RING, RING_MULTISHOT_RECEIVE},
    {"single-issuer", RING_SINGLE_ISSUER, RING_DEFER_TASKRUN},
    {"defer-taskrun", RING_DEFER_TASKRUN, 0},
    {"coop-taskrun", RING_COOP_TASKRUN, 0},
    {"ext-arg", RING_EXT_ARG, 0},
};

#define FEATURE_COUNT (sizeof feature_names / sizeof feature_names[0])

// The bits that a name stands for; 0 if it is not one.
static uint32_t ring_feature_bits(const char *name, size_t length)
{
    uint32_t all = 0;
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        const struct ring_feature_name *feature = &feature_names[i];
        if (strlen(feature->name) == length && memcmp(feature->name, name, length) == 0)
            return feature->bits | feature->with;
        all |= feature->bits;
    }
    return length == 3 && memcmp(name, "all", 3) == 0 ? all : 0;
}

// Walks the list; stops at the first unknown name and returns it.
static const char *ring_feature_walk(const char *names, uint32_t *ret_bits)
{
    *ret_bits = 0;
    while (names != NULL && *names != '\0') {
        size_t length = strcspn(names, ",");
        uint32_t bits = ring_feature_bits(names, length);
        if (bits == 0 && length > 0)
            return names;
        *ret_bits |= bits;
        names += length + (names[length] == ',');
    }
    return NULL;
}

const char *ring_disable_check(const char *names)
{
    uint32_t bits;
    return ring_feature_walk(names, &bits);
}

uint32_t ring_feature_disabled(const char *names)
{
    uint32_t bits;
    const char *unknown = ring_feature_walk(names, &bits);
    assert(unknown == NULL);
    return bits;
}

void ring_feature_print(uint32_t features, char ret_text[RING_FEATURES_BYTES])
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        const char *name = feature_names[i].name;
        if (!(features & feature_names[i].bits)) {
            if (feature_names[i].bits != RING_BUFFER_RING)
                continue;
            name = "poll"; // what receives without a buffer ring
        }
        used += (size_t)snprintf(ret_text + used, RING_FEATURES_BYTES - used, "%s%s", used ? " " : "", name);
        assert(used < RING_FEATURES_BYTES);
    }
}

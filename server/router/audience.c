// SPDX-License-Identifier: MIT
#include "server/router/audience.h"

#include <stdlib.h>

#define SEATS_FIRST 4u // the smallest array

static void audience_to_array(struct audience *audience)
{
    struct seat *many = memory_require(SEATS_FIRST * sizeof(struct seat));
    many[0] = audience->one;
    audience->many = many;
    audience->capacity = SEATS_FIRST;
}

static void audience_resize(struct audience *audience, uint32_t capacity)
{
    audience->many = memory_require_again(audience->many, capacity * sizeof(struct seat));
    audience->capacity = capacity;
}

uint32_t audience_add(struct audience *audience, const struct seat *seat)
{
    if (audience->capacity == 0 && audience->count == 1)
        audience_to_array(audience);
    else if (audience->capacity > 0 && audience->count == audience->capacity)
        audience_resize(audience, audience->capacity + audience->capacity / 2);
    audience_seats(audience)[audience->count] = *seat;
    return audience->count++;
}

// Half of the array stays free after shrinking, so that adding and removing in turn does not resize each
// time.
static void audience_shrink(struct audience *audience)
{
    if (audience->capacity == 0)
        return;
    if (audience->count == 0) {
        free(audience->many);
        audience->capacity = 0;
    } else if (audience->capacity > SEATS_FIRST && audience->count < audience->capacity / 4) {
        audience_resize(audience, audience->capacity / 2);
    }
}

struct subscriber *audience_remove(struct audience *audience, uint32_t number)
{
    assert(number < audience->count);
    struct seat *seats = audience_seats(audience);
    uint32_t last = --audience->count;
    struct subscriber *moved = NULL;
    if (number != last) {
        seats[number] = seats[last];
        moved = seats[number].subscriber;
    }
    audience_shrink(audience);
    return moved;
}

// SPDX-License-Identifier: MIT
#include "client/reconnect.h"

void reconnect_begin(struct reconnect *reconnect, uint64_t seed)
{
    reconnect->stood = false;
    reconnect->failures = 0;
    reconnect->doublings = 0;
    reconnect->random = seed;
}

void reconnect_accepted(struct reconnect *reconnect, uint64_t now_ms)
{
    reconnect->stood = true;
    reconnect->failures = 0;
    reconnect->accepted_at_ms = now_ms;
}

void reconnect_lost(struct reconnect *reconnect, uint64_t now_ms)
{
    if (now_ms - reconnect->accepted_at_ms >= reconnect->max_ms)
        reconnect->doublings = 0;
}

void reconnect_failed(struct reconnect *reconnect)
{
    reconnect->failures++;
}

bool reconnect_again(const struct reconnect *reconnect)
{
    if (!reconnect->enabled || (!reconnect->stood && !reconnect->at_first))
        return false;
    // The first attempt of all is no repetition.
    uint32_t repeated = reconnect->failures - (!reconnect->stood && reconnect->failures > 0);
    return reconnect->retries < 0 || repeated < (uint32_t)reconnect->retries;
}

static uint64_t draw(uint64_t *random)
{
    *random += 0x9e3779b97f4a7c15u; // splitmix64
    uint64_t value = *random;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

uint32_t reconnect_delay_ms(struct reconnect *reconnect)
{
    uint64_t limit_ms = reconnect->min_ms;
    for (uint32_t i = 0; i < reconnect->doublings && limit_ms < reconnect->max_ms; i++)
        limit_ms *= 2;
    if (limit_ms > reconnect->max_ms)
        limit_ms = reconnect->max_ms;
    reconnect->doublings += limit_ms < reconnect->max_ms;
    return (uint32_t)(draw(&reconnect->random) % (limit_ms + 1));
}

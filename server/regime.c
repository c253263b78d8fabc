// SPDX-License-Identifier: MIT
#include "server/regime.h"

#include <stdlib.h>

#include "server/acceptor.h"
#include "server/expiry.h"
#include "server/shard.h"
#include "server/sys.h"

struct regime *regime_create(const struct config *config)
{
    struct regime *regime = memory_require(sizeof *regime);
    regime->config = config_ref(config);
    regime->access.allow_anonymous = config->auth.allow_anonymous;
    for (uint32_t number = 0; number < LISTENERS_MAX; number++)
        regime->limits[number] = &config->limits;
    return regime;
}

void regime_destroy(struct regime *regime)
{
    if (regime == NULL)
        return;
    for (uint32_t number = 0; number < regime->listeners_end; number++)
        listener_terms_unref(regime->terms[number]);
    config_unref(regime->config);
    free(regime);
}

void regime_add(struct regime *regime, uint32_t place, struct listener_terms *terms)
{
    uint32_t number = terms->listener->number;
    assert(number < LISTENERS_MAX && regime->terms[number] == NULL);
    regime->listeners[place] = terms->listener;
    regime->terms[number] = terms;
    regime->limits[number] = &regime->config->listeners[place].limits;
    if (regime->listeners_end <= number)
        regime->listeners_end = number + 1;
}

void regime_adopt(struct shard *shard, const struct regime *regime)
{
    const struct limits *limits = &regime->config->limits;
    shard->regime = regime;
    shard->adopting = true;
    shard->turn.limits = limits;
    shard->turn.listeners = regime->limits;
    router_set_retained_max(shard->router, limits->retained_messages_max, limits->retained_bytes_max);
    acceptors_adopt(shard);
    sys_adopt(shard);
    expiry_arm(shard);
}

void regime_tell_adopted(struct shard *shard)
{
    if (!shard->adopting || !acceptors_settled(shard))
        return;
    shard->adopting = false;
    sem_post(&shard->broker->reported);
}

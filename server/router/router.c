// SPDX-License-Identifier: MIT
#include "server/router/router.h"

#include <stdlib.h>

#include "server/router/cache.h"
#include "server/router/retained.h"
#include "server/router/tree.h"

struct router {
    struct tree tree;
    struct cache cache;
    struct retained retained;
    uint64_t hash_seed;
};

struct router *router_create(const struct router_options *options)
{
    struct router *router = memory_require(sizeof *router);
    router->hash_seed = options->hash_seed;
    tree_init(&router->tree, options->hash_seed);
    cache_init(&router->cache, options->cache_topics_max, options->cache_matches_max);
    retained_init(&router->retained, options);
    return router;
}

void router_destroy(struct router *router)
{
    if (router == NULL)
        return;
    retained_finish(&router->retained);
    cache_finish(&router->cache);
    tree_finish(&router->tree);
    free(router);
}

struct matches router_match(struct router *router, struct bytes topic)
{
    struct matches matches;
    if (cache_find_latest(&router->cache, topic, router->tree.generation, &matches))
        return matches;
    struct cache_key key = {hash_bytes(topic.data, topic.length, router->hash_seed), topic};
    if (cache_find(&router->cache, &key, router->tree.generation, &matches))
        return matches;
    matches = tree_match(&router->tree, topic);
    cache_put(&router->cache, &key, router->tree.generation, &matches);
    return matches;
}

struct subscriber *router_subscriber_create(struct router *router, void *owner)
{
    return tree_subscriber_create(&router->tree, owner);
}

void router_subscriber_destroy(struct router *router, struct subscriber *subscriber)
{
    tree_subscriber_destroy(&router->tree, subscriber);
}

uint32_t router_subscription_count(const struct subscriber *subscriber)
{
    return subscriber->count;
}

uint64_t router_subscriptions_total(const struct router *router)
{
    return router->tree.subscriptions.count;
}

enum router_change router_subscribe(struct router *router, struct subscriber *subscriber, struct bytes filter,
                                    struct subscription_options options, uint32_t identifier)
{
    return tree_subscribe(&router->tree, subscriber, filter, options, identifier);
}

enum router_change router_unsubscribe(struct router *router, struct subscriber *subscriber,
                                      struct bytes filter)
{
    return tree_unsubscribe(&router->tree, subscriber, filter);
}

uint32_t router_subscription_filter(const struct subscriber *subscriber, uint8_t filter[TOPIC_BYTES_MAX])
{
    return tree_subscription_filter(subscriber, filter);
}

const struct subscription *router_subscription_next(const struct subscriber *subscriber,
                                                    const struct subscription *after)
{
    return tree_subscription_next(subscriber, after);
}

uint32_t router_subscription_read(const struct subscription *subscription, uint8_t filter[TOPIC_BYTES_MAX],
                                  struct subscription_options *ret_options)
{
    return tree_subscription_read(subscription, filter, ret_options);
}

void router_interest_add(struct router *router, struct bytes filter, uint32_t shard)
{
    tree_interest_add(&router->tree, filter, shard);
}

void router_interest_remove(struct router *router, struct bytes filter, uint32_t shard)
{
    tree_interest_remove(&router->tree, filter, shard);
}

enum router_retained router_retain(struct router *router, struct message *message, uint32_t shard)
{
    return retained_put(&router->retained, message, shard);
}

uint32_t router_retained_collect(struct router *router, struct bytes filter, struct message ***ret_messages)
{
    return retained_collect(&router->retained, filter, ret_messages);
}

void router_set_retained_max(struct router *router, uint64_t messages_max, uint64_t bytes_max)
{
    router->retained.messages_max = messages_max;
    router->retained.bytes_max = bytes_max;
}

uint64_t router_retained_count(const struct router *router)
{
    return router->retained.messages;
}

uint64_t router_retained_bytes(const struct router *router)
{
    return router->retained.bytes;
}

uint64_t router_retained_payload_bytes(const struct router *router)
{
    return router->retained.payload_bytes;
}

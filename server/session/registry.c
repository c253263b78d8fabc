// SPDX-License-Identifier: MIT
// The sessions of a shard, found by client id. [MQTT-3.1.3-2]
#include "server/session/session.h"

void session_registry_init(struct session_registry *registry, uint64_t hash_seed)
{
    hash_table_init(&registry->by_client_id);
    registry->hash_seed = hash_seed;
}

void session_registry_finish(struct session_registry *registry)
{
    assert(registry->by_client_id.count == 0);
    hash_table_finish(&registry->by_client_id);
}

static uint64_t registry_hash(const struct session_registry *registry, struct bytes client_id)
{
    return hash_bytes(client_id.data, client_id.length, registry->hash_seed);
}

static struct session *session_of(struct hash_node *node)
{
    return node == NULL ? NULL : container_of(node, struct session, by_client_id);
}

struct session *session_registry_find(const struct session_registry *registry, struct bytes client_id)
{
    struct hash_node *node = hash_table_find(&registry->by_client_id, registry_hash(registry, client_id));
    while (node != NULL && !bytes_equal(session_client_id(session_of(node)), client_id))
        node = hash_node_again(node);
    return session_of(node);
}

void session_registry_add(struct session_registry *registry, struct session *session)
{
    hash_table_insert(&registry->by_client_id, &session->by_client_id,
                      registry_hash(registry, session_client_id(session)));
}

void session_registry_remove(struct session_registry *registry, struct session *session)
{
    hash_table_remove(&registry->by_client_id, &session->by_client_id);
}

struct session *session_registry_any(const struct session_registry *registry)
{
    return session_of(hash_table_next(&registry->by_client_id, NULL));
}

struct session *session_registry_walk(const struct session_registry *registry, size_t *bucket,
                                      const struct session *after)
{
    if (after != NULL && after->by_client_id.next != NULL)
        return session_of(after->by_client_id.next);
    if (after != NULL)
        (*bucket)++;
    return session_of(hash_table_bucket_from(&registry->by_client_id, bucket));
}

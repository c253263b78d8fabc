// SPDX-License-Identifier: MIT
#include "server/access/throttle.h"

#include <pthread.h>
#include <stdlib.h>

struct peer {
    struct hash_node node;
    struct list age; // in throttle->by_age, the one heard of last at the end
    uint64_t key;
    uint64_t until_ns; // held back until then
    uint64_t forget_ns;
    uint32_t failures;
};

struct throttle {
    struct throttle_settings settings;
    pthread_mutex_t lock;
    uint64_t seed;
    struct hash_table peers;
    struct list by_age;
};

struct throttle *throttle_create(const struct throttle_settings *settings)
{
    assert(settings->first_wait_ns > 0 && settings->peers_max > 0);
    struct throttle *throttle = memory_require(sizeof *throttle);
    throttle->settings = *settings;
    throttle->seed = random_entropy();
    hash_table_init(&throttle->peers);
    list_init(&throttle->by_age);
    int error = pthread_mutex_init(&throttle->lock, NULL);
    assert(error == 0); // of Linux' plain mutexes: cannot fail
    return throttle;
}

void throttle_destroy(struct throttle *throttle)
{
    if (throttle == NULL)
        return;
    for (struct list *age = throttle->by_age.next, *next; age != &throttle->by_age; age = next) {
        next = age->next;
        free(container_of(age, struct peer, age));
    }
    hash_table_finish(&throttle->peers);
    (void)pthread_mutex_destroy(&throttle->lock); // nobody holds it any more
    free(throttle);
}

static void throttle_lock(struct throttle *throttle)
{
    int error = pthread_mutex_lock(&throttle->lock);
    assert(error == 0);
}

static void throttle_unlock(struct throttle *throttle)
{
    int error = pthread_mutex_unlock(&throttle->lock);
    assert(error == 0);
}

static uint64_t key_hash(const struct throttle *throttle, uint64_t key)
{
    return hash_bytes(&key, sizeof key, throttle->seed);
}

// Returns NULL if nothing is known about the peer.
static struct peer *peer_find(const struct throttle *throttle, uint64_t key)
{
    for (struct hash_node *node = hash_table_find(&throttle->peers, key_hash(throttle, key)); node != NULL;
         node = hash_node_again(node)) {
        struct peer *peer = container_of(node, struct peer, node);
        if (peer->key == key)
            return peer;
    }
    return NULL;
}

static void peer_forget(struct throttle *throttle, struct peer *peer)
{
    list_remove(&peer->age);
    hash_table_remove(&throttle->peers, &peer->node);
    free(peer);
}

static void peer_heard(struct throttle *throttle, struct peer *peer)
{
    list_remove(&peer->age);
    list_append(&throttle->by_age, &peer->age);
}

// As peer_find, without those whose time is over.
static struct peer *peer_remember(struct throttle *throttle, uint64_t key, uint64_t now_ns)
{
    struct peer *peer = peer_find(throttle, key);
    if (peer == NULL || now_ns < peer->forget_ns)
        return peer;
    peer_forget(throttle, peer);
    return NULL;
}

static struct peer *peer_create(struct throttle *throttle, uint64_t key)
{
    if (throttle->peers.count == throttle->settings.peers_max)
        peer_forget(throttle, container_of(list_first(&throttle->by_age), struct peer, age));
    struct peer *peer = memory_require(sizeof *peer);
    list_init(&peer->age);
    peer->key = key;
    hash_table_insert(&throttle->peers, &peer->node, key_hash(throttle, key));
    return peer;
}

static uint64_t wait_after(const struct throttle_settings *settings, uint32_t failures)
{
    if (failures <= settings->failures_free)
        return 0;
    uint32_t doublings = failures - settings->failures_free - 1;
    if (doublings >= 64 || settings->first_wait_ns > settings->wait_max_ns >> doublings)
        return settings->wait_max_ns;
    return settings->first_wait_ns << doublings;
}

static void peer_hold(const struct throttle *throttle, struct peer *peer, uint32_t failures, uint64_t now_ns)
{
    uint64_t until_ns = now_ns + wait_after(&throttle->settings, failures);
    if (until_ns > peer->until_ns)
        peer->until_ns = until_ns;
    peer->forget_ns = peer->until_ns + throttle->settings.memory_ns;
}

uint64_t throttle_try(struct throttle *throttle, uint64_t peer_key, uint64_t now_ns)
{
    uint64_t wait_ns = 0;
    throttle_lock(throttle);
    struct peer *peer = peer_remember(throttle, peer_key, now_ns);
    if (peer != NULL) {
        peer_heard(throttle, peer);
        if (now_ns < peer->until_ns)
            wait_ns = peer->until_ns - now_ns;
        else if (peer->failures >= throttle->settings.failures_free) // as if it failed: one try, not many
            peer_hold(throttle, peer, peer->failures + 1, now_ns);
    }
    throttle_unlock(throttle);
    return wait_ns;
}

void throttle_fail(struct throttle *throttle, uint64_t peer_key, uint64_t now_ns)
{
    throttle_lock(throttle);
    struct peer *peer = peer_remember(throttle, peer_key, now_ns);
    if (peer == NULL)
        peer = peer_create(throttle, peer_key);
    peer_heard(throttle, peer);
    if (peer->failures < UINT32_MAX)
        peer->failures++;
    peer_hold(throttle, peer, peer->failures, now_ns);
    throttle_unlock(throttle);
}

void throttle_succeed(struct throttle *throttle, uint64_t peer_key)
{
    throttle_lock(throttle);
    struct peer *peer = peer_find(throttle, peer_key);
    if (peer != NULL)
        peer_forget(throttle, peer);
    throttle_unlock(throttle);
}

// SPDX-License-Identifier: MIT
#include "server/acceptor.h"

#include <errno.h>

#include "server/client.h"
#include "server/handshake.h"

#define ACCEPT_AGAIN_MS 100u // between two looks at whether there are descriptors again

static bool descriptors_left(const struct shard *shard)
{
    return atomic_load_explicit(&shard->broker->connections, memory_order_relaxed) <
           shard->broker->descriptors_max;
}

// While handshakes wait here, other shards, or the kernel's backlog, take those that come.
static bool handshakes_welcome(const struct shard *shard, const struct listener_terms *terms)
{
    return terms->tls == NULL || !handshake_waiting(shard);
}

static bool acceptor_may_begin(const struct shard *shard, const struct acceptor *acceptor)
{
    return acceptor->terms != NULL && !acceptor->ending && acceptor->operation.kind == RING_IDLE &&
           handshakes_welcome(shard, acceptor->terms);
}

void acceptors_go_on(struct shard *shard)
{
    if (shard->phase != SHARD_SERVING || timer_armed(&shard->accept_again))
        return;
    for (uint32_t i = 0; i < shard->acceptors_end; i++) {
        struct acceptor *acceptor = &shard->acceptors[i];
        if (acceptor_may_begin(shard, acceptor))
            ring_accept(shard->ring, &acceptor->operation, acceptor->terms->listener->fd);
    }
}

void acceptors_stop(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->acceptors_end; i++)
        ring_cancel(shard->ring, &shard->acceptors[i].operation);
}

static void acceptors_pause(struct shard *shard, const char *cause)
{
    if (!timer_armed(&shard->accept_again))
        log_peer(
            "accepting pauses: %s; raise the limit on open files (ulimit -n, LimitNOFILE=) to serve more",
            cause);
    timer_arm(&shard->timers, &shard->accept_again, shard->turn.now_ns + ACCEPT_AGAIN_MS * NS_PER_MS);
    acceptors_stop(shard);
}

void acceptors_try_again(struct shard *shard)
{
    if (descriptors_left(shard))
        acceptors_go_on(shard);
    else
        timer_arm(&shard->timers, &shard->accept_again, shard->turn.now_ns + ACCEPT_AGAIN_MS * NS_PER_MS);
}

bool acceptors_idle(const struct shard *shard)
{
    for (uint32_t i = 0; i < shard->acceptors_end; i++)
        if (shard->acceptors[i].operation.kind != RING_IDLE)
            return false;
    return true;
}

void acceptor_accepted(struct shard *shard, const struct ring_event *event)
{
    struct acceptor *acceptor = container_of(event->operation, struct acceptor, operation);
    if (event->result >= 0)
        client_accepted(shard, acceptor->terms, event->result);
    else if (event->result != -ECANCELED)
        acceptors_pause(shard, strerror(-event->result));
    if (!descriptors_left(shard))
        acceptors_pause(shard, "descriptors run short");
    else if (!handshakes_welcome(shard, acceptor->terms))
        ring_cancel(shard->ring, &acceptor->operation);
    else if (event->final)
        acceptors_go_on(shard);
}

// ---- Another regime ----

void acceptors_adopt(struct shard *shard)
{
    const struct regime *regime = shard->regime;
    if (shard->acceptors_end < regime->listeners_end)
        shard->acceptors_end = regime->listeners_end;
    for (uint32_t i = 0; i < shard->acceptors_end; i++) {
        struct acceptor *acceptor = &shard->acceptors[i];
        acceptor->operation.owner = OWNER_ACCEPTOR;
        acceptor->ending = regime->terms[i] == NULL;
        if (!acceptor->ending)
            acceptor->terms = regime->terms[i];
        else // what is accepted before the end has come has the terms that it was told
            ring_cancel(shard->ring, &acceptor->operation);
    }
    acceptors_go_on(shard);
}

bool acceptors_settled(const struct shard *shard)
{
    for (uint32_t i = 0; i < shard->acceptors_end; i++)
        if (shard->acceptors[i].ending && shard->acceptors[i].operation.kind != RING_IDLE)
            return false;
    return true;
}

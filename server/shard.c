// SPDX-License-Identifier: MIT
#include "server/shard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/acceptor.h"
#include "server/attach.h"
#include "server/client.h"
#include "server/expiry.h"
#include "server/flush.h"
#include "server/handshake.h"
#include "server/hold.h"
#include "server/look.h"
#include "server/mail.h"
#include "server/plugins.h"
#include "server/publish.h"
#include "server/subscribe.h"
#include "server/sys.h"

#define RING_ENTRIES      4096u
#define CONGESTED_WAIT_MS 1u    // between two looks at whether mail has been worked off
#define LOG_SEGMENTS_IDLE 64u   // 4 MiB: a few turns' worth of wire log
#define CHUNKS_IDLE       1024u // 4 MiB
#define TLS_CHUNKS_IDLE   1024u // 4 MiB
#define CACHE_TOPICS      16384u
#define CACHE_MATCHES     65536u

uint32_t broker_place(const struct broker *broker, struct bytes client_id)
{
    return (uint32_t)(hash_bytes(client_id.data, client_id.length, broker->hash_seed) % broker->shard_count);
}

void broker_await(struct broker *broker, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        while (sem_wait(&broker->reported) < 0 && errno == EINTR)
            continue;
}

uint64_t shard_stamp(struct shard *shard)
{
    uint64_t now_ns = shard->turn.now_ns;
    shard->stamp_ns = now_ns > shard->stamp_ns ? now_ns : shard->stamp_ns + 1;
    return shard->stamp_ns;
}

// The turn.

static void shard_handle_event(struct shard *shard, const struct ring_event *event)
{
    switch ((enum owner)event->operation->owner) {
    case OWNER_ACCEPTOR:
        acceptor_accepted(shard, event);
        break;
    case OWNER_CLIENT_RECEIVE:
        client_received(shard, event);
        break;
    case OWNER_CLIENT_SEND:
        flush_sent(shard, event);
        break;
    case OWNER_MAILBOX: // it only ended the sleep
        break;
    }
}

// Mail before bytes, each time: a client that was told of something by another shard, and says so to a third
// party that acts on it, finds it done here.
static void shard_handle_events(struct shard *shard)
{
    struct ring_event event;
    while (ring_next(shard->ring, &event)) {
        if (event.data != NULL)
            mail_receive(shard);
        shard_handle_event(shard, &event);
    }
    mail_receive(shard);
    handshake_go_on(shard);
}

static void shard_expire_timers(struct shard *shard)
{
    struct timer *timer;
    while ((timer = timer_queue_expire(&shard->timers, shard->turn.now_ns)) != NULL) {
        switch ((enum timer_kind)timer->kind) {
        case TIMER_CLIENT:
            client_timer_expired(shard, timer);
            break;
        case TIMER_ACCEPT_AGAIN:
            acceptors_try_again(shard);
            break;
        case TIMER_SYS:
            sys_expired(shard);
            break;
        case TIMER_HOLD:
            hold_expired(shard, timer);
            break;
        case TIMER_TICK:
            plugins_tick(shard);
            break;
        case TIMER_EXPIRY:
            expiry_expired(shard);
            break;
        }
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// How long this turn may sleep: until the next deadline, and not at all when mail has come meanwhile.
static uint64_t shard_sleep_ns(struct shard *shard, uint64_t stalled_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t deadline_ns = earlier(timer_queue_deadline(&shard->timers), stalled_ns);
    if (shard->phase == SHARD_FINISHING)
        deadline_ns = earlier(deadline_ns, shard->finish_deadline_ns);
    if (shard->congested)
        deadline_ns = earlier(deadline_ns, now_ns + CONGESTED_WAIT_MS * NS_PER_MS);
    if (!mailbox_sleep(&shard->mailbox) || deadline_ns <= now_ns || handshake_waiting(shard))
        return 0;
    return deadline_ns == TIMER_NEVER ? RING_WAIT_FOREVER : deadline_ns - now_ns;
}

static int shard_wait(struct shard *shard, uint64_t stalled_ns)
{
    int failed = ring_wait(shard->ring, shard_sleep_ns(shard, stalled_ns));
    mailbox_awake(&shard->mailbox);
    shard->turn.now_ns = clock_monotonic_ns();
    return failed;
}

static void shard_count(struct shard *shard)
{
    struct ring_counters ring = ring_counters(shard->ring);
    counter_set(&shard->counters.ring_enters, ring.enters);
    counter_set(&shard->counters.ring_submissions, ring.submissions);
    counter_set(&shard->counters.ring_starved, ring.starved);
    counter_set(&shard->counters.subscriptions, router_subscriptions_total(shard->router));
    struct message_tally stored = message_pools_tally(&shard->messages);
    if (shard->number == 0) { // every shard holds a copy of all that is retained
        counter_set(&shard->counters.retained_messages, router_retained_count(shard->router));
    } else { // what is retained has been made in these pools, as everything that a shard publishes
        assert(stored.messages >= router_retained_count(shard->router));
        stored.messages -= router_retained_count(shard->router);
        stored.payload_bytes -= router_retained_payload_bytes(shard->router);
    }
    counter_set(&shard->counters.messages_stored, stored.messages);
    counter_set(&shard->counters.stored_bytes, stored.payload_bytes);
}

// Stopping in two phases lets no message fall between two shards: when every shard is quiet, all that was
// read has been mailed, so finishing comes behind it in every mailbox. A phase begins when the events of the
// turn have been handled: what was read before is not lost.
static void shard_begin_phase(struct shard *shard)
{
    if (shard->phase == shard->phase_asked)
        return;
    shard->phase = shard->phase_asked;
    if (shard->phase == SHARD_QUIET) {
        timer_cancel(&shard->timers, &shard->sys);
        timer_cancel(&shard->timers, &shard->expiry);
        acceptors_stop(shard);
        client_quiet_all(shard);
        return;
    }
    shard->finish_deadline_ns = shard->turn.now_ns + shard->turn.limits->shutdown_timeout_ms * NS_PER_MS;
    client_close_all(shard);
}

static void shard_end_phase(struct shard *shard, enum shard_phase before)
{
    if (shard->phase == SHARD_QUIET && before == SHARD_SERVING)
        sem_post(&shard->broker->reported); // what was read is posted
    if (shard->phase != SHARD_FINISHING)
        return;
    if (shard->client_count == 0)
        ring_cancel(shard->ring, &shard->wake);
    shard->done = shard->client_count == 0 && acceptors_idle(shard) && shard->wake.kind == RING_IDLE;
}

// One turn, in the order in which data flows.
static int shard_turn(struct shard *shard)
{
    int failed = shard_wait(shard, flush_detach_stalled(shard));
    if (failed)
        return failed;
    enum shard_phase before = shard->phase;
    shard_handle_events(shard); // bytes -> packets -> effects -> outboxes
    shard_begin_phase(shard);
    shard_expire_timers(shard);
    publish_acknowledge(shard);
    mail_post(shard); // before the answers: who sees one finds what it answers done on every shard
    flush_dirty(shard);
    client_reap(shard);
    mail_post(shard); // wills of those that the flush had to close
    shard_count(shard);
    regime_tell_adopted(shard);
    shard_end_phase(shard, before);
    return 0;
}

// Start and end.

static int shard_create_ring(struct shard *shard)
{
    const struct limits *limits = shard->turn.limits;
    struct ring_options options = {
        .entries = RING_ENTRIES,
        .buffer_count = (uint32_t)limits->receive_buffers,
        .buffer_bytes = (uint32_t)limits->receive_buffer_bytes,
        .disable = shard->broker->ring_disable,
    };
    char error[RING_ERROR_BYTES];
    int failed = ring_create(&options, &shard->ring, error);
    if (failed)
        (void)snprintf(shard->error, sizeof shard->error, "%s", error); // cut if ever too long
    return failed;
}

static void shard_create_router(struct shard *shard)
{
    const struct limits *limits = shard->turn.limits;
    struct router_options options = {
        .hash_seed = shard->broker->hash_seed,
        .cache_topics_max = CACHE_TOPICS,
        .cache_matches_max = CACHE_MATCHES,
        .retained_messages_max = limits->retained_messages_max,
        .retained_bytes_max = limits->retained_bytes_max,
    };
    shard->router = router_create(&options);
}

static int shard_open(struct shard *shard)
{
    int failed = shard_create_ring(shard);
    if (failed)
        return failed;
    shard_create_router(shard);
    shard->scratch = memory_require(LAYERS_SCRATCH);
    shard->wake.owner = OWNER_MAILBOX;
    ring_watch(shard->ring, &shard->wake, shard->mailbox.wake_fd);
    shard->turn.now_ns = clock_monotonic_ns();
    shard->accept_again.kind = TIMER_ACCEPT_AGAIN;
    sys_begin(shard);
    shard->tick.kind = TIMER_TICK;
    shard->roster = plugins_roster(shard->broker);
    acceptors_adopt(shard);
    plugins_tick(shard);
    return 0;
}

// For people who look at threads.
static void shard_name_thread(const struct shard *shard)
{
    char name[16];
    (void)snprintf(name, sizeof name, "hbmqtt-shard-%u", shard->number); // fits: there are 64 at most
    (void)pthread_setname_np(pthread_self(), name);                      // without it, nothing is missing
}

static void *shard_run(void *argument)
{
    struct shard *shard = argument;
    host_mark_shard();
    shard_name_thread(shard);
    shard->failed = shard_open(shard); // main reads it once it was reported, and not again
    sem_post(&shard->broker->reported);
    if (shard->failed)
        return NULL;
    int failed = 0;
    while (!failed && !shard->done)
        failed = shard_turn(shard);
    if (failed) {
        log_error("shard %u: io_uring failed while running: %s; the broker ends", shard->number,
                  strerror(-failed));
        abort(); // its clients cannot be served, and whoever watches the process starts it again
    }
    return NULL;
}

int shard_init(struct shard *shard, struct broker *broker, uint32_t number)
{
    *shard = (struct shard){.broker = broker, .number = number};
    struct list *lists[] = {&shard->serving, &shard->closing, &shard->dead,
                            &shard->sending, &shard->paused,  &shard->shaking,
                            &shard->held,    &shard->walks,   &shard->turn.dirty};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        list_init(lists[i]);
    random_seed(&shard->random, broker->hash_seed + number);
    timer_queue_init(&shard->timers);
    segment_pool_init(&shard->log_segments, SEGMENT_LOG_BYTES, LOG_SEGMENTS_IDLE);
    segment_pool_init(&shard->chunks, SEGMENT_CHUNK_BYTES, CHUNKS_IDLE);
    message_pools_init(&shard->messages);
    tls_pool_init(&shard->tls_pool, TLS_CHUNKS_IDLE);
    wirelog_init(&shard->wirelog, &shard->log_segments);
    session_registry_init(&shard->sessions, broker->hash_seed);
    expiry_init(shard);
    store_init(&shard->store);
    hash_table_init(&shard->pending);
    shard->regime = broker->regime;
    shard->turn.limits = &shard->regime->config->limits;
    shard->turn.listeners = shard->regime->limits;
    shard->turn.wirelog = &shard->wirelog;
    shard->turn.counters = &shard->counters;
    return mailbox_init(&shard->mailbox);
}

int shard_start(struct shard *shard)
{
    return -pthread_create(&shard->thread, NULL, shard_run, shard);
}

static void shard_end_sessions(struct shard *shard)
{
    struct session *session;
    while ((session = session_registry_any(&shard->sessions)) != NULL)
        attach_end_session(shard, session);
    session_registry_finish(&shard->sessions);
}

static void shard_drop_open_mail(struct shard *shard)
{
    for (uint32_t to = 0; to < shard->broker->shard_count; to++)
        free(shard->postbags[to].open);
}

void shard_join(struct shard *shard)
{
    (void)pthread_join(shard->thread, NULL); // it was started, once
}

void shard_finish(struct shard *shard)
{
    subscribe_abandon_pending(shard);
    look_give_up(shard);
    shard_end_sessions(shard);
    shard_drop_open_mail(shard);
    router_destroy(shard->router);
    wirelog_finish(&shard->wirelog);
    message_pools_finish(&shard->messages);
    tls_pool_finish(&shard->tls_pool);
    segment_pool_finish(&shard->log_segments);
    segment_pool_finish(&shard->chunks);
    store_finish(&shard->store);
    timer_queue_finish(&shard->timers);
    ring_destroy(shard->ring);
    free(shard->scratch);
    free(shard->slots);
    free(shard->slots_free);
    mail_finish(shard);
}

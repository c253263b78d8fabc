// SPDX-License-Identifier: MIT
#include "server/access/verifier.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

#define NO_PLACE         UINT32_MAX
#define BUCKETS_MIN      65536u
#define BUCKETS_FOR_EACH 4u // place: two peers seldom share one

// Where a request lies.
struct place {
    uint32_t bucket; // that its peer is counted in
    bool known;
    uint16_t password_length;
    void *owner;
    uint64_t id;
    char hash[PASSWORD_TEXT_BYTES];
    uint8_t password[PASSWORD_BYTES_MAX];
};

struct number {
    _Atomic uint32_t value;
};

// How many requests of a peer there are is counted in buckets that peers are hashed to, with a seed that
// nobody knows. Two peers in one bucket can only be refused earlier than they should be, and only when one of
// them is near its limit.
struct verifier {
    struct verifier_settings settings;
    struct place *places;
    struct number *nexts; // of each place: the one below it in its stack. Apart: unused places take no memory
    struct number *buckets;
    uint32_t bucket_mask;
    uint64_t seed;
    _Atomic uint64_t free_places; // the top of a stack: a place, and above it how often the top has changed
    _Atomic uint32_t incoming;    // the top of another: what was asked, the latest on top
    sem_t waiting;                // how many requests wait, and one more for each worker that is to end
    _Atomic bool ending;
    pthread_mutex_t lock; // between workers
    uint32_t oldest;      // what waits and is not incoming any more, oldest on top
    uint32_t workers_started;
    pthread_t workers[VERIFIER_WORKERS_MAX];
};

static uint32_t next_of(const struct verifier *verifier, uint32_t place)
{
    return atomic_load_explicit(&verifier->nexts[place].value, memory_order_relaxed);
}

static void next_set(struct verifier *verifier, uint32_t place, uint32_t next)
{
    atomic_store_explicit(&verifier->nexts[place].value, next, memory_order_relaxed);
}

// The free places. A place may be taken and given back while another thread tries to take it; the count of
// changes tells that thread.

static uint64_t top_of(uint32_t place, uint64_t changes)
{
    return changes << 32 | place;
}

static void place_give(struct verifier *verifier, uint32_t place)
{
    uint64_t top = atomic_load_explicit(&verifier->free_places, memory_order_relaxed);
    uint64_t wanted;
    do {
        next_set(verifier, place, (uint32_t)top);
        wanted = top_of(place, (top >> 32) + 1);
    } while (!atomic_compare_exchange_weak_explicit(&verifier->free_places, &top, wanted,
                                                    memory_order_release, memory_order_relaxed));
}

static uint32_t place_take(struct verifier *verifier)
{
    uint64_t top = atomic_load_explicit(&verifier->free_places, memory_order_acquire);
    uint64_t wanted;
    do {
        if ((uint32_t)top == NO_PLACE)
            return NO_PLACE;
        wanted = top_of(next_of(verifier, (uint32_t)top), (top >> 32) + 1);
    } while (!atomic_compare_exchange_weak_explicit(&verifier->free_places, &top, wanted,
                                                    memory_order_acquire, memory_order_acquire));
    return (uint32_t)top;
}

// The queue.

static void place_queue(struct verifier *verifier, uint32_t place)
{
    uint32_t top = atomic_load_explicit(&verifier->incoming, memory_order_relaxed);
    do
        next_set(verifier, place, top);
    while (!atomic_compare_exchange_weak_explicit(&verifier->incoming, &top, place, memory_order_release,
                                                  memory_order_relaxed));
    int failed = sem_post(&verifier->waiting);
    assert(failed == 0); // there are fewer places than it can count
}

// Turns what came in around: the oldest is then on top.
static uint32_t incoming_take(struct verifier *verifier)
{
    uint32_t latest = atomic_exchange_explicit(&verifier->incoming, NO_PLACE, memory_order_acquire);
    uint32_t oldest = NO_PLACE;
    while (latest != NO_PLACE) {
        uint32_t next = next_of(verifier, latest);
        next_set(verifier, latest, oldest);
        oldest = latest;
        latest = next;
    }
    return oldest;
}

// Takes the request that has waited longest; there is one for everybody that `waiting` has let through.
static struct place *oldest_take(struct verifier *verifier)
{
    int error = pthread_mutex_lock(&verifier->lock);
    assert(error == 0);
    if (verifier->oldest == NO_PLACE)
        verifier->oldest = incoming_take(verifier);
    assert(verifier->oldest != NO_PLACE);
    uint32_t place = verifier->oldest;
    verifier->oldest = next_of(verifier, place);
    error = pthread_mutex_unlock(&verifier->lock);
    assert(error == 0);
    return &verifier->places[place];
}

static void peer_uncount(struct verifier *verifier, uint32_t bucket)
{
    (void)atomic_fetch_sub_explicit(&verifier->buckets[bucket].value, 1, memory_order_relaxed); // as wanted
}

static bool peer_count(struct verifier *verifier, uint64_t peer, uint32_t *ret_bucket)
{
    *ret_bucket = (uint32_t)hash_bytes(&peer, sizeof peer, verifier->seed) & verifier->bucket_mask;
    struct number *count = &verifier->buckets[*ret_bucket];
    if (atomic_fetch_add_explicit(&count->value, 1, memory_order_relaxed) < verifier->settings.peer_max)
        return true;
    peer_uncount(verifier, *ret_bucket);
    return false;
}

static void place_wipe(struct place *place)
{
    OPENSSL_cleanse(place->hash, sizeof place->hash);
    OPENSSL_cleanse(place->password, sizeof place->password);
}

static void place_free(struct verifier *verifier, struct place *place)
{
    place_wipe(place);
    peer_uncount(verifier, place->bucket);
    place_give(verifier, (uint32_t)(place - verifier->places));
}

bool verifier_ask(struct verifier *verifier, const struct verifier_request *request)
{
    uint32_t bucket;
    if (!peer_count(verifier, request->peer, &bucket))
        return false;
    uint32_t number = place_take(verifier);
    if (number == NO_PLACE) {
        peer_uncount(verifier, bucket);
        return false;
    }
    struct place *place = &verifier->places[number];
    bool fits = request->password.length <= PASSWORD_BYTES_MAX;
    size_t hash_size = strlen(request->hash) + 1;
    assert(hash_size <= sizeof place->hash); // password_form_read takes no longer one
    memcpy(place->hash, request->hash, hash_size);
    place->password_length = fits ? (uint16_t)request->password.length : 0;
    if (place->password_length > 0)
        memcpy(place->password, request->password.data, place->password_length);
    place->known = request->known && fits;
    place->bucket = bucket;
    place->owner = request->owner;
    place->id = request->id;
    place_queue(verifier, number);
    return true;
}

// The workers.

// Beside shards that are busy all the time a worker gets a twenty-ninth of its processor: who guesses takes
// no more from the others than that, and who has the password still gets in. Without either, all works as
// well.
static void priority_lower(void)
{
    struct sched_param parameter = {0};
    (void)sched_setscheduler(0, SCHED_BATCH, &parameter);
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), VERIFIER_NICE);
}

static void *worker_run(void *argument)
{
    struct verifier *verifier = argument;
    priority_lower();
    while (true) {
        int failed = sem_wait(&verifier->waiting);
        assert(failed == 0); // all signals are blocked
        if (atomic_load_explicit(&verifier->ending, memory_order_acquire))
            break;
        struct place *place = oldest_take(verifier);
        struct bytes password = {place->password, place->password_length};
        enum password_result result = password_verify(place->hash, password);
        if (!place->known && result == PASSWORD_RIGHT)
            result = PASSWORD_WRONG;
        void *owner = place->owner;
        uint64_t id = place->id;
        place_free(verifier, place); // first, so that who gets the answer finds it free
        verifier->settings.answer(owner, id, result);
    }
    password_release();
    return NULL;
}

static int workers_start(struct verifier *verifier)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all); // cannot fail, as the next ones
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    while (error == 0 && verifier->workers_started < verifier->settings.worker_count) {
        pthread_t *worker = &verifier->workers[verifier->workers_started];
        error = pthread_create(worker, NULL, worker_run, verifier);
        if (error == 0) {
            (void)pthread_setname_np(*worker, "hbmqtt-password"); // for people only
            verifier->workers_started++;
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

int verifier_create(const struct verifier_settings *settings, struct verifier **ret_verifier)
{
    assert(settings->worker_count > 0 && settings->worker_count <= VERIFIER_WORKERS_MAX);
    assert(settings->queue_max > 0 && settings->queue_max <= VERIFIER_QUEUE_MAX && settings->peer_max > 0);
    struct verifier *verifier = memory_require(sizeof *verifier);
    uint32_t buckets = BUCKETS_MIN;
    while (buckets < settings->queue_max * BUCKETS_FOR_EACH)
        buckets *= 2;
    verifier->settings = *settings;
    verifier->places = memory_require(settings->queue_max * sizeof *verifier->places);
    verifier->nexts = memory_require(settings->queue_max * sizeof *verifier->nexts);
    verifier->buckets = memory_require(buckets * sizeof *verifier->buckets);
    verifier->bucket_mask = buckets - 1;
    verifier->seed = random_entropy();
    verifier->oldest = NO_PLACE;
    atomic_init(&verifier->incoming, NO_PLACE);
    atomic_init(&verifier->free_places, top_of(NO_PLACE, 0));
    for (uint32_t i = settings->queue_max; i > 0; i--)
        place_give(verifier, i - 1);
    int failed = sem_init(&verifier->waiting, 0, 0) | pthread_mutex_init(&verifier->lock, NULL);
    assert(failed == 0); // between threads of one process: cannot fail
    int status = workers_start(verifier);
    if (status == 0)
        *ret_verifier = verifier;
    else
        verifier_destroy(verifier);
    return status;
}

static void places_wipe(struct verifier *verifier, uint32_t place)
{
    for (; place != NO_PLACE; place = next_of(verifier, place))
        place_wipe(&verifier->places[place]);
}

void verifier_destroy(struct verifier *verifier)
{
    if (verifier == NULL)
        return;
    atomic_store_explicit(&verifier->ending, true, memory_order_release);
    for (uint32_t i = 0; i < verifier->workers_started; i++)
        (void)sem_post(&verifier->waiting); // if it can count no higher, they are awake
    for (uint32_t i = 0; i < verifier->workers_started; i++)
        (void)pthread_join(verifier->workers[i], NULL); // cannot fail: each is joined once
    places_wipe(verifier, verifier->oldest);
    places_wipe(verifier, incoming_take(verifier));
    (void)sem_destroy(&verifier->waiting); // nobody waits any more
    (void)pthread_mutex_destroy(&verifier->lock);
    free(verifier->places);
    free(verifier->nexts);
    free(verifier->buckets);
    free(verifier);
}

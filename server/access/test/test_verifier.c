// SPDX-License-Identifier: MIT
#include "server/access/verifier.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "server/access/test/copies.h"
#include "server/access/test/samples.h"

#define ANSWERS_MAX 10000u

// Whom the answers are given to. While the gate is closed, each worker stays in its first answer.
struct audience {
    sem_t gate;    // how many answers may go on
    sem_t arrived; // how many were given
    pthread_mutex_t lock;
    uint32_t count;
    uint64_t ids[ANSWERS_MAX];
    uint8_t results[ANSWERS_MAX]; // by id
    bool low_priority;
    bool signals_blocked;
};

static struct audience audience;
static char right_hash[PASSWORD_TEXT_BYTES]; // of SAMPLE_PASSWORD, cheap

#define OPEN 1000000u

static void audience_begin(unsigned gate)
{
    audience = (struct audience){0};
    memset(audience.results, 0xff, sizeof audience.results);
    CU_ASSERT_EQUAL_FATAL(sem_init(&audience.gate, 0, gate), 0);
    CU_ASSERT_EQUAL_FATAL(sem_init(&audience.arrived, 0, 0), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_mutex_init(&audience.lock, NULL), 0);
}

static void audience_open(void)
{
    for (unsigned i = 0; i < ANSWERS_MAX; i++)
        (void)sem_post(&audience.gate); // counts far enough
}

static void audience_wait(unsigned answers)
{
    for (unsigned i = 0; i < answers; i++)
        while (sem_wait(&audience.arrived) != 0)
            ;
}

static bool is_low_priority(void)
{
    return sched_getscheduler(0) == SCHED_BATCH && getpriority(PRIO_PROCESS, (id_t)gettid()) == VERIFIER_NICE;
}

static bool are_signals_blocked(void)
{
    sigset_t blocked;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked); // cannot fail
    return sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGHUP) == 1;
}

static void hear(void *owner, uint64_t id, enum password_result result)
{
    struct audience *heard_by = owner;
    (void)pthread_mutex_lock(&heard_by->lock); // of a plain mutex that exists
    heard_by->low_priority = is_low_priority();
    heard_by->signals_blocked = are_signals_blocked();
    heard_by->ids[heard_by->count++] = id;
    heard_by->results[id] = (uint8_t)result;
    (void)pthread_mutex_unlock(&heard_by->lock);
    (void)sem_post(&heard_by->arrived);
    while (sem_wait(&heard_by->gate) != 0)
        ;
}

static struct verifier *created(uint32_t worker_count, uint32_t queue_max, uint32_t peer_max)
{
    const struct verifier_settings settings = {worker_count, queue_max, peer_max, hear};
    struct verifier *verifier = NULL;
    CU_ASSERT_EQUAL_FATAL(verifier_create(&settings, &verifier), 0);
    return verifier;
}

static struct verifier_request request_of(uint64_t id, uint64_t peer)
{
    return (struct verifier_request){.hash = right_hash,
                                     .known = true,
                                     .password = bytes_of(SAMPLE_PASSWORD),
                                     .peer = peer,
                                     .owner = &audience,
                                     .id = id};
}

static bool ask(struct verifier *verifier, uint64_t id, uint64_t peer)
{
    const struct verifier_request request = request_of(id, peer);
    return verifier_ask(verifier, &request);
}

static void answers_carry_what_came_of_it(void)
{
    static const uint8_t long_password[PASSWORD_BYTES_MAX + 1];
    char hash_of_nothing[PASSWORD_TEXT_BYTES]; // which is what is left of a password that has no room
    CU_ASSERT_PTR_NULL_FATAL(password_hash(PASSWORD_MOSQUITTO, 1, bytes_of(""), hash_of_nothing));
    audience_begin(OPEN);
    struct verifier *verifier = created(2, 8, 8);
    struct verifier_request requests[5];
    for (unsigned i = 0; i < 5; i++)
        requests[i] = request_of(i, i);
    requests[1].password = bytes_of("another");
    requests[2].known = false;
    requests[3].hash = "ab01FAX.bQRSU";
    requests[4].hash = hash_of_nothing;
    requests[4].password = (struct bytes){long_password, sizeof long_password};
    for (unsigned i = 0; i < 5; i++)
        CU_ASSERT_TRUE(verifier_ask(verifier, &requests[i]));
    audience_wait(5);
    verifier_destroy(verifier);
    CU_ASSERT_EQUAL(audience.results[0], PASSWORD_RIGHT);
    CU_ASSERT_EQUAL(audience.results[1], PASSWORD_WRONG);
    CU_ASSERT_EQUAL(audience.results[2], PASSWORD_WRONG); // an unknown user, whatever the password
    CU_ASSERT_EQUAL(audience.results[3], PASSWORD_NOT_UNDERSTOOD);
    CU_ASSERT_EQUAL(audience.results[4], PASSWORD_WRONG);
}

static void ten_thousand_are_worked_off_in_order(void)
{
    audience_begin(0);
    struct verifier *verifier = created(1, ANSWERS_MAX, ANSWERS_MAX);
    for (unsigned i = 0; i < ANSWERS_MAX; i++)
        CU_ASSERT_TRUE_FATAL(ask(verifier, i, i % 3));
    audience_open();
    audience_wait(ANSWERS_MAX);
    verifier_destroy(verifier);
    bool ordered = true;
    for (unsigned i = 0; i < ANSWERS_MAX; i++)
        ordered &= audience.ids[i] == i && audience.results[i] == PASSWORD_RIGHT;
    CU_ASSERT_TRUE(ordered);
}

static void what_is_asked_is_copied(void)
{
    char hash[PASSWORD_TEXT_BYTES];
    char password[] = SAMPLE_PASSWORD;
    audience_begin(0);
    struct verifier *verifier = created(1, 8, 8);
    memcpy(hash, right_hash, sizeof hash);
    struct verifier_request request = request_of(1, 1);
    request.hash = hash;
    request.password = bytes_of(password);
    CU_ASSERT_TRUE(ask(verifier, 0, 1));
    CU_ASSERT_TRUE(verifier_ask(verifier, &request));
    memset(hash, 'x', sizeof hash);
    memset(password, 'x', sizeof password);
    memset(&request, 0, sizeof request);
    audience_open();
    audience_wait(2);
    verifier_destroy(verifier);
    CU_ASSERT_EQUAL(audience.results[1], PASSWORD_RIGHT);
}

static void a_full_queue_refuses_and_takes_again(void)
{
    audience_begin(0);
    struct verifier *verifier = created(1, 4, 100);
    CU_ASSERT_TRUE(ask(verifier, 0, 1));
    audience_wait(1); // its answer holds the worker, and no place
    for (unsigned i = 1; i <= 4; i++)
        CU_ASSERT_TRUE(ask(verifier, i, i));
    for (unsigned i = 5; i < 10; i++)
        CU_ASSERT_FALSE(ask(verifier, i, i));
    (void)sem_post(&audience.gate);
    audience_wait(1);
    CU_ASSERT_TRUE(ask(verifier, 10, 10));
    CU_ASSERT_FALSE(ask(verifier, 11, 11));
    audience_open();
    audience_wait(4);
    for (unsigned round = 0; round < 1000; round++) { // places do not get lost
        CU_ASSERT_TRUE(ask(verifier, 12, 1));
        audience_wait(1);
    }
    verifier_destroy(verifier);
    CU_ASSERT_EQUAL(audience.count, 1006);
}

static void a_peer_has_its_share_and_no_more(void)
{
    audience_begin(0);
    struct verifier *verifier = created(1, VERIFIER_QUEUE_MAX, 3); // with so many places no two peers are one
    CU_ASSERT_TRUE(ask(verifier, 0, 7));
    audience_wait(1);
    for (unsigned i = 1; i <= 3; i++)
        CU_ASSERT_TRUE(ask(verifier, i, 7));
    for (unsigned i = 0; i < 100; i++)
        CU_ASSERT_FALSE(ask(verifier, 9, 7));
    for (unsigned i = 4; i <= 6; i++)
        CU_ASSERT_TRUE(ask(verifier, i, 8));
    CU_ASSERT_FALSE(ask(verifier, 9, 8));
    (void)sem_post(&audience.gate);
    audience_wait(1);
    CU_ASSERT_TRUE(ask(verifier, 7, 7)); // one of its own was answered
    CU_ASSERT_FALSE(ask(verifier, 9, 7));
    audience_open();
    audience_wait(6);
    verifier_destroy(verifier);
    bool ordered = true;
    for (unsigned i = 0; i < 8; i++)
        ordered &= audience.ids[i] == i;
    CU_ASSERT_TRUE(ordered);
}

static void what_waits_at_the_end_is_dropped(void)
{
    audience_begin(0);
    struct verifier *verifier = created(2, 1000, 1000);
    for (unsigned i = 0; i < 1000; i++)
        CU_ASSERT_TRUE(ask(verifier, i, i));
    audience_wait(2); // both workers are in an answer
    audience_open();
    verifier_destroy(verifier);
    CU_ASSERT_TRUE(audience.count >= 2 && audience.count <= 1000);
    verifier_destroy(created(VERIFIER_WORKERS_MAX, 1, 1));
    verifier_destroy(NULL);
}

static void workers_get_out_of_the_way(void)
{
    audience_begin(OPEN);
    struct verifier *verifier = created(1, 1, 1);
    bool before = is_low_priority();
    CU_ASSERT_TRUE(ask(verifier, 0, 1));
    audience_wait(1);
    verifier_destroy(verifier);
    CU_ASSERT_TRUE(audience.low_priority);
    CU_ASSERT_TRUE(audience.signals_blocked);
    CU_ASSERT_EQUAL(is_low_priority(), before);
    CU_ASSERT_FALSE(are_signals_blocked());
}

#if !SANITIZED

static void no_copy_of_a_password_stays_behind(void)
{
    uint8_t secret[SECRET_BYTES];
    secret_make(secret);
    audience_begin(0);
    struct verifier *verifier = created(1, 1000, 1000);
    struct verifier_request request = request_of(0, 1);
    request.password = (struct bytes){secret, sizeof secret};
    for (unsigned i = 0; i < 10; i++)
        CU_ASSERT_TRUE(verifier_ask(verifier, &request));
    audience_wait(1);
    CU_ASSERT_EQUAL(copies_count(secret), 10); // our own, and those that wait
    audience_open();
    audience_wait(9);
    CU_ASSERT_EQUAL(copies_count(secret), 1);
    verifier_destroy(verifier);
}

#endif

// Shards that ask at once.

#define SHARDS        4u
#define ASKED_BY_EACH (ANSWERS_MAX / SHARDS)

struct shard {
    pthread_t thread;
    struct verifier *verifier;
    uint64_t first;
    unsigned refused;
};

static void *shard_run(void *argument)
{
    struct shard *shard = argument;
    for (uint64_t i = 0; i < ASKED_BY_EACH; i++)
        while (!ask(shard->verifier, shard->first + i, shard->first)) {
            shard->refused++;
            (void)sched_yield(); // the workers want the processor
        }
    return NULL;
}

static void shards_ask(struct verifier *verifier)
{
    struct shard shards[SHARDS];
    for (unsigned i = 0; i < SHARDS; i++) {
        shards[i] = (struct shard){.verifier = verifier, .first = i * ASKED_BY_EACH};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&shards[i].thread, NULL, shard_run, &shards[i]), 0);
    }
    for (unsigned i = 0; i < SHARDS; i++)
        CU_ASSERT_EQUAL(pthread_join(shards[i].thread, NULL), 0);
    audience_wait(SHARDS * ASKED_BY_EACH);
}

static void many_shards_and_workers_lose_nothing(void)
{
    audience_begin(OPEN);
    struct verifier *verifier = created(3, 50, 20);
    shards_ask(verifier);
    verifier_destroy(verifier);
    CU_ASSERT_EQUAL(audience.count, SHARDS * ASKED_BY_EACH);
    unsigned right = 0;
    for (unsigned i = 0; i < SHARDS * ASKED_BY_EACH; i++)
        right += audience.results[i] == PASSWORD_RIGHT;
    CU_ASSERT_EQUAL(right, SHARDS * ASKED_BY_EACH);
}

static void what_one_shard_asks_stays_in_order(void)
{
    audience_begin(OPEN);
    struct verifier *verifier = created(1, 100, 100);
    shards_ask(verifier);
    verifier_destroy(verifier);
    uint64_t latest[SHARDS] = {0};
    bool ordered = true;
    for (unsigned i = 0; i < audience.count; i++) {
        uint64_t shard = audience.ids[i] / ASKED_BY_EACH;
        ordered &= audience.ids[i] >= latest[shard];
        latest[shard] = audience.ids[i];
    }
    CU_ASSERT_TRUE(ordered);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"answers carry what came of it", answers_carry_what_came_of_it},
        {"ten thousand are worked off in order", ten_thousand_are_worked_off_in_order},
        {"what is asked is copied", what_is_asked_is_copied},
        {"a full queue refuses and takes again", a_full_queue_refuses_and_takes_again},
        {"a peer has its share and no more", a_peer_has_its_share_and_no_more},
        {"what waits at the end is dropped", what_waits_at_the_end_is_dropped},
        {"workers get out of the way", workers_get_out_of_the_way},
#if !SANITIZED
        {"no copy of a password stays behind", no_copy_of_a_password_stays_behind},
#endif
        {"many shards and workers lose nothing", many_shards_and_workers_lose_nothing},
        {"what one shard asks stays in order", what_one_shard_asks_stays_in_order},
    };
    if (password_hash(PASSWORD_MOSQUITTO, 1, bytes_of(SAMPLE_PASSWORD), right_hash) != NULL)
        return EXIT_FAILURE;
    return RUN_TESTS("verifier", cases);
}

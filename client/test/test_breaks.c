// SPDX-License-Identifier: MIT
// Connections that break: at every byte, and thousands of times at random, against a broker in memory.
// Nothing that was reported as done is lost, order holds, and what is of QoS 2 is there once, in both
// directions.
//
// SEEDS=FIRST-LAST chooses other seeds; each failure prints its own.
#include "client/hbmqtt.h"
#include "client/test/model_broker.h"
#include "test/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES   24     // that the client publishes, of QoS 1 and 2 in turn
#define TURNS_MAX  200000 // after which a run is stuck
#define NEVER_CUT  SIZE_MAX
#define SEED_FIRST 1
#define SEED_LAST  3000

struct run {
    uint64_t seed;
    uint64_t random;
    struct hbmqtt_options options;
    struct hbmqtt_client *client;
    struct model_broker broker;
    uint64_t now_ms;
    bool connected;
    size_t bytes;       // that have passed on all connections
    size_t cut_at;      // of them: the connection ends before that one
    unsigned cut_share; // or at random: one of so many pieces
    bool takes;         // the program takes messages at its own pace, and so has them wait
    bool kills;         // the process dies with the connection, now and then
    bool forgets;       // and so does the broker
    unsigned published;
    unsigned done[MESSAGES];  // how often each was reported as done
    struct model_log came[3]; // what the program was given, by quality of service
    bool doubtful;            // a CONNACK was lost: MQTT 3.1.1 cannot tell a new session after that
    unsigned cuts;
    const char *fault;
};

static struct run run;
static char queue_path[64];

static uint32_t draw(uint32_t below)
{
    run.random = run.random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(run.random >> 33) % below;
}

static void fail(const char *what)
{
    if (run.fault == NULL)
        run.fault = what;
}

// The program.

static void told_done(void *context, struct hbmqtt_client *client, const struct hbmqtt_result *result)
{
    size_t number = (size_t)(uintptr_t)context;
    if (result->error == 0)
        run.done[number]++;
}

static void told_message(void *context, struct hbmqtt_client *client, const struct hbmqtt_message *message)
{
    struct model_log *log = &run.came[message->qos];
    if (message->payload_length != 2 || log->count == sizeof log->number)
        fail("a message that was not sent");
    else
        log->number[log->count++] = ((const uint8_t *)message->payload)[1];
}

static void take_next(void)
{
    const struct hbmqtt_message *message = NULL;
    if (hbmqtt_deliver(run.client, 0, &message) == 0)
        told_message(NULL, run.client, message);
}

static void publish_next(void)
{
    uint8_t payload[] = {'M', (uint8_t)run.published};
    struct hbmqtt_message message = {
        .size = sizeof message, .topic = "u", .payload = payload, .payload_length = 2};
    struct hbmqtt_call call = {
        .size = sizeof call, .done = told_done, .context = (void *)(uintptr_t)run.published};
    message.qos = (uint8_t)(1 + run.published % 2);
    int status = hbmqtt_publish_async(run.client, &message, &call);
    if (status == 0)
        run.published++;
    else if (status != HBMQTT_ERROR_FULL)
        fail("a message was not taken");
}

static void open_connection(void)
{
    if (hbmqtt_bytes_open(run.client, run.now_ms, NULL) != 0)
        fail("no new connection");
    run.connected = true;
}

static void begin(bool clean, bool with_file)
{
    hbmqtt_options_init(&run.options, sizeof run.options);
    run.options.client_id = "breaks";
    run.options.clean_session = clean;
    run.options.reconnect_retries = -1;
    run.options.connect_retry = true;
    run.options.reconnect_min_ms = 0; // no chance but that of the seed
    run.options.reconnect_max_ms = 0;
    run.options.inflight_max = 5;
    run.options.on_message = run.takes ? NULL : told_message;
    run.options.queue_file = with_file ? queue_path : NULL;
    run.client = hbmqtt_create(&run.options);
    struct hbmqtt_subscription subscription = {.filter = "d", .qos = 2};
    open_connection();
    if (hbmqtt_subscribe_async(run.client, &subscription, 1, NULL) != 0)
        fail("not subscribed");
}

// The connection.

static void cut(void)
{
    run.doubtful |= run.broker.connected && hbmqtt_state(run.client) != HBMQTT_STATE_CONNECTED;
    run.connected = false;
    run.cuts++;
    model_broker_cut(&run.broker);
    hbmqtt_bytes_closed(run.client, run.now_ms);
}

static void copy_file(const char *from, const char *to)
{
    char buffer[65536];
    FILE *in = fopen(from, "re");
    FILE *out = fopen(to, "we");
    size_t count;
    while (in != NULL && out != NULL && (count = fread(buffer, 1, sizeof buffer, in)) != 0)
        if (fwrite(buffer, 1, count, out) != count)
            fail("cannot copy");
    if (in == NULL || out == NULL)
        fail("cannot copy");
    if (in != NULL)
        fclose(in);
    if (out != NULL)
        fclose(out);
}

// The process dies: nothing is left of it but what the kernel has of its file.
static void kill_client(void)
{
    char kept[80];
    snprintf(kept, sizeof kept, "%s.kept", queue_path);
    copy_file(queue_path, kept);
    run.connected = false;
    model_broker_cut(&run.broker);
    hbmqtt_destroy(run.client);
    (void)rename(kept, queue_path);
    run.client = hbmqtt_create(&run.options);
    struct hbmqtt_subscription subscription = {.filter = "d", .qos = 2};
    open_connection();
    if (hbmqtt_subscribe_async(run.client, &subscription, 1, NULL) != 0)
        fail("not subscribed");
}

// How many of `size` bytes pass before the connection ends.
static size_t passing(size_t size)
{
    size_t passes = size;
    if (run.cut_at != NEVER_CUT && run.bytes + size > run.cut_at)
        passes = run.cut_at - run.bytes;
    else if (run.cut_share != 0 && run.connected && draw(run.cut_share) == 0)
        passes = draw((uint32_t)size + 1);
    else
        passes = SIZE_MAX;
    run.bytes += passes == SIZE_MAX ? size : passes;
    return passes;
}

static void break_here(void)
{
    run.cut_at = NEVER_CUT;
    if (run.kills && draw(3) == 0)
        kill_client();
    else
        cut();
    if (run.forgets && draw(3) == 0)
        model_broker_forget(&run.broker);
}

static void move_up(void)
{
    const void *output = NULL;
    size_t size = hbmqtt_bytes_output(run.client, &output);
    if (size == 0)
        return;
    size = 1 + draw((uint32_t)size);
    size_t passes = passing(size);
    model_broker_receive(&run.broker, output, passes < size ? passes : size);
    hbmqtt_bytes_sent(run.client, passes < size ? passes : size, run.now_ms);
    if (passes != SIZE_MAX)
        break_here();
}

static void move_down(void)
{
    uint8_t bytes[64];
    size_t size = model_broker_send(&run.broker, bytes, 1 + draw(sizeof bytes));
    if (size == 0)
        return;
    size_t passes = passing(size);
    size_t given = passes < size ? passes : size;
    if (hbmqtt_bytes_received(run.client, bytes, given, run.now_ms) != given)
        fail("bytes were not taken");
    if (passes != SIZE_MAX)
        break_here();
}

static bool is_done(void)
{
    return run.published == MESSAGES && hbmqtt_unacknowledged(run.client) == 0 &&
           model_broker_is_done(&run.broker);
}

static void turn(void)
{
    run.now_ms += draw(3);
    if (run.published < MESSAGES && draw(4) == 0)
        publish_next();
    if (run.takes && draw(6) == 0)
        take_next();
    if (!run.connected) {
        run.now_ms += draw(200);
        if (hbmqtt_bytes_wants_open(run.client, run.now_ms))
            open_connection();
        return;
    }
    hbmqtt_bytes_tick(run.client, run.now_ms);
    if (draw(2) == 0)
        move_up();
    else
        move_down();
    if (run.connected && hbmqtt_bytes_wants_close(run.client))
        fail("the client ended the connection");
}

static void go(void)
{
    unsigned turns = 0;
    for (; !is_done() && run.fault == NULL && turns < TURNS_MAX; turns++)
        turn();
    if (turns == TURNS_MAX)
        fail("it never comes to its end");
}

// Judging.

// The numbers of `log` without repetitions are those from `first` in steps of two, below `end`, in order.
static bool first_copies_are_right(const struct model_log *log, unsigned first, unsigned end)
{
    bool seen[256] = {false};
    unsigned next = first;
    for (size_t i = 0; i < log->count; i++) {
        uint8_t number = log->number[i];
        if (!seen[number] && number != next)
            return false;
        if (!seen[number])
            next += 2;
        seen[number] = true;
    }
    return next == end + (end + first) % 2;
}

static size_t copies(const struct model_log *log)
{
    return log->count;
}

static void judge(bool exactly_once)
{
    if (run.broker.faults != 0)
        fail(run.broker.fault);
    if (!first_copies_are_right(&run.broker.came[1], 0, MESSAGES))
        fail("published at QoS 1: lost, or out of order");
    // A PUBREL to a broker that has forgotten its message, and could not say so, is lost with it.
    bool excused = run.forgets && run.doubtful;
    if (!excused && !first_copies_are_right(&run.broker.came[2], 1, MESSAGES))
        fail("published at QoS 2: lost, or out of order");
    if (exactly_once && copies(&run.broker.came[2]) != MESSAGES / 2)
        fail("published at QoS 2: twice");
    for (size_t i = 0; i < MESSAGES; i++)
        if (run.done[i] != 1 && !(run.kills && run.done[i] == 0))
            fail("not reported once");
}

static void judge_received(bool exactly_once)
{
    size_t count = run.broker.outgoing_count;
    if (!first_copies_are_right(&run.came[1], 0, (unsigned)count))
        fail("received at QoS 1: lost, or out of order");
    if (!first_copies_are_right(&run.came[2], 1, (unsigned)count))
        fail("received at QoS 2: lost, or out of order");
    if (exactly_once && copies(&run.came[2]) != count / 2)
        fail("received at QoS 2: twice");
}

static void prepare(uint64_t seed)
{
    memset(&run, 0, sizeof run);
    run.seed = run.random = seed;
    run.cut_at = NEVER_CUT;
    model_broker_init(&run.broker, MESSAGES);
    (void)unlink(queue_path);
}

static void conclude(const char *what)
{
    if (run.fault != NULL)
        fprintf(stderr, "\n%s: seed %llu, %u cuts, first at byte %zu: %s\n", what,
                (unsigned long long)run.seed, run.cuts, run.cut_at, run.fault);
    CU_ASSERT_PTR_NULL(run.fault);
    hbmqtt_destroy(run.client);
}

// The tests.

static void every_byte(bool clean, bool with_file, bool kills)
{
    size_t bytes = SIZE_MAX;
    for (size_t at = 0; at < bytes; at++) {
        prepare(7);
        run.cut_at = at == 0 ? NEVER_CUT : at - 1; // the first run only counts
        run.kills = kills;
        run.broker.late = at % 2 == 0;
        begin(clean, with_file);
        go();
        judge(!clean);
        if (!clean)
            judge_received(true);
        conclude("every byte");
        if (run.fault != NULL)
            return;
        if (at == 0)
            bytes = run.bytes;
    }
    printf("\n    cut at each of %zu bytes ", bytes);
}

static void cut_at_every_byte_of_a_kept_session(void)
{
    every_byte(false, false, false);
}

static void cut_at_every_byte_of_a_clean_session(void)
{
    every_byte(true, false, false);
}

static void cut_at_every_byte_with_a_queue_file(void)
{
    every_byte(false, true, true);
}

static void seeds_of(uint64_t *ret_first, uint64_t *ret_last)
{
    const char *text = getenv("SEEDS");
    *ret_first = SEED_FIRST;
    *ret_last = SEED_LAST;
    if (text == NULL)
        return;
    char *rest = NULL;
    *ret_first = strtoull(text, &rest, 10);
    *ret_last = *rest == '-' ? strtoull(rest + 1, NULL, 10) : *ret_first;
}

static void at_random(bool clean, bool kills, bool forgets)
{
    uint64_t first;
    uint64_t last;
    unsigned long cuts = 0;
    seeds_of(&first, &last);
    if (kills)
        last = first + (last - first) / 3; // files take their time
    for (uint64_t seed = first; seed <= last; seed++) {
        prepare(seed);
        run.cut_share = 5 + draw(60);
        run.kills = kills;
        run.forgets = forgets;
        run.takes = !kills && draw(2) == 0; // what was taken and not finished with comes again, after a death
        run.broker.late = draw(2) == 0;
        begin(clean, kills);
        go();
        judge(!clean && !forgets);
        if (!clean && !forgets)
            judge_received(true);
        cuts += run.cuts;
        conclude("at random");
        if (run.fault != NULL)
            return;
    }
    printf("\n    seeds %llu to %llu, %lu breaks ", (unsigned long long)first, (unsigned long long)last,
           cuts);
}

static void a_kept_session_gives_exactly_once(void)
{
    at_random(false, false, false);
}

static void a_clean_session_gives_at_least_once(void)
{
    at_random(true, false, false);
}

static void a_queue_file_gives_exactly_once_over_deaths(void)
{
    at_random(false, true, false);
}

static void a_broker_that_forgets_still_gets_everything(void)
{
    at_random(false, false, true);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"cut at every byte of a kept session", cut_at_every_byte_of_a_kept_session},
        {"cut at every byte of a clean session", cut_at_every_byte_of_a_clean_session},
        {"cut at every byte, with a queue file", cut_at_every_byte_with_a_queue_file},
        {"a kept session gives exactly once", a_kept_session_gives_exactly_once},
        {"a clean session gives at least once", a_clean_session_gives_at_least_once},
        {"a queue file gives exactly once over deaths", a_queue_file_gives_exactly_once_over_deaths},
        {"a broker that forgets still gets everything", a_broker_that_forgets_still_gets_everything},
    };
    const char *folder = getenv("TMPDIR");
    snprintf(queue_path, sizeof queue_path, "%s/hbmqtt-breaks-%ld", folder == NULL ? "/tmp" : folder,
             (long)getpid());
    int status = RUN_TESTS("breaks", tests);
    (void)unlink(queue_path);
    return status;
}

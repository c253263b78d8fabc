// SPDX-License-Identifier: MIT
// hbmqtt_load: loads an MQTT broker in a closed loop and tells what each delivered message cost it.
//
//     connect and subscribe -> warm up -> measure -> let the rest arrive -> report
//
// Closed loop: a publisher never has more than a window of undelivered messages, so that a broker which is
// slower than another is not asked to drop, and what is lost all the same is its fault. One thread; its own
// CPU time is reported beside the broker's, because a load generator that is the bottleneck measures itself.
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/crowd.h"
#include "bench/meter.h"
#include "bench/options.h"
#include "bench/report.h"

#define TURN_MS      50
#define NS_PER_S     1e9
#define STALL_NS     2000000000u // without any arrival: what is missing will not come
#define QUIET_NS     200000000u  // a broker that used no CPU for so long has done its work
#define QUIET_MAX_NS 5000000000u

struct run {
    struct crowd *crowd;
    struct result result;
    uint64_t progress; // deliveries and acknowledgements
    uint64_t progress_ns;
};

static int fail_broker(const struct options *options, int error)
{
    fprintf(stderr, "hbmqtt_load: cannot measure process %d: %s\n", (int)options->pid, strerror(-error));
    return error;
}

static int run_snapshot(const struct run *run, struct snapshot *ret_snapshot)
{
    const struct team *team = &run->crowd->team;
    const struct options *options = team->options;
    struct snapshot snapshot = {.traffic = team->traffic, .delivered = team->ledger.delivered};
    int rc = 0;
    if (options->pid != 0) {
        rc = meter_memory(options->pid, &snapshot.broker_memory);
        rc = rc != 0 ? rc : meter_cpu_ticks(options->pid, &snapshot.broker_ticks);
        rc = rc != 0 ? rc : meter_cpu_ns(options->pid, &snapshot.broker_cpu_ns);
    }
    rc = rc != 0 ? rc : meter_cpu_ns(0, &snapshot.own_cpu_ns);
    if (rc != 0)
        return fail_broker(options, rc);
    snapshot.now_ns = meter_now_ns();
    *ret_snapshot = snapshot;
    return 0;
}

static bool run_idle(const struct run *run)
{
    return ledger_outstanding(&run->crowd->team.ledger) == 0 && crowd_unacknowledged(run->crowd) == 0;
}

// One turn. Returns 0; -ETIMEDOUT if the broker has stood still and what is outstanding was written off; or
// another negative errno after one line on stderr.
static int run_turn(struct run *run)
{
    const struct team *team = &run->crowd->team;
    int rc = crowd_turn(run->crowd, TURN_MS);
    if (rc != 0)
        return rc;
    uint64_t progress = team->ledger.delivered + team->traffic.acknowledged;
    if (progress != run->progress) {
        run->progress = progress;
        run->progress_ns = meter_now_ns();
    } else if (meter_now_ns() - run->progress_ns > STALL_NS) {
        crowd_write_off(run->crowd);
        run->result.stalls++;
        run->progress_ns = meter_now_ns();
        return -ETIMEDOUT;
    }
    return 0;
}

// Goes on until `deadline_ns`, or until so many deliveries have been counted.
static int run_until(struct run *run, uint64_t deadline_ns, uint64_t delivered)
{
    const struct ledger *ledger = &run->crowd->team.ledger;
    while (meter_now_ns() < deadline_ns && ledger->delivered < delivered) {
        int rc = run_turn(run);
        if (rc == -ETIMEDOUT && crowd_unacknowledged(run->crowd) > 0) {
            fprintf(stderr, "hbmqtt_load: the broker has stopped acknowledging\n");
            return rc;
        }
        if (rc != 0 && rc != -ETIMEDOUT)
            return rc;
    }
    return 0;
}

static int run_drain(struct run *run)
{
    int rc = 0;
    crowd_stop_publishing(run->crowd);
    while (rc == 0 && !run_idle(run))
        rc = run_turn(run);
    return rc == -ETIMEDOUT ? 0 : rc;
}

static uint64_t seconds_from_now(double seconds)
{
    return meter_now_ns() + (uint64_t)(seconds * NS_PER_S);
}

static int run_load(struct run *run)
{
    const struct options *options = run->crowd->team.options;
    crowd_start_publishing(run->crowd);
    run->progress_ns = meter_now_ns();
    int rc = run_until(run, seconds_from_now(options->warmup_s), UINT64_MAX);
    rc = rc != 0 ? rc : run_snapshot(run, &run->result.begin);
    if (rc != 0)
        return rc;
    if (options->messages > 0)
        rc = run_until(run, UINT64_MAX, run->result.begin.delivered + options->messages);
    else
        rc = run_until(run, seconds_from_now(options->seconds), UINT64_MAX);
    rc = rc != 0 ? rc : run_snapshot(run, &run->result.end);
    return rc != 0 ? rc : run_drain(run);
}

// A broker may go on working after its last CONNACK: waits until it uses no CPU any more.
static int run_settle(struct run *run)
{
    uint64_t begin_ns = meter_now_ns();
    uint64_t quiet_ns = begin_ns;
    uint64_t used_ns = 0;
    while (meter_now_ns() - quiet_ns < QUIET_NS && meter_now_ns() - begin_ns < QUIET_MAX_NS) {
        uint64_t now_used_ns;
        int rc = crowd_turn(run->crowd, TURN_MS);
        rc = rc != 0 ? rc : meter_cpu_ns(run->crowd->team.options->pid, &now_used_ns);
        if (rc != 0)
            return rc;
        if (now_used_ns != used_ns) {
            used_ns = now_used_ns;
            quiet_ns = meter_now_ns();
        }
    }
    return 0;
}

static int run_all(struct run *run)
{
    bool idle = run->crowd->team.options->shape == SHAPE_IDLE;
    int rc = run_snapshot(run, &run->result.empty);
    rc = rc != 0 ? rc : crowd_connect(run->crowd);
    if (rc == 0 && idle)
        rc = run_settle(run);
    rc = rc != 0 ? rc : run_snapshot(run, &run->result.connected);
    run->result.begin = run->result.end = run->result.connected;
    return rc != 0 || idle ? rc : run_load(run);
}

static void run_note_faults(struct run *run)
{
    const struct team *team = &run->crowd->team;
    struct result *result = &run->result;
    result->lost = team->ledger.lost;
    result->repeated = team->ledger.repeated;
    result->misrouted = team->ledger.misrouted;
    result->disordered = team->traffic.disordered;
    result->unacknowledged = team->options->shape == SHAPE_IDLE ? 0 : crowd_unacknowledged(run->crowd);
}

int main(int argc, char **argv)
{
    struct options options;
    int rc = options_parse(argc, argv, &options);
    if (rc != 0)
        return rc > 0 ? EXIT_SUCCESS : 2;
    struct run run = {.crowd = crowd_create(&options)};
    if (run.crowd == NULL)
        return EXIT_FAILURE;
    run.result.options = &options;
    run.result.connections = run.crowd->count;
    run.result.packet_bytes = run.crowd->team.form.size;
    rc = run_all(&run);
    if (rc == 0) {
        run_note_faults(&run);
        report_print(&run.result);
    }
    crowd_destroy(run.crowd);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

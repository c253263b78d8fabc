// SPDX-License-Identifier: MIT
// hbmqtt_load: loads an MQTT broker and tells what each delivered message cost it and how long it took.
//
//     connect and subscribe -> warm up -> measure -> let the rest arrive -> report
//
// Closed loop: a publisher never has more than a window of undelivered messages, so that a broker which is
// slower than another is not asked to drop, and what is lost all the same is its fault. Open loop: messages
// leave on a timetable, as they do where brokers are used, and latencies are counted from it. One thread; its
// own CPU time is reported beside the broker's, because a load generator that is the bottleneck measures
// itself.
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "bench/crowd.h"
#include "bench/errand.h"
#include "bench/meter.h"
#include "bench/options.h"
#include "bench/report.h"
#include "bench/syscalls.h"
#include "bench/visitors.h"

#define TURN_MS      50
#define NS_PER_S     1e9
#define STALL_NS     2000000000u // without any arrival: what is missing will not come
#define QUIET_NS     200000000u  // a broker that used no CPU for so long has done its work
#define QUIET_MAX_NS 5000000000u

// Either a crowd that stays or visitors who come and go; the other is NULL.
struct run {
    const struct options *options;
    struct crowd *crowd;
    struct visitors *visitors;
    struct latency *latency; // theirs
    struct syscalls syscalls;
    struct result result;
    uint64_t progress;
    uint64_t progress_ns;
};

static int fail_broker(const struct options *options, int error)
{
    fprintf(stderr, "hbmqtt_load: cannot measure process %d: %s\n", (int)options->pid, strerror(-error));
    return error;
}

// What the shape is about: deliveries, or visits.
static uint64_t run_delivered(const struct run *run)
{
    if (run->crowd != NULL)
        return run->crowd->team.ledger.delivered;
    assert(run->visitors != NULL);
    return run->options->shape == SHAPE_CONNECT ? run->visitors->visits : run->visitors->delivered;
}

static int snapshot_broker(const struct run *run, struct snapshot *snapshot)
{
    pid_t pid = run->options->pid;
    int rc = meter_memory(pid, &snapshot->broker_memory);
    rc = rc != 0 ? rc : syscalls_read(&run->syscalls, &snapshot->broker_syscalls);
    rc = rc != 0 ? rc : meter_cpu_ticks(pid, &snapshot->broker_ticks);
    return rc != 0 ? rc : meter_cpu_ns(pid, &snapshot->broker_cpu_ns);
}

static int run_snapshot(const struct run *run, struct snapshot *ret_snapshot)
{
    struct snapshot snapshot = {.delivered = run_delivered(run)};
    if (run->crowd != NULL)
        snapshot.traffic = run->crowd->team.traffic;
    else
        snapshot.traffic.receives = run->visitors->receives;
    int rc = run->options->pid != 0 ? snapshot_broker(run, &snapshot) : 0;
    rc = rc != 0 ? rc : meter_cpu_ns(0, &snapshot.own_cpu_ns);
    if (rc != 0)
        return fail_broker(run->options, rc);
    snapshot.now_ns = meter_now_ns();
    *ret_snapshot = snapshot;
    return 0;
}

static bool run_idle(const struct run *run)
{
    if (run->visitors != NULL)
        return run->visitors->away == run->visitors->count;
    return ledger_outstanding(&run->crowd->team.ledger) == 0 && crowd_unacknowledged(run->crowd) == 0;
}

static uint64_t run_progress(const struct run *run)
{
    if (run->visitors != NULL)
        return run->visitors->delivered + run->visitors->visits;
    return run->crowd->team.ledger.delivered + run->crowd->team.traffic.acknowledged;
}

static void run_write_off(struct run *run)
{
    if (run->visitors != NULL)
        visitors_write_off(run->visitors);
    else
        crowd_write_off(run->crowd);
    run->result.stalls++;
}

// One turn. Returns 0; -ETIMEDOUT if the broker has stood still and what is outstanding was written off; or
// another negative errno after one line on stderr.
static int run_turn(struct run *run)
{
    int rc = run->visitors != NULL ? visitors_turn(run->visitors, TURN_MS) : crowd_turn(run->crowd, TURN_MS);
    if (rc != 0)
        return rc;
    uint64_t progress = run_progress(run);
    if (progress != run->progress || run_idle(run)) {
        run->progress = progress;
        run->progress_ns = meter_now_ns();
    } else if (meter_now_ns() - run->progress_ns > STALL_NS) {
        run_write_off(run);
        run->progress_ns = meter_now_ns();
        return -ETIMEDOUT;
    }
    return 0;
}

// Goes on until `deadline_ns`, or until so many deliveries have been counted.
static int run_until(struct run *run, uint64_t deadline_ns, uint64_t delivered)
{
    while (meter_now_ns() < deadline_ns && run_delivered(run) < delivered) {
        int rc = run_turn(run);
        if (rc == -ETIMEDOUT && run->crowd != NULL && crowd_unacknowledged(run->crowd) > 0) {
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
    if (run->visitors != NULL)
        run->visitors->stopped = true;
    else
        crowd_stop_publishing(run->crowd);
    while (rc == 0 && !run_idle(run))
        rc = run_turn(run);
    latency_flush(run->latency);
    return rc == -ETIMEDOUT ? 0 : rc;
}

static uint64_t seconds_from_now(double seconds)
{
    return meter_now_ns() + (uint64_t)(seconds * NS_PER_S);
}

static int run_measure(struct run *run)
{
    struct result *result = &run->result;
    int rc = run_snapshot(run, &result->begin);
    latency_begin(run->latency, result->begin.now_ns);
    if (rc != 0)
        return rc;
    if (run->options->messages > 0)
        rc = run_until(run, UINT64_MAX, result->begin.delivered + run->options->messages);
    else
        rc = run_until(run, seconds_from_now(run->options->seconds), UINT64_MAX);
    rc = rc != 0 ? rc : run_snapshot(run, &result->end);
    latency_end(run->latency, result->end.now_ns);
    result->behind = run->crowd != NULL ? crowd_behind(run->crowd) : 0;
    return rc;
}

static int run_load(struct run *run)
{
    struct result *result = &run->result;
    int rc = run->options->ring ? errand_read_ring(run->options, &result->ring_before) : 0;
    if (rc != 0)
        return rc;
    if (run->crowd != NULL)
        crowd_start_publishing(run->crowd);
    run->progress_ns = meter_now_ns();
    rc = run_until(run, seconds_from_now(run->options->warmup_s), UINT64_MAX);
    rc = rc != 0 ? rc : run_measure(run);
    rc = rc != 0 ? rc : run_drain(run);
    result->ring_delivered = run_delivered(run);
    return rc == 0 && run->options->ring ? errand_read_ring(run->options, &result->ring_after) : rc;
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
        rc = rc != 0 ? rc : meter_cpu_ns(run->options->pid, &now_used_ns);
        if (rc != 0)
            return rc;
        if (now_used_ns != used_ns) {
            used_ns = now_used_ns;
            quiet_ns = meter_now_ns();
        }
    }
    return 0;
}

static int run_crowd(struct run *run)
{
    bool idle = run->options->shape == SHAPE_IDLE;
    int rc = run_snapshot(run, &run->result.empty);
    rc = rc != 0 ? rc : crowd_connect(run->crowd);
    if (rc == 0 && idle)
        rc = run_settle(run);
    rc = rc != 0 ? rc : run_snapshot(run, &run->result.connected);
    run->result.begin = run->result.end = run->result.connected;
    return rc != 0 || idle ? rc : run_load(run);
}

static int run_visits(struct run *run)
{
    bool retained = run->options->shape == SHAPE_RETAINED;
    int rc = retained ? errand_put_retained(run->options) : 0;
    rc = rc != 0 ? rc : run_load(run);
    return rc == 0 && retained ? errand_erase_retained(run->options) : rc;
}

static void run_note_tls(struct run *run)
{
    const struct transport *transport =
        run->crowd != NULL ? &run->crowd->team.transport : &run->visitors->transport;
    if (transport->tls != NULL)
        run->result.tls = tls_context_use(transport->tls);
}

static void run_note_faults(struct run *run)
{
    struct result *result = &run->result;
    result->latency = &run->latency->histogram;
    if (run->visitors != NULL) {
        result->lost = run->visitors->lost;
        result->repeated = run->visitors->repeated;
        return;
    }
    const struct team *team = &run->crowd->team;
    result->lost = team->ledger.lost;
    result->repeated = team->ledger.repeated;
    result->misrouted = team->ledger.misrouted;
    result->disordered = team->traffic.disordered;
    result->unacknowledged = crowd_unacknowledged(run->crowd);
}

// Returns 0, or a negative errno after one line on stderr.
static int run_prepare(struct run *run)
{
    const struct options *options = run->options;
    run->result.options = options;
    (void)prctl(PR_SET_TIMERSLACK, 1); // a timetable is kept as well as it can be; without this, less so
    if (shape_visits(options->shape))
        run->visitors = visitors_create(options);
    else
        run->crowd = crowd_create(options);
    if (run->visitors != NULL) {
        run->latency = &run->visitors->latency;
        run->result.connections = run->visitors->count;
        run->result.packet_bytes = run->visitors->form.size;
    } else if (run->crowd != NULL) {
        run->latency = &run->crowd->team.latency;
        run->result.connections = run->crowd->count;
        run->result.packet_bytes = run->crowd->team.form.size;
    } else {
        return -EINVAL;
    }
    int rc = options->syscalls ? syscalls_open(&run->syscalls, options->pid) : 0;
    if (rc != 0)
        fprintf(stderr, "hbmqtt_load: --syscalls: %s\n", strerror(-rc));
    return rc;
}

int main(int argc, char **argv)
{
    struct options options;
    int rc = options_parse(argc, argv, &options);
    if (rc != 0)
        return rc > 0 ? EXIT_SUCCESS : 2;
    struct run run = {.options = &options};
    rc = run_prepare(&run);
    if (rc == 0)
        rc = run.visitors != NULL ? run_visits(&run) : run_crowd(&run);
    if (rc == 0) {
        run_note_faults(&run);
        run_note_tls(&run);
        report_print(&run.result);
    }
    syscalls_close(&run.syscalls);
    visitors_destroy(run.visitors);
    crowd_destroy(run.crowd);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

// SPDX-License-Identifier: MIT
// Computes the figures once and prints them in either form.
//
// A figure is a name for JSON, words for people, and a value; one that could not be measured (the broker's,
// without its pid) is not printed at all, so that nobody takes a zero for a measurement.
#include "bench/report.h"

#include <inttypes.h>
#include <stdio.h>

#define FIGURES_MAX 48
#define BUSY_SHARE  0.95 // of a core: above it, whoever it is sets the pace
#define KIB         1024.0
#define NS_PER_S    1e9
#define NS_PER_US   1e3
#define BEHIND_MAX  0.1 // seconds of the timetable

struct figure {
    const char *name;
    const char *words;
    double value;
    int decimals;
};

struct figures {
    struct figure list[FIGURES_MAX];
    int count;
};

static void add(struct figures *figures, const char *name, const char *words, double value, int decimals)
{
    figures->list[figures->count++] = (struct figure){name, words, value, decimals};
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static double wall_ns(const struct result *result)
{
    return (double)(result->end.now_ns - result->begin.now_ns);
}

static double own_share(const struct result *result)
{
    return ratio((double)(result->end.own_cpu_ns - result->begin.own_cpu_ns), wall_ns(result));
}

static double broker_share(const struct result *result)
{
    return ratio((double)(result->end.broker_cpu_ns - result->begin.broker_cpu_ns), wall_ns(result));
}

static void add_broker_cpu(struct figures *figures, const struct result *result, double delivered)
{
    const struct snapshot *begin = &result->begin;
    const struct snapshot *end = &result->end;
    double kernel = (double)(end->broker_ticks.kernel - begin->broker_ticks.kernel);
    double user = (double)(end->broker_ticks.user - begin->broker_ticks.user);
    add(figures, "broker_cpu_ns_per_message", "broker's CPU ns for each delivered message",
        ratio((double)(end->broker_cpu_ns - begin->broker_cpu_ns), delivered), 1);
    add(figures, "broker_cpu_share", "broker's share of a core", broker_share(result), 3);
    add(figures, "broker_kernel_share", "kernel's part of that", ratio(kernel, kernel + user), 3);
}

static void add_traffic(struct figures *figures, const struct result *result, double delivered)
{
    const struct traffic *begin = &result->begin.traffic;
    const struct traffic *end = &result->end.traffic;
    double receives = (double)(end->receives - begin->receives);
    double sends = (double)(end->sends - begin->sends);
    add(figures, "messages_per_receive", "messages for each receive of a subscriber",
        ratio(delivered, receives), 2);
    if (sends > 0)
        add(figures, "messages_per_send", "messages for each send of a publisher",
            ratio((double)(end->published - begin->published), sends), 2);
}

static void add_faults(struct figures *figures, const struct result *result)
{
    add(figures, "lost", "lost messages", (double)result->lost, 0);
    add(figures, "repeated", "repeated or too late", (double)result->repeated, 0);
    add(figures, "misrouted", "delivered to the wrong subscriber", (double)result->misrouted, 0);
    add(figures, "disordered", "acknowledged out of order", (double)result->disordered, 0);
    add(figures, "unacknowledged", "never acknowledged", (double)result->unacknowledged, 0);
    add(figures, "stalls", "times the broker stood still", result->stalls, 0);
}

static void add_memory(struct figures *figures, const struct result *result)
{
    const struct memory_use *memory = &result->end.broker_memory;
    add(figures, "broker_resident_kib", "broker's resident memory, KiB", (double)memory->resident / KIB, 0);
    add(figures, "broker_private_kib", "broker's private memory, KiB", (double)memory->private_bytes / KIB,
        0);
    add(figures, "broker_peak_kib", "broker's peak resident memory, KiB", (double)memory->resident_peak / KIB,
        0);
}

static void add_latency(struct figures *figures, const struct result *result)
{
    const struct histogram *latency = result->latency;
    if (result->options->rate > 0)
        add(figures, "behind", "due and not sent at the end", (double)result->behind, 0);
    if (latency->count == 0)
        return;
    add(figures, "latency_p50_us", "latency, microseconds: median",
        (double)histogram_percentile(latency, 0.5) / NS_PER_US, 1);
    add(figures, "latency_p99_us", "  of 99 % at most",
        (double)histogram_percentile(latency, 0.99) / NS_PER_US, 1);
    add(figures, "latency_p999_us", "  of 99.9 % at most",
        (double)histogram_percentile(latency, 0.999) / NS_PER_US, 1);
    add(figures, "latency_max_us", "  of all", (double)latency->max_ns / NS_PER_US, 1);
}

// What the broker asks of the kernel.
static void add_kernel(struct figures *figures, const struct result *result, double delivered)
{
    const struct options *options = result->options;
    if (options->syscalls)
        add(figures, "broker_syscalls_per_message", "broker's system calls for each message",
            ratio((double)(result->end.broker_syscalls - result->begin.broker_syscalls), delivered), 6);
    if (!options->ring)
        return;
    double all = (double)result->ring_delivered;
    double enters = (double)(result->ring_after.enters - result->ring_before.enters);
    double submissions = (double)(result->ring_after.submissions - result->ring_before.submissions);
    add(figures, "ring_enters_per_message", "system calls of its ring for each message", ratio(enters, all),
        4);
    add(figures, "ring_submissions_per_message", "submissions to its ring for each message",
        ratio(submissions, all), 6);
    add(figures, "messages_per_submission", "messages for each submission", ratio(all, submissions), 2);
}

static void add_load(struct figures *figures, const struct result *result)
{
    double delivered = (double)(result->end.delivered - result->begin.delivered);
    double seconds = wall_ns(result) / NS_PER_S;
    add(figures, "measured_seconds", "measured seconds", seconds, 3);
    add(figures, "delivered", "delivered messages", delivered, 0);
    add(figures, "delivered_per_second", "delivered messages a second", ratio(delivered, seconds), 0);
    if (result->options->pid != 0)
        add_broker_cpu(figures, result, delivered);
    add(figures, "own_cpu_ns_per_message", "load generator's CPU ns for each of them",
        ratio((double)(result->end.own_cpu_ns - result->begin.own_cpu_ns), delivered), 1);
    add(figures, "own_cpu_share", "load generator's share of a core", own_share(result), 3);
    add_traffic(figures, result, delivered);
    add_kernel(figures, result, delivered);
    add_latency(figures, result);
    add_faults(figures, result);
    if (result->options->pid != 0)
        add_memory(figures, result);
}

static void add_connect(struct figures *figures, const struct result *result)
{
    double visits = (double)(result->end.delivered - result->begin.delivered);
    double seconds = wall_ns(result) / NS_PER_S;
    add(figures, "measured_seconds", "measured seconds", seconds, 3);
    add(figures, "connects", "connects, each with its end", visits, 0);
    add(figures, "connects_per_second", "connects a second", ratio(visits, seconds), 0);
    if (result->options->resume)
        add(figures, "resumed_share", "share of handshakes that resumed a session",
            ratio((double)result->tls->resumed, (double)result->tls->handshakes), 3);
    if (result->options->pid != 0) {
        double cpu_ns = (double)(result->end.broker_cpu_ns - result->begin.broker_cpu_ns);
        add(figures, "broker_cpu_us_per_connect", "broker's CPU microseconds for each",
            ratio(cpu_ns, visits) / NS_PER_US, 2);
        add(figures, "broker_cpu_share", "broker's share of a core", broker_share(result), 3);
    }
    add(figures, "own_cpu_share", "load generator's share of a core", own_share(result), 3);
    add_kernel(figures, result, visits);
    add_latency(figures, result);
    add(figures, "stalls", "times the broker stood still", result->stalls, 0);
    if (result->options->pid != 0)
        add_memory(figures, result);
}

static void add_idle(struct figures *figures, const struct result *result)
{
    const struct snapshot *empty = &result->empty;
    const struct snapshot *connected = &result->connected;
    const struct memory_use *before = &empty->broker_memory;
    const struct memory_use *after = &connected->broker_memory;
    double count = result->connections;
    add(figures, "idle_resident_bytes", "broker's resident bytes for each connection",
        ((double)after->resident - (double)before->resident) / count, 0);
    add(figures, "idle_private_bytes", "broker's private bytes for each connection",
        ((double)after->private_bytes - (double)before->private_bytes) / count, 0);
    add(figures, "connect_cpu_ns", "broker's CPU ns for each connect",
        (double)(connected->broker_cpu_ns - empty->broker_cpu_ns) / count, 0);
    add_memory(figures, result);
}

static void print_json(const struct result *result, const struct figures *figures)
{
    const struct options *options = result->options;
    printf("{\"shape\": \"%s\", \"qos\": %u, \"payload\": %u", shape_name(options->shape), options->qos,
           options->payload);
    printf(", \"transport\": \"%s\"", transport_name(options));
    if (result->tls != NULL)
        printf(", \"cipher\": \"%s\"", result->tls->cipher);
    if (shape_publishes(options->shape)) {
        printf(", \"packet_bytes\": %u, \"publishers\": %u, \"subscribers\": %u", result->packet_bytes,
               options->publishers, options->subscribers);
        printf(", \"window\": %u, \"batch\": %u, \"rate\": %g", options->window, options->batch,
               options->rate);
    } else {
        printf(", \"connections\": %u", options->connections);
    }
    if (options->shape == SHAPE_SHARED)
        printf(", \"topics\": %u", options->topics);
    if (options->shape == SHAPE_WILDCARD)
        printf(", \"filters\": %u", options->filters);
    if (options->shape == SHAPE_RETAINED)
        printf(", \"retained\": %u", options->retained);
    for (int index = 0; index < figures->count; index++) {
        const struct figure *figure = &figures->list[index];
        printf(", \"%s\": %.*f", figure->name, figure->decimals, figure->value);
    }
    printf("}\n");
}

static void print_title(const struct result *result)
{
    const struct options *options = result->options;
    printf("%s, ", shape_name(options->shape));
    if (options->shape == SHAPE_IDLE || options->shape == SHAPE_CONNECT)
        printf("%u connections", options->connections);
    else if (options->shape == SHAPE_RETAINED)
        printf("%u messages to %u at once", options->retained, options->connections);
    else
        printf("%u to %u", options->publishers, options->subscribers);
    if (options->shape == SHAPE_SHARED)
        printf(" on %u topics", options->topics);
    if (options->shape == SHAPE_WILDCARD)
        printf(" with %u filters", options->filters);
    if (shape_publishes(options->shape) || options->shape == SHAPE_RETAINED)
        printf(", QoS %u, %u bytes of payload", options->qos, options->payload);
    if (shape_publishes(options->shape))
        printf(", window %u", options->window);
    if (options->rate > 0)
        printf(", %g messages a second", options->rate);
    printf(", over %s", transport_name(options));
    if (result->tls != NULL)
        printf(" (%s)", result->tls->cipher);
    printf("\n");
}

static void print_table(const struct result *result, const struct figures *figures)
{
    print_title(result);
    for (int index = 0; index < figures->count; index++) {
        const struct figure *figure = &figures->list[index];
        printf("  %-46s %14.*f\n", figure->words, figure->decimals, figure->value);
    }
}

static void warn(const struct result *result)
{
    bool broker_known = result->options->pid != 0;
    if (own_share(result) > BUSY_SHARE && !(broker_known && broker_share(result) > BUSY_SHARE)) {
        fprintf(stderr, "hbmqtt_load: the load generator itself was busy all the time: its own pace was "
                        "measured, and only the CPU "
                        "time for each message says something about the broker\n");
    }
    if ((double)result->behind > result->options->rate * BEHIND_MAX)
        fprintf(stderr,
                "hbmqtt_load: the rate was not kept: messages that ought to have been sent were not, and "
                "latencies leave them out\n");
}

void report_print(const struct result *result)
{
    struct figures figures = {.count = 0};
    if (result->options->shape == SHAPE_IDLE) {
        add_idle(&figures, result);
    } else if (result->options->shape == SHAPE_CONNECT) {
        add_connect(&figures, result);
        warn(result);
    } else {
        add_load(&figures, result);
        warn(result);
    }
    if (result->options->json)
        print_json(result, &figures);
    else
        print_table(result, &figures);
}

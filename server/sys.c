// SPDX-License-Identifier: MIT
#include "server/sys.h"

#include <stdio.h>
#include <unistd.h>

#include "server/mail.h"
#include "server/publish.h"

// The memory of the process that is in use: the allocator could tell more only by walking all that is free,
// which takes a tenth of a second for a million pieces, with the heap locked.
static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm == NULL)
        return 0;
    if (fscanf(statm, "%*u %llu", &pages) != 1)
        pages = 0;
    (void)fclose(statm); // it was only read
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct metrics sys_gather(struct shard *shard)
{
    struct broker *broker = shard->broker;
    struct metrics metrics = {
        .clients_connected = atomic_load(&broker->clients),
        .clients_maximum = atomic_load(&broker->clients_maximum),
        .started_ns = broker->started_ns,
        .now_ns = clock_monotonic_ns(),
        .wall_s = clock_wall_ns() / NS_PER_S,
        .cpu_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID),
        .memory_bytes = resident_bytes(),
    };
    for (uint32_t i = 0; i < broker->shard_count; i++)
        metrics_add(&metrics, &broker->shards[i].counters);
    metrics_complete(&metrics, &shard->history);
    return metrics;
}

static void sys_publish(struct shard *shard)
{
    struct metrics metrics = sys_gather(shard);
    char payload[SYS_PAYLOAD_MAX];
    uint32_t index = 0;
    for (const char *topic; (topic = metrics_sys_topic(&metrics, &index, payload)) != NULL;) {
        struct publication publication = {
            .topic = bytes_of(topic),
            .payload = bytes_of(payload),
            .stamp_ns = shard_stamp(shard),
            .retain = true,
            .pools = &shard->messages,
        };
        publish_route(shard, &publication);
        publication_finish(&publication);
    }
}

static void sys_arm(struct shard *shard)
{
    uint64_t interval_ns = shard->regime->config->sys_interval_s * NS_PER_S;
    uint64_t delay_ns = metrics_round_delay_ns(clock_wall_ns(), interval_ns);
    timer_arm(&shard->timers, &shard->sys, clock_monotonic_ns() + delay_ns);
}

void sys_expired(struct shard *shard)
{
    sys_publish(shard);
    sys_arm(shard);
}

void sys_adopt(struct shard *shard)
{
    if (shard->number != 0 || shard->phase != SHARD_SERVING)
        return;
    if (shard->regime->config->sys_interval_s == 0)
        timer_cancel(&shard->timers, &shard->sys);
    else if (timer_armed(&shard->sys))
        sys_arm(shard);
    else // in the same turn
        timer_arm(&shard->timers, &shard->sys, shard->turn.now_ns);
}

void sys_begin(struct shard *shard)
{
    shard->sys.kind = TIMER_SYS;
    if (shard->number != 0 || shard->regime->config->sys_interval_s == 0)
        return;
    sys_expired(shard);
    mail_post(shard); // the other shards find it when they begin
}

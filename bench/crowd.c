// SPDX-License-Identifier: MIT
// The clients of a run, and their loop.
#include "bench/crowd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "bench/meter.h"

#define CONNECTING_MAX     64u // at once: below any broker's backlog
#define CONNECT_TIMEOUT_NS 10000000000u
#define EVENTS_MAX         1024
#define SEND_BYTES         262144u
#define SLEEP_NS_MAX       50000000u // at once, in an open loop

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "hbmqtt_load: %s: %s\n", what, why);
    return -EINVAL;
}

static struct ledger_layout layout_of(const struct options *options)
{
    uint32_t groups = 1;
    if (options->shape == SHAPE_PAIRWISE || options->shape == SHAPE_WILDCARD)
        groups = options->publishers;
    else if (options->shape == SHAPE_SHARED)
        groups = options->topics;
    return (struct ledger_layout){groups, options->publishers / groups, options->subscribers / groups};
}

static void name_peers(struct peer *peers, uint32_t count, enum peer_role role)
{
    for (uint32_t index = 0; index < count; index++) {
        peers[index].role = (uint8_t)role;
        peers[index].index = index;
    }
}

static int crowd_make_peers(struct crowd *crowd)
{
    const struct options *options = crowd->team.options;
    bool idle = options->shape == SHAPE_IDLE;
    uint32_t publishers = idle ? 0 : options->publishers;
    uint32_t subscribers = idle ? 0 : options->subscribers;
    crowd->count = idle ? options->connections : publishers + subscribers;
    crowd->peers = calloc(crowd->count, sizeof(*crowd->peers));
    crowd->team.due = calloc(publishers + 1, sizeof(*crowd->team.due));
    if (crowd->peers == NULL || crowd->team.due == NULL)
        return -ENOMEM;
    if (idle) {
        name_peers(crowd->peers, crowd->count, PEER_IDLE);
    } else {
        name_peers(crowd->peers, subscribers, PEER_SUBSCRIBER);
        name_peers(crowd->peers + subscribers, publishers, PEER_PUBLISHER);
        crowd->team.publishers = crowd->peers + subscribers;
    }
    return 0;
}

static int crowd_make_team(struct crowd *crowd)
{
    struct team *team = &crowd->team;
    int rc = publish_form_init(&team->form, team->options->payload, team->options->qos);
    if (rc == 0)
        rc = ledger_init(&team->ledger, layout_of(team->options));
    if (rc != 0)
        return rc;
    team->send_capacity = team->form.size > SEND_BYTES ? team->form.size : SEND_BYTES;
    team->send_buffer = malloc(team->send_capacity);
    return team->send_buffer == NULL ? -ENOMEM : 0;
}

struct crowd *crowd_create(const struct options *options)
{
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    if (crowd == NULL) {
        (void)fail("memory", strerror(ENOMEM)); // the caller learns it from NULL
        return NULL;
    }
    crowd->team.options = options;
    crowd->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int rc = crowd->epoll_fd < 0 ? -errno : crowd_make_peers(crowd);
    if (rc == 0)
        rc = crowd_make_team(crowd);
    if (rc != 0)
        (void)fail("cannot prepare", strerror(-rc));
    else if (connection_limit_raise(crowd->count) == 0 &&
             transport_init(&crowd->team.transport, options) == 0)
        return crowd;
    crowd_destroy(crowd);
    return NULL;
}

void crowd_destroy(struct crowd *crowd)
{
    if (crowd == NULL)
        return;
    for (uint32_t index = 0; index < crowd->opened; index++)
        connection_close(&crowd->peers[index].connection);
    if (crowd->epoll_fd >= 0)
        close(crowd->epoll_fd);
    transport_finish(&crowd->team.transport);
    publish_form_finish(&crowd->team.form);
    ledger_finish(&crowd->team.ledger);
    free(crowd->team.send_buffer);
    free(crowd->team.due);
    free(crowd->peers);
    free(crowd);
}

// Publishing adds nobody to the list, so it can be walked in place.
static int crowd_publish(struct crowd *crowd)
{
    struct team *team = &crowd->team;
    uint32_t count = team->due_count;
    team->due_count = 0;
    for (uint32_t index = 0; index < count; index++) {
        struct peer *publisher = team->due[index];
        publisher->due = false;
        int rc = team->publishing ? peer_publish(publisher, team) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

// In an open loop: adds the publishers whose messages have become due to the list.
static void crowd_wake_due(struct crowd *crowd)
{
    struct team *team = &crowd->team;
    uint32_t publishers = team->schedule.publishers;
    uint64_t due = schedule_due(&team->schedule, team->now_ns);
    uint64_t from = due - team->schedule.woken > publishers ? due - publishers : team->schedule.woken;
    for (uint64_t number = from; number < due; number++)
        team_add_due(team, &team->publishers[number % publishers]);
    team->schedule.woken = due;
}

// epoll_wait knows milliseconds alone, and a timetable is finer than that.
static void crowd_sleep(const struct crowd *crowd)
{
    uint64_t wait_ns = schedule_wait_ns(&crowd->team.schedule, meter_now_ns());
    struct timespec timeout = {.tv_nsec = (long)(wait_ns < SLEEP_NS_MAX ? wait_ns : SLEEP_NS_MAX)};
    struct pollfd poll = {.fd = crowd->epoll_fd, .events = POLLIN};
    (void)ppoll(&poll, 1, &timeout, NULL); // whatever it says, epoll_wait comes next
}

int crowd_turn(struct crowd *crowd, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    struct team *team = &crowd->team;
    bool open = team->publishing && team->options->rate > 0;
    if (open) {
        team->now_ns = meter_now_ns();
        crowd_wake_due(crowd);
    }
    int rc = crowd_publish(crowd);
    if (rc != 0)
        return rc;
    if (open)
        crowd_sleep(crowd);
    int count = epoll_wait(crowd->epoll_fd, events, EVENTS_MAX, open ? 0 : timeout_ms);
    if (count < 0)
        return errno == EINTR ? 0 : fail("epoll", strerror(errno));
    for (int index = 0; index < count; index++) {
        rc = peer_on_event(events[index].data.ptr, team, events[index].events);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int crowd_connect(struct crowd *crowd)
{
    uint64_t deadline_ns = meter_now_ns() + CONNECT_TIMEOUT_NS;
    while (crowd->team.ready_count < crowd->count) {
        uint32_t ready = crowd->team.ready_count;
        while (crowd->opened < crowd->count && crowd->opened - ready < CONNECTING_MAX) {
            struct peer *peer = &crowd->peers[crowd->opened++];
            int rc = peer_open(peer, &crowd->team, crowd->epoll_fd);
            if (rc != 0)
                return rc;
        }
        int rc = crowd_turn(crowd, 100);
        if (rc != 0)
            return rc;
        if (crowd->team.ready_count > ready) {
            deadline_ns = meter_now_ns() + CONNECT_TIMEOUT_NS;
        } else if (meter_now_ns() > deadline_ns) {
            fail("connecting", "the broker has not answered for 10 seconds");
            return -ETIMEDOUT;
        }
    }
    return 0;
}

static void crowd_wake_publishers(struct crowd *crowd)
{
    struct team *team = &crowd->team;
    team->due_count = 0;
    for (uint32_t index = 0; index < team->options->publishers; index++) {
        team->publishers[index].due = true;
        team->due[team->due_count++] = &team->publishers[index];
    }
}

void crowd_start_publishing(struct crowd *crowd)
{
    struct team *team = &crowd->team;
    team->publishing = true;
    if (team->options->rate > 0)
        schedule_start(&team->schedule, team->options->rate, team->options->publishers, meter_now_ns());
    crowd_wake_publishers(crowd);
}

void crowd_stop_publishing(struct crowd *crowd)
{
    crowd->team.publishing = false;
}

uint64_t crowd_unacknowledged(const struct crowd *crowd)
{
    uint64_t count = 0;
    if (crowd->team.publishers == NULL)
        return 0;
    for (uint32_t index = 0; index < crowd->team.options->publishers; index++)
        count += crowd->team.publishers[index].unacknowledged;
    return count;
}

uint64_t crowd_behind(const struct crowd *crowd)
{
    const struct team *team = &crowd->team;
    if (team->options->rate == 0)
        return 0;
    return schedule_due(&team->schedule, meter_now_ns()) - team->traffic.published;
}

void crowd_write_off(struct crowd *crowd)
{
    ledger_write_off(&crowd->team.ledger);
    crowd_wake_publishers(crowd);
}

// SPDX-License-Identifier: MIT
#include "server/plugin/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/plugin/instance.h"
#include "server/plugin/settings.h"

struct worker {
    struct plugin *plugin;
    pthread_t thread;
    pthread_mutex_t lock; // of all that follows
    pthread_cond_t changed;
    struct list parcels;
    struct worker_ceiling ceiling;
    uint32_t count; // of parcels that want no answer
    uint64_t bytes; // of these
    bool begun;
    bool ended;
    const struct hbmqtt_plugin_setting *settings; // while it begins
    int refused;                                  // what init has returned
};

void parcel_destroy(struct parcel *parcel)
{
    call_copy_destroy(parcel->copy);
    setting_destroy(parcel->settings);
    free(parcel);
}

static void lock(struct worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock); // it is initialized, and not held by this thread
}

static void unlock(struct worker *worker)
{
    (void)pthread_mutex_unlock(&worker->lock); // it is held by this thread
}

// Waits, with the lock, until something has changed or the deadline is past.
static void wait_until(struct worker *worker, uint64_t deadline_ns)
{
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / NS_PER_S),
                             .tv_nsec = (long)(deadline_ns % NS_PER_S)};
    if (deadline_ns == TIMER_NEVER)
        (void)pthread_cond_wait(&worker->changed, &worker->lock); // cannot fail
    else
        (void)pthread_cond_timedwait(&worker->changed, &worker->lock, &until); // who waits looks again
}

static bool parcel_is_counted(const struct parcel *parcel)
{
    return parcel->kind == PARCEL_CALL && parcel->question == 0;
}

static void enqueue(struct worker *worker, struct parcel *parcel)
{
    parcel->queued = true;
    list_append(&worker->parcels, &parcel->place);
    (void)pthread_cond_broadcast(&worker->changed); // cannot fail
}

static void dequeue(struct worker *worker, struct parcel *parcel)
{
    parcel->queued = false;
    list_remove(&parcel->place);
    if (!parcel_is_counted(parcel))
        return;
    worker->count--;
    worker->bytes -= parcel->copy->size;
}

static struct parcel *take(struct worker *worker, uint64_t tick_ns)
{
    lock(worker);
    while (list_empty(&worker->parcels) && clock_monotonic_ns() < tick_ns)
        wait_until(worker, tick_ns);
    struct list *first = list_first(&worker->parcels);
    struct parcel *parcel = first == NULL ? NULL : container_of(first, struct parcel, place);
    if (parcel != NULL)
        dequeue(worker, parcel);
    unlock(worker);
    return parcel;
}

// Returns false when it was the last one.
static bool work_off(struct plugin *plugin, struct parcel *parcel)
{
    switch (parcel->kind) {
    case PARCEL_CALL:
        plugin_run_parcel(plugin, parcel);
        break;
    case PARCEL_RELOAD:
        plugin_run_reload(plugin, parcel->settings);
        break;
    case PARCEL_FINISH:
        plugin_run_finish(plugin);
        parcel_destroy(parcel);
        return false;
    }
    parcel_destroy(parcel);
    return true;
}

static void worker_loop(struct worker *worker)
{
    struct plugin *plugin = worker->plugin;
    uint64_t tick_ns = plugin_first_tick(plugin);
    for (bool goes_on = true; goes_on;) {
        struct parcel *parcel = take(worker, tick_ns);
        if (parcel != NULL)
            goes_on = work_off(plugin, parcel);
        if (goes_on && clock_monotonic_ns() >= tick_ns)
            tick_ns = plugin_run_tick(plugin);
    }
}

static void *worker_run(void *argument)
{
    struct worker *worker = argument;
    int refused = plugin_run_init(worker->plugin, worker->settings);
    lock(worker);
    worker->begun = true;
    worker->refused = refused;
    (void)pthread_cond_broadcast(&worker->changed); // cannot fail
    unlock(worker);
    if (refused == 0)
        worker_loop(worker);
    lock(worker);
    worker->ended = true;
    (void)pthread_cond_broadcast(&worker->changed);
    unlock(worker);
    return NULL;
}

static void worker_destroy(struct worker *worker)
{
    struct list *node;
    while ((node = list_take_first(&worker->parcels)) != NULL)
        parcel_destroy(container_of(node, struct parcel, place));
    (void)pthread_cond_destroy(&worker->changed); // nobody waits
    (void)pthread_mutex_destroy(&worker->lock);   // nobody holds it
    free(worker);
}

static struct worker *worker_prepare(struct plugin *plugin, struct worker_ceiling ceiling)
{
    struct worker *worker = memory_require(sizeof *worker);
    worker->plugin = plugin;
    worker->ceiling = ceiling;
    list_init(&worker->parcels);
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes); // these cannot fail with these arguments
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&worker->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&worker->lock, NULL);
    return worker;
}

struct worker *worker_create(struct plugin *plugin, struct worker_ceiling ceiling,
                             const struct hbmqtt_plugin_setting *settings)
{
    struct worker *worker = worker_prepare(plugin, ceiling);
    worker->settings = settings;
    int failed = pthread_create(&worker->thread, NULL, worker_run, worker);
    if (failed) {
        log_error("plugin %s: cannot start its thread: %s", plugin->name, strerror(failed));
        worker_destroy(worker);
        return NULL;
    }
    lock(worker);
    while (!worker->begun)
        wait_until(worker, TIMER_NEVER);
    worker->settings = NULL;
    unlock(worker);
    if (worker->refused == 0)
        return worker;
    (void)pthread_join(worker->thread, NULL); // it ends by itself
    worker_destroy(worker);
    return NULL;
}

void worker_set_ceiling(struct worker *worker, struct worker_ceiling ceiling)
{
    lock(worker);
    worker->ceiling = ceiling;
    unlock(worker);
}

bool worker_push(struct worker *worker, struct call_copy *copy)
{
    struct parcel *parcel = copy == NULL ? NULL : memory_require(sizeof *parcel);
    lock(worker);
    bool fits = parcel != NULL && worker->count < worker->ceiling.parcels_max &&
                worker->bytes + copy->size <= worker->ceiling.bytes_max;
    if (fits) {
        *parcel = (struct parcel){.kind = PARCEL_CALL, .copy = copy};
        worker->count++;
        worker->bytes += copy->size;
        enqueue(worker, parcel);
    }
    unlock(worker);
    if (fits)
        return true;
    call_copy_destroy(copy);
    free(parcel);
    return false;
}

void worker_ask(struct worker *worker, struct parcel *parcel)
{
    lock(worker);
    enqueue(worker, parcel);
    unlock(worker);
}

bool worker_withdraw(struct worker *worker, struct parcel *parcel)
{
    lock(worker);
    bool queued = parcel->queued;
    if (queued)
        dequeue(worker, parcel);
    unlock(worker);
    return queued;
}

static void worker_order(struct worker *worker, enum parcel_kind kind, struct hbmqtt_plugin_setting *settings)
{
    struct parcel *parcel = memory_require(sizeof *parcel);
    *parcel = (struct parcel){.kind = kind, .settings = settings};
    worker_ask(worker, parcel);
}

void worker_reload(struct worker *worker, struct hbmqtt_plugin_setting *settings)
{
    worker_order(worker, PARCEL_RELOAD, settings);
}

void worker_finish(struct worker *worker)
{
    worker_order(worker, PARCEL_FINISH, NULL);
}

bool worker_join(struct worker *worker, uint64_t deadline_ns)
{
    lock(worker);
    while (!worker->ended && clock_monotonic_ns() < deadline_ns)
        wait_until(worker, deadline_ns);
    bool ended = worker->ended;
    unlock(worker);
    if (!ended)
        return false;
    (void)pthread_join(worker->thread, NULL); // it ends by itself
    worker_destroy(worker);
    return true;
}

void worker_leave_behind(struct worker *worker)
{
    (void)pthread_detach(worker->thread); // it is there, and was not joined
}

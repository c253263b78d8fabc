// SPDX-License-Identifier: MIT
#include "server/supervisor.h"

#include <errno.h>
#include <string.h>

#include "server/mail.h"

#define LOOKS_PER_INTERVAL 4u // of the watchdog: late answers, and a late main, are no reason to end

// Told once, until it works again.
static void warn_unheard(struct supervisor *supervisor, int failed)
{
    if (failed && !supervisor->unheard)
        log_warning("the service manager cannot be told what the broker does: %s", strerror(-failed));
    supervisor->unheard = failed;
}

void supervisor_init(struct supervisor *supervisor, struct broker *broker)
{
    char error[SERVICE_ERROR_BYTES];
    *supervisor = (struct supervisor){.broker = broker};
    if (notify_init(&supervisor->notify, error) < 0)
        log_warning("%s", error);
}

void supervisor_finish(struct supervisor *supervisor)
{
    notify_finish(&supervisor->notify);
}

void supervisor_ready(struct supervisor *supervisor, const char *status)
{
    warn_unheard(supervisor, notify_ready(&supervisor->notify, status));
}

void supervisor_reloading(struct supervisor *supervisor)
{
    warn_unheard(supervisor, notify_reloading(&supervisor->notify, clock_monotonic_ns()));
}

void supervisor_stopping(struct supervisor *supervisor)
{
    warn_unheard(supervisor, notify_stopping(&supervisor->notify));
}

static void ask(struct supervisor *supervisor, uint64_t now_ns)
{
    supervisor->question++;
    supervisor->asked_ns = now_ns;
    for (uint32_t i = 0; i < supervisor->broker->shard_count; i++)
        mail_pulse_from_main(&supervisor->broker->shards[i], supervisor->question);
}

// The first shard whose answer is missing; NULL if there is none.
static const struct shard *find_silent(const struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->broker->shard_count; i++)
        if (atomic_load(&supervisor->broker->shards[i].pulse) != supervisor->question)
            return &supervisor->broker->shards[i];
    return NULL;
}

static void tell_held_up(struct supervisor *supervisor, const struct shard *silent, uint64_t now_ns)
{
    uint64_t silent_ns = now_ns - supervisor->asked_ns;
    if (supervisor->held_up || silent_ns < supervisor->notify.watchdog_ns / 2)
        return;
    supervisor->held_up = true;
    log_error("shard %u has not answered for %llu ms: the watchdog is told nothing until it does",
              silent->number, silent_ns / NS_PER_MS);
}

static void look(struct supervisor *supervisor, uint64_t now_ns)
{
    const struct shard *silent = find_silent(supervisor);
    if (silent != NULL) {
        tell_held_up(supervisor, silent, now_ns);
        return;
    }
    if (supervisor->held_up)
        log_info("all shards answer again");
    supervisor->held_up = false;
    warn_unheard(supervisor, notify_alive(&supervisor->notify));
    ask(supervisor, now_ns);
}

// Returns 0 when it is time to look.
static int await_signal_or_look(const struct supervisor *supervisor, const sigset_t *signals)
{
    if (supervisor->notify.watchdog_ns == 0)
        return sigwaitinfo(signals, NULL);
    uint64_t now_ns = clock_monotonic_ns();
    if (now_ns >= supervisor->look_ns)
        return 0;
    uint64_t left_ns = supervisor->look_ns - now_ns;
    struct timespec left = {.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
    return sigtimedwait(signals, NULL, &left);
}

int supervisor_await_signal(struct supervisor *supervisor, const sigset_t *signals)
{
    for (;;) {
        int signal = await_signal_or_look(supervisor, signals);
        if (signal > 0)
            return signal;
        uint64_t now_ns = clock_monotonic_ns();
        if (supervisor->notify.watchdog_ns == 0 || now_ns < supervisor->look_ns)
            continue; // interrupted
        look(supervisor, now_ns);
        supervisor->look_ns = now_ns + supervisor->notify.watchdog_ns / LOOKS_PER_INTERVAL;
    }
}

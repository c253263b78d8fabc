// SPDX-License-Identifier: MIT
#include "server/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/log_sink.h"

static _Atomic enum log_level level_max = LOG_INFO;

// The budget of log_peer: a bucket of lines that refills with time. Races between threads lose or gain a
// line, no more.
static _Atomic uint32_t peer_burst = LOG_PEER_BURST;
static _Atomic uint32_t peer_per_second = LOG_PEER_PER_SECOND;
static _Atomic uint64_t peer_refill_ns;
static _Atomic uint32_t peer_budget = LOG_PEER_BURST;
static _Atomic uint32_t peer_kept_back;

// Where the lines go, and standard error, which gets errors in any case; one thread at a time.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum log_format format_used = LOG_TEXT;
static struct log_sink sink = LOG_SINK_STDERR;
static struct log_sink standard_error = LOG_SINK_STDERR;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&level_max, level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return level <= atomic_load_explicit(&level_max, memory_order_relaxed);
}

// Writing, with the lock held.

static bool sink_put(struct log_sink *to, const struct log_event *event, enum log_format format)
{
    char line[LOG_LINE_BYTES];
    size_t length = log_line_write(event, format, log_sink_envelope(to), line);
    return log_sink_write(to, line, length);
}

static const char *cause_of_loss(int error)
{
    return error == EAGAIN ? "who reads them did not keep up" : strerror(error);
}

static void sink_tell_lost(struct log_sink *to, const struct log_event *next, enum log_format format)
{
    char message[128];
    uint64_t lost = to->lost;
    (void)snprintf(message, sizeof message, "%" PRIu64 " line%s of the log could not be written: %s", lost,
                   lost == 1 ? "" : "s", cause_of_loss(to->error)); // fits
    struct log_event event = {.wall_ns = next->wall_ns, .level = LOG_WARNING, .message = message};
    to->lost = 0;
    if (!sink_put(to, &event, format))
        to->lost = lost; // not this line, which will be said again
}

static void sink_deliver(struct log_sink *to, const struct log_event *event, enum log_format format)
{
    if (to->lost > 0)
        sink_tell_lost(to, event, format);
    (void)sink_put(to, event, format); // what is lost is counted
}

static void deliver(const struct log_event *event)
{
    sink_deliver(&sink, event, format_used);
    bool journal_has_it =
        sink.to == LOG_TO_JOURNAL && log_sink_envelope(&standard_error) == LOG_ENVELOPE_PRIORITY;
    if (event->level == LOG_ERROR && sink.to != LOG_TO_STDERR && !journal_has_it)
        sink_deliver(&standard_error, event, LOG_TEXT);
}

// A line is built whole and written with one call, so that lines of several threads do not mix.
static void __attribute__((format(printf, 3, 0)))
log_event(enum log_level level, const struct log_subject *subject, const char *format, va_list arguments)
{
    char message[LOG_MESSAGE_BYTES];
    if (vsnprintf(message, sizeof message, format, arguments) < 0)
        return;
    const struct log_event event = {
        .wall_ns = clock_wall_ns(),
        .level = level,
        .subject = subject,
        .message = message,
    };
    (void)pthread_mutex_lock(&lock); // of the plain kind, and nobody holds it twice: cannot fail
    deliver(&event);
    (void)pthread_mutex_unlock(&lock); // as above
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    va_list arguments;
    va_start(arguments, format);
    log_event(level, NULL, format, arguments);
    va_end(arguments);
}

// Peers.

static void peer_refill(void)
{
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t refill_ns = atomic_load_explicit(&peer_refill_ns, memory_order_relaxed);
    if (now_ns - refill_ns < NS_PER_S)
        return;
    uint32_t burst = atomic_load_explicit(&peer_burst, memory_order_relaxed);
    uint64_t budget =
        atomic_load_explicit(&peer_budget, memory_order_relaxed) +
        (now_ns - refill_ns) / NS_PER_S * atomic_load_explicit(&peer_per_second, memory_order_relaxed);
    atomic_store_explicit(&peer_refill_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&peer_budget, budget < burst ? (uint32_t)budget : burst, memory_order_relaxed);
}

static bool peer_allowed(void)
{
    peer_refill();
    uint32_t budget = atomic_load_explicit(&peer_budget, memory_order_relaxed);
    while (budget > 0)
        if (atomic_compare_exchange_weak_explicit(&peer_budget, &budget, budget - 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    atomic_fetch_add_explicit(&peer_kept_back, 1, memory_order_relaxed);
    return false;
}

static void __attribute__((format(printf, 3, 0)))
log_peer_event(enum log_level level, const struct log_subject *subject, const char *format, va_list arguments)
{
    if (!log_enabled(level) || (!log_enabled(LOG_DEBUG) && !peer_allowed()))
        return;
    uint32_t kept_back = atomic_exchange_explicit(&peer_kept_back, 0, memory_order_relaxed);
    if (kept_back > 0)
        log_info("%u lines about clients were kept back to spare the log; -d shows all", kept_back);
    log_event(level, subject, format, arguments);
}

void log_peer(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_peer_event(LOG_INFO, NULL, format, arguments);
    va_end(arguments);
}

void log_peer_about(enum log_level level, const struct log_subject *subject, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_peer_event(level, subject, format, arguments);
    va_end(arguments);
}

// Settings.

static int fail(const struct log_settings *settings, int error, char *ret_error, size_t error_bytes)
{
    static const char *const places[] = {"standard error", "syslog", "the journal", "the log file"};
    if (settings->path == NULL)
        (void)snprintf(ret_error, error_bytes, "cannot log to %s: %s; is it running here?",
                       places[settings->to], strerror(-error)); // cut if ever too long
    else
        (void)snprintf(ret_error, error_bytes, "cannot log to %s '%s': %s", places[settings->to],
                       settings->path, strerror(-error)); // cut if ever too long
    return error;
}

struct log_prepared {
    struct log_settings settings; // without the path
    struct log_sink sink;
};

int log_prepare(const struct log_settings *settings, struct log_prepared **ret_prepared, char *ret_error,
                size_t error_bytes)
{
    struct log_prepared *prepared = calloc(1, sizeof *prepared);
    int failed = prepared == NULL ? -ENOMEM : log_sink_open(&prepared->sink, settings->to, settings->path);
    if (failed) {
        free(prepared);
        return fail(settings, failed, ret_error, error_bytes);
    }
    prepared->settings = *settings;
    prepared->settings.path = NULL;
    *ret_prepared = prepared;
    return 0;
}

void log_adopt(struct log_prepared *prepared)
{
    const struct log_settings *settings = &prepared->settings;
    (void)pthread_mutex_lock(&lock); // as in log_event
    prepared->sink.lost = sink.lost; // to be told where somebody sees it
    prepared->sink.error = sink.error;
    log_sink_close(&sink);
    sink = prepared->sink;
    format_used = settings->format;
    (void)pthread_mutex_unlock(&lock); // as in log_event
    atomic_store_explicit(&peer_burst, settings->peer_burst, memory_order_relaxed);
    atomic_store_explicit(&peer_per_second, settings->peer_per_second, memory_order_relaxed);
    atomic_store_explicit(&peer_budget, settings->peer_burst, memory_order_relaxed);
    log_set_level(settings->level);
    free(prepared);
}

void log_discard(struct log_prepared *prepared)
{
    if (prepared != NULL)
        log_sink_close(&prepared->sink);
    free(prepared);
}

int log_configure(const struct log_settings *settings, char *ret_error, size_t error_bytes)
{
    struct log_prepared *prepared;
    int failed = log_prepare(settings, &prepared, ret_error, error_bytes);
    if (!failed)
        log_adopt(prepared);
    return failed;
}

void log_reopen(void)
{
    (void)pthread_mutex_lock(&lock); // as in log_event
    int failed = log_sink_reopen(&sink);
    (void)pthread_mutex_unlock(&lock); // as in log_event
    if (failed)
        log_error("the log cannot be opened again: %s; it goes on as before", strerror(-failed));
}

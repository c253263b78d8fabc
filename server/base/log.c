// SPDX-License-Identifier: MIT
#include "server/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "server/base/clock.h"

#define LINE_MAX_BYTES 8192 // that which names the most listeners that there may be is the longest

static _Atomic enum log_level level_max = LOG_INFO;

// The budget of log_peer: a bucket of lines that refills with time. Races between threads lose or gain a
// line, no more.
static _Atomic uint64_t peer_refill_ns;
static _Atomic uint32_t peer_budget = LOG_PEER_BURST;
static _Atomic uint32_t peer_kept_back;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&level_max, level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return level <= atomic_load_explicit(&level_max, memory_order_relaxed);
}

// A line is built whole and written with one call, so that lines of several threads do not mix.
static void __attribute__((format(printf, 2, 0)))
log_line(enum log_level level, const char *format, va_list arguments)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char line[LINE_MAX_BYTES];
    uint64_t now_ns = clock_wall_ns();
    time_t seconds = (time_t)(now_ns / NS_PER_S);
    struct tm tm;
    size_t used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
    used += (size_t)snprintf(line + used, sizeof line - used,
                             ".%03uZ %s: ", (unsigned)(now_ns / NS_PER_MS % 1000), names[level]);
    int length = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    if (length < 0)
        return;
    used += (size_t)length < sizeof line - used - 1 ? (size_t)length : sizeof line - used - 2;
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?'; // what a peer named must not draw on a terminal or forge a line
    line[used++] = '\n';
    (void)!write(STDERR_FILENO, line, used); // there is nowhere to tell that the log cannot be written
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    va_list arguments;
    va_start(arguments, format);
    log_line(level, format, arguments);
    va_end(arguments);
}

static bool log_peer_allowed(void)
{
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t refill_ns = atomic_load_explicit(&peer_refill_ns, memory_order_relaxed);
    if (now_ns - refill_ns >= NS_PER_S) {
        atomic_store_explicit(&peer_refill_ns, now_ns, memory_order_relaxed);
        uint64_t budget = atomic_load_explicit(&peer_budget, memory_order_relaxed) +
                          (now_ns - refill_ns) / NS_PER_S * LOG_PEER_PER_SECOND;
        atomic_store_explicit(&peer_budget, budget < LOG_PEER_BURST ? (uint32_t)budget : LOG_PEER_BURST,
                              memory_order_relaxed);
    }
    uint32_t budget = atomic_load_explicit(&peer_budget, memory_order_relaxed);
    while (budget > 0)
        if (atomic_compare_exchange_weak_explicit(&peer_budget, &budget, budget - 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    atomic_fetch_add_explicit(&peer_kept_back, 1, memory_order_relaxed);
    return false;
}

void log_peer(const char *format, ...)
{
    if (!log_enabled(LOG_INFO))
        return;
    if (!log_enabled(LOG_DEBUG) && !log_peer_allowed())
        return;
    uint32_t kept_back = atomic_exchange_explicit(&peer_kept_back, 0, memory_order_relaxed);
    if (kept_back > 0)
        log_info("%u lines about clients were kept back to spare the log; -d shows all", kept_back);
    va_list arguments;
    va_start(arguments, format);
    log_line(LOG_INFO, format, arguments);
    va_end(arguments);
}

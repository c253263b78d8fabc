// SPDX-License-Identifier: MIT
// The log: one line for each event on standard error, whole lines also when several threads write. Only main,
// the shards and what they call for the purpose log; proto/, the session code and the libraries return what
// happened.
//
// What a peer can cause is logged through log_peer, which lets through LOG_PEER_BURST lines and then
// LOG_PEER_PER_SECOND for the whole process, and says how many it kept back: a peer cannot fill the disk.
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

#define LOG_PEER_BURST      50u
#define LOG_PEER_PER_SECOND 10u

// The lowest level that is kept back; LOG_INFO and above pass at the start.
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_DEBUG, __VA_ARGS__)

// A line caused by a peer, at level LOG_INFO.
void log_peer(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif

// SPDX-License-Identifier: MIT
// The log: one line for each event. Only main, the shards and what they call for the purpose log; proto/, the
// session code and the libraries return what happened.
//
// Lines go to standard error, to a file, to syslog or to the journal, as text or as JSON; any thread may
// write. Logging never waits and never fails: lines that cannot be written, because a disk is full or a
// reader does not keep up, are counted, and once it works again one line says how many. Lines of LOG_ERROR
// go to standard error as well, so that whoever starts the broker sees why it does not start.
//
// What a peer can cause is logged through log_peer, which lets through a burst of lines and then some in each
// second for the whole process, and says how many it kept back: a peer cannot fill the disk. What a peer
// chose is escaped where it would draw on a terminal, forge a line or break JSON.
//
// No password, hash, key or payload is given to these functions, at any level.
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };
enum log_destination { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_JOURNAL, LOG_TO_FILE };

struct log_settings {
    enum log_level level;     // this and what is more important is written
    enum log_format format;   // the journal gets fields, whatever it says
    enum log_destination to;  //
    const char *path;         // of the file; of the socket of syslog or the journal, NULL for the usual one
    uint32_t peer_burst;      // lines about peers that pass at once
    uint32_t peer_per_second; // and then in each second
};

// What holds before log_configure is called.
#define LOG_SETTINGS_DEFAULT                                                                                 \
    ((struct log_settings){                                                                                  \
        .level = LOG_INFO, .peer_burst = LOG_PEER_BURST, .peer_per_second = LOG_PEER_PER_SECOND})
#define LOG_PEER_BURST      50u
#define LOG_PEER_PER_SECOND 10u

// Writes the log as `settings` (borrowed) say from now on; may be called again, while others write. The file
// is made if need be, and appended to, with one write(2) for each line. Returns 0; or -errno, with one line
// in `ret_error` that says what failed on what, and the log goes on as before.
__attribute__((warn_unused_result)) int log_configure(const struct log_settings *settings, char *ret_error,
                                                      size_t error_bytes);

// The same in two steps, for whoever has more to prepare that can fail: prepare opens what is to be written
// to and changes nothing; then adopt, which cannot fail, or discard. NULL is accepted by discard.
struct log_prepared;
__attribute__((warn_unused_result)) int log_prepare(const struct log_settings *settings,
                                                    struct log_prepared **ret_prepared, char *ret_error,
                                                    size_t error_bytes);
void log_adopt(struct log_prepared *prepared);
void log_discard(struct log_prepared *prepared);

// Opens the file again, or connects again to syslog or the journal, so that a file that was moved away can
// go. Lines go to the old one until then, and if the new one cannot be opened, which is logged.
void log_reopen(void);

// Changes the level alone.
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_DEBUG, __VA_ARGS__)

// A line caused by a peer, at level LOG_INFO.
void log_peer(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Whom a line is about. Text begins with it ("client 'ID' at ADDRESS: "), JSON and the journal have fields of
// their own for it.
struct log_subject {
    const char *client; // an id as the peer gave it: any bytes; long ones are cut
    size_t client_length;
    const char *address; // "" if it has none
};

// As log_peer, and the same at another level: what is only for LOG_DEBUG is not kept back.
void log_peer_about(enum log_level level, const struct log_subject *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

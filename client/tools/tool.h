// SPDX-License-Identifier: MIT
// What hbmqtt_pub and hbmqtt_sub have in common: from the command line to a connection, and from a failure to
// an exit status.
#ifndef TOOLS_TOOL_H
#define TOOLS_TOOL_H

#include "client/tools/arguments.h"
#include "client/tools/config.h"
#include "client/tools/headers.h"

// Documented in the manual pages; 128 + the number of the signal when one came before the work was done.
enum tool_exit {
    TOOL_EXIT_DONE = 0,
    TOOL_EXIT_REFUSED = 1,     // by the broker: the connection, or every subscription
    TOOL_EXIT_USAGE = 2,       // command line, configuration file, URL
    TOOL_EXIT_UNREACHABLE = 3, // no connection
    TOOL_EXIT_LOST = 4,        // the connection ended, or the broker stopped answering
    TOOL_EXIT_PROTOCOL = 5,    // the broker broke the rules of MQTT
    TOOL_EXIT_LOCAL = 6,       // input or output of this side, or its memory
    TOOL_EXIT_UNTRUSTED = 7,   // the certificate of the broker was not accepted
    TOOL_EXIT_TIMED_OUT = 8,   // the time of -W was over before the work was done
};

struct tool_run {
    enum tool tool;
    struct arguments arguments;
    struct config config;
    struct headers headers;
    struct hbmqtt_client *client;
    uint64_t deadline_ms; // of -W; UINT64_MAX: none
    bool away;            // the connection is being made again, and that was said
};

// The main function of both: prepares everything up to `connect`, lets `work` do the rest, and cleans up.
// `work` and this return an exit status.
int tool_main(enum tool tool, int argc, char **argv, int (*work)(struct tool_run *run));

// Connects as the command line and the configuration say. Returns an exit status; a failure was told.
int tool_connect(struct tool_run *run);

// What is left of the time of -W, in milliseconds, at most `longest_ms`; negative: any time.
int tool_time_left_ms(const struct tool_run *run, int longest_ms);

// Says that the time of -W is over.
int tool_time_is_over(const struct tool_run *run);

// Milliseconds of a clock that never goes back.
uint64_t tool_now_ms(void);

// The quality of service that the command line or the configuration wants, for `topic` in particular.
uint8_t tool_qos(const struct tool_run *run, const char *topic);

// Says what failed, a result of the library, and returns the exit status for it.
int tool_fail(const struct tool_run *run, int error);

// Says one line on standard error, with the tool's name in front, and returns `exit_status`.
__attribute__((format(printf, 3, 4))) int tool_say(const struct tool_run *run, int exit_status,
                                                   const char *format, ...);

// The status after an interruption, for work that was not done.
int tool_interrupted(void);

#endif

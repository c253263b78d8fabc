// SPDX-License-Identifier: MIT
// A program that was started, with its output in a file. It dies with whoever started it.
#ifndef HARNESS_PROCESS_H
#define HARNESS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "harness/deadline.h"

struct process {
    pid_t pid;          // 0: it has ended, or never began
    int status;         // as waitpid(2) tells it, once it has ended
    const char *output; // the file with all that it wrote
    int input;          // its standard input; -1: it has none
};

// Starts `words` (the program, its arguments, NULL). With `has_input` what is written to process->input is
// its standard input. False with errno when it could not be started; a program that is not there ends with
// status 127.
bool process_start(struct process *process, char *const *words, const char *output, bool has_input);

// Whether it still runs; learns of its end.
bool process_alive(struct process *process);

// Waits for its end. False when it has not come by the deadline.
bool process_wait(struct process *process, struct deadline deadline);

// Asks it to end (SIGTERM), and kills it when it has not by then.
void process_stop(struct process *process, struct deadline deadline);

void process_kill(struct process *process);

// "ended with status 1", "died of signal 11 (Segmentation fault)", "runs".
const char *process_state_text(const struct process *process);

// What it wrote so far, up to a MiB of it.
const char *process_output(const struct process *process);

// Waits until it has written `text`, or has ended, or the deadline passes. True when it has written it.
bool process_wait_output(struct process *process, const char *text, struct deadline deadline);

#endif

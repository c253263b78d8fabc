// SPDX-License-Identifier: MIT
// What a process has used: CPU time to the nanosecond, and memory.
//
// CPU time is read from the process's CPU clock, which counts all of its threads, ended ones and the kernel's
// workers for io_uring too. On loopback it holds the kernel's work for both ends of a send, since the
// sender's thread carries the segment up to the receiver's socket: the same for every broker, and not so
// between two machines.
#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <stdint.h>
#include <sys/types.h>

struct memory_use {
    uint64_t resident;      // bytes
    uint64_t private_bytes; // resident and shared with no other process
    uint64_t resident_peak; // bytes, over the life of the process
};

// The CPU time of process `pid`, 0 for the caller's own. Returns 0 or a negative errno: -ESRCH if there is no
// such process.
int meter_cpu_ns(pid_t pid, uint64_t *ret_cpu_ns);

// The share of that CPU time which was spent in the kernel is `kernel / (user + kernel)`, both in clock ticks
// since the start.
struct cpu_ticks {
    uint64_t user;
    uint64_t kernel;
};
int meter_cpu_ticks(pid_t pid, struct cpu_ticks *ret_ticks);

// Returns 0 or a negative errno. Needs the right to trace the process: its user's, or root's.
int meter_memory(pid_t pid, struct memory_use *ret_memory);

uint64_t meter_now_ns(void);

#endif

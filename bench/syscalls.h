// SPDX-License-Identifier: MIT
// Counts the system calls of a process with the kernel's tracepoint raw_syscalls:sys_enter. Each one costs
// the process a little while it is counted, so CPU times of such a run are not for comparing.
#ifndef BENCH_SYSCALLS_H
#define BENCH_SYSCALLS_H

#include <stdint.h>
#include <sys/types.h>

#define SYSCALLS_THREADS_MAX 256u

struct syscalls {
    int descriptors[SYSCALLS_THREADS_MAX]; // one for each thread; those that it starts later are in them
    uint32_t count;
};

// Returns 0 or a negative errno: -ENOENT without tracefs, -EACCES without the right to count.
int syscalls_open(struct syscalls *syscalls, pid_t pid);
void syscalls_close(struct syscalls *syscalls);

// All since syscalls_open. Returns 0 or a negative errno.
int syscalls_read(const struct syscalls *syscalls, uint64_t *ret_count);

#endif

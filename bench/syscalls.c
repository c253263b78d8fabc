// SPDX-License-Identifier: MIT
#include "bench/syscalls.h"

#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int read_tracepoint(uint64_t *ret_id)
{
    static const char *const paths[] = {
        "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
        "/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id",
    };
    for (int index = 0; index < 2; index++) {
        char line[32] = "";
        FILE *file = fopen(paths[index], "re");
        if (file == NULL)
            continue;
        bool read = fgets(line, sizeof(line), file) != NULL;
        fclose(file);
        if (read) {
            *ret_id = strtoull(line, NULL, 10);
            return 0;
        }
    }
    return -ENOENT;
}

static int open_thread(struct syscalls *syscalls, uint64_t tracepoint, pid_t thread)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .config = tracepoint, .inherit = 1};
    if (syscalls->count == SYSCALLS_THREADS_MAX)
        return -EMFILE;
    long fd = syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return -errno;
    syscalls->descriptors[syscalls->count++] = (int)fd;
    return 0;
}

int syscalls_open(struct syscalls *syscalls, pid_t pid)
{
    char path[64];
    uint64_t tracepoint;
    syscalls->count = 0;
    int rc = read_tracepoint(&tracepoint);
    if (rc != 0)
        return rc;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return -errno;
    for (struct dirent *entry; rc == 0 && (entry = readdir(directory)) != NULL;) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread > 0)
            rc = open_thread(syscalls, tracepoint, thread);
    }
    closedir(directory);
    if (rc != 0)
        syscalls_close(syscalls);
    return rc;
}

void syscalls_close(struct syscalls *syscalls)
{
    for (uint32_t index = 0; index < syscalls->count; index++)
        close(syscalls->descriptors[index]);
    syscalls->count = 0;
}

int syscalls_read(const struct syscalls *syscalls, uint64_t *ret_count)
{
    uint64_t sum = 0;
    for (uint32_t index = 0; index < syscalls->count; index++) {
        uint64_t count;
        if (read(syscalls->descriptors[index], &count, sizeof(count)) != sizeof(count))
            return -EIO;
        sum += count;
    }
    *ret_count = sum;
    return 0;
}

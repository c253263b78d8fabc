// SPDX-License-Identifier: MIT
// Reads CPU clocks and /proc.
#include "bench/meter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000u

static uint64_t to_ns(struct timespec time)
{
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

uint64_t meter_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return to_ns(now);
}

int meter_cpu_ns(pid_t pid, uint64_t *ret_cpu_ns)
{
    clockid_t clock;
    struct timespec used;
    int error = clock_getcpuclockid(pid, &clock);
    if (error != 0)
        return -error;
    if (clock_gettime(clock, &used) != 0)
        return -errno;
    *ret_cpu_ns = to_ns(used);
    return 0;
}

static FILE *open_proc(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return fopen(path, "re");
}

int meter_cpu_ticks(pid_t pid, struct cpu_ticks *ret_ticks)
{
    char line[1024];
    FILE *file = open_proc(pid, "stat");
    if (file == NULL)
        return -errno;
    bool read = fgets(line, sizeof(line), file) != NULL;
    fclose(file);

    // The command's name stands in brackets and may itself hold brackets and blanks: count fields from the
    // last one.
    const char *rest = read ? strrchr(line, ')') : NULL;
    if (rest == NULL || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
                               &ret_ticks->user, &ret_ticks->kernel) != 2)
        return -EIO;
    return 0;
}

// The sum of the lines "<name>: <number> kB" of the file for the names that are given, in bytes.
static int sum_lines(pid_t pid, const char *file_name, const char *const names[], uint64_t *ret_sum)
{
    char line[256];
    uint64_t sum = 0;
    FILE *file = open_proc(pid, file_name);
    if (file == NULL)
        return -errno;
    while (fgets(line, sizeof(line), file) != NULL) {
        for (const char *const *name = names; *name != NULL; name++) {
            size_t length = strlen(*name);
            uint64_t kib;
            if (strncmp(line, *name, length) == 0 && sscanf(line + length, ": %" SCNu64, &kib) == 1)
                sum += kib * 1024;
        }
    }
    int rc = ferror(file) ? -EIO : 0;
    fclose(file);
    *ret_sum = sum;
    return rc;
}

int meter_memory(pid_t pid, struct memory_use *ret_memory)
{
    static const char *const resident[] = {"Rss", NULL};
    static const char *const private_bytes[] = {"Private_Clean", "Private_Dirty", "Private_Hugetlb", NULL};
    static const char *const peak[] = {"VmHWM", NULL};
    int rc = sum_lines(pid, "smaps_rollup", resident, &ret_memory->resident);
    if (rc == 0)
        rc = sum_lines(pid, "smaps_rollup", private_bytes, &ret_memory->private_bytes);
    return rc != 0 ? rc : sum_lines(pid, "status", peak, &ret_memory->resident_peak);
}

// SPDX-License-Identifier: MIT
#include "server/ring/ring_diagnosis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

// The number after `key` at the start of a line of a small file in /proc; -1 if it is not there.
static int ring_proc_number(const char *path, const char *key)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    char line[256];
    int number = -1;
    size_t key_length = strlen(key);
    while (number < 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, key_length) == 0)
            number = (int)strtol(line + key_length, NULL, 10);
    (void)fclose(file); // it was only read
    return number;
}

static bool ring_seccomp_active(void)
{
    return ring_proc_number("/proc/self/status", "Seccomp:") > 0;
}

static void ring_diagnose_forbidden(char *ret_error)
{
    int disabled = ring_proc_number("/proc/sys/kernel/io_uring_disabled", "");
    if (disabled == 2)
        snprintf(ret_error, RING_ERROR_BYTES,
                 "io_uring is switched off on this system (kernel.io_uring_disabled is 2): run 'sysctl "
                 "kernel.io_uring_disabled=0'");
    else if (disabled == 1)
        snprintf(
            ret_error, RING_ERROR_BYTES,
            "io_uring is kept for privileged processes (kernel.io_uring_disabled is 1): join the group of "
            "kernel.io_uring_group, or run 'sysctl kernel.io_uring_disabled=0'");
    else if (ring_seccomp_active())
        snprintf(ret_error, RING_ERROR_BYTES,
                 "io_uring is refused by a seccomp filter, as containers have by default: start the "
                 "container with a "
                 "profile that allows io_uring_setup, io_uring_enter and io_uring_register");
    else
        snprintf(
            ret_error, RING_ERROR_BYTES,
            "io_uring is not permitted to this process: allow it in the system's security policy (SELinux, "
            "AppArmor or the like)");
}

static void ring_diagnose_missing(char *ret_error)
{
    struct utsname system = {0};
    (void)uname(&system); // cannot fail: the memory is ours
    if (ring_seccomp_active())
        snprintf(
            ret_error, RING_ERROR_BYTES,
            "io_uring is not there: a seccomp filter hides it, or kernel %.32s was built without it; allow "
            "io_uring_setup, io_uring_enter and io_uring_register in the container's profile",
            system.release);
    else
        snprintf(ret_error, RING_ERROR_BYTES,
                 "io_uring is not there: kernel %.32s is too old or was built without CONFIG_IO_URING; use "
                 "Linux 5.10 or "
                 "later",
                 system.release);
}

static void ring_diagnose_memory(char *ret_error)
{
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_MEMLOCK, &limit); // cannot fail: the memory is ours
    if (limit.rlim_cur == RLIM_INFINITY)
        snprintf(ret_error, RING_ERROR_BYTES,
                 "no memory for an io_uring, although locked memory is not limited: free memory");
    else
        snprintf(ret_error, RING_ERROR_BYTES,
                 "no memory for an io_uring within the memlock limit of %llu KiB: raise it (ulimit -l, or "
                 "LimitMEMLOCK= of "
                 "the service) to 8192 KiB or more",
                 (unsigned long long)limit.rlim_cur / 1024);
}

void ring_diagnose(int error, char ret_error[RING_ERROR_BYTES])
{
    switch (-error) {
    case EPERM:
    case EACCES:
        ring_diagnose_forbidden(ret_error);
        break;
    case ENOSYS:
        ring_diagnose_missing(ret_error);
        break;
    case ENOMEM:
        ring_diagnose_memory(ret_error);
        break;
    case EMFILE:
    case ENFILE:
        snprintf(ret_error, RING_ERROR_BYTES,
                 "no file descriptor is left for an io_uring: raise the limit (ulimit -n, or LimitNOFILE= of "
                 "the service)%s",
                 error == -ENFILE ? " and sysctl fs.file-max" : "");
        break;
    case EOPNOTSUPP: {
        struct utsname system = {0};
        (void)uname(&system); // cannot fail: the memory is ours
        snprintf(ret_error, RING_ERROR_BYTES,
                 "the io_uring of kernel %.32s is too old: use Linux 5.10 or later", system.release);
        break;
    }
    default:
        snprintf(ret_error, RING_ERROR_BYTES, "an io_uring cannot be set up: %s", strerror(-error));
    }
}

// SPDX-License-Identifier: MIT
#include "server/service/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/service/service.h"

static const char *const allowed[] = {
#define ALLOWED(name) #name,
#define DEADLY(name)
#include "server/service/sandbox.def"
#undef ALLOWED
#undef DEADLY
};

static const char *const deadly[] = {
#define ALLOWED(name)
#define DEADLY(name) #name,
#include "server/service/sandbox.def"
#undef ALLOWED
#undef DEADLY
};

struct sandbox_rule {
    const char *name;
    uint32_t count;
    struct scmp_arg_cmp compares[2]; // all have to hold
};

#define WRITING     (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)
#define APPENDING   (O_WRONLY | O_RDWR | O_TRUNC | O_APPEND)
#define CODE        ((scmp_datum_t)PROT_EXEC)
#define CHANGE_CODE ((scmp_datum_t)(PROT_WRITE | PROT_EXEC))

#define BITS_CLEAR(argument, bits)                                                                           \
    {                                                                                                        \
        (argument), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(bits), 0                                              \
    }
#define BITS_SET(argument, bits)                                                                             \
    {                                                                                                        \
        (argument), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(bits), (scmp_datum_t)(bits)                           \
    }
#define EQUALS(argument, value)                                                                              \
    {                                                                                                        \
        (argument), SCMP_CMP_EQ, (scmp_datum_t)(value), 0                                                    \
    }

// What is allowed with some arguments; a name may come several times.
static const struct sandbox_rule rules[] = {
    // A file is read, or appended to, as the log is; what is in it stays.
    {"open", 1, {BITS_CLEAR(1, WRITING)}},
    {"openat", 1, {BITS_CLEAR(2, WRITING)}},
    {"open", 1, {{1, SCMP_CMP_MASKED_EQ, APPENDING, O_WRONLY | O_APPEND}}},
    {"openat", 1, {{2, SCMP_CMP_MASKED_EQ, APPENDING, O_WRONLY | O_APPEND}}},
    // Memory holds code or can be written: a mapping of both, or of what was written, would let an intruder
    // bring his own.
    {"mmap", 1, {BITS_CLEAR(2, PROT_EXEC)}},
    {"mmap", 1, {{2, SCMP_CMP_MASKED_EQ, CHANGE_CODE, CODE}}},
    {"mprotect", 1, {BITS_CLEAR(2, PROT_EXEC)}},
    // Threads, no processes.
    {"clone", 1, {BITS_SET(0, CLONE_THREAD | CLONE_VM | CLONE_SIGHAND)}},
    // Sockets of the internet, of this machine, and that which libc asks for the addresses of this machine.
    {"socket", 1, {EQUALS(0, AF_INET)}},
    {"socket", 1, {EQUALS(0, AF_INET6)}},
    {"socket", 1, {EQUALS(0, AF_UNIX)}},
    {"socket", 1, {EQUALS(0, AF_NETLINK)}},
    {"socketpair", 1, {EQUALS(0, AF_UNIX)}},
    // Names of threads and of memory.
    {"prctl", 1, {EQUALS(0, PR_SET_NAME)}},
    {"prctl", 1, {EQUALS(0, PR_GET_NAME)}},
    {"prctl", 1, {EQUALS(0, PR_SET_VMA)}},
    // How many bytes wait; whether a stream is a terminal. A terminal must not be typed into.
    {"ioctl", 1, {EQUALS(1, FIONREAD)}},
    {"ioctl", 1, {EQUALS(1, FIONBIO)}},
    {"ioctl", 1, {EQUALS(1, TCGETS)}},
    // Threads may step back behind others.
    {"sched_setscheduler", 1, {EQUALS(0, 0)}},
    {"setpriority", 1, {EQUALS(0, PRIO_PROCESS)}},
    // Its own limits are read, not changed.
    {"prlimit64", 2, {EQUALS(0, 0), EQUALS(2, 0)}},
};

const char *sandbox_impossible(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return "it was built with a sanitizer, which looks into itself from a process of its own";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
    return "it was built with a sanitizer, which looks into itself from a process of its own";
#endif
#endif
    return NULL;
}

static int add_named(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count && !failed; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);
        if (call >= 0)
            failed = seccomp_rule_add(filter, action, call, 0);
    }
    return failed;
}

static int add_rules(scmp_filter_ctx filter)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && !failed; i++) {
        int call = seccomp_syscall_resolve_name(rules[i].name);
        if (call >= 0)
            failed = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, rules[i].count, rules[i].compares);
    }
    return failed;
}

// What speaks of itself: signals to the own process alone, processes that are made of it.
static int add_own(scmp_filter_ctx filter)
{
    int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    // Its arguments lie in memory, where the filter cannot see them; libc takes clone instead.
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return failed;
}

static int build(scmp_filter_ctx filter)
{
    int failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (!failed)
        failed = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (!failed)
        failed = add_named(filter, SCMP_ACT_ALLOW, allowed, sizeof allowed / sizeof allowed[0]);
    if (!failed)
        failed = add_named(filter, SCMP_ACT_KILL_PROCESS, deadly, sizeof deadly / sizeof deadly[0]);
    if (!failed)
        failed = add_rules(filter);
    if (!failed)
        failed = add_own(filter);
    if (failed)
        return failed;
    // What is refused is told to the kernel's log, and few comparisons find each call; a libseccomp or kernel
    // that cannot do that filters all the same.
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return seccomp_load(filter);
}

int sandbox_enter(char *ret_error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int failed = filter == NULL ? -ENOMEM : build(filter);
    seccomp_release(filter);
    if (failed)
        (void)snprintf(ret_error, SERVICE_ERROR_BYTES,
                       "cannot set up the seccomp filter: %s; 'seccomp: false' in the configuration, or "
                       "HBMQTT_SECCOMP=off in the environment, starts without it",
                       strerror(-failed)); // fits
    return failed;
}

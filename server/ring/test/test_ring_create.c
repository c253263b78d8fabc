// SPDX-License-Identifier: MIT
// Having a ring, in part or not at all. What a process may do is changed in children only.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/ring/ring_probe.h"
#include "server/ring/test/rig.h"

#define NOBODY 65534

struct outcome {
    int result; // of ring_create
    char error[RING_ERROR_BYTES];
    char features[RING_FEATURES_BYTES];
};

// Runs in a child: prepares what the process may do, or returns false if it cannot.
typedef bool confine_function(int argument);

static struct outcome outcome_of(const struct ring_options *options)
{
    struct outcome outcome = {0};
    struct ring *ring = NULL;
    outcome.result = ring_create(options, &ring, outcome.error);
    if (outcome.result == 0)
        ring_features(ring, outcome.features);
    ring_destroy(ring);
    return outcome;
}

// Creates a ring in a child. Returns false if the child could not confine itself.
static bool create_confined(const struct ring_options *options, confine_function *confine, int argument,
                            struct outcome *ret_outcome)
{
    int pipe_ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(pipe_ends), 0);
    fflush(NULL);
    pid_t child = fork();
    CU_ASSERT_TRUE_FATAL(child >= 0);
    if (child == 0) {
        if (!confine(argument))
            _exit(77);
        struct outcome outcome = outcome_of(options);
        _exit(write(pipe_ends[1], &outcome, sizeof outcome) != (ssize_t)sizeof outcome);
    }
    rig_close(pipe_ends[1]);
    bool told = read(pipe_ends[0], ret_outcome, sizeof *ret_outcome) == (ssize_t)sizeof *ret_outcome;
    rig_close(pipe_ends[0]);
    int status;
    CU_ASSERT_EQUAL_FATAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
    CU_ASSERT_EQUAL(told, WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return told;
}

static void expect_error(const struct outcome *outcome, int result, const char *cause, const char *advice)
{
    CU_ASSERT_EQUAL(outcome->result, result);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome->error, cause));
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome->error, advice));
    CU_ASSERT_PTR_NULL(strchr(outcome->error, '\n'));
    CU_ASSERT_TRUE(strlen(outcome->error) < RING_ERROR_BYTES - 1); // not cut
}

// A filter as containers have it: io_uring_setup fails with `error`.
static bool confine_by_seccomp(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static bool confine_descriptors(int count)
{
    struct rlimit limit = {(rlim_t)count, (rlim_t)count};
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

// Root is above the memlock limit, so the child becomes somebody else.
static bool confine_memlock(int kibibytes)
{
    struct rlimit limit = {(rlim_t)kibibytes * 1024, (rlim_t)kibibytes * 1024};
    return setrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
           (getuid() != 0 || setresuid(NOBODY, NOBODY, NOBODY) == 0);
}

static void test_forbidden_by_seccomp(void)
{
    struct ring_options options = RIG_SMALL;
    struct outcome outcome;
    if (create_confined(&options, confine_by_seccomp, EPERM, &outcome))
        expect_error(&outcome, -EPERM, "seccomp", "profile that allows io_uring_setup");
    if (create_confined(&options, confine_by_seccomp, EACCES, &outcome))
        expect_error(&outcome, -EACCES, "seccomp", "profile that allows io_uring_setup");
}

static void test_not_there(void)
{
    struct ring_options options = RIG_SMALL;
    struct outcome outcome;
    if (create_confined(&options, confine_by_seccomp, ENOSYS, &outcome))
        expect_error(&outcome, -ENOSYS, "seccomp", "io_uring_setup");
}

static void test_too_old(void)
{
    struct ring_options options = RIG_SMALL;
    struct outcome outcome;
    if (create_confined(&options, confine_by_seccomp, EINVAL, &outcome))
        expect_error(&outcome, -EOPNOTSUPP, "too old", "5.10");
}

static void test_no_descriptor(void)
{
    struct ring_options options = RIG_SMALL;
    struct outcome outcome;
    if (create_confined(&options, confine_descriptors, 3, &outcome))
        expect_error(&outcome, -EMFILE, "file descriptor", "ulimit -n");
}

static void test_no_memory(void)
{
    struct ring_options options = RIG_SMALL;
    struct outcome outcome;
    if (create_confined(&options, confine_by_seccomp, ENOMEM, &outcome))
        expect_error(&outcome, -ENOMEM, "mem", "");
}

// Whether a ring counts against the limit depends on the kernel. Where it does, a tiny limit is named, and a
// small one gives a ring.
static void test_memlock_limit(void)
{
    struct ring_options options = {.entries = 4096, .buffer_count = 1024, .buffer_bytes = 4096};
    struct outcome outcome;
    if (create_confined(&options, confine_memlock, 0, &outcome) && outcome.result != 0)
        expect_error(&outcome, -ENOMEM, "memlock limit of 0 KiB", "ulimit -l");
    if (create_confined(&options, confine_memlock, 64, &outcome)) {
        CU_ASSERT_EQUAL(outcome.result, 0);
        printf("  within 64 KiB: %s\n", outcome.result == 0 ? outcome.features : outcome.error);
    }
}

static void test_names_are_checked(void)
{
    CU_ASSERT_PTR_NULL(ring_disable_check(NULL));
    CU_ASSERT_PTR_NULL(ring_disable_check(""));
    CU_ASSERT_PTR_NULL(ring_disable_check("all"));
    CU_ASSERT_PTR_NULL(
        ring_disable_check("multishot-accept,multishot-receive,buffer-ring,single-issuer,defer-taskrun,"
                           "coop-taskrun,ext-arg,all"));
    const char *names = "ext-arg,multishot,all";
    CU_ASSERT_PTR_EQUAL(ring_disable_check(names), names + 8);
    CU_ASSERT_PTR_NOT_NULL(ring_disable_check("al"));
    CU_ASSERT_PTR_NOT_NULL(ring_disable_check("alls"));
    CU_ASSERT_PTR_NOT_NULL(ring_disable_check("all ,ext-arg"));
}

static void test_masked_features_are_not_used(void)
{
    static const char *const names[] = {"multishot-accept", "multishot-receive", "buffer-ring",
                                        "single-issuer",    "defer-taskrun",     "coop-taskrun",
                                        "ext-arg"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        rig_begin(RIG_SMALL, names[i]);
        CU_ASSERT_FALSE(rig_has(names[i]));
        CU_ASSERT_FALSE(rig_has("multishot-receive") && !rig_has("buffer-ring"));
        CU_ASSERT_FALSE(rig_has("defer-taskrun") && !rig_has("single-issuer"));
        CU_ASSERT_NOT_EQUAL(rig_has("poll"), rig_has("buffer-ring"));
        rig_end();
    }
    rig_begin(RIG_SMALL, "all");
    char text[RING_FEATURES_BYTES];
    ring_features(rig_ring, text);
    CU_ASSERT_STRING_EQUAL(text, "poll");
    rig_end();
}

static void test_sizes(void)
{
    static const struct ring_options sizes[] = {
        {.entries = 1, .buffer_count = 1, .buffer_bytes = 1},
        {.entries = 3, .buffer_count = 2, .buffer_bytes = 100},
        {.entries = 4096, .buffer_count = 32768, .buffer_bytes = 16384}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        rig_begin(sizes[i], NULL);
        int pair[2];
        rig_unix_pair(pair);
        uint8_t data[300];
        rig_pattern_fill(data, sizeof data, 0);
        rig_write(pair[1], data, sizeof data);
        struct record receive = {0};
        ring_receive(rig_ring, &receive.operation, pair[0]);
        rig_until_bytes(&receive, sizeof data);
        CU_ASSERT_FALSE(receive.mangled);
        rig_finish(&receive);
        rig_close(pair[0]);
        rig_close(pair[1]);
        rig_end();
    }
}

// A filter of system calls does not see the operations of a ring: it must not open files or sockets.
static void test_foreign_operations_are_refused(void)
{
    static const uint8_t operations[] = {IORING_OP_OPENAT,   IORING_OP_OPENAT2, IORING_OP_SOCKET,
                                         IORING_OP_CONNECT,  IORING_OP_READ,    IORING_OP_WRITE,
                                         IORING_OP_UNLINKAT, IORING_OP_NOP,     IORING_OP_URING_CMD};
    struct io_uring uring;
    uint32_t features;
    CU_ASSERT_EQUAL_FATAL(ring_probe_setup(8, 0, &uring, &features), 0);
    CU_ASSERT_EQUAL_FATAL(ring_probe_enable(&uring), 0);
    for (size_t i = 0; i < sizeof operations; i++) {
        struct io_uring_sqe *submission = io_uring_get_sqe(&uring);
        io_uring_prep_nop(submission);
        submission->opcode = operations[i];
        struct io_uring_cqe *completion;
        CU_ASSERT_EQUAL_FATAL(io_uring_submit_and_wait(&uring, 1), 1);
        CU_ASSERT_EQUAL_FATAL(io_uring_peek_cqe(&uring, &completion), 0);
        CU_ASSERT_EQUAL(completion->res, -EACCES);
        io_uring_cqe_seen(&uring, completion);
    }
    int descriptor = STDERR_FILENO;
    CU_ASSERT_EQUAL(io_uring_register_files(&uring, &descriptor, 1), -EACCES);
    io_uring_queue_exit(&uring);
}

static void test_destroy_nothing(void)
{
    ring_destroy(NULL);
}

int main(int argc, char **argv)
{
    static const CU_TestInfo tests[] = {
        {"forbidden by a seccomp filter", test_forbidden_by_seccomp},
        {"not there", test_not_there},
        {"too old", test_too_old},
        {"no descriptor left", test_no_descriptor},
        {"no memory", test_no_memory},
        {"the memlock limit", test_memlock_limit},
        {"names of features are checked", test_names_are_checked},
        {"masked features are not used", test_masked_features_are_not_used},
        {"the smallest ring and a large one", test_sizes},
        {"foreign operations are refused", test_foreign_operations_are_refused},
        {"destroying nothing", test_destroy_nothing},
    };
    return RIG_RUN("ring create", tests);
}

// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "server/service/service.h"
#include "server/service/test/child.h"

#define SKIPPED 77

static char program[] = "/bin/true";

static void enter(void)
{
    char error[SERVICE_ERROR_BYTES] = "";
    int failed = sandbox_enter(error);
    if (failed)
        fprintf(stderr, "%s\n", error);
    CHILD_EXPECT(failed == 0);
}

static void *thread_says(void *said)
{
    *(int *)said = 1;
    return NULL;
}

static void serve(void)
{
    enter();
    int said = 0;
    pthread_t thread;
    CHILD_EXPECT(pthread_create(&thread, NULL, thread_says, &said) == 0);
    CHILD_EXPECT(pthread_join(thread, NULL) == 0 && said == 1);
    void *memory = malloc(1u << 25);
    CHILD_EXPECT(memory != NULL);
    free(memory);
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    CHILD_EXPECT(fd >= 0 && close(fd) == 0);
    fd = open("/dev/null", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    CHILD_EXPECT(fd >= 0 && close(fd) == 0);
    fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHILD_EXPECT(fd >= 0 && listen(fd, 1) == 0 && close(fd) == 0);
    CHILD_EXPECT(getpwnam("nobody") != NULL);
    struct addrinfo *addresses = NULL;
    CHILD_EXPECT(getaddrinfo("localhost", "1883", NULL, &addresses) == 0);
    freeaddrinfo(addresses);
}

static void test_what_serving_needs(void)
{
    child_run(serve);
}

#define EXPECT_REFUSED(call)                                                                                 \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        CHILD_EXPECT((call) < 0);                                                                            \
        CHILD_EXPECT(errno == EPERM);                                                                        \
    } while (0)

static void try_what_is_refused(void)
{
    struct rlimit limit = {1, 1};
    enter();
    EXPECT_REFUSED(open("/dev/null", O_WRONLY));
    EXPECT_REFUSED(open("/dev/null", O_RDWR));
    EXPECT_REFUSED(open("/dev/null", O_WRONLY | O_APPEND | O_TRUNC));
    EXPECT_REFUSED(open("/dev/null", O_RDWR | O_APPEND));
    EXPECT_REFUSED(open("/tmp", O_TMPFILE | O_WRONLY, 0600));
    EXPECT_REFUSED(creat("/tmp/hbmqtt-must-not-be", 0600));
    EXPECT_REFUSED(syscall(SYS_openat2, AT_FDCWD, "/dev/null", NULL, 0));
    EXPECT_REFUSED(rename("/tmp/hbmqtt-is-not", "/tmp/hbmqtt-must-not-be"));
    EXPECT_REFUSED(mkdir("/tmp/hbmqtt-must-not-be", 0700));
    EXPECT_REFUSED(symlink("/etc/passwd", "/tmp/hbmqtt-must-not-be"));
    EXPECT_REFUSED(syscall(SYS_memfd_create, "code", 0));
    EXPECT_REFUSED(socket(AF_PACKET, SOCK_RAW, 0));
    EXPECT_REFUSED(kill(getppid(), 0));
    EXPECT_REFUSED(kill(getpid(), 0));
    EXPECT_REFUSED(syscall(SYS_tgkill, getppid(), getppid(), 0));
    EXPECT_REFUSED(setuid(0));
    EXPECT_REFUSED(setrlimit(RLIMIT_NOFILE, &limit));
    EXPECT_REFUSED(chroot("/"));
    EXPECT_REFUSED(syscall(SYS_io_uring_setup, 8, NULL));
    EXPECT_REFUSED(syscall(SYS_bpf, 0, NULL, 0));
    EXPECT_REFUSED(syscall(SYS_seccomp, 0, 0, NULL));
    EXPECT_REFUSED(syscall(SYS_unshare, 0));
    EXPECT_REFUSED(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL));
    EXPECT_REFUSED(ioctl(0, TIOCSTI, "x"));
    CHILD_EXPECT(mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    void *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHILD_EXPECT(data != MAP_FAILED);
    EXPECT_REFUSED(mprotect(data, 4096, PROT_READ | PROT_EXEC));
}

static void test_what_is_refused(void)
{
    child_run(try_what_is_refused);
}

static void start_program(void)
{
    char *arguments[] = {program, NULL};
    enter();
    (void)execve(program, arguments, NULL);
}

static void start_program_of_descriptor(void)
{
    char *arguments[] = {program, NULL};
    int fd = open(program, O_RDONLY | O_CLOEXEC);
    enter();
    (void)syscall(SYS_execveat, fd, "", arguments, NULL, AT_EMPTY_PATH);
}

static void make_process(void)
{
    enter();
    if (fork() == 0)
        _exit(0);
}

static void make_process_by_number(void)
{
    enter();
    if (syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0) == 0)
        _exit(0);
}

static void look_into_process(void)
{
    enter();
    (void)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static void read_memory_of_process(void)
{
    enter();
    (void)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static void *run_deadly(void *argument)
{
    char *arguments[] = {program, NULL};
    while (syscall(SYS_getppid) > 0 && atomic_load((_Atomic int *)argument) == 0)
        continue;
    (void)execve(program, arguments, NULL);
    return NULL;
}

// A thread that ran before is under the filter as well.
static void start_program_from_older_thread(void)
{
    static _Atomic int entered;
    pthread_t thread;
    CHILD_EXPECT(pthread_create(&thread, NULL, run_deadly, &entered) == 0);
    enter();
    atomic_store(&entered, 1);
    (void)pthread_join(thread, NULL);
}

static void test_what_ends_the_process(void)
{
    void (*const tries[])(void) = {start_program,
                                   start_program_of_descriptor,
                                   make_process,
                                   make_process_by_number,
                                   look_into_process,
                                   read_memory_of_process,
                                   start_program_from_older_thread};
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        int status = child_status(tries[i]);
        CU_ASSERT_TRUE(WIFSIGNALED(status));
        CU_ASSERT_EQUAL(WTERMSIG(status), SIGSYS);
    }
}

static void fail_assertion(void)
{
    enter();
    abort();
}

// A broken invariant ends the broker as it always does.
static void test_abort(void)
{
    int status = child_status(fail_assertion);
    CU_ASSERT_TRUE(WIFSIGNALED(status));
    CU_ASSERT_EQUAL(WTERMSIG(status), SIGABRT);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"what serving needs", test_what_serving_needs},
        {"what is refused", test_what_is_refused},
        {"what ends the process", test_what_ends_the_process},
        {"abort", test_abort},
    };
    if (sandbox_impossible() != NULL) {
        printf("skipped: %s\n", sandbox_impossible());
        return SKIPPED;
    }
    return RUN_TESTS("sandbox", cases);
}

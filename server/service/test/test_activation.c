// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "server/service/service.h"
#include "server/service/test/child.h"

static struct activation activation;
static char error[SERVICE_ERROR_BYTES];

static int parse(const char *pid, const char *fds, const char *names)
{
    struct activation_variables variables = {pid, fds, names};
    error[0] = '\0';
    return activation_parse(&variables, 42, &activation, error);
}

static void test_nothing_is_passed(void)
{
    CU_ASSERT_EQUAL(parse(NULL, NULL, NULL), 0);
    CU_ASSERT_EQUAL(activation.count, 0);
    CU_ASSERT_EQUAL(parse("42", "0", ""), 0);
    CU_ASSERT_EQUAL(activation.count, 0);
    CU_ASSERT_EQUAL(parse("42", NULL, NULL), 0);
    CU_ASSERT_EQUAL(activation.count, 0);
}

static void test_meant_for_another_process(void)
{
    static const char *const others[] = {"43", "4", "421", "", "042", " 42", "x"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CU_ASSERT_EQUAL(parse(others[i], "2", "a:b"), 0);
        CU_ASSERT_EQUAL(activation.count, 0);
    }
    CU_ASSERT_EQUAL(parse(NULL, "2", "a:b"), 0);
    CU_ASSERT_EQUAL(activation.count, 0);
}

static void test_names(void)
{
    CU_ASSERT_EQUAL(parse("42", "3", "one::one"), 0);
    CU_ASSERT_EQUAL(activation.count, 3);
    CU_ASSERT_STRING_EQUAL(activation.sockets[0].name, "one");
    CU_ASSERT_STRING_EQUAL(activation.sockets[1].name, "");
    CU_ASSERT_EQUAL(activation.sockets[2].fd, 5);
    CU_ASSERT_PTR_EQUAL(activation_find(&activation, "one"), &activation.sockets[0]);
    activation.sockets[0].taken = true;
    CU_ASSERT_PTR_EQUAL(activation_find(&activation, "one"), &activation.sockets[2]);
    activation.sockets[2].taken = true;
    CU_ASSERT_PTR_NULL(activation_find(&activation, "one"));
    CU_ASSERT_PTR_NULL(activation_find(&activation, "two"));
}

static void test_without_names(void)
{
    CU_ASSERT_EQUAL(parse("42", "2", NULL), 0);
    CU_ASSERT_EQUAL(activation.count, 2);
    CU_ASSERT_STRING_EQUAL(activation.sockets[1].name, "");
}

static void test_faults_are_one_line(void)
{
    static const char *const counts[] = {"", "-1", "two", "2x", " 2", "65", "99999999999999999999"};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        CU_ASSERT_EQUAL(parse("42", counts[i], NULL), -EINVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(error, "LISTEN_FDS"));
    }
    char long_name[ACTIVATION_NAME_BYTES + 1];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const char *names[] = {"one", "one:two:three", "", long_name};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CU_ASSERT_EQUAL(parse("42", "2", names[i]), -EINVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(error, "LISTEN_FDNAMES"));
        CU_ASSERT_PTR_NULL(strchr(error, '\n'));
    }
    CU_ASSERT_EQUAL(parse("42", "64", NULL), 0);
    CU_ASSERT_EQUAL(activation.count, ACTIVATION_SOCKETS_MAX);
}

static void set_variables(const char *fds)
{
    char pid[24];
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    CHILD_EXPECT(setenv("LISTEN_PID", pid, 1) == 0);
    CHILD_EXPECT(setenv("LISTEN_FDS", fds, 1) == 0);
    CHILD_EXPECT(setenv("LISTEN_FDNAMES", "default", 1) == 0);
}

static void take_from_environment(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHILD_EXPECT(fd == 3 || dup2(fd, 3) == 3);
    set_variables("1");
    CHILD_EXPECT(activation_init(&activation, error) == 0);
    CHILD_EXPECT(activation.count == 1 && activation.sockets[0].fd == 3);
    CHILD_EXPECT(fcntl(3, F_GETFD) == FD_CLOEXEC);
    CHILD_EXPECT((fcntl(3, F_GETFL) & O_NONBLOCK) == 0);
    CHILD_EXPECT(getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL);
    CHILD_EXPECT(getenv("LISTEN_FDNAMES") == NULL);
    CHILD_EXPECT(activation_init(&activation, error) == 0 && activation.count == 0);
}

static void test_from_environment(void)
{
    child_run(take_from_environment);
}

static void find_no_descriptor(void)
{
    (void)close(3); // whatever it was
    set_variables("1");
    CHILD_EXPECT(activation_init(&activation, error) == -EBADF);
    CHILD_EXPECT(strstr(error, "descriptor 3") != NULL);
    CHILD_EXPECT(getenv("LISTEN_FDS") == NULL);
}

static void test_descriptor_that_is_not_there(void)
{
    child_run(find_no_descriptor);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"nothing is passed", test_nothing_is_passed},
        {"meant for another process", test_meant_for_another_process},
        {"names", test_names},
        {"without names", test_without_names},
        {"faults are one line", test_faults_are_one_line},
        {"from the environment", test_from_environment},
        {"a descriptor that is not there", test_descriptor_that_is_not_there},
    };
    return RUN_TESTS("activation", cases);
}

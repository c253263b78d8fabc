// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "server/service/service.h"
#include "test/suite.h"

#include <unistd.h>

static char error[SERVICE_ERROR_BYTES];
static char heard[4096];

// A manager's socket, in the abstract namespace; its name as NOTIFY_SOCKET has it.
static int manager_open(char ret_name[64])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    (void)snprintf(ret_name, 64, "@hbmqtt-test-%d-%d", (int)getpid(), fd);
    size_t length = strlen(ret_name);
    memcpy(address.sun_path, ret_name, length);
    address.sun_path[0] = '\0';
    CU_ASSERT_EQUAL_FATAL(bind(fd, (const struct sockaddr *)&address,
                               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                          0);
    return fd;
}

// What came next, as text; "" if nothing did.
static const char *manager_hear(int fd)
{
    ssize_t length = recv(fd, heard, sizeof heard - 1, MSG_DONTWAIT);
    heard[length < 0 ? 0 : length] = '\0';
    return heard;
}

static int notify_begin(struct notify *notify, const char *name)
{
    error[0] = '\0';
    CU_ASSERT_EQUAL(setenv("NOTIFY_SOCKET", name, 1), 0);
    return notify_init(notify, error);
}

static void test_nobody_to_tell(void)
{
    struct notify notify;
    CU_ASSERT_EQUAL(unsetenv("NOTIFY_SOCKET"), 0);
    CU_ASSERT_EQUAL(setenv("WATCHDOG_USEC", "1000000", 1), 0);
    CU_ASSERT_EQUAL(notify_init(&notify, error), 0);
    CU_ASSERT_EQUAL(notify.watchdog_ns, 0);
    CU_ASSERT_EQUAL(notify_ready(&notify, "status"), 0);
    CU_ASSERT_EQUAL(notify_alive(&notify), 0);
    notify_finish(&notify);
}

static void test_what_is_told(void)
{
    struct notify notify;
    char name[64];
    char expected[64];
    int manager = manager_open(name);
    CU_ASSERT_EQUAL_FATAL(notify_begin(&notify, name), 0);
    CU_ASSERT_PTR_NULL(getenv("NOTIFY_SOCKET"));
    CU_ASSERT_EQUAL(notify_ready(&notify, "one\nREADY=0\ntwo"), 0);
    (void)snprintf(expected, sizeof expected, "READY=1\nMAINPID=%d\nSTATUS=oneREADY=0two", (int)getpid());
    CU_ASSERT_STRING_EQUAL(manager_hear(manager), expected);
    CU_ASSERT_EQUAL(notify_reloading(&notify, 5000999), 0);
    CU_ASSERT_STRING_EQUAL(manager_hear(manager), "RELOADING=1\nMONOTONIC_USEC=5000");
    CU_ASSERT_EQUAL(notify_alive(&notify), 0);
    CU_ASSERT_STRING_EQUAL(manager_hear(manager), "WATCHDOG=1");
    CU_ASSERT_EQUAL(notify_stopping(&notify), 0);
    CU_ASSERT_STRING_EQUAL(manager_hear(manager), "STOPPING=1");
    CU_ASSERT_STRING_EQUAL(manager_hear(manager), "");
    notify_finish(&notify);
    CU_ASSERT_EQUAL(close(manager), 0);
}

static void test_long_status_is_cut(void)
{
    struct notify notify;
    char name[64];
    char status[4 * NOTIFY_STATUS_BYTES];
    memset(status, 's', sizeof status - 1);
    status[sizeof status - 1] = '\0';
    int manager = manager_open(name);
    CU_ASSERT_EQUAL_FATAL(notify_begin(&notify, name), 0);
    CU_ASSERT_EQUAL(notify_ready(&notify, status), 0);
    size_t length = strlen(manager_hear(manager));
    CU_ASSERT_TRUE(length > NOTIFY_STATUS_BYTES && length < NOTIFY_STATUS_BYTES + 64);
    notify_finish(&notify);
    CU_ASSERT_EQUAL(close(manager), 0);
}

static void test_manager_that_has_gone(void)
{
    struct notify notify;
    char name[64];
    int manager = manager_open(name);
    CU_ASSERT_EQUAL_FATAL(notify_begin(&notify, name), 0);
    CU_ASSERT_EQUAL(close(manager), 0);
    CU_ASSERT_EQUAL(notify_alive(&notify), -ECONNREFUSED);
    notify_finish(&notify);
}

static void test_socket_that_cannot_be(void)
{
    struct notify notify;
    char name[200] = "/";
    CU_ASSERT_EQUAL(notify_begin(&notify, "vsock:2:1234"), -EAFNOSUPPORT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "vsock:2:1234"));
    CU_ASSERT_EQUAL(notify_begin(&notify, ""), -EAFNOSUPPORT);
    memset(name + 1, 'n', sizeof name - 2);
    CU_ASSERT_EQUAL(notify_begin(&notify, name), -ENAMETOOLONG);
    CU_ASSERT_EQUAL(notify_alive(&notify), 0);
    CU_ASSERT_EQUAL(notify_begin(&notify, "/nonexistent/socket"), 0);
    CU_ASSERT_EQUAL(notify_alive(&notify), -ENOENT);
    notify_finish(&notify);
}

static uint64_t watchdog(const char *interval, const char *pid)
{
    struct notify notify;
    CU_ASSERT_EQUAL(setenv("WATCHDOG_USEC", interval, 1), 0);
    CU_ASSERT_EQUAL(pid == NULL ? unsetenv("WATCHDOG_PID") : setenv("WATCHDOG_PID", pid, 1), 0);
    CU_ASSERT_EQUAL(notify_begin(&notify, "@hbmqtt-test"), 0);
    CU_ASSERT_PTR_NULL(getenv("WATCHDOG_USEC"));
    CU_ASSERT_PTR_NULL(getenv("WATCHDOG_PID"));
    notify_finish(&notify);
    return notify.watchdog_ns;
}

static void test_watchdog(void)
{
    char pid[24];
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    CU_ASSERT_EQUAL(watchdog("30000000", NULL), 30 * NS_PER_S);
    CU_ASSERT_EQUAL(watchdog("30000000", pid), 30 * NS_PER_S);
    CU_ASSERT_EQUAL(watchdog("30000000", "1"), 0);
    CU_ASSERT_EQUAL(watchdog("30000000", "x"), 0);
    CU_ASSERT_EQUAL(watchdog("often", NULL), 0);
    CU_ASSERT_EQUAL(watchdog("-1", NULL), 0);
    CU_ASSERT_EQUAL(watchdog("", NULL), 0);
    CU_ASSERT_EQUAL(watchdog("18446744073709551615", NULL), 0);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"nobody to tell", test_nobody_to_tell},
        {"what is told", test_what_is_told},
        {"a long status is cut", test_long_status_is_cut},
        {"a manager that has gone", test_manager_that_has_gone},
        {"a socket that cannot be", test_socket_that_cannot_be},
        {"the watchdog", test_watchdog},
    };
    return RUN_TESTS("notify", cases);
}

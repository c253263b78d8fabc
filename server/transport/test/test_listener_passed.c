// SPDX-License-Identifier: MIT
// Listeners over real sockets: those that somebody else opened, and who can reach one.
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/transport/transport.h"
#include "test/suite.h"

static char error[LISTENER_ERROR_BYTES];

// A socket that listens on a free port of `host`; -1 where the machine has no such address.
static int listening(const char *host, uint16_t *ret_port)
{
    struct listener listener;
    struct listener_options options = {.host = host, .backlog = 4};
    if (listener_open(&listener, &options, error) < 0)
        return -1;
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    CU_ASSERT_EQUAL_FATAL(getsockname(listener.fd, (struct sockaddr *)&bound, &length), 0);
    *ret_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
    int fd = dup(listener.fd);
    listener_close(&listener);
    return fd;
}

static int listening_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 4), 0);
    return fd;
}

static void test_adopted(void)
{
    struct listener listener;
    uint16_t port;
    int fd = listening("127.0.0.1", &port);
    char expected[64];
    (void)snprintf(expected, sizeof expected, "127.0.0.1:%u", port);
    CU_ASSERT_EQUAL_FATAL(listener_adopt(&listener, fd, error), 0);
    CU_ASSERT_EQUAL(listener.fd, fd);
    CU_ASSERT_STRING_EQUAL(listener.address, expected);
    CU_ASSERT_FALSE(listener.is_unix);
    CU_ASSERT_TRUE(listener.is_passed);
    listener_close(&listener);
    CU_ASSERT_EQUAL(listener.fd, -1);
    CU_ASSERT_EQUAL(close(fd), 0); // it was not the listener's to close
}

static void test_adopted_file_stays(void)
{
    struct listener listener;
    char directory[] = "/tmp/hbmqtt-XXXXXX";
    char path[64];
    char expected[80];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/socket", directory);
    (void)snprintf(expected, sizeof expected, "unix:%s", path);
    int fd = listening_unix(path);
    CU_ASSERT_EQUAL_FATAL(listener_adopt(&listener, fd, error), 0);
    CU_ASSERT_TRUE(listener.is_unix);
    CU_ASSERT_TRUE(listener_is_local(&listener));
    CU_ASSERT_STRING_EQUAL(listener.address, expected);
    struct listener_options options = {.unix_path = path};
    CU_ASSERT_TRUE(listener_fits(&options, listener.fd));
    options.unix_path = "/tmp/another";
    CU_ASSERT_FALSE(listener_fits(&options, listener.fd));
    options = (struct listener_options){.host = "", .port = 1};
    CU_ASSERT_FALSE(listener_fits(&options, listener.fd));
    listener_close(&listener);
    CU_ASSERT_EQUAL(close(fd), 0);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(rmdir(directory), 0);
}

static void expect_refused(int fd, const char *fault)
{
    struct listener listener;
    CU_ASSERT_EQUAL(listener_adopt(&listener, fd, error), -ENOTSOCK);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, fault));
    CU_ASSERT_PTR_NULL(strchr(error, '\n'));
}

static void test_not_to_be_adopted(void)
{
    int pair[2];
    int stream = socket(AF_INET, SOCK_STREAM, 0);
    int datagram = socket(AF_INET, SOCK_DGRAM, 0);
    int netlink = socket(AF_NETLINK, SOCK_RAW, 0);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    expect_refused(stream, "nobody listens");
    expect_refused(pair[0], "nobody listens");
    expect_refused(datagram, "not a stream");
    if (netlink >= 0)
        expect_refused(netlink, "not a stream");
    expect_refused(STDERR_FILENO, "no socket");
    expect_refused(-1, "no socket");
    int opened[] = {stream, datagram, netlink, pair[0], pair[1]};
    for (size_t i = 0; i < sizeof opened / sizeof opened[0]; i++)
        (void)close(opened[i]); // nothing was written to it
}

static bool fits(const char *host, uint16_t port, int fd)
{
    struct listener_options options = {.host = host, .port = port};
    return listener_fits(&options, fd);
}

static void test_fits_its_address(void)
{
    uint16_t port;
    int fd = listening("127.0.0.1", &port);
    CU_ASSERT_TRUE(fits("127.0.0.1", port, fd));
    CU_ASSERT_TRUE(fits("localhost", port, fd));
    CU_ASSERT_FALSE(fits("127.0.0.1", (uint16_t)(port ^ 1), fd));
    CU_ASSERT_FALSE(fits("127.0.0.1", 0, fd));
    CU_ASSERT_FALSE(fits("127.0.0.2", port, fd));
    CU_ASSERT_FALSE(fits("0.0.0.0", port, fd));
    CU_ASSERT_FALSE(fits("", port, fd));
    CU_ASSERT_FALSE(fits("no-such-host.invalid", port, fd));
    CU_ASSERT_EQUAL(close(fd), 0);
    CU_ASSERT_FALSE(fits("127.0.0.1", port, fd));
    fd = listening("0.0.0.0", &port);
    CU_ASSERT_TRUE(fits("0.0.0.0", port, fd));
    CU_ASSERT_TRUE(fits("", port, fd));
    CU_ASSERT_FALSE(fits("127.0.0.1", port, fd));
    CU_ASSERT_EQUAL(close(fd), 0);
}

static void test_fits_its_address_of_ipv6(void)
{
    uint16_t port;
    int fd = listening("::1", &port);
    if (fd < 0) {
        printf(" (skipped: no IPv6 here) ");
        return;
    }
    CU_ASSERT_TRUE(fits("::1", port, fd));
    CU_ASSERT_FALSE(fits("::", port, fd));
    CU_ASSERT_FALSE(fits("127.0.0.1", port, fd));
    CU_ASSERT_EQUAL(close(fd), 0);
    fd = listening("::", &port);
    CU_ASSERT_TRUE(fits("::", port, fd));
    CU_ASSERT_TRUE(fits("", port, fd));
    CU_ASSERT_EQUAL(close(fd), 0);
}

static void test_who_can_reach_it(void)
{
    static const struct {
        const char *host;
        bool local;
    } cases[] = {{"127.0.0.1", true},        {"127.9.9.9", true}, {"localhost", true}, {"::1", true},
                 {"::ffff:127.0.0.1", true}, {"0.0.0.0", false},  {"::", false},       {"", false},
                 {"::ffff:0.0.0.0", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct listener listener;
        struct listener_options options = {.host = cases[i].host, .backlog = 4};
        if (listener_open(&listener, &options, error) < 0)
            continue; // a machine without IPv6
        CU_ASSERT_EQUAL(listener_is_local(&listener), cases[i].local);
        listener_close(&listener);
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"adopted", test_adopted},
        {"the file of an adopted one stays", test_adopted_file_stays},
        {"what cannot be adopted", test_not_to_be_adopted},
        {"fits its address", test_fits_its_address},
        {"fits its address of IPv6", test_fits_its_address_of_ipv6},
        {"who can reach it", test_who_can_reach_it},
    };
    return RUN_TESTS("listeners over sockets", cases);
}

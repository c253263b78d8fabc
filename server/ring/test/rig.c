// SPDX-License-Identifier: MIT
#include "server/ring/test/rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_NS (30 * NS_PER_S)
#define TURN_NS     (NS_PER_S / 10)

struct ring *rig_ring;

static const char *masked = "";

void rig_begin(struct ring_options options, const char *disable)
{
    char names[256];
    snprintf(names, sizeof names, "%s,%s", masked, disable != NULL ? disable : "");
    char error[RING_ERROR_BYTES] = "";
    options.disable = names;
    if (ring_create(&options, &rig_ring, error) < 0) {
        fprintf(stderr, "%s\n", error);
        CU_FAIL_FATAL("no ring");
    }
}

void rig_end(void)
{
    ring_destroy(rig_ring);
    rig_ring = NULL;
}

// No name of a feature is a part of another's.
bool rig_has(const char *feature)
{
    char text[RING_FEATURES_BYTES];
    ring_features(rig_ring, text);
    return strstr(text, feature) != NULL;
}

static uint8_t rig_pattern_at(uint64_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 8) * 13 + (offset >> 16));
}

void rig_pattern_fill(uint8_t *data, size_t length, uint64_t offset)
{
    for (size_t i = 0; i < length; i++)
        data[i] = rig_pattern_at(offset + i);
}

static void rig_record(struct record *record, const struct ring_event *event)
{
    if (record->operation.kind == RING_ACCEPT && event->result >= 0)
        record->accepted[record->events % 128] = event->result;
    record->events++;
    record->finals += event->final;
    record->result = event->result;
    CU_ASSERT_EQUAL(event->final, event->operation->kind == RING_IDLE);
    if (event->data != NULL) {
        CU_ASSERT_TRUE(event->result > 0 && !event->final);
        for (int32_t i = 0; i < event->result; i++)
            record->mangled |= event->data[i] != rig_pattern_at(record->bytes + (uint64_t)i);
        record->bytes += (uint64_t)event->result;
    }
    if (record->then != NULL)
        record->then(record, event);
}

void rig_turn(uint64_t timeout_ns)
{
    struct ring_event event;
    CU_ASSERT_EQUAL_FATAL(ring_wait(rig_ring, timeout_ns), 0);
    while (ring_next(rig_ring, &event))
        rig_record(container_of(event.operation, struct record, operation), &event);
}

static void rig_turn_before(uint64_t deadline_ns)
{
    if (clock_monotonic_ns() > deadline_ns)
        CU_FAIL_FATAL("what was waited for did not come");
    rig_turn(TURN_NS);
}

void rig_until_events(const struct record *record, uint32_t events)
{
    uint64_t deadline_ns = clock_monotonic_ns() + DEADLINE_NS;
    while (record->events < events)
        rig_turn_before(deadline_ns);
}

void rig_until_bytes(const struct record *record, uint64_t bytes)
{
    uint64_t deadline_ns = clock_monotonic_ns() + DEADLINE_NS;
    while (record->bytes < bytes)
        rig_turn_before(deadline_ns);
}

void rig_until_final(const struct record *record)
{
    uint64_t deadline_ns = clock_monotonic_ns() + DEADLINE_NS;
    while (record->finals == 0)
        rig_turn_before(deadline_ns);
}

void rig_settle(const struct record *record)
{
    uint32_t events = record->events;
    for (int i = 0; i < 3; i++)
        rig_turn(0);
    CU_ASSERT_EQUAL(record->events, events);
}

void rig_finish(struct record *record)
{
    ring_cancel(rig_ring, &record->operation);
    uint64_t deadline_ns = clock_monotonic_ns() + DEADLINE_NS;
    while (record->operation.kind != RING_IDLE)
        rig_turn_before(deadline_ns);
}

int rig_listener(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 256), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int rig_connect(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void rig_tcp_pair(int ret_pair[2])
{
    uint16_t port;
    int listener = rig_listener(&port);
    ret_pair[1] = rig_connect(port);
    ret_pair[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    CU_ASSERT_TRUE_FATAL(ret_pair[0] >= 0);
    rig_close(listener);
}

void rig_unix_pair(int ret_pair[2])
{
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_pair), 0);
}

void rig_write(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        CU_ASSERT_TRUE_FATAL(sent > 0);
        data += sent;
        length -= (size_t)sent;
    }
}

void rig_read_pattern(int fd, size_t length)
{
    uint8_t data[4096];
    bool mangled = false;
    for (size_t at = 0; at < length;) {
        size_t want = length - at < sizeof data ? length - at : sizeof data;
        ssize_t got = recv(fd, data, want, 0);
        CU_ASSERT_TRUE_FATAL(got > 0);
        for (ssize_t i = 0; i < got; i++)
            mangled |= data[i] != rig_pattern_at(at + (size_t)i);
        at += (size_t)got;
    }
    CU_ASSERT_FALSE(mangled);
}

void rig_close(int fd)
{
    CU_ASSERT_EQUAL(close(fd), 0);
}

bool rig_mask(int argc, char **argv)
{
    masked = argc > 1 ? argv[1] : "";
    return ring_disable_check(masked) == NULL;
}

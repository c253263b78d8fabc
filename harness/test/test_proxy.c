// SPDX-License-Identifier: MIT
// The fault proxy between two sockets of the test, and the WebSocket in bytes of our own.
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/test/suite.h"

// Both ends of a connection through a proxy.
struct line {
    struct address address; // of the proxy
    int listener;
    struct trial trial;
    struct stream *client, *server;
};

static struct record *record_make(void)
{
    struct record *record = records_make(1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(record);
    timeline_init(&record->timeline);
    return record;
}

static void line_connect(struct line *line)
{
    int client = socket_connect(line->address.host, line->address.port, deadline_in_ms(2000));
    int server = socket_accept(line->listener, deadline_in_ms(2000));
    CU_ASSERT_FATAL(client >= 0 && server >= 0);
    line->client = stream_of_socket(client);
    line->server = stream_of_socket(server);
}

static struct line line_make(const struct proxy_fault *faults, size_t count)
{
    struct line line = {.trial.record = record_make()};
    struct address target = {.host = "127.0.0.1"};
    line.listener = socket_listen(&target.port);
    CU_ASSERT_FATAL(line.listener >= 0);
    line.address = proxy_start(&line.trial, &target, faults, count);
    line_connect(&line);
    return line;
}

// Everything until the end, or until nothing comes for a while.
static struct bytes take(struct stream *stream, ssize_t *ret_last)
{
    struct buffer buffer = {0};
    while ((*ret_last = stream_receive(stream, &buffer, deadline_in_exact_ms(200))) > 0)
        continue;
    struct bytes taken = bytes_join(buffer_bytes(&buffer), (struct bytes){0});
    buffer_finish(&buffer);
    return taken;
}

static void give(struct stream *stream, const char *text)
{
    CU_ASSERT(stream_send(stream, bytes_text(text), deadline_in_ms(2000)) == 0);
}

static void passes_on_both_ways(void)
{
    struct line line = line_make(NULL, 0);
    ssize_t last;
    give(line.client, "to the server");
    CU_ASSERT(bytes_equal(take(line.server, &last), bytes_text("to the server")) && last == -ETIMEDOUT);
    give(line.server, "to the client");
    stream_half_close(line.server);
    CU_ASSERT(bytes_equal(take(line.client, &last), bytes_text("to the client")) && last == 0);
}

static void resets_at_the_byte(void)
{
    for (size_t at = 1; at <= 6; at++) {
        struct proxy_fault fault = {PROXY_RESET, 0, PROXY_TO_BROKER, at, 0, 0, 0};
        struct line line = line_make(&fault, 1);
        ssize_t last;
        give(line.client, "123456");
        struct bytes taken = take(line.client, &last);
        CU_ASSERT(taken.length == 0 && last == -ECONNRESET);
        CU_ASSERT(take(line.server, &last).length <= at && last == -ECONNRESET);
        line_connect(&line); // the next connection has no fault
        give(line.client, "whole");
        CU_ASSERT(bytes_equal(take(line.server, &last), bytes_text("whole")));
    }
}

static void drops_the_bytes(void)
{
    struct proxy_fault fault = {PROXY_DROP, PROXY_EVERY, PROXY_TO_CLIENT, 2, 3, 0, 0};
    struct line line = line_make(&fault, 1);
    ssize_t last;
    give(line.server, "abcdefgh");
    CU_ASSERT(bytes_equal(take(line.client, &last), bytes_text("abfgh")));
}

static void half_closes(void)
{
    struct proxy_fault fault = {PROXY_HALF_CLOSE, 0, PROXY_TO_BROKER, 3, 0, 0, 0};
    struct line line = line_make(&fault, 1);
    ssize_t last;
    give(line.client, "abcdef");
    CU_ASSERT(bytes_equal(take(line.server, &last), bytes_text("abc")) && last == 0);
    give(line.server, "still");
    CU_ASSERT(bytes_equal(take(line.client, &last), bytes_text("still")) && last == -ETIMEDOUT);
}

static void delays_splits_and_joins(void)
{
    struct proxy_fault faults[] = {
        {PROXY_DELAY, 0, PROXY_TO_BROKER, 2, 0, 60, 0},
        {PROXY_SPLIT, 0, PROXY_TO_BROKER, 4, 1, 0, 0},
        {PROXY_JOIN, 0, PROXY_TO_CLIENT, 0, 6, 1000, 0},
    };
    struct line line = line_make(faults, 3);
    struct buffer buffer = {0};
    uint64_t begin = clock_now_ns();
    give(line.client, "abcdefgh");
    CU_ASSERT(stream_receive(line.server, &buffer, deadline_in_ms(2000)) == 2);
    CU_ASSERT(stream_receive(line.server, &buffer, deadline_in_ms(2000)) >= 2 &&
              clock_now_ns() - begin >= 55000000);
    // Two at once, then one after the other, of which a slow reader finds several together.
    while (buffer.length < 8 && stream_receive(line.server, &buffer, deadline_in_ms(2000)) > 0)
        continue;
    CU_ASSERT(bytes_equal(buffer_bytes(&buffer), bytes_text("abcdefgh")) &&
              clock_now_ns() - begin >= 58000000);
    give(line.server, "abc");
    CU_ASSERT(stream_receive(line.client, &buffer, deadline_in_exact_ms(100)) == -ETIMEDOUT);
    give(line.server, "def");
    buffer.length = 0;
    CU_ASSERT(stream_receive(line.client, &buffer, deadline_in_ms(2000)) == 6);
    buffer_finish(&buffer);
}

static void reorders_between_connections(void)
{
    struct proxy_fault fault = {PROXY_REORDER, 0, PROXY_TO_BROKER, 0, 5, 3000, 1};
    struct line first = line_make(&fault, 1);
    struct line second = first;
    line_connect(&second);
    ssize_t last;
    give(first.client, "late");
    CU_ASSERT(take(first.server, &last).length == 0 && last == -ETIMEDOUT);
    give(second.client, "early");
    CU_ASSERT(bytes_equal(take(second.server, &last), bytes_text("early")));
    CU_ASSERT(bytes_equal(take(first.server, &last), bytes_text("late")));
}

static void is_in_the_timeline(void)
{
    struct proxy_fault fault = {PROXY_RESET, 0, PROXY_TO_BROKER, 3, 0, 0, 0};
    struct line line = line_make(&fault, 1);
    ssize_t last;
    give(line.client, "abcdef");
    (void)take(line.client, &last); // to its end
    size_t at = 0;
    struct timeline_event event;
    CU_ASSERT_FATAL(timeline_next(&line.trial.record->timeline, &at, &event));
    CU_ASSERT(event.kind == TIMELINE_PROXY &&
              strstr(event.text, "resets connection 0 to the broker at byte 3") != NULL);
}

static void frames_are_read_as_they_were_built(void)
{
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int masked = 0; masked < 2; masked++) {
            struct buffer rest = {0};
            struct websocket_frame frame;
            struct bytes payload = bytes_repeat((uint8_t)i, sizes[i]);
            buffer_append(&rest, websocket_frame(0x82, masked, payload));
            buffer_append(&rest, hex("8A00"));
            CU_ASSERT(websocket_read(NULL, &rest, deadline_in_exact_ms(0), &frame) == 1);
            CU_ASSERT(frame.first == 0x82 && frame.masked == masked && bytes_equal(frame.payload, payload));
            CU_ASSERT(websocket_read(NULL, &rest, deadline_in_exact_ms(0), &frame) == 1 &&
                      frame.first == 0x8A && rest.length == 0);
            buffer_finish(&rest);
        }
    const char *head =
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nsec-websocket-protocol:  mqtt\r\n\r\n";
    CU_ASSERT_STRING_EQUAL(websocket_header(head, "Sec-WebSocket-Protocol"), "mqtt");
    CU_ASSERT_PTR_NULL(websocket_header(head, "Sec-WebSocket"));
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"passes on both ways", passes_on_both_ways},
        {"resets at the byte", resets_at_the_byte},
        {"drops the bytes", drops_the_bytes},
        {"half-closes", half_closes},
        {"delays, splits and joins", delays_splits_and_joins},
        {"reorders between connections", reorders_between_connections},
        {"is in the timeline", is_in_the_timeline},
        {"frames are read as they were built", frames_are_read_as_they_were_built},
    };
    return RUN_TESTS("harness proxy", tests);
}

// SPDX-License-Identifier: MIT
// The way of the descriptor over loopback, against a broker in memory behind a socket in a thread.
#include "client/hbmqtt.h"
#include "client/test/model_broker.h"
#include "test/run.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 20000
#define THREADS     4
#define POSTS       200

// The broker's side.

static struct {
    struct model_broker broker;
    pthread_mutex_t mutex;
    pthread_t thread;
    int listener;
    int wake[2];
    char url[64];
    size_t life; // bytes from the client that the next connection lives for; 0: for ever
} served = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void send_output(int fd)
{
    uint8_t bytes[4096];
    size_t size;
    while ((size = model_broker_send(&served.broker, bytes, sizeof bytes)) != 0)
        if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
            return;
}

// Until one side ends it. False: the test is over.
static bool serve_connection(int fd)
{
    uint8_t bytes[4096];
    size_t life = served.life;
    served.life = 0;
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = served.wake[0], .events = POLLIN}};
        (void)poll(fds, 2, PATIENCE_MS);
        if (fds[1].revents != 0)
            return false;
        size_t room = life != 0 && life < sizeof bytes ? life : sizeof bytes;
        ssize_t count = recv(fd, bytes, room, 0);
        if (count <= 0)
            return true;
        pthread_mutex_lock(&served.mutex);
        model_broker_receive(&served.broker, bytes, (size_t)count);
        bool dies = life != 0 && (size_t)count == life;
        if (!dies)
            send_output(fd);
        pthread_mutex_unlock(&served.mutex);
        life -= life != 0 ? (size_t)count : 0;
        if (dies)
            return true;
    }
}

static void *serve(void *unused)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = served.listener, .events = POLLIN},
                               {.fd = served.wake[0], .events = POLLIN}};
        (void)poll(fds, 2, -1);
        if (fds[1].revents != 0)
            return NULL;
        int fd = accept(served.listener, NULL, NULL);
        bool more = serve_connection(fd);
        close(fd);
        pthread_mutex_lock(&served.mutex);
        model_broker_cut(&served.broker);
        pthread_mutex_unlock(&served.mutex);
        if (!more)
            return NULL;
    }
}

static void serve_begin(size_t messages, size_t life)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    model_broker_init(&served.broker, messages);
    served.life = life;
    served.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(served.listener, (struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(served.listener, (struct sockaddr *)&address, &length), 0);
    CU_ASSERT_EQUAL_FATAL(listen(served.listener, 8), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(served.wake), 0);
    snprintf(served.url, sizeof served.url, "mqtt://127.0.0.1:%u", ntohs(address.sin_port));
    CU_ASSERT_EQUAL_FATAL(pthread_create(&served.thread, NULL, serve, NULL), 0);
}

static void serve_end(void)
{
    CU_ASSERT_EQUAL(write(served.wake[1], "x", 1), 1);
    pthread_join(served.thread, NULL);
    close(served.wake[0]);
    close(served.wake[1]);
    close(served.listener);
    if (served.broker.faults != 0)
        fprintf(stderr, "\n%s\n", served.broker.fault);
    CU_ASSERT_EQUAL(served.broker.faults, 0);
}

// The program's side.

static struct {
    int ended; // how many things
    int last_error;
    size_t codes; // of the last one
    int states[32];
    size_t state_count;
    int messages;
    int rooms;
    int refused_inside; // what a call that waits returned inside a callback
} told;

static void told_end(void *context, struct hbmqtt_client *client, const struct hbmqtt_result *result)
{
    told.ended++;
    told.last_error = result->error;
    told.codes = result->reason_code_count;
}

static void told_state(void *context, struct hbmqtt_client *client, const struct hbmqtt_state_change *change)
{
    if (told.state_count < 32)
        told.states[told.state_count++] = change->state;
}

static void told_message(void *context, struct hbmqtt_client *client, const struct hbmqtt_message *message)
{
    told.messages++;
    told.refused_inside = hbmqtt_ping(client, NULL);
}

static void told_room(void *context, struct hbmqtt_client *client)
{
    told.rooms++;
}

static const struct hbmqtt_call telling = {.size = sizeof telling, .done = told_end};

static struct hbmqtt_options options_usual(void)
{
    struct hbmqtt_options options;
    memset(&told, 0, sizeof told);
    hbmqtt_options_init(&options, sizeof options);
    options.client_id = "async";
    options.on_state = told_state;
    options.on_message = told_message;
    options.on_room = told_room;
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 20;
    return options;
}

static struct hbmqtt_client *make(const struct hbmqtt_options *options)
{
    struct hbmqtt_client *client = hbmqtt_create(options);
    CU_ASSERT_FATAL(client != NULL);
    CU_ASSERT(hbmqtt_descriptor(client) >= 0);
    return client;
}

// Serves until `count` things have ended.
static void run_until(struct hbmqtt_client *client, const int *counter, int count)
{
    struct pollfd readable = {.fd = hbmqtt_descriptor(client), .events = POLLIN};
    while (*counter < count) {
        if (poll(&readable, 1, PATIENCE_MS) != 1) {
            CU_FAIL("nothing happens any more");
            return;
        }
        CU_ASSERT_EQUAL(hbmqtt_process(client), 0);
    }
}

static struct hbmqtt_message message_of(const char *payload, uint8_t qos)
{
    struct hbmqtt_message message = {.size = sizeof message, .topic = "u", .payload = payload, .qos = qos};
    message.payload_length = strlen(payload);
    return message;
}

static void finish(struct hbmqtt_client *client)
{
    int before = told.ended;
    CU_ASSERT_EQUAL(hbmqtt_disconnect_async(client, &telling), 0);
    run_until(client, &told.ended, before + 1);
    CU_ASSERT_EQUAL(told.last_error, 0);
    CU_ASSERT_EQUAL(hbmqtt_state(client), HBMQTT_STATE_IDLE);
    hbmqtt_destroy(client);
}

// The tests.

static void everything_is_begun_before_there_is_a_connection(void)
{
    struct hbmqtt_options options = options_usual();
    struct hbmqtt_subscription subscription = {.filter = "d", .qos = 2};
    const char *filter = "d";
    serve_begin(4, 0);
    struct hbmqtt_client *client = make(&options);
    CU_ASSERT_EQUAL(hbmqtt_connect_async(client, served.url, &telling), 0);
    CU_ASSERT_EQUAL(hbmqtt_connect_async(client, served.url, NULL), HBMQTT_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(hbmqtt_subscribe_async(client, &subscription, 1, &telling), 0);
    for (uint8_t qos = 0; qos < 3; qos++) {
        struct hbmqtt_message message = message_of("M1", qos);
        CU_ASSERT_EQUAL(hbmqtt_publish_async(client, &message, &telling), 0);
    }
    CU_ASSERT_EQUAL(told.ended, 0); // nothing calls back but hbmqtt_process
    run_until(client, &told.ended, 5);
    run_until(client, &told.messages, 4);
    CU_ASSERT_EQUAL(told.last_error, 0);
    CU_ASSERT_EQUAL(told.refused_inside, HBMQTT_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(hbmqtt_state(client), HBMQTT_STATE_CONNECTED);
    CU_ASSERT_EQUAL(hbmqtt_ping_async(client, &telling), 0);
    CU_ASSERT_EQUAL(hbmqtt_unsubscribe_async(client, &filter, 0, &telling), HBMQTT_ERROR_ARGUMENT);
    run_until(client, &told.ended, 6);
    finish(client);
    CU_ASSERT(served.broker.came[0].count == 1 && served.broker.came[1].count == 1 &&
              served.broker.came[2].count == 1);
    CU_ASSERT_EQUAL(told.states[0], HBMQTT_STATE_CONNECTING);
    CU_ASSERT_EQUAL(told.states[1], HBMQTT_STATE_CONNECTED);
    CU_ASSERT_EQUAL(told.states[told.state_count - 1], HBMQTT_STATE_IDLE);
    serve_end();
}

static void a_broken_connection_is_made_again_and_told(void)
{
    struct hbmqtt_options options = options_usual();
    struct hbmqtt_message message = message_of("M1", 2);
    options.clean_session = false;
    serve_begin(0, 30); // ends in the middle of the first PUBLISH
    struct hbmqtt_client *client = make(&options);
    CU_ASSERT_EQUAL(hbmqtt_connect_async(client, served.url, NULL), 0);
    CU_ASSERT_EQUAL(hbmqtt_publish_async(client, &message, &telling), 0);
    run_until(client, &told.ended, 1);
    CU_ASSERT_EQUAL(hbmqtt_unacknowledged(client), 0);
    finish(client);
    static const int states[] = {HBMQTT_STATE_CONNECTING, HBMQTT_STATE_CONNECTED, HBMQTT_STATE_WAITING,
                                 HBMQTT_STATE_CONNECTING, HBMQTT_STATE_CONNECTED, HBMQTT_STATE_IDLE};
    CU_ASSERT_EQUAL_FATAL(told.state_count, 6);
    CU_ASSERT(memcmp(told.states, states, sizeof states) == 0);
    CU_ASSERT_EQUAL(served.broker.came[2].count, 1);
    serve_end();
}

static void *post_many(void *client)
{
    struct hbmqtt_message message = message_of("M1", 1);
    for (int i = 0; i < POSTS; i++)
        while (hbmqtt_post(client, &message, &telling) == HBMQTT_ERROR_FULL)
            (void)poll(NULL, 0, 1); // the other side empties it
    return NULL;
}

static void any_thread_may_post(void)
{
    struct hbmqtt_options options = options_usual();
    pthread_t threads[THREADS];
    options.queue_bytes_max = 4096;
    serve_begin(0, 0);
    struct hbmqtt_client *client = make(&options);
    CU_ASSERT_EQUAL(hbmqtt_connect_async(client, served.url, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, post_many, client), 0);
    run_until(client, &told.ended, THREADS * POSTS);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    finish(client);
    CU_ASSERT_EQUAL(served.broker.came[1].count, THREADS * POSTS);
    serve_end();
}

static void a_full_queue_pushes_back_and_says_when_there_is_room(void)
{
    struct hbmqtt_options options = options_usual();
    struct hbmqtt_message message = message_of("M1", 1);
    int taken = 0;
    options.queue_bytes_max = 1000;
    serve_begin(0, 0);
    struct hbmqtt_client *client = make(&options);
    CU_ASSERT_EQUAL(hbmqtt_publish_async(client, &message, NULL), HBMQTT_ERROR_NOT_CONNECTED);
    CU_ASSERT_EQUAL(hbmqtt_connect_async(client, served.url, NULL), 0);
    while (hbmqtt_publish_async(client, &message, &telling) == 0)
        taken++;
    CU_ASSERT(taken > 1 && taken < 20);
    CU_ASSERT_EQUAL(hbmqtt_publish_async(client, &message, &telling), HBMQTT_ERROR_FULL);
    run_until(client, &told.rooms, 1);
    CU_ASSERT_EQUAL(hbmqtt_publish_async(client, &message, &telling), 0);
    run_until(client, &told.ended, taken + 1);
    finish(client);
    serve_end();
}

static void a_full_queue_drops_what_it_is_told_to(void)
{
    for (int policy = HBMQTT_QUEUE_DROP_OLDEST; policy <= HBMQTT_QUEUE_DROP_NEWEST; policy++) {
        struct hbmqtt_options options = options_usual();
        options.queue_bytes_max = 1000;
        options.queue_policy = policy;
        serve_begin(0, 0);
        struct hbmqtt_client *client = make(&options);
        CU_ASSERT_EQUAL(hbmqtt_connect_async(client, served.url, NULL), 0);
        int refused = 0;
        for (char number = 0; number < 50; number++) {
            struct hbmqtt_message message = message_of("M", 1);
            char payload[] = {'M', number};
            message.payload = payload;
            message.payload_length = 2;
            refused += hbmqtt_publish_async(client, &message, &telling) == HBMQTT_ERROR_DROPPED;
        }
        run_until(client, &told.ended, 50 - refused);
        CU_ASSERT((refused != 0) == (policy == HBMQTT_QUEUE_DROP_NEWEST));
        finish(client);
        const struct model_log *came = &served.broker.came[1];
        CU_ASSERT_FATAL(came->count > 1 && came->count < 20);
        CU_ASSERT_EQUAL(came->number[0] == 0, policy == HBMQTT_QUEUE_DROP_NEWEST);
        CU_ASSERT_EQUAL(came->number[came->count - 1] == 49, policy == HBMQTT_QUEUE_DROP_OLDEST);
        serve_end();
    }
}

static void what_never_ends_is_told_when_the_handle_goes(void)
{
    struct hbmqtt_options options = options_usual();
    struct hbmqtt_message message = message_of("M1", 2);
    struct hbmqtt_client *client = make(&options);
    CU_ASSERT_EQUAL(hbmqtt_connect_async(client, "mqtt://127.0.0.1:1", &telling), 0);
    CU_ASSERT_EQUAL(hbmqtt_publish_async(client, &message, &telling), 0);
    CU_ASSERT_EQUAL(hbmqtt_post(client, &message, &telling), 0);
    hbmqtt_destroy(client);
    CU_ASSERT_EQUAL(told.ended, 3);
    CU_ASSERT_EQUAL(told.last_error, HBMQTT_ERROR_NOT_CONNECTED);
}

static void a_connection_that_fails_is_told_with_its_reason(void)
{
    struct hbmqtt_options options = options_usual();
    struct hbmqtt_client *client = make(&options);
    CU_ASSERT_EQUAL(hbmqtt_connect_async(client, "mqtt://127.0.0.1:1 mqtt://localhost:1", &telling), 0);
    run_until(client, &told.ended, 1);
    CU_ASSERT_EQUAL(told.last_error, HBMQTT_ERROR_UNREACHABLE);
    CU_ASSERT_EQUAL(hbmqtt_state(client), HBMQTT_STATE_IDLE);
    hbmqtt_destroy(client);
}

static void calls_of_a_later_release_are_refused(void)
{
    struct hbmqtt_options options = options_usual();
    struct hbmqtt_message message = message_of("M1", 1);
    struct hbmqtt_call call = {.size = sizeof call, .reason_code = 4};
    struct hbmqtt_client *client = make(&options);
    CU_ASSERT_EQUAL(hbmqtt_publish_async(client, &message, &call), HBMQTT_ERROR_ARGUMENT);
    call = (struct hbmqtt_call){.size = 3};
    CU_ASSERT_EQUAL(hbmqtt_ping_async(client, &call), HBMQTT_ERROR_ARGUMENT);
    message.properties = (const struct hbmqtt_properties *)&message;
    CU_ASSERT_EQUAL(hbmqtt_publish_async(client, &message, NULL), HBMQTT_ERROR_ARGUMENT);
    hbmqtt_destroy(client);
    options.protocol_version = 5;
    client = make(&options);
    CU_ASSERT_EQUAL(hbmqtt_connect_async(client, "mqtt://127.0.0.1:1", NULL), HBMQTT_ERROR_ARGUMENT);
    hbmqtt_destroy(client);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"everything is begun before there is a connection",
         everything_is_begun_before_there_is_a_connection},
        {"a broken connection is made again and told", a_broken_connection_is_made_again_and_told},
        {"any thread may post", any_thread_may_post},
        {"a full queue pushes back and says when there is room",
         a_full_queue_pushes_back_and_says_when_there_is_room},
        {"a full queue drops what it is told to", a_full_queue_drops_what_it_is_told_to},
        {"what never ends is told when the handle goes", what_never_ends_is_told_when_the_handle_goes},
        {"a connection that fails is told with its reason", a_connection_that_fails_is_told_with_its_reason},
        {"calls of a later release are refused", calls_of_a_later_release_are_refused},
    };
    return RUN_TESTS("async", tests);
}

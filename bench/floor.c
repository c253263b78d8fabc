// SPDX-License-Identifier: MIT
// hbmqtt_floor: what the kernel alone takes for a fan-out, without any broker, so that a broker's figure
// reads as "so many times the floor for the same bytes and batch depth".
//
//     sender, one core:     write D messages of B bytes once, send them to connection 1, 2, ... N, and again
//     receiver, another:    receive whatever is there, 256 KiB at a time; after half a window, tell the
//     sender
//
// The sender never is more than a window ahead, as a broker under hbmqtt_load is not: otherwise the sockets'
// buffers would grow until nothing is in any cache. The receiver is a process of its own, so that the
// sender's CPU time is its process's.
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/meter.h"

#define LOG_BYTES      1048576u // what is sent moves through this, as through a broker's log
#define RECEIVE_BYTES  262144u
#define EVENTS_MAX     256
#define CORE_ANY       UINT32_MAX
#define NS_PER_S       1e9
#define WARMUP_SECONDS 0.3

struct options {
    uint32_t connections;
    uint32_t bytes;
    uint32_t depth;
    uint32_t window; // messages for each connection
    uint32_t sender_core;
    uint32_t receiver_core;
    double seconds;
    bool json;
};

struct sender {
    struct options options;
    int *sockets;
    int progress_fd; // a byte comes for each half window that was received
    pid_t receiver;
    uint8_t *log;
    size_t log_size;
    size_t log_at;
    uint32_t halves_ahead;
    uint64_t sends;
};

static const char usage[] =
    "usage: hbmqtt_floor [options]\n"
    "Sends over loopback without any broker and tells the CPU time that each message took.\n"
    "\n"
    "  --connections N     (100)\n"
    "  --bytes B           of a message on the wire (80: a PUBLISH with 64 bytes of payload)\n"
    "  --depth D           messages in each send (64)\n"
    "  --window COUNT      messages that may be on their way to each connection (1024)\n"
    "  --seconds SECONDS   (2)\n"
    "  --sender-core K --receiver-core K\n"
    "                      pin them (not pinned)\n"
    "  --json              one line of JSON\n";

static void die(const char *what)
{
    fprintf(stderr, "hbmqtt_floor: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void pin(uint32_t core)
{
    cpu_set_t cores;
    if (core == CORE_ANY)
        return;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof(cores), &cores) != 0)
        die("pinning to a core");
}

// ---- The receiver ----

static void receive_for_ever(int epoll_fd, int progress_fd, uint64_t half_window_bytes)
{
    static uint8_t buffer[RECEIVE_BYTES];
    struct epoll_event events[EVENTS_MAX];
    uint64_t received = 0;
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
        for (int index = 0; index < count; index++) {
            ssize_t length = recv(events[index].data.fd, buffer, sizeof(buffer), 0);
            if (length <= 0)
                exit(EXIT_SUCCESS); // the sender has ended
            received += (uint64_t)length;
        }
        for (; received >= half_window_bytes; received -= half_window_bytes)
            if (write(progress_fd, "", 1) != 1)
                exit(EXIT_SUCCESS);
    }
}

static void receiver_main(const struct options *options, struct sockaddr_in address, int progress_fd,
                          uint64_t half_window_bytes)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // only tidiness: the sockets close as well
    pin(options->receiver_core);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t index = 0; index < options->connections; index++) {
        struct epoll_event event = {.events = EPOLLIN};
        event.data.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (event.data.fd < 0 || connect(event.data.fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event) != 0)
            die("connecting");
    }
    receive_for_ever(epoll_fd, progress_fd, half_window_bytes);
}

// ---- The sender ----

static uint32_t rounds_in_half_window(const struct options *options)
{
    uint32_t rounds = options->window / 2 / options->depth;
    return rounds > 0 ? rounds : 1;
}

static void sender_accept(struct sender *sender, int listener)
{
    int yes = 1;
    struct timeval patience = {.tv_sec = 10}; // the receiver may have failed
    (void)setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    for (uint32_t index = 0; index < sender->options.connections; index++) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0)
            die("accepting");
        sender->sockets[index] = fd;
    }
}

static void sender_start(struct sender *sender)
{
    const struct options *options = &sender->options;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    size_t span = (size_t)options->depth * options->bytes;
    int progress[2];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 ||
        listen(listener, 4096) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
        pipe(progress) != 0)
        die("listening on loopback");
    sender->log_size = span > LOG_BYTES ? span : LOG_BYTES;
    sender->log = malloc(sender->log_size);
    sender->sockets = calloc(options->connections, sizeof(*sender->sockets));
    if (sender->log == NULL || sender->sockets == NULL)
        die("memory");
    sender->receiver = fork();
    if (sender->receiver < 0)
        die("fork");
    if (sender->receiver == 0) {
        close(listener);
        close(progress[0]);
        receiver_main(options, address, progress[1],
                      span * rounds_in_half_window(options) * options->connections);
    }
    close(progress[1]);
    sender->progress_fd = progress[0];
    pin(options->sender_core);
    sender_accept(sender, listener);
    close(listener);
}

static void send_all(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent <= 0)
            die("sending");
        data += sent;
        length -= (size_t)sent;
    }
}

static void sender_round(struct sender *sender)
{
    size_t span = (size_t)sender->options.depth * sender->options.bytes;
    if (sender->log_at + span > sender->log_size)
        sender->log_at = 0;
    uint8_t *data = sender->log + sender->log_at;
    memset(data, 'x', span); // a broker writes the bytes once, too
    sender->log_at += span;
    for (uint32_t index = 0; index < sender->options.connections; index++)
        send_all(sender->sockets[index], data, span);
    sender->sends += sender->options.connections;
}

static void sender_half_window(struct sender *sender)
{
    uint8_t byte;
    for (uint32_t round = rounds_in_half_window(&sender->options); round > 0; round--)
        sender_round(sender);
    if (++sender->halves_ahead == 2) {
        if (read(sender->progress_fd, &byte, 1) != 1) {
            errno = EPIPE;
            die("the receiver has ended");
        }
        sender->halves_ahead--;
    }
}

static void sender_run(struct sender *sender, double seconds)
{
    uint64_t deadline_ns = meter_now_ns() + (uint64_t)(seconds * NS_PER_S);
    while (meter_now_ns() < deadline_ns)
        sender_half_window(sender);
}

static void sender_finish(struct sender *sender)
{
    for (uint32_t index = 0; index < sender->options.connections; index++)
        close(sender->sockets[index]);
    close(sender->progress_fd);
    (void)waitpid(sender->receiver, NULL, 0); // it ends when its first socket closes
    free(sender->sockets);
    free(sender->log);
}

// ---- The figures ----

struct moment {
    uint64_t now_ns;
    uint64_t sender_ns;
    uint64_t receiver_ns;
    uint64_t sends;
};

static struct moment sender_moment(const struct sender *sender)
{
    struct moment moment = {.now_ns = meter_now_ns(), .sends = sender->sends};
    if (meter_cpu_ns(0, &moment.sender_ns) != 0 || meter_cpu_ns(sender->receiver, &moment.receiver_ns) != 0)
        die("reading CPU clocks");
    return moment;
}

static void print_figures(const struct options *options, struct moment begin, struct moment end)
{
    double sends = (double)(end.sends - begin.sends);
    double messages = sends * options->depth;
    double wall = (double)(end.now_ns - begin.now_ns);
    double sender = (double)(end.sender_ns - begin.sender_ns);
    double receiver = (double)(end.receiver_ns - begin.receiver_ns);
    double per_message = sender / messages;
    double per_send = sender / sends;
    double received = receiver / messages;
    double rate = messages * NS_PER_S / wall;
    if (options->json) {
        printf("{\"connections\": %u, \"bytes\": %u, \"depth\": %u, \"window\": %u, "
               "\"sender_cpu_ns_per_message\": %.1f, \"sender_cpu_ns_per_send\": %.0f, \"sender_cpu_share\": "
               "%.3f, "
               "\"receiver_cpu_ns_per_message\": %.1f, \"receiver_cpu_share\": %.3f, "
               "\"messages_per_second\": %.0f}\n",
               options->connections, options->bytes, options->depth, options->window, per_message, per_send,
               sender / wall, received, receiver / wall, rate);
        return;
    }
    printf("%u connections, %u bytes a message, %u in a send, window %u\n", options->connections,
           options->bytes, options->depth, options->window);
    printf("  sender's CPU ns for each message    %12.1f\n", per_message);
    printf("  sender's CPU ns for each send       %12.0f\n", per_send);
    printf("  sender's share of a core            %12.3f\n", sender / wall);
    printf("  receiver's CPU ns for each message  %12.1f\n", received);
    printf("  receiver's share of a core          %12.3f\n", receiver / wall);
    printf("  messages a second                   %12.0f\n", rate);
}

static uint32_t parse_u32(const char *text, uint32_t lowest, uint32_t highest)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || value < lowest || value > highest) {
        fprintf(stderr, "hbmqtt_floor: %s: expected a number from %u to %u\n", text, lowest, highest);
        exit(2);
    }
    return (uint32_t)value;
}

static struct options options_parse(int argc, char **argv)
{
    static const struct option list[] = {
        {"connections", required_argument, NULL, 'c'},
        {"bytes", required_argument, NULL, 'b'},
        {"depth", required_argument, NULL, 'd'},
        {"window", required_argument, NULL, 'w'},
        {"seconds", required_argument, NULL, 's'},
        {"sender-core", required_argument, NULL, 'S'},
        {"receiver-core", required_argument, NULL, 'R'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {100, 80, 64, 1024, CORE_ANY, CORE_ANY, 2, false};
    for (int id; (id = getopt_long(argc, argv, "", list, NULL)) != -1;) {
        switch (id) {
        case 'c':
            options.connections = parse_u32(optarg, 1, 1000000);
            break;
        case 'b':
            options.bytes = parse_u32(optarg, 1, 16777216);
            break;
        case 'd':
            options.depth = parse_u32(optarg, 1, 65536);
            break;
        case 'w':
            options.window = parse_u32(optarg, 1, 16777216);
            break;
        case 's':
            options.seconds = parse_u32(optarg, 1, 3600);
            break;
        case 'S':
            options.sender_core = parse_u32(optarg, 0, CPU_SETSIZE - 1);
            break;
        case 'R':
            options.receiver_core = parse_u32(optarg, 0, CPU_SETSIZE - 1);
            break;
        case 'j':
            options.json = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        default:
            fputs("try hbmqtt_floor --help\n", stderr);
            exit(2);
        }
    }
    return options;
}

int main(int argc, char **argv)
{
    struct sender sender = {.options = options_parse(argc, argv)};
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); // too low a limit shows when connecting
    }
    sender_start(&sender);
    sender_run(&sender, WARMUP_SECONDS);
    struct moment begin = sender_moment(&sender);
    sender_run(&sender, sender.options.seconds);
    print_figures(&sender.options, begin, sender_moment(&sender));
    sender_finish(&sender);
    return EXIT_SUCCESS;
}

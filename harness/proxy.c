// SPDX-License-Identifier: MIT
// One process and one loop. Each connection has two lanes; a lane takes bytes in, and passes on as many as
// the next fault on it allows.
#include "harness/proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/arena.h"

enum { FAULTS_MAX = 64, LINKS_MAX = 256, LANE_MAX = 4 << 20 };

struct lane {
    int from, to;
    struct buffer held;
    size_t passed;     // that were passed on, with those that were dropped
    size_t piece;      // 0: whatever is there
    size_t dropping;   // that are still to be lost
    uint64_t until_ns; // nothing passes before
    size_t awaited;    // reorder: how far the other lane has to come; join: how many bytes have to be held
    const struct proxy_fault *waits; // reorder or join that holds the lane
    bool ended;                      // `from` has
    bool closed;                     // `to` was told, or nothing may follow
};

struct link {
    int descriptors[2]; // the client's, the broker's; -1: closed
    struct lane lanes[2];
};

struct proxy {
    struct trial *trial;
    struct address target;
    int listener;
    struct proxy_fault faults[FAULTS_MAX];
    bool done[LINKS_MAX][FAULTS_MAX];
    size_t fault_count;
    struct link links[LINKS_MAX];
    unsigned link_count;
};

static void proxy_log(struct proxy *proxy, unsigned link, const struct proxy_fault *fault)
{
    static const char *const names[] = {"delays", "splits",      "joins",     "drops",
                                        "resets", "half-closes", "holds back"};
    const char *text = arena_print(
        "%s connection %u to the %s at byte %zu (%zu bytes, %u ms)", names[fault->action], link,
        fault->direction == PROXY_TO_BROKER ? "broker" : "client", fault->at, fault->length, fault->ms);
    timeline_add(&proxy->trial->record->timeline, TIMELINE_PROXY, "proxy", text, (struct bytes){0});
}

static void link_close(struct link *link, bool reset)
{
    struct linger linger = {.l_onoff = 1};
    for (int i = 0; i < 2; i++) {
        if (link->descriptors[i] < 0)
            continue;
        if (reset)
            (void)setsockopt(link->descriptors[i], SOL_SOCKET, SO_LINGER, &linger,
                             sizeof linger); // it may be gone already
        close(link->descriptors[i]);
        link->descriptors[i] = -1;
        buffer_finish(&link->lanes[i].held);
    }
}

static void link_accept(struct proxy *proxy)
{
    int client = socket_accept(proxy->listener, deadline_in_exact_ms(0));
    if (client < 0)
        return;
    int broker = proxy->link_count == LINKS_MAX
                     ? -1
                     : socket_connect(proxy->target.host, proxy->target.port, deadline_in_ms(2000));
    if (broker < 0) {
        close(client);
        return;
    }
    proxy->links[proxy->link_count++] = (struct link){
        .descriptors = {client, broker},
        .lanes = {{.from = client, .to = broker}, {.from = broker, .to = client}},
    };
}

// The fault that comes next on a lane, or NULL.
static const struct proxy_fault *fault_next(const struct proxy *proxy, unsigned link,
                                            enum proxy_direction direction, size_t *ret_number)
{
    const struct proxy_fault *next = NULL;
    for (size_t i = 0; i < proxy->fault_count; i++) {
        const struct proxy_fault *fault = &proxy->faults[i];
        bool applies =
            (fault->connection == PROXY_EVERY || fault->connection == link) && fault->direction == direction;
        if (applies && !proxy->done[link][i] && fault->at >= proxy->links[link].lanes[direction].passed &&
            (next == NULL || fault->at < next->at)) {
            next = fault;
            *ret_number = i;
        }
    }
    return next;
}

static void fault_begin(struct proxy *proxy, unsigned number, const struct proxy_fault *fault)
{
    struct link *link = &proxy->links[number];
    struct lane *lane = &link->lanes[fault->direction];
    proxy_log(proxy, number, fault);
    switch (fault->action) {
    case PROXY_DELAY:
        lane->until_ns = clock_now_ns() + fault->ms * 1000000ULL;
        break;
    case PROXY_SPLIT:
        lane->piece = fault->length;
        break;
    case PROXY_DROP:
        lane->dropping = fault->length;
        break;
    case PROXY_JOIN:
        lane->awaited = fault->length;
        break;
    case PROXY_REORDER:
        lane->awaited = fault->length + (fault->other < proxy->link_count
                                             ? proxy->links[fault->other].lanes[fault->direction].passed
                                             : 0);
        break;
    case PROXY_HALF_CLOSE:
        (void)shutdown(lane->to, SHUT_WR); // it may be gone already
        lane->closed = true;
        break;
    case PROXY_RESET:
        link_close(link, true);
        break;
    }
    if (fault->action == PROXY_JOIN || fault->action == PROXY_REORDER) {
        lane->waits = fault;
        lane->until_ns = clock_now_ns() + fault->ms * 1000000ULL;
    }
}

// Whether a lane may pass on now.
static bool lane_is_free(struct proxy *proxy, struct lane *lane)
{
    const struct proxy_fault *waits = lane->waits;
    if (clock_now_ns() < lane->until_ns) {
        bool come = waits != NULL && waits->action == PROXY_JOIN && lane->held.length >= lane->awaited;
        come = come || (waits != NULL && waits->action == PROXY_REORDER && waits->other < proxy->link_count &&
                        proxy->links[waits->other].lanes[waits->direction].passed >= lane->awaited);
        if (!come)
            return false;
    }
    lane->waits = NULL;
    lane->until_ns = 0;
    return true;
}

// Passes on what it may, once. False when nothing more can be done now.
static bool lane_step(struct proxy *proxy, unsigned number, enum proxy_direction direction)
{
    struct lane *lane = &proxy->links[number].lanes[direction];
    if (lane->held.length == 0 || !lane_is_free(proxy, lane))
        return false;
    size_t count = lane->held.length, which = 0;
    const struct proxy_fault *fault = fault_next(proxy, number, direction, &which);
    if (fault != NULL && fault->at == lane->passed) {
        proxy->done[number][which] = true;
        fault_begin(proxy, number, fault);
        return proxy->links[number].descriptors[0] >= 0;
    }
    if (fault != NULL && count > fault->at - lane->passed)
        count = fault->at - lane->passed;
    if (lane->piece > 0 && count > lane->piece)
        count = lane->piece;
    if (lane->dropping > 0 && count > lane->dropping)
        count = lane->dropping;
    ssize_t sent = (ssize_t)count;
    if (lane->dropping > 0)
        lane->dropping -= count;
    else if (!lane->closed)
        sent = send(lane->to, lane->held.data, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0)
        return false; // full, or the other side is gone, which reading from it tells
    lane->passed += (size_t)sent;
    buffer_consume(&lane->held, (size_t)sent);
    if (lane->piece > 0)
        lane->until_ns = clock_now_ns() + 1000000;
    return true;
}

// A fault that comes right behind the last byte needs no further byte: the end of the lane is at it.
static void lane_at_rest(struct proxy *proxy, unsigned number, enum proxy_direction direction)
{
    size_t which = 0;
    struct lane *lane = &proxy->links[number].lanes[direction];
    const struct proxy_fault *fault = fault_next(proxy, number, direction, &which);
    if (lane->held.length == 0 && fault != NULL && fault->at == lane->passed && fault->at > 0 &&
        (fault->action == PROXY_RESET || fault->action == PROXY_HALF_CLOSE)) {
        proxy->done[number][which] = true;
        fault_begin(proxy, number, fault);
    }
}

static void lane_read(struct link *link, struct lane *lane)
{
    enum { PORTION = 65536 };
    ssize_t count = recv(lane->from, buffer_reserve(&lane->held, PORTION), PORTION, MSG_DONTWAIT);
    if (count > 0)
        lane->held.length += (size_t)count;
    else if (count == 0)
        lane->ended = true;
    else if (errno != EAGAIN && errno != EINTR)
        link_close(link, true);
}

static void link_serve(struct proxy *proxy, unsigned number)
{
    struct link *link = &proxy->links[number];
    for (int direction = 0; direction < 2 && link->descriptors[0] >= 0; direction++) {
        while (lane_step(proxy, number, (enum proxy_direction)direction))
            continue;
        if (link->descriptors[0] >= 0)
            lane_at_rest(proxy, number, (enum proxy_direction)direction);
    }
    for (int direction = 0; direction < 2 && link->descriptors[0] >= 0; direction++) {
        struct lane *lane = &link->lanes[direction];
        if (lane->ended && lane->held.length == 0 && !lane->closed) {
            (void)shutdown(lane->to, SHUT_WR); // it may be gone already
            lane->closed = true;
        }
    }
    if (link->descriptors[0] >= 0 && link->lanes[0].ended && link->lanes[1].ended &&
        link->lanes[0].held.length + link->lanes[1].held.length == 0)
        link_close(link, false);
}

static void proxy_loop(struct proxy *proxy)
{
    for (;;) {
        struct pollfd wanted[1 + 2 * LINKS_MAX];
        struct lane *lanes[1 + 2 * LINKS_MAX];
        struct link *links[1 + 2 * LINKS_MAX];
        nfds_t count = 1;
        bool holds = false;
        wanted[0] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
        for (unsigned i = 0; i < 2 * proxy->link_count; i++) {
            struct link *link = &proxy->links[i / 2];
            struct lane *lane = &link->lanes[i % 2];
            if (link->descriptors[0] < 0)
                continue;
            holds = holds || lane->held.length > 0;
            if (lane->ended || lane->held.length > LANE_MAX)
                continue;
            wanted[count] = (struct pollfd){.fd = lane->from, .events = POLLIN};
            links[count] = link;
            lanes[count++] = lane;
        }
        (void)poll(wanted, count, holds ? 1 : -1); // what failed shows below
        for (nfds_t i = 1; i < count; i++)
            if (wanted[i].revents != 0 && links[i]->descriptors[0] >= 0)
                lane_read(links[i], lanes[i]);
        if (wanted[0].revents != 0)
            link_accept(proxy);
        for (unsigned i = 0; i < proxy->link_count; i++)
            if (proxy->links[i].descriptors[0] >= 0)
                link_serve(proxy, i);
    }
}

struct address proxy_start(struct trial *trial, const struct address *target,
                           const struct proxy_fault *faults, size_t count)
{
    struct proxy *proxy = arena_take(sizeof *proxy);
    struct address address = {.host = "127.0.0.1", .path = target->path};
    proxy->listener = socket_listen(&address.port);
    if (proxy->listener < 0 || count > FAULTS_MAX)
        trial_inconclusive(trial, "no proxy: %s",
                           count > FAULTS_MAX ? "too many faults" : strerror(-proxy->listener));
    proxy->trial = trial;
    proxy->target = *target;
    proxy->fault_count = count;
    if (count > 0)
        memcpy(proxy->faults, faults, count * sizeof *faults);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        trial_inconclusive(trial, "no proxy: %s", strerror(errno));
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // it ends with the case
        proxy_loop(proxy);
    }
    close(proxy->listener);
    return address;
}

void proxy_random(struct random *random, unsigned connections, struct proxy_fault *ret_faults, size_t count)
{
    static const enum proxy_action actions[] = {PROXY_DELAY, PROXY_SPLIT, PROXY_JOIN, PROXY_REORDER};
    for (size_t i = 0; i < count; i++)
        ret_faults[i] = (struct proxy_fault){
            .action = actions[random_below(random, 4)],
            .connection = random_below(random, connections),
            .direction = random_below(random, 2) == 0 ? PROXY_TO_BROKER : PROXY_TO_CLIENT,
            .at = random_below(random, 3000),
            .length = 1 + random_below(random, 200),
            .ms = 1 + random_below(random, 40),
            .other = random_below(random, connections),
        };
}

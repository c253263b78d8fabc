// SPDX-License-Identifier: MIT
#include "client/link.h"

#include "client/net.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINK_LINGER_MS 1000 // how long a broker may take to close after DISCONNECT

int link_init(struct link *link, const struct core_limits *limits)
{
    int interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (interrupt_fd < 0)
        return -errno;
    *link = (struct link){.fd = -1, .interrupt_fd = interrupt_fd};
    core_init(&link->core, limits);
    return 0;
}

static void link_drop(struct link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}

void link_finish(struct link *link)
{
    link_drop(link);
    close(link->interrupt_fd);
    core_finish(&link->core);
}

int link_report(struct link *link, int status)
{
    if (status == HBMQTT_ERROR_NOT_CONNECTED)
        return error_set(&link->error, status, "not connected to a broker");
    return error_set(&link->error, status, "%s: %s", link->name, link->core.ending.text);
}

static void link_lose(struct link *link, const char *why)
{
    struct error ending;
    const char *when = link->core.state == CORE_OPENING ? " before CONNACK" : "";
    error_set(&ending, HBMQTT_ERROR_LOST, "connection lost%s: %s", when, why);
    core_end(&link->core, &ending);
}

void link_send(struct link *link)
{
    for (;;) {
        struct bytes output = core_output(&link->core);
        if (output.length == 0)
            return;
        ssize_t count = send(link->fd, output.data, output.length, MSG_NOSIGNAL);
        if (count >= 0) {
            core_output_sent(&link->core, (size_t)count, net_now_ms());
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            link_lose(link, strerror(errno));
        return;
    }
}

static void link_receive(struct link *link)
{
    size_t size = 0;
    uint8_t *room = core_input_room(&link->core, &size);
    if (room == NULL)
        return;
    ssize_t count = recv(link->fd, room, size, 0);
    if (count > 0)
        core_input_added(&link->core, (size_t)count, net_now_ms());
    else if (count == 0)
        link_lose(link, "the broker closed it");
    else if (errno != EAGAIN && errno != EINTR)
        link_lose(link, strerror(errno));
}

// True if an interruption was pending; it no longer is.
static bool link_take_interruption(struct link *link)
{
    uint64_t count;
    return read(link->interrupt_fd, &count, sizeof count) == (ssize_t)sizeof count;
}

// Returns how many descriptors are ready, none when time was up or a signal came, or a negative status.
static int link_wait_events(struct link *link, struct pollfd fds[3], uint64_t deadline_ms)
{
    uint64_t core_ms = core_deadline_ms(&link->core);
    int wait_ms = net_wait_ms(core_ms < deadline_ms ? core_ms : deadline_ms, net_now_ms());
    int count = poll(fds, 3, wait_ms);
    if (count < 0 && errno != EINTR)
        return error_set(&link->error, HBMQTT_ERROR_SYSTEM, "cannot wait: %s", strerror(errno));
    if (count < 0) {
        fds[0].revents = fds[1].revents = fds[2].revents = 0;
        return 0;
    }
    if (count > 0 && fds[1].revents != 0 && link_take_interruption(link))
        return error_set(&link->error, HBMQTT_ERROR_INTERRUPTED, "interrupted");
    return count;
}

int link_turn(struct link *link, uint64_t deadline_ms, int watched_fd, bool *ret_readable)
{
    link_send(link);
    struct core *core = &link->core;
    int count = 0;
    if (core->state != CORE_IDLE) {
        short events =
            (short)((core_wants_input(core) ? POLLIN : 0) | (core_output(core).length != 0 ? POLLOUT : 0));
        // A socket that nothing is wanted from is left out: poll would report its end over and over.
        struct pollfd fds[3] = {
            {.fd = events == 0 ? -1 : link->fd, .events = events},
            {.fd = link->interrupt_fd, .events = POLLIN},
            {.fd = watched_fd, .events = POLLIN},
        };
        count = link_wait_events(link, fds, deadline_ms);
        if (count < 0)
            return count;
        if (fds[0].revents != 0 && core_wants_input(core))
            link_receive(link);
        if (ret_readable != NULL)
            *ret_readable = fds[2].revents != 0;
        core_tick(core, net_now_ms());
        link_send(link);
    }
    if (core->state == CORE_IDLE) {
        link_drop(link);
        return link_report(link, core_status(core));
    }
    return count == 0 && net_now_ms() >= deadline_ms ? HBMQTT_ERROR_TIMEOUT : 0;
}

int link_wait(struct link *link, link_condition done)
{
    int64_t timeout_ms = link->answer_timeout_ms == 0 ? -1 : (int64_t)link->answer_timeout_ms;
    uint64_t deadline_ms = link_deadline_ms(net_now_ms(), timeout_ms);
    link_send(link);
    while (!done(link)) {
        struct core *core = &link->core;
        // The answer is behind messages for which there is no room.
        if (core->state == CORE_OPEN && inbox_full(&core->inbox) && core_output(core).length == 0)
            return error_set(&link->error, HBMQTT_ERROR_FULL,
                             "%s: messages that were not taken fill the inbox", link->name);
        uint64_t sent_total = core->sent_total;
        int status = link_turn(link, deadline_ms, -1, NULL);
        if (status == HBMQTT_ERROR_TIMEOUT)
            return error_set(&link->error, status, "%s: no answer from the broker within %u ms", link->name,
                             link->answer_timeout_ms);
        if (status != 0)
            return status;
        // A long message on a slow line takes its time; a broker that does not read gets no more of ours.
        if (core->sent_total != sent_total && core_output(core).length != 0)
            deadline_ms = link_deadline_ms(net_now_ms(), timeout_ms);
    }
    return 0;
}

// Ends what was begun and did not come to its end. Keeps `error`.
static int link_abandon(struct link *link, int status)
{
    struct error wish = {0};
    core_end(&link->core, &wish);
    link_drop(link);
    return status;
}

int link_open(struct link *link, const struct url *url, const struct packet_connect *connect,
              uint32_t ping_after_ms, uint32_t timeout_ms)
{
    uint64_t deadline_ms = link_deadline_ms(net_now_ms(), timeout_ms);
    url_describe(url, link->name, sizeof link->name);
    int status = net_connect(url->host, url->port, deadline_ms, link->interrupt_fd, &link->fd, &link->error);
    if (status == HBMQTT_ERROR_INTERRUPTED)
        (void)link_take_interruption(link);
    if (status != 0)
        return status;
    status = core_open(&link->core, connect, ping_after_ms, net_now_ms());
    if (status != 0)
        (void)link_report(link, status);
    while (status == 0 && link->core.state == CORE_OPENING)
        status = link_turn(link, deadline_ms, -1, NULL);
    if (status == HBMQTT_ERROR_TIMEOUT)
        error_set(&link->error, status, "%s: no CONNACK within %u ms", link->name, timeout_ms);
    return status == 0 ? 0 : link_abandon(link, status);
}

static bool link_all_sent(const struct link *link)
{
    return link->core.state == CORE_CLOSING && core_output(&link->core).length == 0;
}

int link_close(struct link *link)
{
    struct core *core = &link->core;
    core_close(core);
    int status = core->state == CORE_CLOSING ? link_wait(link, link_all_sent) : 0;
    if (status == 0 && link->fd >= 0) {
        net_close_gently(link->fd, net_now_ms() + LINK_LINGER_MS, link->interrupt_fd);
        link->fd = -1;
    }
    return link_abandon(link, status);
}

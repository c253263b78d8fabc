// SPDX-License-Identifier: MIT
#include "client/link.h"

#include "client/net.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LINK_LINGER_MS 1000 // how long a broker may take to close after DISCONNECT

int link_init(struct link *link, const struct core_limits *limits)
{
    int interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (interrupt_fd < 0)
        return -errno;
    *link = (struct link){.interrupt_fd = interrupt_fd};
    core_init(&link->core, limits);
    return 0;
}

static void link_drop(struct link *link)
{
    transport_destroy(link->transport);
    link->transport = NULL;
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

// The transport has ended the connection. A bare reason gets its setting here.
static void link_lose(struct link *link, const struct error *why)
{
    struct error ending = *why;
    bool opening = link->core.state == CORE_OPENING;
    // A port that wants TLS tells so to nobody who does not speak it.
    bool doubtful = opening && link->transport->below == NULL;
    if (why->code == HBMQTT_ERROR_LOST)
        error_set(&ending, why->code, "connection lost%s: %s%s", opening ? " before CONNACK" : "", why->text,
                  doubtful ? " (is this a port for mqtt://?)" : "");
    core_end(&link->core, &ending);
}

// Returns what transport_receive does; a failure ends the core.
static ssize_t link_receive(struct link *link)
{
    struct error why;
    size_t size = 0;
    uint8_t *room = core_input_room(&link->core, &size);
    if (room == NULL)
        return HBMQTT_ERROR_SYSTEM;
    ssize_t count = transport_receive(link->transport, room, size, &why);
    if (count > 0)
        core_input_added(&link->core, (size_t)count, net_now_ms());
    else if (count < 0)
        link_lose(link, &why);
    return count;
}

// A broker that closed while we were sending may have said why: a refusal, an alert of TLS, messages.
static void link_lose_sending(struct link *link, const struct error *why)
{
    while (link->core.state != CORE_IDLE && core_wants_input(&link->core) && link_receive(link) > 0)
        ;
    link_lose(link, why);
}

void link_send(struct link *link)
{
    for (;;) {
        struct error why;
        struct bytes output = core_output(&link->core);
        if (output.length == 0)
            return;
        ssize_t count = transport_send(link->transport, output, &why);
        if (count < 0)
            link_lose_sending(link, &why);
        if (count <= 0)
            return;
        core_output_sent(&link->core, (size_t)count, net_now_ms());
    }
}

// True if an interruption was pending; it no longer is.
static bool link_take_interruption(struct link *link)
{
    uint64_t count;
    return read(link->interrupt_fd, &count, sizeof count) == (ssize_t)sizeof count;
}

// What is waited for at the socket.
static short link_events(const struct link *link)
{
    bool writes = core_output(&link->core).length != 0 || transport_wants_write(link->transport);
    return (short)((core_wants_input(&link->core) ? POLLIN : 0) | (writes ? POLLOUT : 0));
}

// True if bytes are wanted and are at hand already, so that nothing need be waited for.
static bool link_has_input(const struct link *link)
{
    return core_wants_input(&link->core) && transport_has_input(link->transport);
}

// Returns how many descriptors are ready, none when time was up or a signal came, or a negative status.
static int link_wait_events(struct link *link, struct pollfd fds[3], uint64_t deadline_ms)
{
    uint64_t core_ms = core_deadline_ms(&link->core);
    int wait_ms = net_wait_ms(core_ms < deadline_ms ? core_ms : deadline_ms, net_now_ms());
    int count = poll(fds, 3, link_has_input(link) ? 0 : wait_ms);
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
        short events = link_events(link);
        // A socket that nothing is wanted from is left out: poll would report its end over and over.
        struct pollfd fds[3] = {
            {.fd = events == 0 ? -1 : link->transport->fd, .events = events},
            {.fd = link->interrupt_fd, .events = POLLIN},
            {.fd = watched_fd, .events = POLLIN},
        };
        count = link_wait_events(link, fds, deadline_ms);
        if (count < 0)
            return count;
        bool has_input = link_has_input(link);
        if ((fds[0].revents != 0 && core_wants_input(core)) || has_input)
            (void)link_receive(link); // a failure shows in the core
        count += has_input;
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

// Connects the socket and opens the layers above it. Returns a status; TIMEOUT and INTERRUPTED are told.
static int link_open_transport(struct link *link, const struct url *url, uint64_t deadline_ms)
{
    struct transport *transport = link->transport;
    int fd = -1;
    int status = net_connect(url->host, url->port, deadline_ms, link->interrupt_fd, &fd, &link->error);
    if (status != 0)
        return status;
    transport_attach(transport, fd);
    struct error why;
    while ((status = transport_open(transport, &why)) == TRANSPORT_AGAIN) {
        short events = (short)(POLLIN | (transport_wants_write(transport) ? POLLOUT : 0));
        int waited = net_wait(fd, events, deadline_ms, link->interrupt_fd);
        if (waited == -ECANCELED)
            return error_set(&link->error, HBMQTT_ERROR_INTERRUPTED, "interrupted while connecting");
        if (waited == -ETIMEDOUT)
            return error_set(&link->error, HBMQTT_ERROR_TIMEOUT, "%s: no answer in time in the %s",
                             link->name, transport_opening(transport));
        if (waited != 0)
            return error_set(&link->error, HBMQTT_ERROR_SYSTEM, "cannot wait: %s", strerror(-waited));
    }
    return status == 0 ? 0 : error_set(&link->error, why.code, "%s: %s", link->name, why.text);
}

int link_open(struct link *link, const struct url *url, const struct packet_connect *connect,
              uint32_t ping_after_ms, const struct hbmqtt_options *options)
{
    uint64_t deadline_ms = link_deadline_ms(net_now_ms(), options->connect_timeout_ms);
    url_describe(url, link->name, sizeof link->name);
    link_drop(link); // of a connection whose loss nobody has noticed yet
    int status = transport_create(url, options, &link->transport, &link->error);
    if (status != 0)
        return status;
    status = link_open_transport(link, url, deadline_ms);
    if (status == HBMQTT_ERROR_INTERRUPTED)
        (void)link_take_interruption(link);
    if (status != 0)
        return link_abandon(link, status);
    status = core_open(&link->core, connect, ping_after_ms, net_now_ms());
    if (status != 0)
        (void)link_report(link, status);
    while (status == 0 && link->core.state == CORE_OPENING)
        status = link_turn(link, deadline_ms, -1, NULL);
    if (status == HBMQTT_ERROR_TIMEOUT)
        error_set(&link->error, status, "%s: no CONNACK within %u ms", link->name,
                  options->connect_timeout_ms);
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
    if (status == 0 && link->transport != NULL) {
        transport_farewell(link->transport);
        net_close_gently(transport_detach(link->transport), net_now_ms() + LINK_LINGER_MS,
                         link->interrupt_fd);
    }
    return link_abandon(link, status);
}

// SPDX-License-Identifier: MIT
#include "client/link.h"

#include "client/clock.h"
#include "client/request.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define URI_BLANKS     " \t\n"
#define LINK_LINGER_MS 1000 // how long a broker may take to close after DISCONNECT

static void link_attempt(struct link *link, uint64_t now_ms);

int link_init(struct link *link, const struct core_limits *limits, const struct settings *settings)
{
    const struct hbmqtt_options *options = &settings->options;
    *link = (struct link){.settings = settings, .epoll_fd = -1};
    link->interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (link->interrupt_fd >= 0)
        link->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (link->epoll_fd < 0) {
        int status = -errno;
        if (link->interrupt_fd >= 0)
            close(link->interrupt_fd);
        return status;
    }
    link->reconnect = (struct reconnect){
        .at_first = options->connect_retry,
        .min_ms = options->reconnect_min_ms,
        .max_ms = options->reconnect_max_ms,
        .retries = options->reconnect_retries,
    };
    core_init(&link->core, limits);
    return 0;
}

static void link_forget_brokers(struct link *link)
{
    for (size_t i = 0; i < link->broker_count; i++)
        url_finish(&link->brokers[i]);
    link->broker_count = 0;
    link->broker = 0;
    url_finish(&link->proxy);
}

// Lets go of the socket, whatever became of it.
static void link_hang_up(struct link *link)
{
    dial_destroy(link->dial);
    link->dial = NULL;
    transport_destroy(link->transport);
    link->transport = NULL;
    link->events = 0;
}

void link_finish(struct link *link)
{
    link_hang_up(link);
    link_forget_brokers(link);
    tls_memory_finish(&link->tls_memory);
    close(link->interrupt_fd);
    close(link->epoll_fd);
    core_finish(&link->core);
}

static void link_tell(struct link *link, int state, const struct error *why, uint32_t wait_ms)
{
    struct hbmqtt_state_change change = {
        .size = sizeof change,
        .state = state,
        .error = why == NULL ? 0 : why->code,
        .text = why == NULL ? "" : why->text,
        .broker = link->name,
        .attempt = link->reconnect.failures,
        .wait_ms = wait_ms,
        .session_present = state == HBMQTT_STATE_CONNECTED && link->core.session_present,
        .reason_code = why == NULL ? 0 : link->core.refusal_code,
    };
    if (link->told != NULL)
        link->told(link->owner, &change);
}

int link_report(struct link *link)
{
    const struct error *ending = &link->core.ending;
    if (ending->code == 0)
        return error_set(&link->error, HBMQTT_ERROR_NOT_CONNECTED, "not connected to a broker");
    link->error = *ending;
    return ending->code;
}

// Aiming.

static int link_add_broker(struct link *link, const char *uri)
{
    if (link->broker_count == LINK_BROKERS_MAX)
        return error_set(&link->error, HBMQTT_ERROR_ARGUMENT, "more than %u brokers", LINK_BROKERS_MAX);
    int status = url_parse(uri, &link->brokers[link->broker_count], &link->error);
    link->broker_count += status == 0;
    return status;
}

static int link_aim_proxy(struct link *link)
{
    const char *proxy = link->settings->options.proxy;
    return proxy == NULL ? 0 : url_parse_proxy(proxy, &link->proxy, &link->error);
}

// True if `uris` is a list: every word of it has a scheme. Else it is one URL, and what is wrong with it is
// told.
static bool is_list(const char *uris)
{
    const char *word = uris + strspn(uris, URI_BLANKS);
    bool list = *word != '\0';
    while (list && *word != '\0') {
        size_t length = strcspn(word, URI_BLANKS);
        list = memmem(word, length, "://", 3) != NULL;
        word += length;
        word += strspn(word, URI_BLANKS);
    }
    return list;
}

int link_aim(struct link *link, const char *uris)
{
    link_forget_brokers(link);
    if (uris == NULL)
        return error_set(&link->error, HBMQTT_ERROR_ARGUMENT, "there is no URI");
    char *copy = strdup(uris);
    if (copy == NULL)
        return error_set(&link->error, HBMQTT_ERROR_SYSTEM, "out of memory");
    char *rest = copy;
    const char *blanks = is_list(uris) ? URI_BLANKS : "";
    int status = link_aim_proxy(link);
    char *uri;
    while (status == 0 && (uri = strsep(&rest, blanks)) != NULL)
        if (*uri != '\0' || *blanks == '\0')
            status = link_add_broker(link, uri);
    free(copy);
    if (status != 0)
        link_forget_brokers(link);
    return status;
}

// Failing.

// True if there is no use in asking again.
static bool is_final(const struct link *link, int code)
{
    uint8_t refusal = link->core.refusal_code;
    // Without its queue file the handle cannot keep what it has promised.
    if (journal_flush(link->core.outbound.journal) != 0)
        return true;
    return code == HBMQTT_ERROR_ARGUMENT || code == HBMQTT_ERROR_UNTRUSTED ||
           (code == HBMQTT_ERROR_REFUSED && refusal != 0 && refusal != CONNECT_RETURN_SERVER_UNAVAILABLE);
}

// True if messages are kept for a later wish to connect.
static bool link_keeps(const struct link *link)
{
    return !link->settings->options.clean_session || link->core.outbound.journal != NULL;
}

// It is over, for good.
static void link_give_up(struct link *link, const struct error *why)
{
    static const struct error closed = {HBMQTT_ERROR_NOT_CONNECTED, "the connection was closed"};
    link->state = LINK_IDLE;
    link->core.ending = *why;
    core_abandon(&link->core, why->code == 0 ? &closed : why, link_keeps(link));
    if (why->code != 0)
        link->error = *why;
    link_tell(link, HBMQTT_STATE_IDLE, why, 0);
}

static void link_wait_for_attempt(struct link *link, const struct error *why, uint64_t now_ms)
{
    uint32_t delay_ms = reconnect_delay_ms(&link->reconnect);
    link->state = LINK_WAITING;
    link->deadline_ms = now_ms + delay_ms;
    link->failed = 0;
    link_tell(link, HBMQTT_STATE_WAITING, why, delay_ms);
}

// An attempt has failed, or a connection has ended.
static void link_fail(struct link *link, const struct error *why, uint64_t now_ms)
{
    struct error reason = *why;
    bool stood = link->state == LINK_UP && link->accepted;
    link_hang_up(link);
    core_end(&link->core, &reason);
    link->accepted = false;
    if (is_final(link, reason.code)) {
        link_give_up(link, &reason);
        return;
    }
    if (stood) {
        reconnect_lost(&link->reconnect, now_ms);
    } else if (++link->failed < link->broker_count) {
        link->broker = (link->broker + 1) % link->broker_count;
        link->error = reason;
        link_attempt(link, now_ms);
        return;
    } else {
        reconnect_failed(&link->reconnect);
        link->broker = (link->broker + 1) % link->broker_count;
    }
    if (reconnect_again(&link->reconnect))
        link_wait_for_attempt(link, &reason, now_ms);
    else
        link_give_up(link, &reason);
}

static void link_fail_text(struct link *link, int code, const char *text, uint64_t now_ms)
{
    struct error why;
    error_set(&why, code, "%s: %s", link->name, text);
    link_fail(link, &why, now_ms);
}

// The core has ended by itself.
static void link_fail_core(struct link *link, uint64_t now_ms)
{
    link_fail_text(link, link->core.ending.code, link->core.ending.text, now_ms);
}

void link_drop(struct link *link, const struct error *why)
{
    struct error reason = *why;
    link_hang_up(link);
    core_end(&link->core, &reason);
    link->accepted = false;
    if (link->state != LINK_IDLE)
        link_give_up(link, &reason);
}

// Attempts.

static int link_prepare(struct link *link, struct error *ret_error)
{
    const struct url *url = &link->brokers[link->broker];
    const struct hbmqtt_options *options = &link->settings->options;
    struct packet_connect connect;
    bool local = url->scheme == URL_SCHEME_UNIX;
    const struct url *proxy = link->proxy.host == NULL || local ? NULL : &link->proxy;
    const struct url *next = proxy == NULL ? url : proxy;
    int status = request_connect(link->settings, url, &connect, ret_error);
    if (status == 0)
        status = transport_create(url, proxy, options, &link->tls_memory, &link->transport, ret_error);
    if (status == 0)
        status = dial_create(local ? NULL : next->host, next->port, url->path, link->epoll_fd, &link->dial,
                             ret_error);
    return status;
}

static void link_attempt(struct link *link, uint64_t now_ms)
{
    struct error why;
    url_describe(&link->brokers[link->broker], link->name, sizeof link->name);
    link->core.refusal_code = 0;
    link->state = LINK_DIALING;
    link->deadline_ms = link_after_ms(now_ms, link->settings->options.connect_timeout_ms);
    link_tell(link, HBMQTT_STATE_CONNECTING, NULL, 0);
    if (link->state == LINK_DIALING && link_prepare(link, &why) != 0)
        link_fail(link, &why, now_ms);
}

void link_start(struct link *link)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = clock_now_ms() ^ (uint64_t)getpid() << 32;
    reconnect_begin(&link->reconnect, seed);
    link->reconnect.enabled = link->settings->options.reconnect;
    error_clear(&link->core.ending);
    link->broker = 0;
    link->failed = 0;
    link->core.accepting = true;
    link_attempt(link, clock_now_ms());
}

static void link_step_dialing(struct link *link, uint64_t now_ms)
{
    struct error why;
    int fd = -1;
    int status = dial_step(link->dial, now_ms, &fd, &why);
    const struct url *url = link->proxy.host == NULL ? &link->brokers[link->broker] : &link->proxy;
    if (status == DIAL_AGAIN && now_ms >= link->deadline_ms)
        status = error_set(&why, HBMQTT_ERROR_TIMEOUT, "cannot connect to %s port %u: no answer in time",
                           url->host, url->port);
    if (status == DIAL_AGAIN)
        return;
    dial_destroy(link->dial);
    link->dial = NULL;
    if (status != 0) {
        link_fail(link, &why, now_ms);
        return;
    }
    transport_attach(link->transport, fd);
    link->state = LINK_OPENING;
}

// Silence of ours after which PINGREQ goes out: `ping_delay_ms` before the period is over, but never at once.
uint32_t link_ping_after_ms(const struct link *link)
{
    const struct hbmqtt_options *options = &link->settings->options;
    uint32_t keepalive_ms = options->keepalive_s * 1000u;
    return options->ping_delay_ms < keepalive_ms ? keepalive_ms - options->ping_delay_ms : keepalive_ms / 2;
}

static void link_step_opening(struct link *link, uint64_t now_ms)
{
    struct error why;
    struct packet_connect connect;
    int status = transport_open(link->transport, &why);
    if (status == TRANSPORT_AGAIN && now_ms < link->deadline_ms)
        return;
    if (status == TRANSPORT_AGAIN)
        status = error_set(&why, HBMQTT_ERROR_TIMEOUT, "no answer in time in the %s",
                           transport_opening(link->transport));
    if (status != 0) {
        link_fail_text(link, status, why.text, now_ms);
        return;
    }
    link->state = LINK_UP;
    status = request_connect(link->settings, &link->brokers[link->broker], &connect, &why);
    if (status == 0)
        status = core_open(&link->core, &connect, link_ping_after_ms(link), now_ms);
    else
        link_fail(link, &why, now_ms);
}

// Moving bytes.

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
        core_input_added(&link->core, (size_t)count, clock_now_ms());
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
    while (link->state == LINK_UP) {
        struct error why;
        struct bytes output = core_output(&link->core);
        if (output.length == 0)
            return;
        ssize_t count = transport_send(link->transport, output, &why);
        if (count < 0)
            link_lose_sending(link, &why);
        if (count <= 0)
            return;
        core_output_sent(&link->core, (size_t)count, clock_now_ms());
    }
}

// True if bytes are wanted and are at hand already, so that nothing need be waited for.
static bool link_has_input(const struct link *link)
{
    return link->state == LINK_UP && core_wants_input(&link->core) && transport_has_input(link->transport);
}

static bool link_has_said_all(const struct link *link)
{
    return link->state == LINK_UP && link->core.state == CORE_CLOSING && !core_has_output(&link->core);
}

// Everything was sent: the broker is to see an end and not a reset, which could destroy what it has not read
// yet.
static void link_linger(struct link *link, uint64_t now_ms)
{
    struct error wish = {0};
    transport_farewell(link->transport);
    core_end(&link->core, &wish);
    link->accepted = false;
    link->deadline_ms = now_ms + LINK_LINGER_MS;
    link->state = shutdown(link->transport->fd, SHUT_WR) == 0 ? LINK_LINGERING : LINK_IDLE;
    if (link->state == LINK_LINGERING)
        return;
    link_hang_up(link);
    link_give_up(link, &wish);
}

// Reads away and forgets what comes until the broker has closed.
static void link_step_lingering(struct link *link, uint64_t now_ms)
{
    char late[4096];
    struct error wish = {0};
    ssize_t count;
    while ((count = recv(link->transport->fd, late, sizeof late, 0)) > 0)
        ;
    bool open = count < 0 && (errno == EAGAIN || errno == EINTR);
    if (open && now_ms < link->deadline_ms)
        return;
    link_hang_up(link);
    link_give_up(link, &wish);
}

// A broker that leaves Nagle's algorithm on sends the first acknowledgement and keeps the others until TCP
// has acknowledged that one, which the kernel delays by 40 ms unless we have something to send.
static void link_hasten(const struct link *link)
{
    int on = 1;
    if (link->state == LINK_UP && link->core.outbound.publishing != 0 && !core_has_output(&link->core))
        (void)setsockopt(link->transport->fd, IPPROTO_TCP, TCP_QUICKACK, &on,
                         sizeof on); // not on unix sockets
}

static void link_step_up(struct link *link, uint64_t now_ms)
{
    struct core *core = &link->core;
    if (link_has_said_all(link)) {
        link_linger(link, now_ms);
        return;
    }
    ssize_t received = core_wants_input(core) ? link_receive(link) : 0; // a failure shows in the core
    core_tick(core, now_ms);
    link_send(link);
    if (received > 0)
        link_hasten(link);
    if (core->state == CORE_OPEN && !link->accepted) {
        link->accepted = true;
        reconnect_accepted(&link->reconnect, now_ms);
        link->failed = 0;
        link_tell(link, HBMQTT_STATE_CONNECTED, NULL, 0);
        link_send(link);
    }
    if (link->state != LINK_UP)
        return;
    if (core->state == CORE_IDLE && core->ending.code != 0) {
        link_fail_core(link, now_ms);
    } else if (core->state == CORE_OPENING && now_ms >= link->deadline_ms) {
        char text[64];
        snprintf(text, sizeof text, "no CONNACK within %u ms", link->settings->options.connect_timeout_ms);
        link_fail_text(link, HBMQTT_ERROR_TIMEOUT, text, now_ms);
    } else if (link_has_said_all(link)) {
        link_linger(link, now_ms);
    }
}

void link_close(struct link *link)
{
    struct error wish = {0};
    link->reconnect.enabled = false;
    if (link->state == LINK_UP)
        core_close(&link->core);
    if (link->state != LINK_UP || link->core.state == CORE_IDLE)
        link_drop(link, &wish);
}

// What is waited for at the socket.
static uint32_t link_events(const struct link *link)
{
    const struct core *core = &link->core;
    if (link->transport == NULL || link->transport->fd < 0)
        return 0;
    bool writes = transport_wants_write(link->transport) || (link->state == LINK_UP && core_has_output(core));
    bool reads = link->state != LINK_UP || core_wants_input(core);
    return (reads ? EPOLLIN : 0u) | (writes ? EPOLLOUT : 0u);
}

// A socket that nothing is wanted from is left out: its end would be reported over and over.
void link_watch(struct link *link)
{
    uint32_t events = link_events(link);
    if (events == link->events)
        return;
    struct epoll_event event = {.events = events};
    int operation = link->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    if (epoll_ctl(link->epoll_fd, operation, link->transport->fd, &event) == 0)
        link->events = events;
}

void link_step(struct link *link, uint64_t now_ms)
{
    if (link->state == LINK_WAITING && now_ms >= link->deadline_ms)
        link_attempt(link, now_ms);
    if (link->state == LINK_DIALING)
        link_step_dialing(link, now_ms);
    if (link->state == LINK_OPENING)
        link_step_opening(link, now_ms);
    if (link->state == LINK_UP)
        link_step_up(link, now_ms);
    if (link->state == LINK_LINGERING)
        link_step_lingering(link, now_ms);
    if (link->stepped != NULL)
        link->stepped(link->owner);
    link_watch(link);
}

uint64_t link_deadline_ms(const struct link *link)
{
    uint64_t other_ms = CORE_NEVER;
    switch (link->state) {
    case LINK_IDLE:
        return CORE_NEVER;
    case LINK_DIALING:
        other_ms = dial_deadline_ms(link->dial);
        break;
    case LINK_UP:
        if (link_has_input(link) || link->core.state == CORE_IDLE || link_has_said_all(link))
            return 0;
        if (link->core.state != CORE_OPENING)
            return core_deadline_ms(&link->core);
        break;
    default:
        break;
    }
    return other_ms < link->deadline_ms ? other_ms : link->deadline_ms;
}

// Waiting.

// True if an interruption was pending; it no longer is.
static bool link_take_interruption(struct link *link)
{
    uint64_t count;
    return read(link->interrupt_fd, &count, sizeof count) == (ssize_t)sizeof count;
}

// Returns how many descriptors are ready, none when time was up or a signal came, or a negative status.
static int link_wait_events(struct link *link, struct pollfd fds[3], uint64_t deadline_ms)
{
    uint64_t own_ms = link_deadline_ms(link);
    int count = poll(fds, 3, clock_wait_ms(own_ms < deadline_ms ? own_ms : deadline_ms, clock_now_ms()));
    if (count < 0 && errno != EINTR)
        return error_set(&link->error, HBMQTT_ERROR_SYSTEM, "cannot wait: %s", strerror(errno));
    if (count < 0) {
        fds[0].revents = fds[1].revents = fds[2].revents = 0;
        return 0;
    }
    if (count > 0 && fds[1].revents != 0 && link_take_interruption(link)) {
        bool connecting = link->state != LINK_UP || link->core.state == CORE_OPENING;
        return error_set(&link->error, HBMQTT_ERROR_INTERRUPTED, "interrupted%s",
                         connecting ? " while connecting" : "");
    }
    return count;
}

int link_turn(struct link *link, uint64_t deadline_ms, int watched_fd, bool *ret_readable)
{
    link_send(link);
    link_watch(link);
    int count = 0;
    bool due = false;
    if (!link_is_idle(link)) {
        struct pollfd fds[3] = {
            {.fd = link->epoll_fd, .events = POLLIN},
            {.fd = link->interrupt_fd, .events = POLLIN},
            {.fd = watched_fd, .events = POLLIN},
        };
        count = link_wait_events(link, fds, deadline_ms);
        if (count < 0)
            return count;
        if (ret_readable != NULL)
            *ret_readable = fds[2].revents != 0;
        uint64_t now_ms = clock_now_ms();
        due = now_ms >= link_deadline_ms(link);
        if (fds[0].revents != 0 || due)
            link_step(link, now_ms);
    }
    if (link_is_idle(link))
        return link_report(link);
    return count == 0 && !due && clock_now_ms() >= deadline_ms ? HBMQTT_ERROR_TIMEOUT : 0;
}

int link_wait(struct link *link, link_condition done, const void *context)
{
    uint32_t answer_timeout_ms = link->settings->options.answer_timeout_ms;
    int64_t timeout_ms = answer_timeout_ms == 0 ? -1 : (int64_t)answer_timeout_ms;
    uint64_t deadline_ms = link_after_ms(clock_now_ms(), timeout_ms);
    link_send(link);
    while (!done(link, context)) {
        struct core *core = &link->core;
        // The answer is behind messages for which there is no room.
        if (core->state == CORE_OPEN && inbox_full(&core->inbox) && !core_has_output(core))
            return error_set(&link->error, HBMQTT_ERROR_FULL,
                             "%s: messages that were not taken fill the inbox", link->name);
        uint64_t sent_total = core->outbound.sent_total;
        int status = link_turn(link, deadline_ms, -1, NULL);
        if (status == HBMQTT_ERROR_TIMEOUT)
            return error_set(&link->error, status, "%s: no answer from the broker within %u ms", link->name,
                             answer_timeout_ms);
        if (status != 0)
            return done(link, context) ? 0 : status;
        // A long message on a slow line takes its time; a broker that does not read gets no more of ours.
        if (core->outbound.sent_total != sent_total && core_has_output(core))
            deadline_ms = link_after_ms(clock_now_ms(), timeout_ms);
    }
    return 0;
}

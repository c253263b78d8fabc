// SPDX-License-Identifier: MIT
// A plugin that does what clients tell it, for the black-box tests: well or badly. Built with a thread of its
// own, with PUPPET_FILTER without a say in what becomes of messages, and with PUPPET_INLINE inline. Settings:
// `journal`, the file to which it writes a line for each call; `gate`, a file until whose appearance it
// blocks; `word`, which it writes down.
//
// What it decides, the first part of a topic says, or the user name, or the client id:
//
//     allow deny none aside  at once            pend      when something is published to answer/allow or
//     stable              at once, and stable             answer/deny; each of these to all that is open
//     never               not at all            again     twice
//     block               when the gate opens   rename    allowed, as user `renamed`
//     crash               by a null pointer     slow      allowed, after 30 ms
//
// And a message to do/sessions, do/subscriptions/CLIENT, do/retained/FILTER, do/session/CLIENT,
// do/broadcast/TOPIC, do/retain/TOPIC or do/forget has it use the broker.
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/plugin/hbmqtt_plugin.h"

#define QUESTIONS_MAX 1024
#define LINE_BYTES    1024

struct puppet {
    const struct hbmqtt_plugin_broker *broker;
    int journal;
    char gate[512];
    pthread_mutex_t lock; // of the following two
    uint64_t open[QUESTIONS_MAX];
    int open_count;
};

static __attribute__((format(printf, 2, 3))) void note(const struct puppet *puppet, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (length > LINE_BYTES - 2)
        length = LINE_BYTES - 2;
    line[length++] = '\n';
    if (write(puppet->journal, line, (size_t)length) != length)
        abort(); // the test could not go on
}

static int begins(struct hbmqtt_plugin_bytes text, const char *word)
{
    size_t length = strlen(word);
    return text.length >= length && memcmp(text.data, word, length) == 0;
}

#define TEXT(bytes) (int)(bytes).length, (bytes).data

static void answer(const struct puppet *puppet, uint64_t question, int verdict, const char *user_name)
{
    struct hbmqtt_plugin_answer said = {.size = sizeof said, .verdict = verdict};
    said.user_name = (struct hbmqtt_plugin_bytes){user_name, strlen(user_name)};
    note(puppet, "answered %d", puppet->broker->answer(puppet->broker, question, &said));
}

static void wait_ms(long ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&time, NULL); // a signal would only shorten it
}

static void remember(struct puppet *puppet, uint64_t question)
{
    (void)pthread_mutex_lock(&puppet->lock);
    if (puppet->open_count < QUESTIONS_MAX)
        puppet->open[puppet->open_count++] = question;
    (void)pthread_mutex_unlock(&puppet->lock);
}

static void answer_all(struct puppet *puppet, int verdict)
{
    (void)pthread_mutex_lock(&puppet->lock);
    for (int i = 0; i < puppet->open_count; i++)
        answer(puppet, puppet->open[i], verdict, "");
    puppet->open_count = 0;
    (void)pthread_mutex_unlock(&puppet->lock);
}

static int decide(struct puppet *puppet, uint64_t question, struct hbmqtt_plugin_bytes word)
{
    if (begins(word, "deny"))
        return HBMQTT_DENY;
    if (begins(word, "none"))
        return HBMQTT_NO_OPINION;
    if (begins(word, "aside"))
        return HBMQTT_NOT_CONCERNED;
    if (begins(word, "stable"))
        return HBMQTT_ALLOW | HBMQTT_STABLE;
    if (begins(word, "pend"))
        remember(puppet, question);
    if (begins(word, "pend") || begins(word, "never"))
        return HBMQTT_PENDING;
    if (begins(word, "block"))
        while (access(puppet->gate, F_OK) != 0)
            wait_ms(1);
    if (begins(word, "slow"))
        wait_ms(30);
    if (begins(word, "rename"))
        answer(puppet, question, HBMQTT_ALLOW, "renamed");
    if (begins(word, "rename"))
        return HBMQTT_PENDING;
    if (begins(word, "again"))
        answer(puppet, question, HBMQTT_ALLOW, "");
    if (begins(word, "crash"))
        *(volatile int *)0 = 1;
    return HBMQTT_ALLOW;
}

static int read_settings(struct puppet *puppet, const struct hbmqtt_plugin_setting *settings)
{
    static const char *const keys[] = {"journal", "gate", "word", NULL};
    const struct hbmqtt_plugin_broker *broker = puppet->broker;
    const char *journal = "/dev/null";
    const char *gate = "/";
    const char *word = "";
    if (broker->setting_keys(broker, settings, keys) != 0 ||
        broker->setting_text_of(broker, settings, "journal", &journal) < 0 ||
        broker->setting_text_of(broker, settings, "gate", &gate) < 0 ||
        broker->setting_text_of(broker, settings, "word", &word) < 0)
        return -1;
    (void)snprintf(puppet->gate, sizeof puppet->gate, "%s", gate); // of a test, which is short
    if (puppet->journal < 0)
        puppet->journal = open(journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    note(puppet, "settings '%s'", word);
    return strcmp(word, "wrong") == 0 ? -1 : 0;
}

static int begin(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                 void **ret_state)
{
    struct puppet *puppet = calloc(1, sizeof *puppet);
    if (puppet == NULL)
        return -1;
    puppet->broker = broker;
    puppet->journal = -1;
    (void)pthread_mutex_init(&puppet->lock, NULL); // cannot fail without attributes
    if (read_settings(puppet, settings) != 0) {
        (void)close(puppet->journal);
        free(puppet);
        return -1;
    }
    *ret_state = puppet;
    return 0;
}

static void finish(void *state)
{
    struct puppet *puppet = state;
    note(puppet, "finished");
    (void)close(puppet->journal); // it was written line by line
    free(puppet);
}

static int reload(void *state, const struct hbmqtt_plugin_setting *settings)
{
    return read_settings(state, settings);
}

// Decisions.

static int authenticate(void *state, uint64_t question, const struct hbmqtt_plugin_credentials *credentials)
{
    const struct hbmqtt_plugin_session *session = credentials->session;
    note(state,
         "authenticate '%.*s' user '%.*s' password '%.*s' clean %d keepalive %u protocol %u listener '%s'",
         TEXT(session->client_id), TEXT(session->user_name), TEXT(credentials->password),
         (session->flags & HBMQTT_SESSION_CLEAN) != 0, session->keepalive_s, session->protocol,
         session->listener);
    if (session->user_name.length == 0)
        return HBMQTT_NO_OPINION;
    return decide(state, question, session->user_name);
}

static int connect(void *state, uint64_t question, const struct hbmqtt_plugin_session *session)
{
    note(state, "connect '%.*s' user '%.*s' vouched %d", TEXT(session->client_id), TEXT(session->user_name),
         (session->flags & HBMQTT_SESSION_VOUCHED) != 0);
    return decide(state, question, session->client_id);
}

static int topic_filtering(void *state, uint64_t question, const struct hbmqtt_plugin_access *access)
{
    note(state, "filter %u '%.*s' qos %u retain %u client '%.*s'", access->action, TEXT(access->topic),
         access->qos, access->retain, TEXT(access->session->client_id));
    // Receiving cannot wait.
    if (access->action == HBMQTT_FILTER_RECEIVE && !begins(access->topic, "deny") &&
        !begins(access->topic, "none") && !begins(access->topic, "stable"))
        return HBMQTT_ALLOW;
    return decide(state, question, access->topic);
}

static int change(const struct puppet *puppet, uint64_t question, const struct hbmqtt_plugin_message *message)
{
    char topic[LINE_BYTES];
    char payload[LINE_BYTES];
    struct hbmqtt_plugin_message changed = *message;
    int topic_length =
        snprintf(topic, sizeof topic, "changed%.*s", (int)message->topic.length - 6, message->topic.data + 6);
    int payload_length = snprintf(payload, sizeof payload, "<%.*s>", TEXT(message->payload));
    changed.topic = (struct hbmqtt_plugin_bytes){topic, (size_t)topic_length};
    changed.payload = (struct hbmqtt_plugin_bytes){payload, (size_t)payload_length};
    if (begins(message->payload, "bad"))
        changed.topic = (struct hbmqtt_plugin_bytes){"a/#", 3};
    struct hbmqtt_plugin_answer said = {.size = sizeof said, .verdict = HBMQTT_ALLOW, .message = &changed};
    if (puppet->broker->answer(puppet->broker, question, &said) == HBMQTT_PLUGIN_ERROR_ARGUMENT)
        return HBMQTT_DENY;
    return HBMQTT_PENDING;
}

__attribute__((unused)) static int message_received(void *state, uint64_t question,
                                                    const struct hbmqtt_plugin_session *session,
                                                    const struct hbmqtt_plugin_message *message)
{
    if (begins(message->topic, "change"))
        return change(state, question, message);
    if (begins(message->payload, "message:")) // only this decision is asked for
        return decide(state, question,
                      (struct hbmqtt_plugin_bytes){message->payload.data + 8, message->payload.length - 8});
    return HBMQTT_NO_OPINION;
}

// What it sees.

#ifdef PUPPET_INLINE
static void message_sent(void *state, const struct hbmqtt_plugin_session *session,
                         const struct hbmqtt_plugin_message *message)
{
    note(state, "sent '%.*s' to '%.*s'", TEXT(message->topic), TEXT(session->client_id));
}
#endif

static int visit_session(void *argument, const struct hbmqtt_plugin_session *session)
{
    note(argument, "session '%.*s' user '%.*s' connected %d", TEXT(session->client_id),
         TEXT(session->user_name), (session->flags & HBMQTT_SESSION_CONNECTED) != 0);
    return 0;
}

static int visit_message(void *argument, const struct hbmqtt_plugin_message *message)
{
    note(argument, "retained '%.*s' '%.*s' qos %u", TEXT(message->topic), TEXT(message->payload),
         message->qos);
    return 0;
}

static int visit_subscription(void *argument, const struct hbmqtt_plugin_session *session,
                              struct hbmqtt_plugin_bytes filter, uint32_t qos)
{
    note(argument, "subscription '%.*s' '%.*s' qos %u", TEXT(session->client_id), TEXT(filter), qos);
    return 0;
}

static struct hbmqtt_plugin_bytes behind(struct hbmqtt_plugin_bytes topic, const char *word)
{
    size_t length = strlen(word);
    return (struct hbmqtt_plugin_bytes){topic.data + length, topic.length - length};
}

static int act(struct puppet *puppet, const struct hbmqtt_plugin_message *message)
{
    const struct hbmqtt_plugin_broker *broker = puppet->broker;
    struct hbmqtt_plugin_bytes topic = message->topic;
    struct hbmqtt_plugin_message out = *message;
    if (begins(topic, "do/sessions"))
        return broker->sessions(broker, visit_session, puppet);
    if (begins(topic, "do/session/"))
        return broker->get_session(broker, behind(topic, "do/session/"), visit_session, puppet);
    if (begins(topic, "do/subscriptions/"))
        return broker->subscriptions(broker, behind(topic, "do/subscriptions/"), visit_subscription, puppet);
    if (begins(topic, "do/retained")) // the filter is the payload: no topic has wildcards
        return broker->retained_messages(broker, message->payload, visit_message, puppet);
    out.topic = behind(topic, begins(topic, "do/retain/") ? "do/retain/" : "do/broadcast/");
    if (begins(topic, "do/broadcast/"))
        return broker->broadcast_message(broker, &out);
    if (begins(topic, "do/retain/"))
        return broker->retain_message(broker, &out);
    broker->forget_verdicts(broker);
    return 0;
}

static void obey(struct puppet *puppet, const struct hbmqtt_plugin_message *message)
{
    if (begins(message->topic, "answer/allow"))
        answer_all(puppet, HBMQTT_ALLOW);
    else if (begins(message->topic, "answer/deny"))
        answer_all(puppet, HBMQTT_DENY);
    else if (begins(message->topic, "do/"))
        note(puppet, "did '%.*s': %d", TEXT(message->topic), act(puppet, message));
    else if (begins(message->topic, "stall"))
        while (access(puppet->gate, F_OK) != 0)
            wait_ms(1);
}

static void take_event(void *state, const struct hbmqtt_plugin_event *event)
{
    struct hbmqtt_plugin_bytes none = {"", 0};
    struct hbmqtt_plugin_bytes client = event->session == NULL ? none : event->session->client_id;
    if (event->packet != NULL)
        note(state, "%s '%.*s' %s %zu", event->name, TEXT(client), event->packet->name,
             (size_t)event->packet->length);
    else if (event->message != NULL)
        note(state, "%s '%.*s' '%.*s' '%.*s' qos %u retain %u", event->name, TEXT(client),
             TEXT(event->message->topic), TEXT(event->message->payload), event->message->qos,
             event->message->retain);
    else if (event->filter.length > 0)
        note(state, "%s '%.*s' '%.*s' qos %u", event->name, TEXT(client), TEXT(event->filter), event->qos);
    else
        note(state, "%s '%.*s' %s", event->name, TEXT(client), event->reason == NULL ? "" : event->reason);
    if (event->kind == HBMQTT_EVENT_MESSAGE_RECEIVED)
        obey(state, event->message);
}

static void session_expired(void *state, const struct hbmqtt_plugin_session *session)
{
    note(state, "expired '%.*s'", TEXT(session->client_id));
}

static void tick(void *state, uint64_t now_ns)
{
    note(state, "tick");
}

const struct hbmqtt_plugin hbmqtt_plugin_descriptor = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "puppet",
    .version = "1.0",
    .events = HBMQTT_EVENT_BIT(HBMQTT_EVENT_PACKET_RECEIVED + 1) - 1,
    .tick_ms = 50,
    .init = begin,
    .finish = finish,
    .reload = reload,
    .authenticate = authenticate,
    .connect = connect,
    .topic_filtering = topic_filtering,
#ifndef PUPPET_FILTER
    .message_received = message_received,
#endif
#ifdef PUPPET_INLINE
    .flags = HBMQTT_PLUGIN_INLINE,
    .filters = HBMQTT_FILTER_PUBLISH | HBMQTT_FILTER_SUBSCRIBE | HBMQTT_FILTER_RECEIVE,
    .message_sent = message_sent,
#else
    .filters = HBMQTT_FILTER_PUBLISH | HBMQTT_FILTER_SUBSCRIBE,
#endif
    .event = take_event,
    .session_expired = session_expired,
    .tick = tick,
};

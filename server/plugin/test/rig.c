// SPDX-License-Identifier: MIT
#include "server/plugin/test/rig.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CLIENT 42u

struct rig rig;
static pthread_mutex_t rig_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t rig_changed = PTHREAD_COND_INITIALIZER;

static void lock(void)
{
    (void)pthread_mutex_lock(&rig_lock);
}

static void unlock(void)
{
    (void)pthread_cond_broadcast(&rig_changed);
    (void)pthread_mutex_unlock(&rig_lock);
}

void rig_set_manner(enum rig_manner manner)
{
    lock();
    rig.manner = manner;
    rig.released = false;
    unlock();
}

void rig_release(void)
{
    lock();
    rig.released = true;
    unlock();
}

void rig_await(const uint32_t *number, uint32_t value)
{
    lock();
    while (*number < value)
        (void)pthread_cond_wait(&rig_changed, &rig_lock);
    unlock();
}

// The plugins.

static int begin(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                 void **ret_state)
{
    const char *word = "none";
    (void)broker->setting_text_of(broker, settings, "word", &word); // there may be none
    lock();
    rig.broker = broker;
    rig.begun++;
    (void)snprintf(rig.setting, sizeof rig.setting, "%s", word); // short
    bool refuses = rig.refuses;
    unlock();
    *ret_state = &rig;
    return refuses ? -1 : 0;
}

static int reload(void *state, const struct hbmqtt_plugin_setting *settings)
{
    const char *word = "none";
    (void)rig.broker->setting_text_of(rig.broker, settings, "word", &word); // there may be none
    lock();
    rig.reloaded++;
    (void)snprintf(rig.setting, sizeof rig.setting, "%s", word); // short
    bool refuses = rig.refuses;
    unlock();
    return refuses ? -1 : 0;
}

static void finish(void *state)
{
    lock();
    assert(state == &rig);
    rig.finished++;
    unlock();
}

static int answer_allow(uint64_t question, const char *user_name)
{
    const struct hbmqtt_plugin_answer answer = {
        .size = sizeof answer, .verdict = HBMQTT_ALLOW, .user_name = {user_name, strlen(user_name)}};
    return rig.broker->answer(rig.broker, question, &answer);
}

static void be_slow(void)
{
    uint64_t until_ns = clock_monotonic_ns() + 2 * PLUGIN_SLOW_MS * NS_PER_MS;
    while (clock_monotonic_ns() < until_ns)
        continue;
}

static enum rig_manner note_call(uint64_t question)
{
    lock();
    rig.thread = pthread_self();
    rig.calls++;
    rig.question = question;
    enum rig_manner manner = rig.manner;
    while (manner == RIG_BLOCK && rig.manner == RIG_BLOCK && !rig.released) {
        (void)pthread_cond_broadcast(&rig_changed);
        (void)pthread_cond_wait(&rig_changed, &rig_lock);
    }
    unlock();
    return manner;
}

static int authenticate(void *state, uint64_t question, const struct hbmqtt_plugin_credentials *credentials)
{
    switch (note_call(question)) {
    case RIG_DENY:
        return HBMQTT_DENY;
    case RIG_NO_OPINION:
        return HBMQTT_NO_OPINION;
    case RIG_PENDING:
        return HBMQTT_PENDING;
    case RIG_ANSWER_FIRST:
        rig.answer_status = answer_allow(question, "alice");
        return HBMQTT_PENDING;
    case RIG_ANSWER_TWICE:
        rig.answer_status = answer_allow(question, "alice");
        return HBMQTT_ALLOW;
    case RIG_NONSENSE:
        return 99;
    case RIG_SLOW:
        be_slow();
        return HBMQTT_ALLOW;
    case RIG_ALLOW:
    case RIG_BLOCK:
        break;
    }
    return HBMQTT_ALLOW;
}

static int topic_filtering(void *state, uint64_t question, const struct hbmqtt_plugin_access *access)
{
    assert(question == 0); // only RECEIVE is asked here
    return note_call(question) == RIG_PENDING ? HBMQTT_PENDING : HBMQTT_ALLOW | HBMQTT_STABLE;
}

static void take_event(void *state, const struct hbmqtt_plugin_event *event)
{
    lock();
    assert(strcmp(event->name, "broker_post_start") == 0);
    rig.events++;
    unlock();
}

static void tick(void *state, uint64_t now_ns)
{
    lock();
    rig.ticks++;
    unlock();
}

#define EVENTS HBMQTT_EVENT_BIT(HBMQTT_EVENT_POST_START)
#define PLUGIN(flags_, reload_, events_, event_, tick_)                                                      \
    {                                                                                                        \
        .abi = HBMQTT_PLUGIN_ABI, .size = sizeof(struct hbmqtt_plugin), .name = "puppet", .version = "1",    \
        .flags = (flags_), .events = (events_), .tick_ms = 1, .init = begin, .finish = finish,               \
        .reload = (reload_), .authenticate = authenticate, .event = (event_), .tick = (tick_)                \
    }

static const struct hbmqtt_plugin inline_code =
    PLUGIN(HBMQTT_PLUGIN_INLINE, reload, EVENTS, take_event, NULL);
static const struct hbmqtt_plugin worker_code = PLUGIN(0, reload, EVENTS, take_event, NULL);
static const struct hbmqtt_plugin anew_code = PLUGIN(HBMQTT_PLUGIN_INLINE, NULL, 0, NULL, NULL);
static const struct hbmqtt_plugin ticking_code = PLUGIN(0, reload, 0, NULL, tick);
static const struct hbmqtt_plugin ticking_inline_code = PLUGIN(HBMQTT_PLUGIN_INLINE, reload, 0, NULL, tick);
static const struct hbmqtt_plugin receiving_code = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "puppet",
    .version = "1",
    .flags = HBMQTT_PLUGIN_INLINE,
    .filters = HBMQTT_FILTER_RECEIVE,
    .topic_filtering = topic_filtering,
};

const struct hbmqtt_plugin *builtin_find(const char *name)
{
    static const struct {
        const char *name;
        const struct hbmqtt_plugin *code;
    } codes[] = {{"inline", &inline_code},
                 {"worker", &worker_code},
                 {"anew", &anew_code},
                 {"ticking", &ticking_code},
                 {"ticking inline", &ticking_inline_code},
                 {"receiving", &receiving_code}};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(codes[i].name, name) == 0)
            return codes[i].code;
    return NULL;
}

// The broker.

static void door_answered(void *broker, uint32_t shard, struct answer *answer)
{
    lock();
    free(rig.answers);
    rig.answers = answer;
    rig.answer_shard = shard;
    rig.answer_count++;
    unlock();
}

static int door_publish(void *broker, const struct hbmqtt_plugin_message *message, bool retain_only)
{
    lock();
    rig.published++;
    assert(message->retain == retain_only);
    unlock();
    return 0;
}

static int door_look(void *broker, const struct look *look)
{
    lock();
    rig.looks++;
    unlock();
    return 0;
}

static void door_adopt(void *broker, struct roster *roster)
{
    rig.adopted++;
    CU_ASSERT_EQUAL(roster->count, 1);
}

void rig_begin(const char *const *names, uint32_t count, uint32_t events_max)
{
    lock();
    rig = (struct rig){0};
    unlock();
    const struct host_options options = {
        .door = {.broker = &rig,
                 .answered = door_answered,
                 .publish = door_publish,
                 .look = door_look,
                 .adopt = door_adopt},
        .shard_count = RIG_SHARDS,
        .directory = "/nowhere",
        .ceiling = {events_max, 1 << 20},
        .answer_timeout_ns = 5 * NS_PER_S,
        .topic_levels_max = 8,
    };
    rig.host = host_create(&options);
    struct host_entry entries[4] = {0};
    for (uint32_t i = 0; i < count; i++)
        entries[i].name = names[i];
    CU_ASSERT_TRUE_FATAL(host_load(rig.host, entries, count));
    host_open(rig.host);
}

void rig_end(void)
{
    host_close(rig.host);
    host_destroy(rig.host, clock_monotonic_ns() + 60 * NS_PER_S);
    CU_ASSERT_EQUAL(rig.finished, rig.begun);
    free(rig.answers);
}

int rig_ask(uint32_t index, uint64_t *ret_question, struct answer **ret_answer)
{
    const struct hbmqtt_plugin_session session = {.size = sizeof session, .peer = "", .listener = ""};
    const struct hbmqtt_plugin_credentials credentials = {.size = sizeof credentials, .session = &session};
    const struct call call = {.kind = CALL_AUTHENTICATE, .credentials = &credentials};
    return plugin_ask(rig.host->roster->plugins[index], &rig.host->questions[1], CLIENT, &call, ret_question,
                      ret_answer);
}

struct elsewhere {
    uint64_t question;
    int status;
};

static void *answer_elsewhere(void *argument)
{
    struct elsewhere *elsewhere = argument;
    elsewhere->status = answer_allow(elsewhere->question, "");
    return NULL;
}

int rig_answer_elsewhere(uint64_t question)
{
    struct elsewhere elsewhere = {.question = question};
    pthread_t thread;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, answer_elsewhere, &elsewhere), 0);
    (void)pthread_join(thread, NULL);
    return elsewhere.status;
}

// The log.

static int saved_stderr;
static char captured[65536];

void rig_capture(void)
{
    int file = memfd_create("log", MFD_CLOEXEC);
    CU_ASSERT_TRUE_FATAL(file >= 0 && fcntl(file, F_SETFL, O_APPEND) == 0);
    saved_stderr = dup(STDERR_FILENO);
    CU_ASSERT_TRUE_FATAL(saved_stderr >= 0 && dup2(file, STDERR_FILENO) >= 0);
    (void)close(file); // standard error holds it now
}

const char *rig_captured(void)
{
    ssize_t length = pread(STDERR_FILENO, captured, sizeof captured - 1, 0);
    CU_ASSERT_TRUE_FATAL(dup2(saved_stderr, STDERR_FILENO) >= 0 && length >= 0);
    (void)close(saved_stderr); // its copy goes on
    captured[length] = '\0';
    return captured;
}

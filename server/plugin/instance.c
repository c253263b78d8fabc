// SPDX-License-Identifier: MIT
#include "server/plugin/instance.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/plugin/context.h"
#include "server/plugin/host.h"
#include "server/plugin/settings.h"
#include "server/plugin/tally.h"

#define TELL_EVERY_NS NS_PER_S // what a plugin does wrong again and again is told no more often
#define TICK_MS       1000u    // unless it says otherwise

static const char *const call_names[CALL_KINDS] = {
    [CALL_AUTHENTICATE] = "authenticate", [CALL_CONNECT] = "connect",
    [CALL_PUBLISH] = "topic_filtering",   [CALL_SUBSCRIBE] = "topic_filtering",
    [CALL_RECEIVE] = "topic_filtering",   [CALL_MESSAGE] = "message_received",
    [CALL_SENT] = "message_sent",         [CALL_EVENT] = "event",
    [CALL_EXPIRED] = "session_expired",   [CALL_TICK] = "tick",
};

// The inline call that this thread is in: what is answered meanwhile needs no way round.
struct inline_call {
    uint64_t question;
    bool answered;
    struct answer *answer;
};
static _Thread_local struct inline_call *inline_call;

// Counts a fault, and returns how many there were if the log is to be told now; else 0.
static uint64_t fault_count(struct fault *fault)
{
    uint64_t count = atomic_fetch_add_explicit(&fault->count, 1, memory_order_relaxed) + 1;
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t told_ns = atomic_load_explicit(&fault->told_ns, memory_order_relaxed);
    bool tell = told_ns == 0 || now_ns - told_ns >= TELL_EVERY_NS;
    if (!tell || !atomic_compare_exchange_strong(&fault->told_ns, &told_ns, now_ns))
        return 0;
    return count;
}

static void plugin_count_unwanted(struct plugin *plugin, enum question_end end)
{
    if (end == QUESTION_GONE)
        return; // no fault of the plugin
    bool late = end == QUESTION_EXPIRED;
    uint64_t count = fault_count(late ? &plugin->answers_late : &plugin->answers_again);
    if (count > 0)
        log_warning("plugin %s: it answered a question %s, which changes nothing (%" PRIu64 " so far)",
                    plugin->name,
                    late                       ? "after its deadline"
                    : end == QUESTION_ANSWERED ? "a second time"
                                               : "that is not open",
                    count);
}

// What a plugin returns is an int: anything may be in it.
static int plugin_check_verdict(struct plugin *plugin, int verdict, enum call_kind kind)
{
    int bare = verdict_bare(verdict);
    if (bare >= HBMQTT_NO_OPINION && bare <= HBMQTT_NOT_CONCERNED)
        return verdict;
    if (fault_count(&plugin->mistakes) > 0)
        log_error("plugin %s: %s returned %d, which is no verdict; it counts as HBMQTT_DENY", plugin->name,
                  call_names[kind], verdict);
    return HBMQTT_DENY;
}

// Calls a function on the thread of a shard, and looks how long that took.
static int plugin_call_inline(struct plugin *plugin, uint64_t question, const struct call *call)
{
    uint64_t begun_ns = clock_monotonic_ns();
    int verdict = call_run(&plugin->code.descriptor, plugin->state, question, call);
    uint64_t took_ns = clock_monotonic_ns() - begun_ns;
    if (took_ns <= PLUGIN_SLOW_MS * NS_PER_MS)
        return plugin_check_verdict(plugin, verdict, call->kind);
    uint64_t count = fault_count(&plugin->slow_calls);
    if (count > 0)
        log_warning("plugin %s: %s took %" PRIu64 " ms, for which all clients of a thread waited (%" PRIu64
                    " times so far); it must not be HBMQTT_PLUGIN_INLINE if it waits for something",
                    plugin->name, call_names[call->kind], (uint64_t)(took_ns / NS_PER_MS), count);
    return plugin_check_verdict(plugin, verdict, call->kind);
}

static int plugin_ask_inline(struct plugin *plugin, struct questions *questions, uint64_t client,
                             const struct call *call, uint64_t *ret_question, struct answer **ret_answer)
{
    struct inline_call here = {.question = question_open(questions, plugin, client)};
    inline_call = &here;
    int verdict = plugin_call_inline(plugin, here.question, call);
    inline_call = NULL;
    if (verdict_bare(verdict) == HBMQTT_PENDING && !here.answered) {
        *ret_question = here.question;
        return HBMQTT_PENDING;
    }
    // It is over with the return of the function, whoever else may still want to answer.
    struct parcel *none;
    (void)question_close_locked(questions, here.question, QUESTION_ANSWERED, &none);
    question_unlock(questions);
    if (!here.answered)
        return verdict;
    if (verdict_bare(verdict) != HBMQTT_PENDING)
        plugin_count_unwanted(plugin, QUESTION_ANSWERED); // the first one counts
    *ret_answer = here.answer;
    return here.answer->verdict;
}

static int plugin_ask_worker(struct plugin *plugin, struct questions *questions, uint64_t client,
                             const struct call *call, uint64_t *ret_question)
{
    struct call_copy *copy = call_copy(call);
    if (copy == NULL) {
        log_peer("plugin %s: no memory to ask it for %s; it counts as denied", plugin->name,
                 call_names[call->kind]);
        return HBMQTT_DENY;
    }
    struct parcel *parcel = memory_require(sizeof *parcel);
    *ret_question = question_open(questions, plugin, client);
    *parcel = (struct parcel){.kind = PARCEL_CALL, .copy = copy, .question = *ret_question};
    list_init(&parcel->place);
    question_set_parcel(questions, *ret_question, parcel);
    worker_ask(plugin->worker, parcel);
    return HBMQTT_PENDING;
}

int plugin_ask(struct plugin *plugin, struct questions *questions, uint64_t client, const struct call *call,
               uint64_t *ret_question, struct answer **ret_answer)
{
    *ret_question = 0;
    *ret_answer = NULL;
    if (!plugin_is_inline(plugin))
        return plugin_ask_worker(plugin, questions, client, call, ret_question);
    return plugin_ask_inline(plugin, questions, client, call, ret_question, ret_answer);
}

bool plugin_give_up(struct plugin *plugin, struct questions *questions, uint64_t question,
                    enum question_end end)
{
    struct parcel *parcel;
    bool open = question_close_locked(questions, question, end, &parcel);
    if (parcel != NULL && !worker_withdraw(plugin->worker, parcel))
        parcel = NULL; // its thread has it
    question_unlock(questions);
    if (parcel != NULL)
        parcel_destroy(parcel);
    return open;
}

void plugin_count_unanswered(struct plugin *plugin, uint64_t timeout_ns, int verdict)
{
    static const char *const meanings[] = {"it counts as no opinion", "allowed", "denied"};
    uint64_t count = fault_count(&plugin->answers_never);
    if (count > 0)
        log_warning("plugin %s: no answer within %" PRIu64 " ms: %s (%" PRIu64 " times so far)", plugin->name,
                    (uint64_t)(timeout_ns / NS_PER_MS), meanings[verdict], count);
}

int plugin_ask_at_once(struct plugin *plugin, const struct call *call)
{
    int verdict = plugin_call_inline(plugin, 0, call);
    if (verdict_bare(verdict) != HBMQTT_PENDING)
        return verdict;
    if (fault_count(&plugin->answers_never) > 0)
        log_error("plugin %s: %s returned HBMQTT_PENDING where it has to decide at once; that is denied",
                  plugin->name, call_names[call->kind]);
    return HBMQTT_DENY;
}

void plugin_tell(struct plugin *plugin, const struct call *call)
{
    if (plugin_is_inline(plugin)) {
        (void)plugin_call_inline(plugin, 0, call); // it has no verdict
        return;
    }
    if (worker_push(plugin->worker, call_copy(call)))
        return;
    uint64_t count = fault_count(&plugin->events_dropped);
    if (count > 0)
        log_warning("plugin %s: it does not keep up: %" PRIu64 " events dropped so far (limit "
                    "plugin_queue_max)",
                    plugin->name, count);
}

// Answers, from any thread.

static int plugin_answer_here(struct plugin *plugin, struct answer *answer)
{
    if (inline_call->answered) {
        free(answer);
        plugin_count_unwanted(plugin, QUESTION_ANSWERED);
        return HBMQTT_PLUGIN_ERROR_NOT_OPEN;
    }
    inline_call->answered = true;
    inline_call->answer = answer;
    return 0;
}

// Takes the answer.
static int plugin_deliver(struct plugin *plugin, uint64_t question, struct answer *answer)
{
    struct host *host = plugin->host;
    uint32_t shard = question_shard(question);
    enum question_end end = QUESTION_GONE; // while the broker stops
    if (host_enter(host)) {
        end = QUESTION_NEVER;
        if (shard < host->shard_count)
            end = question_answer(&host->questions[shard], question, plugin, &answer->client);
        answer->question = question;
        if (end == QUESTION_OPEN)
            host->door.answered(host->door.broker, shard, answer);
        host_leave(host);
    }
    if (end == QUESTION_OPEN)
        return 0;
    free(answer);
    plugin_count_unwanted(plugin, end);
    return HBMQTT_PLUGIN_ERROR_NOT_OPEN;
}

int plugin_answer(const struct hbmqtt_plugin_broker *broker, uint64_t question,
                  const struct hbmqtt_plugin_answer *given)
{
    struct plugin *plugin = plugin_of(broker);
    int error;
    struct answer *answer = answer_create(given, plugin->host->topic_levels_max, &error);
    if (answer == NULL) {
        if (fault_count(&plugin->mistakes) > 0)
            log_error("plugin %s: its answer cannot be: %s", plugin->name,
                      error == HBMQTT_PLUGIN_ERROR_MEMORY
                          ? "there is no memory for it"
                          : "no verdict, or no topic, QoS or user name of MQTT");
        return error;
    }
    if (inline_call != NULL && question != 0 && inline_call->question == question)
        return plugin_answer_here(plugin, answer);
    return plugin_deliver(plugin, question, answer);
}

// On the plugin's own thread.

int plugin_run_init(struct plugin *plugin, const struct hbmqtt_plugin_setting *settings)
{
    const struct hbmqtt_plugin *code = &plugin->code.descriptor;
    int refused = code->init == NULL ? 0 : code->init(&plugin->broker, settings, &plugin->state);
    if (refused != 0)
        log_error("plugin %s: it cannot begin (%d)", plugin->name, refused);
    return refused;
}

void plugin_run_parcel(struct plugin *plugin, struct parcel *parcel)
{
    struct questions *questions = &plugin->host->questions[question_shard(parcel->question)];
    if (parcel->question != 0)
        question_set_parcel(questions, parcel->question, NULL);
    int verdict = call_run(&plugin->code.descriptor, plugin->state, parcel->question, &parcel->copy->call);
    if (parcel->question == 0)
        return;
    verdict = plugin_check_verdict(plugin, verdict, parcel->copy->call.kind);
    if (verdict_bare(verdict) == HBMQTT_PENDING)
        return; // it answers, or has answered
    struct answer *answer = memory_require(sizeof *answer);
    answer->verdict = verdict;
    (void)plugin_deliver(plugin, parcel->question, answer); // one that nobody waits for has been counted
}

void plugin_run_reload(struct plugin *plugin, const struct hbmqtt_plugin_setting *settings)
{
    int refused = plugin->code.descriptor.reload(plugin->state, settings);
    if (refused != 0)
        log_error("plugin %s: it cannot take the new settings (%d) and keeps those that it had", plugin->name,
                  refused);
    host_forget_verdicts(plugin->host);
}

void plugin_run_finish(struct plugin *plugin)
{
    if (plugin->code.descriptor.finish != NULL)
        plugin->code.descriptor.finish(plugin->state);
}

static uint64_t plugin_tick_after(const struct plugin *plugin, uint64_t now_ns)
{
    uint32_t tick_ms = plugin->code.descriptor.tick_ms;
    return now_ns + (tick_ms == 0 ? TICK_MS : tick_ms) * NS_PER_MS;
}

uint64_t plugin_first_tick(const struct plugin *plugin)
{
    if (plugin->code.descriptor.tick == NULL)
        return TIMER_NEVER;
    return plugin_tick_after(plugin, clock_monotonic_ns());
}

uint64_t plugin_run_tick(struct plugin *plugin)
{
    const struct call call = {.kind = CALL_TICK, .now_ns = clock_monotonic_ns()};
    if (plugin_is_inline(plugin))
        (void)plugin_call_inline(plugin, 0, &call); // it has no verdict
    else
        (void)call_run(&plugin->code.descriptor, plugin->state, 0, &call);
    return plugin_tick_after(plugin, clock_monotonic_ns());
}

// From loading to unloading.

static void plugin_free(struct plugin *plugin)
{
    loader_close(&plugin->code);
    free(plugin->name);
    free(plugin);
}

static bool plugin_begin(struct plugin *plugin, const struct hbmqtt_plugin_setting *settings)
{
    if (plugin_is_inline(plugin))
        return plugin_run_init(plugin, settings) == 0;
    plugin->worker = worker_create(plugin, plugin->host->ceiling, settings);
    return plugin->worker != NULL;
}

struct plugin *plugin_create(struct host *host, const char *name,
                             const struct hbmqtt_plugin_setting *settings)
{
    struct plugin *plugin = memory_require(sizeof *plugin);
    plugin->host = host;
    plugin->name = memory_require(strlen(name) + 1);
    memcpy(plugin->name, name, strlen(name) + 1);
    context_offer(&plugin->broker);
    if (!loader_open(name, host->directory, &plugin->code) || !plugin_begin(plugin, settings)) {
        plugin_free(plugin);
        return NULL;
    }
    const struct hbmqtt_plugin *code = &plugin->code.descriptor;
    log_info("plugin %s: %s %s, %s", plugin->name, code->name, code->version,
             plugin_is_inline(plugin) ? "inline" : "on a thread of its own");
    return plugin;
}

static void plugin_tell_manners(const struct plugin *plugin)
{
    uint64_t never = plugin->answers_never.count;
    uint64_t late = plugin->answers_late.count;
    uint64_t again = plugin->answers_again.count;
    uint64_t dropped = plugin->events_dropped.count;
    uint64_t slow = plugin->slow_calls.count;
    uint64_t mistakes = plugin->mistakes.count;
    if (never + late + again + dropped + slow + mistakes == 0) {
        log_info("plugin %s: unloaded", plugin->name);
        return;
    }
    log_warning("plugin %s: unloaded; %" PRIu64 " questions not answered in time, %" PRIu64
                " answers too late, %" PRIu64 " answers given twice, %" PRIu64 " events dropped, %" PRIu64
                " slow calls, %" PRIu64 " answers that cannot be",
                plugin->name, never, late, again, dropped, slow, mistakes);
}

void plugin_stop(struct plugin *plugin)
{
    if (!plugin_is_inline(plugin))
        worker_finish(plugin->worker);
}

bool plugin_destroy(struct plugin *plugin, uint64_t deadline_ns)
{
    if (plugin_is_inline(plugin))
        plugin_run_finish(plugin);
    else if (!worker_join(plugin->worker, deadline_ns))
        return false;
    plugin_tell_manners(plugin);
    plugin_free(plugin);
    return true;
}

void plugin_leave_behind(struct plugin *plugin)
{
    log_error("plugin %s: it is still at work; the broker ends without it", plugin->name);
    worker_leave_behind(plugin->worker);
}

void plugin_reload(struct plugin *plugin, struct hbmqtt_plugin_setting *settings)
{
    if (!plugin_is_inline(plugin)) {
        worker_reload(plugin->worker, settings);
        return;
    }
    plugin_run_reload(plugin, settings);
    setting_destroy(settings);
}

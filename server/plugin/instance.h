// SPDX-License-Identifier: MIT
// One plugin that is loaded: its code, its state, where its functions run, and what is known of its manners.
#ifndef PLUGIN_INSTANCE_H
#define PLUGIN_INSTANCE_H

#include <stdatomic.h>

#include "server/plugin/answer.h"
#include "server/plugin/call.h"
#include "server/plugin/loader.h"
#include "server/plugin/question.h"
#include "server/plugin/worker.h"

#define PLUGIN_SLOW_MS 10u // an inline call that takes longer is told

struct host;

// Something that a plugin did wrong, as often as it was, for the log.
struct fault {
    _Atomic uint64_t count;
    _Atomic uint64_t told_ns; // when the log was told last
};

struct plugin {
    struct hbmqtt_plugin_broker broker; // what it knows of us
    struct host *host;
    char *name; // as the configuration gives it, a path perhaps
    struct plugin_code code;
    void *state;
    struct worker *worker; // unless it is inline
    bool kept;             // by the reload that is going on

    struct fault answers_again; // to a question that was answered
    struct fault answers_late;  // when nobody waited any more
    struct fault answers_never; // deadlines that passed
    struct fault events_dropped;
    struct fault slow_calls;
    struct fault mistakes; // verdicts and answers that cannot be
};

// Loads a plugin, by its name or its path, and has it begin. NULL if that failed, which has been told.
WARN_UNUSED struct plugin *plugin_create(struct host *host, const char *name,
                                         const struct hbmqtt_plugin_setting *settings);

// Asks it to finish; then waits for that until `deadline_ns`, unloads and frees it. Returns false if it is
// still at work then: it stays as it is. No shard may call it any more.
void plugin_stop(struct plugin *plugin);
WARN_UNUSED bool plugin_destroy(struct plugin *plugin, uint64_t deadline_ns);

// It is still at work while the broker ends.
void plugin_leave_behind(struct plugin *plugin);

// Has it read its settings again, which are taken. Inline plugins do so at once.
void plugin_reload(struct plugin *plugin, struct hbmqtt_plugin_setting *settings);

static inline bool plugin_is_inline(const struct plugin *plugin)
{
    return (plugin->code.descriptor.flags & HBMQTT_PLUGIN_INLINE) != 0;
}

static inline bool plugin_wants_event(const struct plugin *plugin, uint32_t kind)
{
    return plugin->code.descriptor.event != NULL && (plugin->code.descriptor.events >> kind & 1) != 0;
}

// Asks for a decision about a client. Returns its verdict with its flags; HBMQTT_PENDING, and the number of
// the question, if the answer comes later. *ret_answer: what it said beside its verdict, the caller's to
// free; or NULL.
int plugin_ask(struct plugin *plugin, struct questions *questions, uint64_t client, const struct call *call,
               uint64_t *ret_question, struct answer **ret_answer);

// Gives up a question for the reason `end`. Returns false if its answer is on its way to the shard.
bool plugin_give_up(struct plugin *plugin, struct questions *questions, uint64_t question,
                    enum question_end end);

// A question was given up because no answer came in time; `verdict` is what holds instead.
void plugin_count_unanswered(struct plugin *plugin, uint64_t timeout_ns, int verdict);

// Asks an inline plugin for something that has to be decided at once, or tells any plugin of something.
int plugin_ask_at_once(struct plugin *plugin, const struct call *call);
void plugin_tell(struct plugin *plugin, const struct call *call);

// What the worker does with a plugin, on its thread.
int plugin_run_init(struct plugin *plugin, const struct hbmqtt_plugin_setting *settings);
void plugin_run_parcel(struct plugin *plugin, struct parcel *parcel);
void plugin_run_reload(struct plugin *plugin, const struct hbmqtt_plugin_setting *settings);
void plugin_run_finish(struct plugin *plugin);
// When the first tick is due; ticks, and returns when the next one is. TIMER_NEVER if it wants none.
uint64_t plugin_first_tick(const struct plugin *plugin);
uint64_t plugin_run_tick(struct plugin *plugin);

// The function `answer` of its table.
int plugin_answer(const struct hbmqtt_plugin_broker *broker, uint64_t question,
                  const struct hbmqtt_plugin_answer *given);

#endif

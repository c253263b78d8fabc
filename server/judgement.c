// SPDX-License-Identifier: MIT
#include "server/judgement.h"

#include <stdlib.h>

#include "server/client.h"
#include "server/subscribe.h"

void judgement_finish(struct judgement *judgement)
{
    free(judgement->change);
    free(judgement->answer);
    subscribe_forget(judgement->subscription);
    *judgement = (struct judgement){0};
}

// Begins the next decision, or the same again.
static void judgement_clear(struct judgement *judgement)
{
    free(judgement->answer);
    judgement->plugin = 0;
    judgement->tally = (struct tally){0};
    judgement->question = 0;
    judgement->answered = false;
    judgement->answer = NULL;
}

// What they have said up to now belongs to this decision: no other of the packet comes behind one that says
// more than a verdict.
void judgement_restart(struct judgement *judgement)
{
    free(judgement->change);
    judgement->change = NULL;
    judgement_clear(judgement);
}

void judgement_take(struct judgement *judgement, int verdict, struct answer *answer)
{
    judgement->question = 0;
    judgement->answered = true;
    judgement->verdict = verdict;
    judgement->answer = answer;
}

// The verdict of the plugin whose turn it is, and what it said beside; HBMQTT_PENDING if that comes later.
static int judgement_ask(struct shard *shard, struct client *client, struct judgement *judgement,
                         const struct call *call)
{
    if (!judgement->answered) {
        struct plugin *plugin = shard->roster->plugins[judgement->plugin];
        struct questions *questions = &shard->broker->host->questions[shard->number];
        struct answer *answer;
        int verdict = plugin_ask(plugin, questions, client->id, call, &judgement->question, &answer);
        if (verdict == HBMQTT_PENDING)
            return verdict;
        judgement_take(judgement, verdict, answer);
    }
    judgement->answered = false;
    return judgement->verdict;
}

// What a plugin said beside its verdict. It is taken where it has a meaning: the name that the first one who
// allows gives, and the message that the last one makes.
static void judgement_take_saying(struct judgement *judgement, enum call_kind kind, bool allows)
{
    struct answer *answer = judgement->answer;
    judgement->answer = NULL;
    if (answer == NULL)
        return;
    bool names =
        kind == CALL_AUTHENTICATE && allows && answer->user_name.length > 0 && judgement->change == NULL;
    bool changes = kind == CALL_MESSAGE && answer->has_message;
    if (!names && !changes) {
        free(answer);
        return;
    }
    free(judgement->change);
    judgement->change = answer;
}

static struct hbmqtt_plugin_message message_changed(const struct answer *answer)
{
    return (struct hbmqtt_plugin_message){
        .size = sizeof(struct hbmqtt_plugin_message),
        .qos = answer->qos,
        .retain = answer->retain,
        .topic = bytes_to_plugin(answer->topic),
        .payload = bytes_to_plugin(answer->payload),
    };
}

// Asks all who take part, from where it was. Returns HBMQTT_ALLOW, HBMQTT_DENY, HBMQTT_PENDING, or
// HBMQTT_NOT_CONCERNED where the broker's own rule holds.
static int judge(struct shard *shard, struct client *client, struct judgement *judgement,
                 const struct call *asked)
{
    const struct roster *roster = shard->roster;
    if (roster == NULL)
        return HBMQTT_NOT_CONCERNED;
    struct call call = *asked;
    struct hbmqtt_plugin_message changed;
    while ((judgement->plugin = roster_next(roster, call.kind, judgement->plugin)) < roster->count) {
        if (call.kind == CALL_MESSAGE && judgement->change != NULL) {
            changed = message_changed(judgement->change);
            call.message = &changed;
        }
        int verdict = judgement_ask(shard, client, judgement, &call);
        if (verdict == HBMQTT_PENDING)
            return HBMQTT_PENDING;
        if (tally_add(&judgement->tally, verdict))
            return HBMQTT_DENY;
        judgement_take_saying(judgement, call.kind, verdict_bare(verdict) == HBMQTT_ALLOW);
        judgement->plugin++;
    }
    bool rules = call.kind != CALL_CONNECT && call.kind != CALL_MESSAGE; // these only deny
    return rules ? tally_conclude(&judgement->tally) : HBMQTT_ALLOW;
}

// The end of a decision.
static enum judged judgement_conclude(struct judgement *judgement, bool allowed)
{
    judgement_clear(judgement);
    judgement->step++;
    return allowed ? JUDGED_ALLOWED : JUDGED_DENIED;
}

// CONNECT.

static uint8_t refusal_of(const struct judgement *judgement, const struct packet_connect *connect)
{
    if (judgement->tally.unavailable)
        return REASON_SERVER_UNAVAILABLE;
    return connect->has_user_name ? REASON_BAD_USER_NAME_OR_PASSWORD : REASON_NOT_AUTHORIZED;
}

// Returns false if there is no memory for the name.
static bool judgement_take_name(struct client *client, struct judgement *judgement)
{
    struct answer *answer = judgement->change;
    judgement->change = NULL;
    bool taken = answer == NULL || identity_rename(&client->identity, answer->user_name);
    free(answer);
    if (taken && judgement->tally.vouched)
        client->identity->session.flags |= HBMQTT_SESSION_VOUCHED;
    return taken;
}

static enum judged judge_credentials(struct shard *shard, struct client *client, struct judgement *judgement,
                                     const struct packet_connect *connect, uint8_t *ret_reason)
{
    const struct hbmqtt_plugin_credentials credentials = {
        .size = sizeof credentials,
        .flags = connect->has_password ? HBMQTT_CREDENTIALS_HAVE_PASSWORD : 0,
        .session = &client->identity->session,
        .password = bytes_to_plugin(connect->password),
    };
    int verdict = judge(shard, client, judgement,
                        &(struct call){.kind = CALL_AUTHENTICATE, .credentials = &credentials});
    if (verdict == HBMQTT_PENDING)
        return JUDGED_HELD;
    *ret_reason = verdict == HBMQTT_ALLOW  ? REASON_SUCCESS
                  : verdict == HBMQTT_DENY ? refusal_of(judgement, connect)
                                           : access_authenticate(&shard->regime->access, connect);
    if (*ret_reason == REASON_SUCCESS && !judgement_take_name(client, judgement))
        *ret_reason = REASON_SERVER_UNAVAILABLE;
    return judgement_conclude(judgement, *ret_reason == REASON_SUCCESS);
}

enum judged judge_connect(struct shard *shard, struct client *client, struct judgement *judgement,
                          const struct packet_connect *connect, uint8_t *ret_reason)
{
    if (judgement->step == 0 && client->link.authenticated)
        judgement->step = 1; // its certificate vouches for it
    if (judgement->step == 0) {
        enum judged judged = judge_credentials(shard, client, judgement, connect, ret_reason);
        if (judged != JUDGED_ALLOWED)
            return judged;
    }
    int verdict = judge(shard, client, judgement,
                        &(struct call){.kind = CALL_CONNECT, .session = &client->identity->session});
    if (verdict == HBMQTT_PENDING)
        return JUDGED_HELD;
    *ret_reason = REASON_NOT_AUTHORIZED;
    return judgement_conclude(judgement, verdict != HBMQTT_DENY);
}

// Topics and messages.

// Before a client has its session, its identity is its own.
static struct identity *identity_of_client(struct shard *shard, struct client *client)
{
    return client->identity != NULL ? client->identity : identity_of_session(shard, client->link.session);
}

static struct verdict_key verdict_key_of(const struct shard *shard, const struct judged_topic *topic,
                                         uint64_t verdicts)
{
    return (struct verdict_key){.epoch = verdicts,
                                .hash_seed = shard->broker->hash_seed,
                                .action = topic->action,
                                .topic = topic->topic};
}

static struct hbmqtt_plugin_access access_of(const struct judged_topic *topic,
                                             const struct identity *identity)
{
    return (struct hbmqtt_plugin_access){
        .size = sizeof(struct hbmqtt_plugin_access),
        .action = topic->action,
        .session = &identity->session,
        .topic = bytes_to_plugin(topic->topic),
        .qos = topic->qos,
        .retain = topic->retain,
    };
}

enum judged judge_topic(struct shard *shard, struct client *client, struct judgement *judgement,
                        const struct judged_topic *topic)
{
    enum call_kind kind = topic->action == HBMQTT_FILTER_PUBLISH ? CALL_PUBLISH : CALL_SUBSCRIBE;
    if (!roster_concerned(shard->roster, kind))
        return judgement_conclude(judgement, true);
    struct identity *identity = identity_of_client(shard, client);
    if (!judgement->answered)
        judgement->verdicts = host_verdicts(shard->broker->host);
    const struct verdict_key key = verdict_key_of(shard, topic, judgement->verdicts);
    int remembered = verdicts_find(identity->verdicts, &key);
    if (remembered != HBMQTT_NO_OPINION)
        return judgement_conclude(judgement, remembered == HBMQTT_ALLOW);
    const struct hbmqtt_plugin_access access = access_of(topic, identity);
    int verdict = judge(shard, client, judgement, &(struct call){.kind = kind, .access = &access});
    if (verdict == HBMQTT_PENDING)
        return JUDGED_HELD;
    bool allowed = verdict != HBMQTT_DENY;
    if (!judgement->tally.fleeting)
        verdicts_put(&identity->verdicts, &key, allowed ? HBMQTT_ALLOW : HBMQTT_DENY);
    return judgement_conclude(judgement, allowed);
}

static bool messages_concern_nobody(const struct roster *roster)
{
    return !roster_concerned(roster, CALL_MESSAGE) && !roster_wants(roster, HBMQTT_EVENT_MESSAGE_RECEIVED) &&
           !roster_wants(roster, HBMQTT_EVENT_MESSAGE_BROADCAST);
}

bool judge_is_known(struct shard *shard, struct client *client, struct bytes name)
{
    if (!messages_concern_nobody(shard->roster))
        return false;
    if (!roster_concerned(shard->roster, CALL_PUBLISH))
        return true;
    const struct judged_topic topic = {.action = HBMQTT_FILTER_PUBLISH, .topic = name};
    const struct verdict_key key = verdict_key_of(shard, &topic, host_verdicts(shard->broker->host));
    return verdicts_find(identity_of_client(shard, client)->verdicts, &key) == HBMQTT_ALLOW;
}

enum judged judge_message(struct shard *shard, struct client *client, struct judgement *judgement,
                          const struct packet_publish *publish)
{
    if (!roster_concerned(shard->roster, CALL_MESSAGE))
        return judgement_conclude(judgement, true);
    const struct hbmqtt_plugin_message message = {
        .size = sizeof message,
        .qos = publish->qos,
        .retain = publish->retain,
        .topic = bytes_to_plugin(publish->topic),
        .payload = bytes_to_plugin(publish->payload),
    };
    const struct call call = {
        .kind = CALL_MESSAGE, .session = &identity_of_client(shard, client)->session, .message = &message};
    int verdict = judge(shard, client, judgement, &call);
    if (verdict == HBMQTT_PENDING)
        return JUDGED_HELD;
    return judgement_conclude(judgement, verdict != HBMQTT_DENY);
}

// All who take part are inline: that is a condition of loading them.
static int judge_at_once(const struct roster *roster, const struct call *call, struct tally *tally)
{
    for (uint32_t i = roster_next(roster, call->kind, 0); i < roster->count;
         i = roster_next(roster, call->kind, i + 1))
        if (tally_add(tally, plugin_ask_at_once(roster->plugins[i], call)))
            return HBMQTT_DENY;
    return tally_conclude(tally);
}

bool judge_receive(struct shard *shard, struct session *session, const struct publication *publication,
                   bool *ret_stable)
{
    struct identity *identity = identity_of_session(shard, session);
    const struct judged_topic topic = {HBMQTT_FILTER_RECEIVE, publication->topic, publication->qos,
                                       publication->retain};
    const struct verdict_key key = verdict_key_of(shard, &topic, host_verdicts(shard->broker->host));
    int remembered = verdicts_find(identity->verdicts, &key);
    *ret_stable = true;
    if (remembered != HBMQTT_NO_OPINION)
        return remembered == HBMQTT_ALLOW;
    const struct hbmqtt_plugin_access access = access_of(&topic, identity);
    struct tally tally = {0};
    int verdict =
        judge_at_once(shard->roster, &(struct call){.kind = CALL_RECEIVE, .access = &access}, &tally);
    bool allowed = verdict != HBMQTT_DENY;
    *ret_stable = !tally.fleeting;
    if (*ret_stable)
        verdicts_put(&identity->verdicts, &key, allowed ? HBMQTT_ALLOW : HBMQTT_DENY);
    return allowed;
}

bool judge_kept(struct shard *shard, struct session *session, const struct message *message)
{
    if (!roster_concerned(shard->roster, CALL_RECEIVE))
        return true;
    struct publication publication;
    bool stable;
    publication_from_message(&publication, message);
    return judge_receive(shard, session, &publication, &stable);
}

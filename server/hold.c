// SPDX-License-Identifier: MIT
#include "server/hold.h"

#include <stdlib.h>

#include "server/client.h"

static struct questions *questions_of(const struct shard *shard)
{
    return &shard->broker->host->questions[shard->number];
}

static void hold_wait(struct shard *shard, struct hold *hold)
{
    const struct roster_terms *terms = &shard->roster->terms[hold->judgement.plugin];
    uint64_t wait_ns = hold->judgement.yields ? 1 : terms->answer_timeout_ns; // 1: not in this turn
    hold->client->hold = hold;
    list_append(&shard->held, &hold->place);
    timer_arm(&shard->timers, &hold->deadline, shard->turn.now_ns + wait_ns);
}

static void hold_wait_no_more(struct shard *shard, struct hold *hold)
{
    hold->client->hold = NULL;
    list_remove(&hold->place);
    timer_cancel(&shard->timers, &hold->deadline);
}

static void hold_free(struct hold *hold)
{
    judgement_finish(&hold->judgement);
    if (hold->effect == EFFECT_CONNECT && hold->frame != NULL)
        explicit_bzero(hold->frame->data, hold->frame->used); // there is a password in it
    if (hold->frame != NULL)
        segment_unref(hold->frame);
    if (hold->rest != NULL)
        segment_unref(hold->rest);
    free(hold);
}

// What is left in the inbox lies in the segment of an earlier hold, or is the kernel's and has to be copied.
static bool hold_keep_rest(struct shard *shard, struct hold *hold, struct bytes rest)
{
    if (rest.length == 0)
        return true;
    struct segment *feeding = shard->feeding;
    if (feeding == NULL)
        return segment_lengthen(&hold->rest, rest);
    hold->rest = segment_ref(feeding);
    hold->rest_at = (uint32_t)(rest.data - feeding->data);
    return true;
}

void hold_begin(struct shard *shard, struct client *client, const struct frame *frame,
                const struct effect *effect, struct judgement *judgement)
{
    struct hold *hold = memory_require(sizeof *hold);
    *hold = (struct hold){
        .client = client,
        .judgement = *judgement,
        .effect = effect->kind,
        .acknowledge = effect->acknowledge,
        .packet_id = effect->packet_id,
    };
    hold->deadline.kind = TIMER_HOLD;
    list_init(&hold->place);
    // First the packet, which may lie in what the inbox gives up with the rest.
    bool kept = segment_lengthen(&hold->frame, frame_packet(frame)) &&
                hold_keep_rest(shard, hold, inbox_take_left(&client->link.inbox));
    hold_wait(shard, hold);
    if (!kept)
        client_close(shard, client, REASON_QUOTA_EXCEEDED);
}

void hold_append(struct shard *shard, struct client *client, struct bytes received)
{
    if (!segment_lengthen(&client->hold->rest, received))
        client_close(shard, client, REASON_QUOTA_EXCEEDED);
}

static struct bytes hold_rest(const struct hold *hold)
{
    if (hold->rest == NULL)
        return (struct bytes){0};
    return (struct bytes){hold->rest->data + hold->rest_at, hold->rest->used - hold->rest_at};
}

// Carries the packet out with what is decided of it. Returns true if it is held once more.
static bool hold_carry_out(struct shard *shard, struct client *client, struct hold *hold)
{
    struct frame frame;
    struct effect effect = {
        .kind = hold->effect, .acknowledge = hold->acknowledge, .packet_id = hold->packet_id};
    enum frame_status status =
        frame_read((struct bytes){hold->frame->data, hold->frame->used}, UINT32_MAX, &frame);
    assert(status == FRAME_READY); // it was when it was held, and so on
    uint8_t reason = packet_decode(&frame, client->link.version, &effect.packet);
    assert(reason == REASON_SUCCESS);
    return client_carry_out_judged(shard, client, &frame, &effect, &hold->judgement);
}

// Goes on where the client was held.
static void hold_resume(struct shard *shard, struct hold *hold)
{
    struct client *client = hold->client;
    hold_wait_no_more(shard, hold);
    hold->judgement.yields = false;
    client->link.received_ns = shard->turn.now_ns; // it was we who did not read
    shard->feeding = hold->rest;
    inbox_feed(&client->link.inbox, hold_rest(hold));
    if (hold_carry_out(shard, client, hold)) {
        (void)inbox_take_left(&client->link.inbox); // it is in hold->rest still
        hold_wait(shard, hold);
        shard->feeding = NULL;
        return;
    }
    client_work_off(shard, client);
    shard->feeding = NULL;
    bool ended = hold->ended;
    hold_free(hold);
    client_let_go(shard, client, ended);
}

void hold_answered(struct shard *shard, struct answer *answer)
{
    struct client *client = client_find(shard, answer->client);
    struct hold *hold = client == NULL ? NULL : client->hold;
    if (hold == NULL || hold->judgement.question != answer->question) {
        free(answer); // nobody waits for it any more
        return;
    }
    judgement_take(&hold->judgement, answer->verdict, answer);
    if (shard->phase == SHARD_SERVING)
        hold_resume(shard, hold);
}

void hold_expired(struct shard *shard, struct timer *timer)
{
    struct hold *hold = container_of(timer, struct hold, deadline);
    if (hold->judgement.yields) {
        if (shard->phase == SHARD_SERVING)
            hold_resume(shard, hold);
        return;
    }
    uint32_t index = hold->judgement.plugin;
    struct plugin *plugin = shard->roster->plugins[index];
    const struct roster_terms *terms = &shard->roster->terms[index];
    if (shard->phase != SHARD_SERVING ||
        !plugin_give_up(plugin, questions_of(shard), hold->judgement.question, QUESTION_EXPIRED))
        return; // the answer is on its way, or it will be closed soon
    plugin_count_unanswered(plugin, terms->answer_timeout_ns, terms->verdict_default);
    // Nobody has said that the credentials are wrong.
    bool denies = terms->verdict_default == HBMQTT_DENY;
    judgement_take(&hold->judgement, denies ? HBMQTT_DENY | HBMQTT_UNAVAILABLE : terms->verdict_default,
                   NULL);
    hold_resume(shard, hold);
}

static void hold_give_up(struct shard *shard, struct hold *hold)
{
    if (hold->judgement.question != 0)
        (void)plugin_give_up(shard->roster->plugins[hold->judgement.plugin], questions_of(shard),
                             hold->judgement.question, QUESTION_GONE); // an answer on its way finds nobody
}

void hold_adopt(struct shard *shard, struct roster *roster)
{
    struct list held; // who is held once more goes to the other list
    list_init(&held);
    struct list *node;
    while ((node = list_take_first(&shard->held)) != NULL) {
        struct hold *hold = container_of(node, struct hold, place);
        hold_give_up(shard, hold);
        judgement_restart(&hold->judgement);
        list_append(&held, node);
    }
    shard->roster = roster->count == 0 ? NULL : roster;
    shard->adopted++;
    if (shard->phase != SHARD_SERVING)
        return; // they are closed soon
    while ((node = list_first(&held)) != NULL)
        hold_resume(shard, container_of(node, struct hold, place));
}

void hold_drop(struct shard *shard, struct client *client)
{
    struct hold *hold = client->hold;
    if (hold == NULL)
        return;
    hold_give_up(shard, hold);
    hold_wait_no_more(shard, hold);
    // A message of QoS 2 that was not carried out has not been received: the client sends it again.
    if (hold->effect == EFFECT_PUBLISH && hold->acknowledge == PACKET_PUBREC && client->link.session != NULL)
        session_receive_release(client->link.session, &shard->turn, hold->packet_id);
    hold_free(hold);
}

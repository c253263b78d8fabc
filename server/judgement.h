// SPDX-License-Identifier: MIT
// What the plugins decide about one packet of a client, as far as it has come. A packet may take several
// decisions, one after the other: for a CONNECT whether the client is who it says, whether it may connect,
// and what becomes of its will; for a SUBSCRIBE one for each filter.
//
//     judge_* -> JUDGED_ALLOWED or JUDGED_DENIED
//             -> JUDGED_HELD: a plugin will answer later. Whoever carries out the packet keeps the judgement
//                and the packet (hold.h); when the answer is there, it goes over the packet again, with the
//                same judgement, which goes on where it was
//
// A packet whose decisions are all made at once never leaves the stack.
#ifndef JUDGEMENT_H
#define JUDGEMENT_H

#include "server/identity.h"
#include "server/shard.h"

struct client;
struct pending_subscription;

enum judged { JUDGED_ALLOWED, JUDGED_DENIED, JUDGED_HELD };

struct judgement {
    // Of the packet:
    uint32_t step; // decisions that are made; what each is about, the packet's code knows
    bool will_denied;
    bool yields;           // held although nothing is open: others have their turn first
    struct answer *change; // what goes on in place of the message that came, or of the user name; or NULL
    struct pending_subscription *subscription; // of a SUBSCRIBE
    // Of the decision that is being made:
    uint32_t plugin;    // who is to be asked next, or was asked
    struct tally tally; // of those before
    uint64_t verdicts;  // host_verdicts when it began
    uint64_t question;  // while it is open
    bool answered;      // by this plugin:
    int verdict;
    struct answer *answer;
};

// Gives back what it holds.
void judgement_finish(struct judgement *judgement);

// The plugins are others: the decision that is being made begins again.
void judgement_restart(struct judgement *judgement);

// Takes the answer to its question.
void judgement_take(struct judgement *judgement, int verdict, struct answer *answer);

// Whether a client is who it says it is, and may connect; gives its identity the name by which it is known.
// Without plugins that grant it, the broker's own rule holds. *ret_reason: why not.
enum judged judge_connect(struct shard *shard, struct client *client, struct judgement *judgement,
                          const struct packet_connect *connect, uint8_t *ret_reason);

// Whether a client may do something with a topic: `action` is PUBLISH or SUBSCRIBE.
struct judged_topic {
    enum hbmqtt_plugin_filter action;
    struct bytes topic;
    uint8_t qos;
    bool retain;
};
enum judged judge_topic(struct shard *shard, struct client *client, struct judgement *judgement,
                        const struct judged_topic *topic);

// Whether a client may publish to a topic without anybody being asked or told: it was allowed before, that
// holds, and nobody has to do with messages themselves.
bool judge_is_known(struct shard *shard, struct client *client, struct bytes topic);

// What becomes of a message that may be published: it may be denied, or have judgement->change.
enum judged judge_message(struct shard *shard, struct client *client, struct judgement *judgement,
                          const struct packet_publish *publish);

// Whether a message may go to a session, which is decided at once. *ret_stable: it will be the same for the
// next one on this topic.
bool judge_receive(struct shard *shard, struct session *session, const struct publication *publication,
                   bool *ret_stable);

// The same for a message that is kept.
bool judge_kept(struct shard *shard, struct session *session, const struct message *message);

#endif

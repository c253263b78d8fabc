// SPDX-License-Identifier: MIT
// The records that shards send each other, and what is done with each.
//
// Records are gathered in a block for each addressee and posted at the end of the turn: one atomic operation
// and at most one wake for all that a turn had to say. When an addressee holds mailbox_bytes_max of our mail,
// the shard is congested: it goes on with what it has received, but reads from no publisher until blocks have
// come back.
#ifndef MAIL_H
#define MAIL_H

#include "server/shard.h"

// A publication for the sessions of another shard; its bytes are copied.
void mail_publish(struct shard *shard, uint32_t to, const struct publication *publication);

// To all other shards: this shard has its first subscriber for `filter`, or lost its last.
void mail_interest(struct shard *shard, struct bytes filter, bool interested);

// To all other shards: answer with `token` when everything before is noted.
void mail_note(struct shard *shard, uint64_t token);

// A connection moves; `received` is what the other shard is to read first.
struct client_arrival;
void mail_handover(struct shard *shard, uint32_t to, const struct client_arrival *arrival);

// From main: begin the given phase; set your pulse to this number.
void mail_phase_from_main(struct shard *addressee, enum shard_phase phase);
void mail_pulse_from_main(struct shard *addressee, uint64_t number);

// From any thread, while the host of the plugins is open: an answer, which is taken; a message, which is
// copied; a look, which stays where it is until it is answered. And from main: other plugins, or another
// regime, to which the shard posts broker->reported.
struct answer;
struct look_request;
struct roster;
struct regime;
void mail_answer_from_outside(struct shard *addressee, struct answer *answer);
void mail_publish_from_outside(struct shard *addressee, const struct publication *publication);
void mail_look_from_outside(struct shard *addressee, struct look_request *request);
void mail_roster_from_main(struct shard *addressee, struct roster *roster);
void mail_regime_from_main(struct shard *addressee, struct regime *regime);

// Works off what has come, posts what was written, takes back what came back.
void mail_receive(struct shard *shard);
void mail_post(struct shard *shard);

// Gives up what lies in the mailbox when the shard ends: descriptors are closed, blocks freed.
void mail_finish(struct shard *shard);

#endif

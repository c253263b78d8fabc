// SPDX-License-Identifier: MIT
// The queue file: what must outlive the process, as a list of what happened, appended to.
//
//     "hbmqttq1" [checksum u32 | kind u8 | length u32 | body]...       all big-endian
//
//     M serial u64, packet     a message was taken: its whole PUBLISH
//     S serial u64, id u16     it goes out under this identifier; again in a session that is new
//     R serial u64             its PUBREC came: from here on only PUBREL is sent
//     D serial u64             it has come to its end
//     I id u16                 a message of QoS 2 that came was given to the program
//     O id u16                 its PUBREL came
//     F                        the session is new: what came under I is forgotten
//
// A message is written before the call that took it returns, and nothing leaves before all that was appended
// is written and settled. A record that is not whole was never written to its end, and the file is cut there.
// When most of the file is history, its owner writes down what is alive: into a new file that takes the place
// of the old one.
#ifndef CLIENT_JOURNAL_H
#define CLIENT_JOURNAL_H

#include "client/error.h"
#include "proto/proto.h"

struct journal;

// A message that is alive, in the order in which they were taken.
struct journal_message {
    uint64_t serial;
    uint16_t packet_id;  // 0: it never went out
    bool released;       // its PUBREC came
    uint32_t id_offset;  // where the identifier stands in the packet
    struct bytes packet; // borrowed for the call
};

typedef int (*journal_visit)(void *context, const struct journal_message *message);

// Opens or makes `path`, for this process alone, and reads it: `visit` gets each message (a result other than
// 0 ends it as out of memory), `ret_incoming` the identifiers of I without O. Returns 0,
// HBMQTT_ERROR_ARGUMENT (what is there is no queue file, or is another process's) or HBMQTT_ERROR_SYSTEM with
// *ret_error set.
int journal_open(const char *path, bool sync, journal_visit visit, void *context,
                 struct packet_id_set *ret_incoming, struct journal **ret_journal, struct error *ret_error);
void journal_close(struct journal *journal);

// Append records; a lack of memory shows in journal_flush. NULL is a journal that nothing is kept in.
uint64_t journal_take(struct journal *journal,
                      struct bytes packet); // returns the serial, 0 without a journal
void journal_send(struct journal *journal, uint64_t serial, uint16_t packet_id);
void journal_release(struct journal *journal, uint64_t serial);
void journal_end(struct journal *journal, uint64_t serial, struct bytes packet);
void journal_come(struct journal *journal, uint16_t packet_id);
void journal_go(struct journal *journal, uint16_t packet_id);
void journal_forget(struct journal *journal);

// Writes what was appended. Returns 0 or a negative errno; from then on nothing more is written.
int journal_flush(struct journal *journal);
// And has it reach the disk, if that is asked for.
int journal_settle(struct journal *journal);

// True when rewriting would make the file much smaller.
bool journal_is_stale(const struct journal *journal);
// Begins a new file in which everything alive is then appended again with its serial, and ends it. When it
// cannot be begun, the old one is written on.
int journal_rewrite_begin(struct journal *journal);
void journal_rewrite(struct journal *journal, const struct journal_message *message);
int journal_rewrite_end(struct journal *journal);

#endif

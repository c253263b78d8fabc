// SPDX-License-Identifier: MIT
// The client's side of MQTT 3.1.1 without sockets and clocks: bytes and times go in, bytes and messages come
// out.
//
//     IDLE --open--> OPENING --CONNACK 0--> OPEN --close--> CLOSING --end--> IDLE
//                       '------- refusal, fault, loss --------'----------------^
//
// `ending` says why the core became IDLE. What was under way is then kept for the next connection, until
// core_abandon.
//
// One round of whoever owns the socket: send core_output and report with core_output_sent; while
// core_wants_input, receive into core_input_room and report with core_input_added; after core_deadline_ms has
// passed call core_tick.
//
// Times are milliseconds of any clock that never goes back.
//
// Ceilings, and what happens there:
//   input      one packet of `packet_bytes_max`; a larger one ends the connection
//   inbox      `inbox_bytes_max`; at it no more input is wanted, and TCP holds the broker back
//   output     `output_bytes_max`; at it what is published is queued. One packet may go over
//   replies    CORE_REPLY_BYTES_MAX of acknowledgements that cannot leave; at it no more input is wanted
//   exchanges  `inflight_max` publishes; above it what is published is queued
//   queue      `held_bytes_max`; above it core_publish says CORE_WAIT
#ifndef CLIENT_CORE_H
#define CLIENT_CORE_H

#include "client/buffer.h"
#include "client/chunked.h"
#include "client/error.h"
#include "client/inbox.h"
#include "client/outbound.h"
#include "client/subscriptions.h"
#include "proto/proto.h"

#define CORE_WAIT            1          // not now: serve the connection and ask again
#define CORE_REPLY_BYTES_MAX 65536u     // acknowledgements that have not left
#define CORE_NEVER           UINT64_MAX // a deadline that is none

enum core_state {
    CORE_IDLE,
    CORE_OPENING, // CONNECT is out, CONNACK awaited
    CORE_OPEN,
    CORE_CLOSING, // DISCONNECT is in the output: nothing may follow it [MQTT-3.14.4-2]
};

struct core_limits {
    uint32_t packet_bytes_max;
    uint32_t inbox_bytes_max;
    uint32_t chunk_bytes_min; // payloads as long are given away in pieces; UINT32_MAX: none
    struct outbound_limits outbound;
};

// Whom the core tells; NULL where nobody listens.
struct core_hooks {
    void *context;
    void (*trace)(void *context, const struct hbmqtt_trace *trace);
    void (*chunk)(void *context, const struct hbmqtt_message *message, uint64_t offset, struct bytes bytes);
    void (*ended)(void *context, hbmqtt_done done, void *done_context, const struct hbmqtt_result *result);
    void (*refused)(void *context, const char *text); // a filter, when subscribing again
};

struct core {
    enum core_state state;
    struct core_limits limits;
    struct core_hooks hooks;
    struct error ending; // why the last connection ended; code 0 when it was closed by us
    bool clean;          // the session asked for is to begin empty
    bool session_present;
    bool unanswered;      // a CONNECT left, and the connection ended before its CONNACK
    bool doubtful;        // so this session may be one that began then, and not the one that we know
    bool accepting;       // a connection is to come: what is published meanwhile is queued
    uint8_t refusal_code; // of the last CONNACK

    struct buffer input;
    struct outbound outbound;
    uint64_t reply_end;   // where in the output the last reply ends
    uint32_t reply_bytes; // replies appended since the output was last past reply_end

    struct inbox inbox;
    struct chunked chunked;
    bool chunk_next;               // the next packet is one to be given away, and must wait for the inbox
    struct packet_id_set released; // QoS 2 messages whose PUBREC went out and whose PUBREL has not come
    struct subscriptions subscriptions;
    struct sending *pings; // that somebody waits for

    uint32_t keepalive_ms;
    uint32_t ping_after_ms; // silence of ours after which PINGREQ goes out; 0: never
    uint64_t sent_at_ms;
    uint64_t heard_at_ms;
    uint64_t ping_at_ms; // when PINGREQ was queued
    uint64_t ping_end;   // where in the output it ends
    bool ping_waiting;
    bool stopped; // at a ceiling, perhaps with whole packets in `input`
};

void core_init(struct core *core, const struct core_limits *limits);
void core_finish(struct core *core);

// Begins a connection with `connect`, which is borrowed for the call. The core is IDLE. `ping_after_ms`: see
// above. Messages in the inbox stay. Returns 0 or HBMQTT_ERROR_SYSTEM.
int core_open(struct core *core, const struct packet_connect *connect, uint32_t ping_after_ms,
              uint64_t now_ms);

// Queues DISCONNECT behind everything else. A core that is not OPEN becomes IDLE.
void core_close(struct core *core);

// The connection is over, for the reason in `ending` (code 0: as wished). Does nothing when IDLE.
void core_end(struct core *core, const struct error *ending);

// No connection will follow. Requests and what leaves once come to their end with `why`; so do messages of
// QoS 1 and 2 unless they are `kept` for a later one.
void core_abandon(struct core *core, const struct error *why, bool kept);

// 0 when OPEN; else why not: the code of `ending`, or HBMQTT_ERROR_NOT_CONNECTED.
int core_status(const struct core *core);

// Bytes to send now; borrowed until the next call. A fault ends the core.
struct bytes core_output(struct core *core);
void core_output_sent(struct core *core, size_t size, uint64_t now_ms);
// True if core_output would give something.
bool core_has_output(const struct core *core);

bool core_wants_input(const struct core *core);
// Room for received bytes, *ret_size of it; NULL when memory is lacking (the core has ended).
uint8_t *core_input_room(struct core *core, size_t *ret_size);
// `size` bytes are in the room. Acts on every packet that is whole; faults end the connection.
void core_input_added(struct core *core, size_t size, uint64_t now_ms);

// When core_tick must be called next, or CORE_NEVER.
uint64_t core_deadline_ms(const struct core *core);
// Sends PINGREQ when it is time, and ends the connection when the broker has fallen silent.
void core_tick(struct core *core, uint64_t now_ms);

// True if what core_publish takes at `qos` would leave at once.
bool core_can_publish(const struct core *core, uint8_t qos);
// True if core_publish, or core_request, would not say CORE_WAIT.
bool core_has_room(const struct core *core);

// Publishes; `publish` is valid, its packet_id is set here (0: it is queued, or has none). Returns 0 or
// CORE_WAIT, or as core_status when the core is neither OPEN nor accepting.
int core_publish(struct core *core, struct packet_publish *publish, const struct hbmqtt_call *call);
// The same for what is a packet already, whose memory is taken over unless the result is CORE_WAIT or an
// error.
int core_take_sending(struct core *core, struct sending *sending, uint16_t *ret_packet_id);

// Sends a SUBSCRIBE or UNSUBSCRIBE of `count` valid entries. Returns as core_publish.
int core_request(struct core *core, uint8_t packet_type, struct bytes entries, uint32_t count,
                 const struct hbmqtt_call *call);

// Sends PINGREQ unless one waits for its answer already. Returns as core_status.
int core_ping(struct core *core, const struct hbmqtt_call *call, uint64_t now_ms);

// Gives up the oldest queued messages until core_has_room, each with `why`.
void core_drop_oldest(struct core *core, const struct error *why);

// Whoever wants to know of what has `context` is the one of `call` from here on; NULL: nobody is.
void core_hand_over(struct core *core, const void *context, const struct hbmqtt_call *call);

// Takes the oldest message of the inbox, or returns NULL, and reads on where a full inbox had stopped. The
// one taken before was released.
const struct hbmqtt_message *core_take(struct core *core, uint64_t now_ms);
// Acknowledges what was taken, if its connection still stands, and forgets it.
void core_release(struct core *core);

// Tells that what needed nothing is done.
void core_tell_call(const struct core *core, const struct hbmqtt_call *call);

// Tells `sending` how it ended, and frees it.
void core_tell(struct core *core, struct sending *sending, const struct error *why, struct bytes codes);

#endif

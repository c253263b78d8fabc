// SPDX-License-Identifier: MIT
// The client's side of MQTT 3.1.1 without sockets and clocks: bytes and times go in, bytes and messages come
// out.
//
//     IDLE --open--> OPENING --CONNACK 0--> OPEN --close--> CLOSING --end--> IDLE
//                       '------- refusal, fault, loss --------'----------------^
//
// `ending` says why the core became IDLE.
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
//   output     `output_bytes_max`; at it core_publish and core_request say CORE_WAIT. One packet may go over
//   replies    CORE_REPLY_BYTES_MAX of acknowledgements that cannot leave; at it no more input is wanted
//   exchanges  `inflight_max` publishes; above it core_publish says CORE_WAIT
#ifndef CLIENT_CORE_H
#define CLIENT_CORE_H

#include "client/buffer.h"
#include "client/error.h"
#include "client/inbox.h"
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
    uint32_t output_bytes_max;
    uint32_t inflight_max;
};

typedef void (*core_trace)(void *context, const struct hbmqtt_trace *trace);

// The exchange that somebody waits for: always the one that was begun last.
struct core_watch {
    uint16_t packet_id; // 0: none
    bool ended;
    uint8_t codes[HBMQTT_FILTERS_MAX]; // of a SUBACK
};

struct core {
    enum core_state state;
    struct core_limits limits;
    struct error ending; // why the last connection ended; code 0 when it was closed by us
    bool session_present;
    uint8_t refusal_code; // of the last CONNACK

    struct buffer input;
    struct buffer output;
    uint64_t output_total; // bytes ever appended
    uint64_t sent_total;   // and ever sent
    uint64_t reply_end;    // where in the output the last reply ends
    uint32_t reply_bytes;  // replies appended since the output was last past reply_end

    struct inbox inbox;
    struct packet_id_set released; // QoS 2 messages whose PUBREC went out and whose PUBREL has not come
    struct inflight outgoing;
    uint32_t publishing; // exchanges in `outgoing` that are publishes
    struct core_watch watch;

    uint32_t keepalive_ms;
    uint32_t ping_after_ms; // silence of ours after which PINGREQ goes out; 0: never
    uint64_t sent_at_ms;
    uint64_t ping_at_ms; // when the last PINGREQ was queued, or the broker was last heard since
    bool ping_waiting;
    bool stopped; // at a ceiling, perhaps with whole packets in `input`

    core_trace trace; // may be NULL
    void *trace_context;
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

// 0 when OPEN; else why not: the code of `ending`, or HBMQTT_ERROR_NOT_CONNECTED.
int core_status(const struct core *core);

// Bytes to send now; borrowed until the next call.
struct bytes core_output(const struct core *core);
void core_output_sent(struct core *core, size_t size, uint64_t now_ms);

bool core_wants_input(const struct core *core);
// Room for received bytes, *ret_size of it; NULL when memory is lacking (the core has ended).
uint8_t *core_input_room(struct core *core, size_t *ret_size);
// `size` bytes are in the room. Acts on every packet that is whole; faults end the connection.
void core_input_added(struct core *core, size_t size, uint64_t now_ms);

// When core_tick must be called next, or CORE_NEVER.
uint64_t core_deadline_ms(const struct core *core);
// Sends PINGREQ when it is time, and ends the connection when the broker has fallen silent.
void core_tick(struct core *core, uint64_t now_ms);

// True if core_request, or core_publish at `qos`, would not say CORE_WAIT.
bool core_has_room(const struct core *core);
bool core_can_publish(const struct core *core, uint8_t qos);

// Publishes; `publish` is valid, its packet_id is set here. Returns 0 or CORE_WAIT, or as core_status.
int core_publish(struct core *core, struct packet_publish *publish);

// Sends a SUBSCRIBE or UNSUBSCRIBE of `count` valid entries. Returns as core_publish.
int core_request(struct core *core, uint8_t packet_type, struct bytes entries, uint32_t count);

// Sends PINGREQ unless one waits for its answer already. Returns as core_status.
int core_ping(struct core *core, uint64_t now_ms);

// Takes the oldest message of the inbox, or returns NULL, and reads on where a full inbox had stopped. The
// one taken before was released.
const struct hbmqtt_message *core_take(struct core *core, uint64_t now_ms);
// Acknowledges what was taken, if its connection still stands, and forgets it.
void core_release(struct core *core);

#endif

// SPDX-License-Identifier: MIT
// One side of a connection, played by a case: it sends what it is told, whole or in pieces, and expects
// packets by a deadline. Whatever is not as expected ends the case as failed, with what was expected and what
// came. All packets that come are checked for being right in themselves.
#ifndef HARNESS_PEER_H
#define HARNESS_PEER_H

#include "harness/packet.h"
#include "harness/trial.h"

enum {
    ANSWER_MS = 3000, // by when an answer has to be there, times the scale of the environment
    OPEN_MS = 8000,   // by when a connection stands: handshakes take some brokers several turns
    CLIENT_MS = 8000, // by when a client that was started has to have connected
    QUIET_MS = 120,   // for how long nothing must come, before a ping proves that nothing was under way
};

struct peer {
    struct trial *trial;
    const char *name;
    struct stream *stream; // NULL: closed
    struct buffer inbox;
    enum packet_sender other; // who is at the other end
    bool ended;
    unsigned latest_id; // that this side used
    unsigned answer_ms; // by when an answer has to be there; a case may give more than ANSWER_MS
};

// A connection to the broker, nothing sent yet; or one through another address, as that of a fault proxy.
struct peer *peer_open(struct trial *trial, const char *name);
struct peer *peer_open_at(struct trial *trial, const char *name, const struct address *address);

// The next connection that a client makes to the server that the case plays, on the transport of the case.
struct peer *peer_accept(struct trial *trial, const char *name);

// The same; NULL when none comes in this time.
struct peer *peer_accept_within(struct trial *trial, const char *name, unsigned ms);

// Takes a stream.
struct peer *peer_of_stream(struct trial *trial, const char *name, struct stream *stream,
                            enum packet_sender other);

// Connects as trial_id(name), and takes the CONNACK with return code 0 and the session present that is asked
// for: peer_connect(trial, "name", .keep = true, .expect_present = 1).
#define peer_connect(trial, ...) peer_connect_as(trial, &(struct connect){.id = __VA_ARGS__})
struct peer *peer_connect_as(struct trial *trial, const struct connect *connect);
struct peer *peer_connect_at(struct trial *trial, const struct connect *connect,
                             const struct address *address);

void peer_send(struct peer *peer, struct bytes bytes);

// One after the other, `piece` bytes at a time.
void peer_send_pieces(struct peer *peer, struct bytes bytes, size_t piece);

// For what the other side may refuse to take: errors are passed over.
void peer_send_anyway(struct peer *peer, struct bytes bytes);

// On a WebSocket: as one frame of this kind (enum stream_frame).
void peer_send_frame(struct peer *peer, struct bytes bytes, unsigned frame);

enum peer_event { PEER_PACKET, PEER_END, PEER_SILENT };

// The next packet, or that the other side has closed, or that neither came by the deadline. The packet's
// bytes stay.
enum peer_event peer_next(struct peer *peer, struct deadline deadline, struct packet *ret_packet);

// The next packet has to be exactly this one.
void peer_expect(struct peer *peer, struct bytes packet);

// The next packets have to be these, in whatever order. Returns whether it was this one.
bool peer_expect_all(struct peer *peer, const struct bytes *packets, size_t count);

// The next packet has to be of this type.
struct packet peer_expect_type(struct peer *peer, enum packet_type type);

// The next packet has to be this PUBLISH, with any identifier when .id is 0: peer_expect_publish(peer,
// "topic", .qos = 1).
#define peer_expect_publish(peer, ...) peer_expect_publish_of(peer, &(struct publish){.topic = __VA_ARGS__})
struct packet peer_expect_publish_of(struct peer *peer, const struct publish *publish);

// The same, and the exchange that its QoS asks for.
#define peer_take(peer, ...) peer_take_of(peer, &(struct publish){.topic = __VA_ARGS__})
struct packet peer_take_of(struct peer *peer, const struct publish *publish);

// Answers a PUBLISH that came: nothing, PUBACK, or PUBREC and, after PUBREL, PUBCOMP.
void peer_acknowledge(struct peer *peer, const struct packet *packet);

// Takes every PUBLISH that comes and does what its QoS asks for, in whatever order the other side goes on,
// until `count` of them have come and all exchanges have ended, or nothing has come for as long as an answer
// may take. Returns how many came; a PUBREL of an earlier connection is answered too.
size_t peer_collect(struct peer *peer, struct packet *ret_packets, size_t count);

// The other side closes, and sends nothing before.
void peer_expect_close(struct peer *peer);

// The other side sends this, then closes.
void peer_expect_last(struct peer *peer, struct bytes packet);

// Nothing comes for a while, and nothing is under way, which a ping proves.
void peer_expect_nothing(struct peer *peer);

// Nothing comes for a while, and the connection stays. For a side that cannot ping.
void peer_expect_silence(struct peer *peer, unsigned ms);

// SUBSCRIBE to one filter, and the SUBACK that grants it.
void peer_subscribe(struct peer *peer, const char *filter, unsigned qos);
void peer_unsubscribe(struct peer *peer, const char *filter);

// PUBLISH with an identifier of its own, and all that its QoS asks for: peer_publish(peer, "topic", .qos = 1,
// .payload = "text").
#define peer_publish(peer, ...) peer_publish_of(peer, &(struct publish){.topic = __VA_ARGS__})
void peer_publish_of(struct peer *peer, const struct publish *publish);

void peer_ping(struct peer *peer);

// DISCONNECT, the other side's close, and the end.
void peer_disconnect(struct peer *peer);

// Ends without a word: with RST, with FIN.
void peer_cut(struct peer *peer);
void peer_hang_up(struct peer *peer);

#endif

// SPDX-License-Identifier: MIT
// The bytes that the load generator sends and understands: MQTT 3.1.1, and only what a broker under load is
// sent.
//
// Every PUBLISH of a run has the same size and differs from the others in four places, so it is encoded once,
// as a form:
//
//     header | length | 0 12 b e n c h / 0 0 0 0 4 2 | packet id | publisher | sequence | sent_ns | filling
//     1        1 to 4   topic, with its number         2           4           4          8
//                                                      QoS 1, 2    '------- payload --------------->
//     '------------------------ head, `head_size` bytes ----------------------------------------'
//
// The first sixteen bytes of the payload are the tag, from which a subscriber learns what was lost, repeated
// or misrouted, and how long it took. A broker that delivers at the same QoS sends the same bytes on, but for
// DUP and the packet id, so the splitter knows a PUBLISH by its first eight bytes and steps over it by its
// known size. It holds the head of a cut packet, never a payload.
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WIRE_TAG_BYTES   16u
#define WIRE_TOPIC_BYTES 12u // "bench/" and six digits
#define WIRE_HEAD_MAX    64u // a head of a PUBLISH, or a whole packet of any other type that a broker sends us
#define WIRE_HELLO_MAX   128u // CONNECT or SUBSCRIBE
#define WIRE_ACK_BYTES   4u   // PUBACK, PUBREC, PUBREL, PUBCOMP
#define WIRE_ERASE_BYTES 18u

enum wire_type {
    WIRE_CONNACK = 2,
    WIRE_PUBLISH = 3,
    WIRE_PUBACK = 4,
    WIRE_PUBREC = 5,
    WIRE_PUBREL = 6,
    WIRE_PUBCOMP = 7,
    WIRE_SUBACK = 9,
};

struct wire_tag {
    uint32_t publisher;
    uint32_t sequence;
    uint64_t sent_ns; // when it was sent or ought to have been, on the sender's monotonic clock
};

struct publish_form {
    uint8_t *bytes;
    uint32_t size; // of the whole packet
    uint32_t head_size;
    uint32_t topic_at;
    uint32_t id_at; // 0 at QoS 0
    uint32_t tag_at;
    uint64_t start; // the first eight bytes as they are in memory,
    uint64_t mask;  // where this has ones
};

struct wire_packet {
    uint8_t type;       // enum wire_type
    uint8_t code;       // of a CONNACK, or the first of a SUBACK
    uint16_t packet_id; // if it has one
    struct wire_tag tag;
};

// Where a stream of packets stands.
struct splitter {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t skip; // bytes still to come of the PUBLISH in `held`
    uint32_t stash_length;
    struct wire_packet held; // a PUBLISH whose head was seen; it counts when its last byte has come
    bool failed;             // the bytes are nothing that we expect; *at is where
    uint8_t stash[WIRE_HEAD_MAX];
};

// Encodes the form of a PUBLISH with a payload of `payload` bytes, at least WIRE_TAG_BYTES. Returns 0 or
// -ENOMEM.
int publish_form_init(struct publish_form *form, uint32_t payload, uint8_t qos);
void publish_form_finish(struct publish_form *form);

// The messages have the RETAIN flag, as those have that a new subscriber gets. [MQTT-3.3.1-8]
void publish_form_set_retain(struct publish_form *form);

// Writes one PUBLISH of form->size bytes. `packet_id` is ignored at QoS 0. `topic` is from wire_put_topic.
void publish_form_put(const struct publish_form *form, const uint8_t *topic, uint16_t packet_id,
                      struct wire_tag tag, uint8_t *at);

// Write to `at` and return the number of bytes written.
uint32_t wire_put_topic(uint8_t *at, uint32_t number); // WIRE_TOPIC_BYTES
uint32_t wire_put_connect(uint8_t *at,
                          const char *client_id); // at most WIRE_HELLO_MAX; client_id up to 64 bytes
uint32_t wire_put_ack(uint8_t *at, enum wire_type type, uint16_t packet_id);
uint32_t wire_put_disconnect(uint8_t *at);

// WIRE_ERASE_BYTES: a PUBLISH at QoS 1 that erases the retained message of a topic. [MQTT-3.3.1-10]
uint32_t wire_put_erase(uint8_t *at, uint32_t topic, uint16_t packet_id);

// At most WIRE_HELLO_MAX. The filter is a topic; one with a wildcard that matches this topic and no other; or
// one that matches all topics.
uint32_t wire_put_subscribe(uint8_t *at, uint32_t topic, uint8_t qos);
uint32_t wire_put_subscribe_wildcard(uint8_t *at, uint32_t topic, uint8_t qos);
uint32_t wire_put_subscribe_all(uint8_t *at, uint8_t qos);

void splitter_init(struct splitter *splitter);

// Gives the splitter `length` more bytes of the stream. The WIRE_HEAD_MAX bytes before `data` are the
// splitter's to write. All packets are taken with splitter_next before the bytes go away or more are given.
void splitter_give(struct splitter *splitter, uint8_t *data, size_t length);

// As splitter_next, for what does not begin with a PUBLISH that lies there as a whole.
bool splitter_next_other(struct splitter *splitter, const struct publish_form *form,
                         struct wire_packet *ret_packet);

static inline bool splitter_at_whole_publish(const struct splitter *splitter, const struct publish_form *form)
{
    uint64_t start;
    if (splitter->skip > 0 || (size_t)(splitter->end - splitter->at) < form->size)
        return false;
    memcpy(&start, splitter->at, sizeof(start));
    return (start & form->mask) == form->start;
}

// Takes the next packet. Returns false when more bytes are needed, or splitter->failed says that there will
// be none. Nearly all that comes is whole PUBLISH packets, so these are taken here, and `other` lets the
// caller keep them in registers.
static inline bool splitter_next(struct splitter *splitter, const struct publish_form *form,
                                 struct wire_packet *ret_packet)
{
    struct wire_packet other;
    const uint8_t *at = splitter->at;
    if (!splitter_at_whole_publish(splitter, form)) {
        bool found = splitter_next_other(splitter, form, &other);
        if (found)
            *ret_packet = other;
        return found;
    }
    ret_packet->type = WIRE_PUBLISH;
    ret_packet->packet_id = form->id_at != 0 ? (uint16_t)(at[form->id_at] << 8 | at[form->id_at + 1]) : 0;
    memcpy(&ret_packet->tag, at + form->tag_at, sizeof(ret_packet->tag));
    splitter->at += form->size;
    return true;
}

#endif

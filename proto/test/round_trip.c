// SPDX-License-Identifier: MIT
// decode -> encode -> decode -> encode: the two packets are equal, and so are the two encodings.
#include "proto/test/round_trip.h"

#include "proto/test/block.h"
#include "proto/topic.h"

static bool will_equal(const struct packet_will *a, const struct packet_will *b)
{
    return bytes_equal(a->properties, b->properties) && bytes_equal(a->topic, b->topic) &&
           bytes_equal(a->payload, b->payload) && a->qos == b->qos && a->retain == b->retain;
}

static bool connect_equal(const struct packet_connect *a, const struct packet_connect *b)
{
    return a->version == b->version && a->clean == b->clean && a->has_will == b->has_will &&
           a->has_user_name == b->has_user_name && a->has_password == b->has_password &&
           a->keepalive_s == b->keepalive_s && bytes_equal(a->properties, b->properties) &&
           bytes_equal(a->client_id, b->client_id) && will_equal(&a->will, &b->will) &&
           bytes_equal(a->user_name, b->user_name) && bytes_equal(a->password, b->password);
}

static bool publish_equal(const struct packet_publish *a, const struct packet_publish *b)
{
    return a->dup == b->dup && a->qos == b->qos && a->retain == b->retain && a->packet_id == b->packet_id &&
           bytes_equal(a->topic, b->topic) && bytes_equal(a->properties, b->properties) &&
           bytes_equal(a->payload, b->payload);
}

bool packet_equal(const struct packet *a, const struct packet *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case PACKET_CONNECT:
        return connect_equal(&a->connect, &b->connect);
    case PACKET_CONNACK:
        return a->connack.session_present == b->connack.session_present &&
               a->connack.code == b->connack.code &&
               bytes_equal(a->connack.properties, b->connack.properties);
    case PACKET_PUBLISH:
        return publish_equal(&a->publish, &b->publish);
    case PACKET_SUBSCRIBE:
    case PACKET_UNSUBSCRIBE:
        return a->subscribe.packet_id == b->subscribe.packet_id &&
               bytes_equal(a->subscribe.properties, b->subscribe.properties) &&
               bytes_equal(a->subscribe.entries, b->subscribe.entries);
    case PACKET_SUBACK:
    case PACKET_UNSUBACK:
        return a->suback.packet_id == b->suback.packet_id &&
               bytes_equal(a->suback.properties, b->suback.properties) &&
               bytes_equal(a->suback.codes, b->suback.codes);
    case PACKET_PINGREQ:
    case PACKET_PINGRESP:
        return true;
    case PACKET_DISCONNECT:
    case PACKET_AUTH:
        return a->disconnect.reason == b->disconnect.reason &&
               bytes_equal(a->disconnect.properties, b->disconnect.properties);
    default:
        return a->ack.packet_id == b->ack.packet_id && a->ack.reason == b->ack.reason &&
               bytes_equal(a->ack.properties, b->ack.properties);
    }
}

// The entries of a decoded SUBSCRIBE or UNSUBSCRIBE are all there, all valid, and are written back as they
// were.
static const char *entries_fault(const struct packet *packet)
{
    bool unsubscribe = packet->type == PACKET_UNSUBSCRIBE;
    struct bytes entries = packet->subscribe.entries;
    struct block written = block_create(entries.length);
    struct writer writer = block_writer(written);
    struct subscription_options options = {0};
    struct bytes filter;
    const char *fault = NULL;
    while (unsubscribe ? unsubscribe_next(&entries, &filter) : subscribe_next(&entries, &filter, &options)) {
        if (!topic_filter_valid(filter, UINT32_MAX) || options.qos > 2 || options.retain_handling > 2)
            fault = "an entry of a decoded list is not valid";
        if (unsubscribe)
            unsubscribe_put(&writer, filter);
        else
            subscribe_put(&writer, filter, options);
    }
    if (entries.length != 0 || writer.overflow ||
        !bytes_equal(block_view(written), packet->subscribe.entries))
        fault = "the entries of a decoded list are not walked to their end";
    block_destroy(written);
    return fault;
}

static const char *publish_head_fault(const struct packet_publish *publish, uint8_t version,
                                      struct bytes encoded)
{
    uint32_t size = publish_head_size(publish, version);
    struct block head = block_create(size);
    struct writer writer = block_writer(head);
    publish_encode_head(publish, version, &writer);
    bool equal = size + publish->payload.length == encoded.length && !writer.overflow &&
                 writer.at == writer.end && bytes_equal(block_view(head), (struct bytes){encoded.data, size});
    block_destroy(head);
    return equal ? NULL : "the head of a PUBLISH is not the head of its encoding";
}

static const char *parts_fault(const struct packet *packet, uint8_t version, struct bytes encoded)
{
    switch (packet->type) {
    case PACKET_PUBLISH:
        return publish_head_fault(&packet->publish, version, encoded);
    case PACKET_SUBSCRIBE:
    case PACKET_UNSUBSCRIBE:
        return entries_fault(packet);
    default:
        return NULL;
    }
}

static bool encode(const struct packet *packet, uint8_t version, struct block room)
{
    struct writer writer = block_writer(room);
    packet_encode(packet, version, &writer);
    return !writer.overflow && writer.at == writer.end;
}

// `encoded` was written from `packet`: it decodes to the same and encodes to the same once more.
static const char *encoded_fault(const struct packet *packet, uint8_t version, struct bytes encoded)
{
    struct frame frame;
    struct packet again;
    if (frame_read(encoded, encoded.length, &frame) != FRAME_READY || frame.size != encoded.length)
        return "what was encoded is not one whole frame";
    if (packet_decode(&frame, version, &again) != REASON_SUCCESS)
        return "what was encoded does not decode";
    if (!packet_equal(packet, &again))
        return "what was encoded decodes to another packet";
    struct block second = block_create(encoded.length);
    bool equal = packet_size(&again, version) == encoded.length && encode(&again, version, second) &&
                 bytes_equal(block_view(second), encoded);
    block_destroy(second);
    return equal ? NULL : "what was encoded is encoded differently the second time";
}

const char *round_trip_fault(const struct frame *frame, uint8_t version, uint8_t *ret_reason)
{
    struct packet packet;
    *ret_reason = packet_decode(frame, version, &packet);
    if (*ret_reason != REASON_SUCCESS)
        return *ret_reason >= 0x80 ? NULL : "a refusal has a reason that is no error";
    uint32_t size = packet_size(&packet, version);
    if (size == 0 || size > frame->size)
        return "a decoded packet has a size that is not in the frame";
    struct block encoded = block_create(size);
    const char *fault = encode(&packet, version, encoded) ? NULL : "a decoded packet does not fit its size";
    if (fault == NULL)
        fault = encoded_fault(&packet, version, block_view(encoded));
    if (fault == NULL)
        fault = parts_fault(&packet, version, block_view(encoded));
    block_destroy(encoded);
    return fault;
}

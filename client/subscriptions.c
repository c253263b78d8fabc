// SPDX-License-Identifier: MIT
#include "client/subscriptions.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void subscriptions_init(struct subscriptions *subscriptions)
{
    *subscriptions = (struct subscriptions){0};
}

void subscriptions_finish(struct subscriptions *subscriptions)
{
    for (size_t i = 0; i < subscriptions->count; i++)
        free(subscriptions->list[i]);
    free(subscriptions->list);
    subscriptions_init(subscriptions);
}

static int compare(struct bytes filter, const struct subscribed *with)
{
    size_t shorter = filter.length < with->length ? filter.length : with->length;
    int order = memcmp(filter.data, with->filter, shorter);
    return order != 0 ? order : (int)filter.length - (int)with->length;
}

// Where `filter` is, or would be.
static size_t find(const struct subscriptions *subscriptions, struct bytes filter, bool *ret_found)
{
    size_t low = 0;
    size_t high = subscriptions->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(filter, subscriptions->list[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = low < subscriptions->count && compare(filter, subscriptions->list[low]) == 0;
    return low;
}

static int set(struct subscriptions *subscriptions, struct bytes filter, uint8_t qos)
{
    bool found = false;
    size_t at = find(subscriptions, filter, &found);
    if (found) {
        subscriptions->list[at]->qos = qos;
        return 0;
    }
    if (subscriptions->count == subscriptions->capacity) {
        size_t capacity = subscriptions->capacity == 0 ? 8 : subscriptions->capacity * 2;
        void *grown = realloc(subscriptions->list, capacity * sizeof *subscriptions->list);
        if (grown == NULL)
            return -ENOMEM;
        subscriptions->list = grown;
        subscriptions->capacity = capacity;
    }
    struct subscribed *added = malloc(sizeof *added + filter.length);
    if (added == NULL)
        return -ENOMEM;
    added->qos = qos;
    added->length = (uint16_t)filter.length;
    memcpy(added->filter, filter.data, filter.length);
    struct subscribed **place = subscriptions->list + at;
    memmove(place + 1, place, (subscriptions->count - at) * sizeof *place);
    *place = added;
    subscriptions->count++;
    return 0;
}

static void unset(struct subscriptions *subscriptions, struct bytes filter)
{
    bool found = false;
    size_t at = find(subscriptions, filter, &found);
    if (!found)
        return;
    struct subscribed **place = subscriptions->list + at;
    free(*place);
    subscriptions->count--;
    memmove(place, place + 1, (subscriptions->count - at) * sizeof *place);
}

// The entries of a packet that we have made ourselves.
static struct bytes entries_of(struct bytes packet)
{
    struct frame frame = {0};
    struct packet decoded;
    enum frame_status status = frame_read(packet, UINT32_MAX, &frame);
    assert(status == FRAME_READY);
    uint8_t reason = packet_decode(&frame, MQTT_VERSION_3_1_1, &decoded);
    assert(reason == REASON_SUCCESS);
    return decoded.subscribe.entries;
}

int subscriptions_add(struct subscriptions *subscriptions, struct bytes packet, struct bytes codes)
{
    struct bytes entries = entries_of(packet);
    struct bytes filter;
    struct subscription_options options;
    int status = 0;
    for (size_t i = 0; status == 0 && i < codes.length && subscribe_next(&entries, &filter, &options); i++)
        if (codes.data[i] <= 2)
            status = set(subscriptions, filter, options.qos);
        else
            unset(subscriptions, filter);
    return status;
}

void subscriptions_remove(struct subscriptions *subscriptions, struct bytes packet)
{
    struct bytes entries = entries_of(packet);
    struct bytes filter;
    while (unsubscribe_next(&entries, &filter))
        unset(subscriptions, filter);
}

int subscriptions_put(const struct subscriptions *subscriptions, size_t *at, uint32_t count_max,
                      struct buffer *entries)
{
    int count = 0;
    for (; *at < subscriptions->count && (uint32_t)count < count_max; ++*at) {
        const struct subscribed *one = subscriptions->list[*at];
        size_t size = 2u + one->length + 1u;
        uint8_t *room = buffer_reserve(entries, size);
        if (room == NULL)
            return -ENOMEM;
        struct writer writer = writer_of(room, size);
        struct subscription_options options = {.qos = one->qos};
        subscribe_put(&writer, (struct bytes){(const uint8_t *)one->filter, one->length}, options);
        buffer_added(entries, size);
        count++;
    }
    return count;
}

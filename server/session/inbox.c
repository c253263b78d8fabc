// SPDX-License-Identifier: MIT
#include "server/session/inbox.h"

void inbox_init(struct inbox *inbox, struct segment_pool *chunks)
{
    *inbox = (struct inbox){.chunks = chunks};
}

static void inbox_drop_partial(struct inbox *inbox)
{
    if (inbox->partial != NULL)
        segment_unref(inbox->partial);
    inbox->partial = NULL;
    inbox->partial_done = false;
}

void inbox_finish(struct inbox *inbox)
{
    inbox_drop_partial(inbox);
}

void inbox_feed(struct inbox *inbox, struct bytes received)
{
    assert(inbox->fed.length == inbox->handed_out);
    inbox->fed = received;
    inbox->handed_out = 0;
}

static void inbox_consume(struct inbox *inbox, uint32_t length)
{
    if (length == 0)
        return; // nothing fed has no address
    inbox->fed.data += length;
    inbox->fed.length -= length;
}

// Room for at least one more byte of a packet of `size` bytes (0 = not known yet), by doubling up to that
// size.
static bool inbox_make_room(struct inbox *inbox, uint32_t size)
{
    struct segment *old = inbox->partial;
    if (old == NULL) {
        inbox->partial = segment_take(inbox->chunks);
        return inbox->partial != NULL;
    }
    if (old->used < old->capacity)
        return true;
    assert(size > old->capacity);
    uint32_t capacity = old->capacity > size / 2 ? size : old->capacity * 2;
    struct segment *larger = segment_create(capacity);
    if (larger == NULL)
        return false;
    memcpy(larger->data, old->data, old->used);
    larger->used = old->used;
    segment_unref(old);
    inbox->partial = larger;
    return true;
}

// Moves fed bytes to the partial packet until it has `size` bytes or nothing is left. Returns false if there
// is no memory.
static bool inbox_collect(struct inbox *inbox, uint32_t size)
{
    while (inbox->fed.length > 0 && (inbox->partial == NULL || inbox->partial->used < size)) {
        if (!inbox_make_room(inbox, size))
            return false;
        struct segment *partial = inbox->partial;
        uint32_t piece = partial->capacity - partial->used;
        if (piece > size - partial->used)
            piece = size - partial->used;
        if (piece > inbox->fed.length)
            piece = inbox->fed.length;
        memcpy(partial->data + partial->used, inbox->fed.data, piece);
        partial->used += piece;
        inbox_consume(inbox, piece);
    }
    return true;
}

// Goes on with the cut packet: byte by byte until its fixed header is whole, then up to its end.
static enum frame_status inbox_next_partial(struct inbox *inbox, uint32_t size_max, struct frame *ret_frame)
{
    for (;;) {
        struct bytes have = {inbox->partial->data, inbox->partial->used};
        enum frame_status status = frame_read(have, size_max, ret_frame);
        inbox->partial_done = status == FRAME_READY;
        if (status != FRAME_NEED_MORE || inbox->fed.length == 0)
            return status;
        uint32_t wanted = ret_frame->size > 0 ? ret_frame->size : have.length + 1;
        if (!inbox_collect(inbox, wanted)) {
            ret_frame->reason = REASON_QUOTA_EXCEEDED;
            return FRAME_MALFORMED;
        }
    }
}

enum frame_status inbox_next(struct inbox *inbox, uint32_t size_max, struct frame *ret_frame)
{
    inbox_consume(inbox, inbox->handed_out);
    inbox->handed_out = 0;
    if (inbox->partial_done)
        inbox_drop_partial(inbox);
    if (inbox->partial != NULL)
        return inbox_next_partial(inbox, size_max, ret_frame);
    enum frame_status status = frame_read(inbox->fed, size_max, ret_frame);
    if (status == FRAME_READY)
        inbox->handed_out = ret_frame->size;
    if (status == FRAME_NEED_MORE &&
        !inbox_collect(inbox, ret_frame->size > 0 ? ret_frame->size : FRAME_HEADER_MAX)) {
        ret_frame->reason = REASON_QUOTA_EXCEEDED;
        return FRAME_MALFORMED;
    }
    return status;
}

static struct bytes inbox_partial_left(const struct inbox *inbox)
{
    if (inbox->partial == NULL || inbox->partial_done)
        return (struct bytes){0};
    return (struct bytes){inbox->partial->data, inbox->partial->used};
}

uint32_t inbox_left(const struct inbox *inbox)
{
    return inbox_partial_left(inbox).length + inbox->fed.length - inbox->handed_out;
}

void inbox_copy_left(const struct inbox *inbox, struct writer *writer)
{
    writer_put_bytes(writer, inbox_partial_left(inbox));
    if (inbox->fed.length == 0)
        return; // it may be NULL, and NULL + 0 is not defined
    writer_put_bytes(
        writer, (struct bytes){inbox->fed.data + inbox->handed_out, inbox->fed.length - inbox->handed_out});
}

struct bytes inbox_take_left(struct inbox *inbox)
{
    inbox_consume(inbox, inbox->handed_out);
    inbox->handed_out = 0;
    if (inbox->partial_done)
        inbox_drop_partial(inbox);
    assert(inbox->partial == NULL);
    struct bytes left = inbox->fed;
    inbox->fed = (struct bytes){0};
    return left;
}

// SPDX-License-Identifier: MIT
// Received bytes climb in one loop, layers_next: the PROXY header is taken off, TLS opens a piece, the
// upgrade is read or a frame gives a piece of its payload. What has to be said on the way (the answer of the
// upgrade, pongs, a close) gathers in `answers`, which leave between two frames, never inside one.
//
//     PROXY --header--> [TLS] --UPGRADE--request--> OPEN
#include "server/transport/layers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/transport/greeting.h"
#include "server/transport/tls.h"

#define BEGINNING_MAX     8192u // of the bytes that a PROXY header, and then a request, are collected in
#define HEADER_LINES_MAX  64u
#define PROXY_BYTES_MAX   4096u
#define ANSWERS_MAX       1024u                                     // bytes that wait
#define ANSWER_CLOSE_MAX  130u                                      // of them stay free for a close
#define LAYERS_OWN_MAX    (ANSWERS_MAX + WEBSOCKET_BINARY_HEAD_MAX) // of a send, beside MQTT
#define TLS_QUEUED_MAX    131072u // sealed bytes that wait for one connection
#define WHY_OUT_OF_MEMORY "out of memory"

enum stage { STAGE_PROXY, STAGE_UPGRADE, STAGE_OPEN };

// Collected bytes of a beginning that is not whole yet.
struct beginning {
    struct websocket_upgrade upgrade;
    uint32_t length;
    uint8_t bytes[BEGINNING_MAX];
};

struct layers {
    const struct listener_layers *rules;
    struct tls *tls; // NULL: none
    uint8_t stage;   // enum stage
    uint8_t status;  // enum layers_status
    bool ending;     // layers_end was called
    bool goodbye;    // a close frame was put
    const char *why;
    char *fault_text;              // of TLS, where `why` is one
    char *proxy_user_name;         // NULL: none
    struct iovec received;         // and not pulled yet
    struct websocket_input frames; // a piece of frames that is being worked off
    struct beginning *beginning;
    struct websocket_reader reader;

    uint8_t *answers; // of ANSWERS_MAX; NULL while there are none
    uint32_t answers_length;
    uint32_t answers_due; // of them, those that leave before the frame that is begun
    uint32_t head_at;     // of the head of a frame, what has left
    uint32_t head_length; // 0: no frame is begun
    uint32_t frame_left;  // payload of the frame that has not left
    uint8_t head[WEBSOCKET_BINARY_HEAD_MAX];
    char peer[ADDRESS_TEXT_BYTES];
};

static bool layers_wanted(const struct listener_terms *terms)
{
    return terms->tls != NULL || terms->layers.websocket || terms->layers.proxy_protocol;
}

struct layers *layers_create(const struct listener_terms *terms, struct tls_pool *pool, bool *ret_failed)
{
    *ret_failed = false;
    if (!layers_wanted(terms))
        return NULL;
    struct layers *layers = calloc(1, sizeof *layers);
    if (layers != NULL && terms->tls != NULL)
        layers->tls = tls_create(terms->tls, pool, TLS_QUEUED_MAX);
    if (layers == NULL || (terms->tls != NULL && layers->tls == NULL)) {
        free(layers);
        *ret_failed = true;
        return NULL;
    }
    layers->rules = &terms->layers;
    layers->stage = terms->layers.proxy_protocol ? STAGE_PROXY
                    : terms->layers.websocket    ? STAGE_UPGRADE
                                                 : STAGE_OPEN;
    return layers;
}

void layers_move(struct layers *layers, struct tls_pool *pool)
{
    if (layers != NULL && layers->tls != NULL)
        tls_move(layers->tls, pool);
}

void layers_destroy(struct layers *layers)
{
    if (layers == NULL)
        return;
    tls_destroy(layers->tls);
    free(layers->fault_text);
    free(layers->proxy_user_name);
    free(layers->beginning);
    free(layers->answers);
    free(layers);
}

static void layers_fail(struct layers *layers, const char *why)
{
    layers->status = LAYERS_FAILED;
    layers->why = why;
}

static void layers_fail_tls(struct layers *layers)
{
    if (layers->status == LAYERS_FAILED)
        return; // the first fault is the cause
    layers->fault_text = malloc(TLS_FAULT_BYTES);
    if (layers->fault_text != NULL)
        tls_fault_text(tls_fault(layers->tls), layers->fault_text);
    layers_fail(layers, layers->fault_text != NULL ? layers->fault_text : WHY_OUT_OF_MEMORY);
}

// ---- Answers ----

// Room for an answer of `length` bytes of which `spare` more must stay free. Returns a writer without room if
// there is none.
static struct writer answers_begin(struct layers *layers, uint32_t length, uint32_t spare)
{
    if (layers->answers == NULL)
        layers->answers = malloc(ANSWERS_MAX);
    if (layers->answers == NULL || layers->answers_length + length + spare > ANSWERS_MAX)
        return writer_of(layers->head, 0);
    return writer_of(layers->answers + layers->answers_length, length);
}

static void answers_end(struct layers *layers, const struct writer *writer)
{
    if (!writer->overflow)
        layers->answers_length = (uint32_t)(writer->at - layers->answers);
}

static void layers_answer_ping(struct layers *layers, struct bytes payload)
{
    if (layers->goodbye || layers->ending)
        return; // a close is the last frame
    // One that finds no room is left unanswered: who pings without reading is owed an answer to the latest
    // only.
    struct writer writer = answers_begin(layers, (uint32_t)payload.length + 2, ANSWER_CLOSE_MAX);
    websocket_put_pong(&writer, payload);
    answers_end(layers, &writer);
}

static void layers_answer_close(struct layers *layers, uint16_t code)
{
    if (layers->goodbye)
        return;
    layers->goodbye = true;
    struct writer writer = answers_begin(layers, ANSWER_CLOSE_MAX, 0);
    websocket_put_close(&writer, code, (struct bytes){0});
    answers_end(layers, &writer);
}

// `answer` is the last that is said.
static void layers_refuse(struct layers *layers, const struct writer *answer, const char *why)
{
    answers_end(layers, answer);
    layers->goodbye = true; // there is no frame to say it in
    layers_fail(layers, why);
}

static void layers_refuse_upgrade(struct layers *layers, uint16_t http_status, const char *why)
{
    struct writer writer = answers_begin(layers, WEBSOCKET_ANSWER_MAX, 0);
    websocket_upgrade_put_refusal(&writer, http_status, why);
    layers_refuse(layers, &writer, why);
}

// ---- The upgrade ----

static void layers_accept_upgrade(struct layers *layers, const struct websocket_upgrade *upgrade)
{
    char keyed[WEBSOCKET_KEY_BYTES + sizeof WEBSOCKET_GUID];
    uint8_t hash[SHA_DIGEST_LENGTH];
    uint8_t accept[WEBSOCKET_ACCEPT_BYTES + 1];
    memcpy(keyed, upgrade->key.data, WEBSOCKET_KEY_BYTES);
    memcpy(keyed + WEBSOCKET_KEY_BYTES, WEBSOCKET_GUID, sizeof WEBSOCKET_GUID);
    (void)SHA1((const uint8_t *)keyed, sizeof keyed - 1, hash); // the digest is in `hash`
    (void)EVP_EncodeBlock(accept, hash, sizeof hash);           // always as long as this
    struct writer writer = answers_begin(layers, WEBSOCKET_ANSWER_MAX, 0);
    websocket_upgrade_put_accept(&writer, (struct bytes){accept, WEBSOCKET_ACCEPT_BYTES},
                                 upgrade->subprotocol);
    if (writer.overflow)
        layers_fail(layers, WHY_OUT_OF_MEMORY);
    answers_end(layers, &writer);
    layers->stage = STAGE_OPEN;
}

static void layers_judge_upgrade(struct layers *layers, const struct websocket_upgrade *upgrade)
{
    const struct listener_layers *rules = layers->rules;
    if (rules->path_count > 0 && !websocket_path_listed(upgrade->path, rules->paths, rules->path_count))
        layers_refuse_upgrade(layers, 404, "a path of WebSocket that is not served");
    else if (rules->origin_count > 0 && upgrade->origin.length > 0 && // what is no browser has none
             !websocket_origin_listed(upgrade->origin, rules->origins, rules->origin_count))
        layers_refuse_upgrade(layers, 403, "an origin that may not connect");
    else
        layers_accept_upgrade(layers, upgrade);
}

// Adds of the piece as much as there is room for. Returns false, the status being set, if there is no memory.
static bool beginning_collect(struct layers *layers, struct iovec *piece)
{
    if (layers->beginning == NULL) {
        layers->beginning = malloc(sizeof *layers->beginning);
        if (layers->beginning == NULL) {
            layers_fail(layers, WHY_OUT_OF_MEMORY);
            return false;
        }
        layers->beginning->upgrade = (struct websocket_upgrade){0};
        layers->beginning->length = 0;
    }
    struct beginning *beginning = layers->beginning;
    size_t room = BEGINNING_MAX - beginning->length;
    size_t length = piece->iov_len < room ? piece->iov_len : room;
    memcpy(beginning->bytes + beginning->length, piece->iov_base, length);
    beginning->length += (uint32_t)length;
    piece->iov_base = (uint8_t *)piece->iov_base + length;
    piece->iov_len -= length;
    return true;
}

// The beginning is whole with its first `size` bytes: what was collected beyond them is of `piece`, the last
// that was added, and goes back to it.
static void beginning_end(struct layers *layers, struct iovec *piece, uint32_t size)
{
    size_t beyond = layers->beginning->length - size;
    piece->iov_base = (uint8_t *)piece->iov_base - beyond;
    piece->iov_len += beyond;
    free(layers->beginning);
    layers->beginning = NULL;
}

static void frames_take(struct layers *layers, struct iovec piece)
{
    uint8_t *at = piece.iov_base;
    layers->frames = (struct websocket_input){at, at + piece.iov_len};
}

// What came is no request that is served; who speaks another protocol has mistaken the port.
static void layers_refuse_greeting(struct layers *layers)
{
    const struct beginning *beginning = layers->beginning;
    enum greeting greeting = greeting_of((struct bytes){beginning->bytes, beginning->length});
    if (greeting == GREETING_TLS && layers->tls == NULL) {
        struct writer writer = answers_begin(layers, GREETING_ANSWER_MAX, 0);
        greeting_answer(greeting, NULL, &writer);
        layers_refuse(layers, &writer, greeting_why(greeting));
        return;
    }
    bool mistaken =
        greeting == GREETING_MQTT || (greeting == GREETING_PROXY && !layers->rules->proxy_protocol);
    layers_refuse_upgrade(layers, beginning->upgrade.http_status,
                          mistaken ? greeting_why(greeting) : beginning->upgrade.why);
}

static void layers_read_upgrade(struct layers *layers, struct iovec piece)
{
    if (!beginning_collect(layers, &piece))
        return;
    static const struct websocket_upgrade_limits limits = {BEGINNING_MAX, HEADER_LINES_MAX};
    struct beginning *beginning = layers->beginning;
    struct websocket_upgrade *upgrade = &beginning->upgrade;
    switch (websocket_upgrade_read((struct bytes){beginning->bytes, beginning->length}, &limits, upgrade)) {
    case WEBSOCKET_UPGRADE_NEED_MORE:
        return; // the limit refuses what fills the room
    case WEBSOCKET_UPGRADE_REFUSED:
        layers_refuse_greeting(layers);
        break;
    case WEBSOCKET_UPGRADE_READY:
        layers_judge_upgrade(layers, upgrade);
        beginning_end(layers, &piece, upgrade->size);
        frames_take(layers, piece); // of a client that did not wait for the answer
        break;
    }
}

// ---- Receiving ----

void layers_receive(struct layers *layers, struct iovec received)
{
    layers->received = received;
}

static void layers_note_peer(struct layers *layers, const struct proxy_header *header)
{
    const struct proxy_address *source = &header->source;
    char host[INET6_ADDRSTRLEN] = "";
    if (header->family == PROXY_INET || header->family == PROXY_INET6)
        (void)inet_ntop(header->family == PROXY_INET ? AF_INET : AF_INET6, source->host, host,
                        sizeof host); // fits
    if (header->family == PROXY_INET)
        (void)snprintf(layers->peer, sizeof layers->peer, "%s:%u", host, source->port); // fits
    if (header->family == PROXY_INET6)
        (void)snprintf(layers->peer, sizeof layers->peer, "[%s]:%u", host, source->port); // fits
    if (header->family == PROXY_UNIX)
        (void)snprintf(layers->peer, sizeof layers->peer, "unix");
}

static void layers_note_user_name(struct layers *layers, const struct proxy_tls *tls)
{
    if (!layers->rules->proxy_common_name || !tls->verified || !tls->certificate_earlier ||
        tls->common_name.length == 0)
        return;
    layers->proxy_user_name = strndup((const char *)tls->common_name.data, tls->common_name.length);
    if (layers->proxy_user_name == NULL)
        layers_fail(layers, WHY_OUT_OF_MEMORY);
}

// Takes the PROXY header off the front of what was received.
static void layers_read_proxy(struct layers *layers)
{
    if (layers->received.iov_len == 0 || !beginning_collect(layers, &layers->received))
        return;
    struct proxy_header header;
    switch (proxy_read((struct bytes){layers->beginning->bytes, layers->beginning->length}, PROXY_BYTES_MAX,
                       &header)) {
    case PROXY_NEED_MORE:
        return; // the limit is below what is collected
    case PROXY_MALFORMED:
        layers_fail(layers, header.why);
        return;
    case PROXY_READY:
        layers_note_peer(layers, &header);
        layers_note_user_name(layers, &header.tls);
        beginning_end(layers, &layers->received, header.size);
        layers->stage = layers->rules->websocket ? STAGE_UPGRADE : STAGE_OPEN;
        return;
    }
}

// The next piece above TLS. Returns false if there is none.
static bool layers_pull(struct layers *layers, uint8_t *scratch, struct iovec *ret_piece)
{
    if (layers->tls == NULL) {
        *ret_piece = layers->received;
        layers->received.iov_len = 0;
        return ret_piece->iov_len > 0;
    }
    struct bytes input = {layers->received.iov_base, layers->received.iov_len};
    int opened = tls_open(layers->tls, &input, scratch, LAYERS_SCRATCH);
    layers->received = (struct iovec){
        (uint8_t *)layers->received.iov_base + (layers->received.iov_len - input.length), input.length};
    *ret_piece = (struct iovec){scratch, opened > 0 ? (size_t)opened : 0};
    if (opened == -EPIPE) {
        layers->status = LAYERS_ENDED;
        layers->why = "TLS ended by the client";
    } else if (opened < 0) {
        layers_fail_tls(layers);
    }
    return opened > 0;
}

// Works off frames up to the next piece of payload. Returns false when they are at their end.
static bool layers_read_frames(struct layers *layers, struct bytes *ret_piece)
{
    struct websocket_event event;
    while (layers->status == LAYERS_GOING) {
        switch (websocket_read(&layers->reader, &layers->frames, UINT32_MAX, &event)) {
        case WEBSOCKET_NEED_MORE:
            return false;
        case WEBSOCKET_PAYLOAD:
            *ret_piece = event.bytes;
            return true;
        case WEBSOCKET_PING:
            layers_answer_ping(layers, event.bytes);
            break;
        case WEBSOCKET_PONG:
            break;
        case WEBSOCKET_CLOSE:
            layers_answer_close(layers, event.code);
            layers->status = LAYERS_ENDED;
            layers->why = "closed by the client";
            break;
        case WEBSOCKET_FAILED:
            layers_answer_close(layers, event.code);
            layers_fail(layers, event.why);
            break;
        }
    }
    return false;
}

bool layers_next(struct layers *layers, uint8_t *scratch, struct bytes *ret_piece)
{
    if (layers->stage == STAGE_PROXY)
        layers_read_proxy(layers);
    while (layers->status == LAYERS_GOING && layers->stage != STAGE_PROXY) {
        if (layers->stage == STAGE_OPEN && layers->rules->websocket) {
            if (layers_read_frames(layers, ret_piece))
                return true;
        }
        struct iovec piece;
        if (layers->status != LAYERS_GOING || !layers_pull(layers, scratch, &piece))
            return false;
        if (layers->stage == STAGE_UPGRADE) {
            layers_read_upgrade(layers, piece);
        } else if (layers->rules->websocket) {
            frames_take(layers, piece);
        } else {
            *ret_piece = (struct bytes){piece.iov_base, piece.iov_len};
            return true;
        }
    }
    return false;
}

// ---- Sending ----

static bool frame_is_begun(const struct layers *layers)
{
    return layers->head_length > 0;
}

uint32_t layers_room(const struct layers *layers)
{
    if (frame_is_begun(layers))
        return layers->frame_left; // whatever has come up, it ends before anything else
    if (layers->stage != STAGE_OPEN || layers->goodbye || layers->ending)
        return 0;
    uint32_t room = layers->tls == NULL ? INT32_MAX : tls_room(layers->tls);
    return room > LAYERS_OWN_MAX ? room - LAYERS_OWN_MAX : 0;
}

bool layers_waiting(const struct layers *layers)
{
    return layers->answers_length > 0 || (layers->tls != NULL && tls_queued(layers->tls) > 0);
}

static uint32_t spans_length(const struct iovec *spans, uint32_t count)
{
    size_t length = 0;
    for (uint32_t i = 0; i < count; i++)
        length += spans[i].iov_len;
    return (uint32_t)length; // no more than layers_room
}

static void frame_begin(struct layers *layers, uint32_t length)
{
    struct writer writer = writer_of(layers->head, sizeof layers->head);
    websocket_put_binary_head(&writer, length);
    layers->head_at = 0;
    layers->head_length = (uint32_t)(writer.at - layers->head);
    layers->frame_left = length;
}

// Puts in front of the spans what WebSocket has to say: answers between two frames, and the head of a frame.
static uint32_t layers_frame(struct layers *layers, struct iovec *spans, uint32_t count)
{
    struct iovec own[LAYERS_SPANS_OWN];
    uint32_t own_count = 0;
    if (!frame_is_begun(layers)) {
        layers->answers_due = layers->answers_length;
        if (count > 0 && layers->rules->websocket)
            frame_begin(layers, spans_length(spans, count));
    }
    if (layers->answers_due > 0)
        own[own_count++] = (struct iovec){layers->answers, layers->answers_due};
    if (layers->head_at < layers->head_length)
        own[own_count++] =
            (struct iovec){layers->head + layers->head_at, layers->head_length - layers->head_at};
    memmove(spans + own_count, spans, count * sizeof *spans);
    memcpy(spans, own, own_count * sizeof *own);
    return own_count + count;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void answers_sent(struct layers *layers, uint32_t length)
{
    layers->answers_due -= length;
    layers->answers_length -= length;
    if (layers->answers_length > 0) {
        memmove(layers->answers, layers->answers + length, layers->answers_length);
        return;
    }
    free(layers->answers);
    layers->answers = NULL;
}

// Works off `length` bytes of what was framed last. Returns how many of them were of MQTT.
static uint32_t layers_framed_sent(struct layers *layers, uint32_t length)
{
    uint32_t of_answers = smaller(length, layers->answers_due);
    if (of_answers > 0)
        answers_sent(layers, of_answers);
    length -= of_answers;
    if (!frame_is_begun(layers))
        return length;
    uint32_t of_head = smaller(length, layers->head_length - layers->head_at);
    layers->head_at += of_head;
    length -= of_head;
    layers->frame_left -= length;
    if (layers->frame_left == 0)
        layers->head_length = layers->head_at = 0;
    return length;
}

// What is framed is sealed as a whole: layers_room leaves room for what is ours.
static void layers_seal(struct layers *layers, struct iovec *spans, uint32_t count)
{
    if (tls_room(layers->tls) < LAYERS_OWN_MAX)
        return; // answers wait
    uint32_t framed = layers_frame(layers, spans, count);
    uint32_t length = spans_length(spans, framed);
    if (length == 0)
        return;
    int sealed = tls_seal(layers->tls, spans, framed);
    if (sealed < 0) {
        layers_fail_tls(layers);
        return;
    }
    assert((uint32_t)sealed == length);
    (void)layers_framed_sent(layers, length); // the caller knows what of it was of MQTT
}

uint32_t layers_wrap(struct layers *layers, struct iovec *spans, uint32_t count, bool *ret_taken)
{
    *ret_taken = layers->tls != NULL;
    if (layers->tls == NULL)
        return layers_frame(layers, spans, count);
    layers_seal(layers, spans, count);
    if (layers->ending && layers->answers_length == 0)
        tls_close(layers->tls);
    return tls_gather(layers->tls, spans, LAYERS_SPANS_MAX);
}

uint32_t layers_sent(struct layers *layers, uint32_t length)
{
    if (layers->tls == NULL)
        return layers_framed_sent(layers, length);
    tls_sent(layers->tls, length);
    return 0;
}

void layers_end(struct layers *layers, uint16_t close_code)
{
    layers->ending = true;
    if (layers->rules->websocket && layers->stage == STAGE_OPEN)
        layers_answer_close(layers, close_code != 0 ? close_code : WEBSOCKET_CLOSE_NORMAL);
}

// ---- What the layers know ----

enum layers_status layers_status(const struct layers *layers)
{
    return layers->status;
}

const char *layers_why(const struct layers *layers)
{
    return layers->why;
}

bool layers_shaking_hands(const struct layers *layers)
{
    return layers->tls != NULL && layers->status == LAYERS_GOING && tls_state(layers->tls) == TLS_HANDSHAKING;
}

const char *layers_user_name(const struct layers *layers)
{
    const char *name = layers->tls == NULL ? NULL : tls_user_name(layers->tls);
    if (name == NULL)
        name = layers->proxy_user_name;
    return name == NULL ? "" : name;
}

const char *layers_peer(const struct layers *layers)
{
    return layers->peer;
}

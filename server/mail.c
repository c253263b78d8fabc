// SPDX-License-Identifier: MIT
#include "server/mail.h"

#include <stdlib.h>
#include <unistd.h>

#include "server/client.h"
#include "server/hold.h"
#include "server/look.h"
#include "server/plugins.h"
#include "server/publish.h"
#include "server/subscribe.h"

enum mail_kind {
    MAIL_PUBLISH,
    MAIL_INTEREST,
    MAIL_NOTE,
    MAIL_NOTED,
    MAIL_HANDOVER,
    MAIL_PHASE,
    MAIL_PULSE,
    MAIL_ANSWER,
    MAIL_BROADCAST,
    MAIL_LOOK,
    MAIL_ROSTER,
    MAIL_REGIME,
};

// Every record: this, its fields, its bytes, padded to 8.
struct mail_record {
    uint32_t kind;   // enum mail_kind
    uint32_t length; // of the whole record with its padding
};

// The bytes are the packet as it came where it leaves so; else topic, properties and payload one behind the
// other. The properties follow the topic in any case (a packet has none here), and the payload ends the
// bytes.
struct mail_publication {
    struct mail_record record;
    uint64_t stamp_ns;
    uint32_t expiry_s;
    uint32_t length; // of the bytes
    uint32_t topic_at;
    uint32_t topic_length;
    uint32_t properties_length;
    uint32_t payload_length;
    bool is_packet;
    uint8_t packet_form; // enum wire_variant
    uint8_t qos;
    bool retain;
    bool retain_only;
};

struct mail_filter {
    struct mail_record record;
    uint32_t length;
    bool interested;
};

struct mail_token {
    struct mail_record record;
    uint64_t token; // of MAIL_PHASE: an enum shard_phase
};

struct mail_connection {
    struct mail_record record;
    struct listener_terms *terms;
    struct layers *layers;
    int fd;
    uint32_t length;
    bool authenticated;
    struct identity *identity;
};

// What it is, the kind tells.
struct mail_pointer {
    struct mail_record record;
    void *pointer;
};

static void postbag_post(struct shard *shard, uint32_t to)
{
    struct postbag *bag = &shard->postbags[to];
    if (bag->open == NULL)
        return;
    bag->bytes_away += bag->open->used;
    if (bag->bytes_away > shard->turn.limits->mailbox_bytes_max)
        shard->congested = true;
    mailbox_post(&shard->broker->shards[to].mailbox, bag->open);
    bag->open = NULL;
}

static struct mail_block *shard_take_block(struct shard *shard, uint32_t capacity)
{
    struct mail_block *block = shard->blocks;
    if (capacity > MAIL_BLOCK_BYTES || block == NULL)
        return mail_block_create(capacity > MAIL_BLOCK_BYTES ? capacity : MAIL_BLOCK_BYTES);
    shard->blocks = block->next;
    block->used = 0;
    return block;
}

// Room for a record of `fields` and then `bytes` bytes, its header filled in.
static void *mail_begin(struct shard *shard, uint32_t to, enum mail_kind kind, size_t fields, size_t bytes)
{
    uint32_t length = (uint32_t)((fields + bytes + 7) & ~(size_t)7);
    struct postbag *bag = &shard->postbags[to];
    if (bag->open != NULL && bag->open->capacity - bag->open->used < length)
        postbag_post(shard, to);
    if (bag->open == NULL) {
        bag->open = shard_take_block(shard, length);
        bag->open->sender = shard->number;
        bag->open->addressee = to;
    }
    struct mail_record *record = (struct mail_record *)(bag->open->bytes + bag->open->used);
    bag->open->used += length;
    *record = (struct mail_record){kind, length};
    return record;
}

static uint8_t *put_bytes(uint8_t *at, struct bytes bytes)
{
    if (bytes.length > 0)
        memcpy(at, bytes.data, bytes.length);
    return at + bytes.length;
}

static size_t publication_length(const struct publication *publication)
{
    if (publication->packet.length > 0)
        return publication->packet.length;
    return publication->topic.length + publication->properties.length + publication->payload.length;
}

static void put_publication(struct mail_publication *mail, const struct publication *publication,
                            size_t length)
{
    const struct bytes *packet = &publication->packet;
    bool is_packet = packet->length > 0;
    mail->stamp_ns = publication->stamp_ns;
    mail->expiry_s = publication->expiry_s;
    mail->length = (uint32_t)length;
    mail->topic_at = is_packet ? (uint32_t)(publication->topic.data - packet->data) : 0;
    mail->topic_length = (uint32_t)publication->topic.length;
    mail->properties_length = (uint32_t)publication->properties.length;
    mail->payload_length = (uint32_t)publication->payload.length;
    mail->is_packet = is_packet;
    mail->packet_form = (uint8_t)publication->packet_form;
    mail->qos = publication->qos;
    mail->retain = publication->retain;
    mail->retain_only = publication->retain_only;
    uint8_t *at = (uint8_t *)(mail + 1);
    if (is_packet) {
        (void)put_bytes(at, *packet);
        return;
    }
    at = put_bytes(at, publication->topic);
    at = put_bytes(at, publication->properties);
    (void)put_bytes(at, publication->payload);
}

void mail_publish(struct shard *shard, uint32_t to, const struct publication *publication)
{
    size_t length = publication_length(publication);
    put_publication(mail_begin(shard, to, MAIL_PUBLISH, sizeof(struct mail_publication), length), publication,
                    length);
}

void mail_interest(struct shard *shard, struct bytes filter, bool interested)
{
    for (uint32_t to = 0; to < shard->broker->shard_count; to++) {
        if (to == shard->number)
            continue;
        struct mail_filter *mail =
            mail_begin(shard, to, MAIL_INTEREST, sizeof(struct mail_filter), filter.length);
        mail->length = filter.length;
        mail->interested = interested;
        (void)put_bytes((uint8_t *)(mail + 1), filter);
    }
}

static void mail_token_to(struct shard *shard, uint32_t to, enum mail_kind kind, uint64_t token)
{
    struct mail_token *mail = mail_begin(shard, to, kind, sizeof(struct mail_token), 0);
    mail->token = token;
}

void mail_note(struct shard *shard, uint64_t token)
{
    for (uint32_t to = 0; to < shard->broker->shard_count; to++)
        if (to != shard->number)
            mail_token_to(shard, to, MAIL_NOTE, token);
}

void mail_handover(struct shard *shard, uint32_t to, const struct client_arrival *arrival)
{
    struct mail_connection *mail =
        mail_begin(shard, to, MAIL_HANDOVER, sizeof(struct mail_connection), arrival->received.length);
    mail->terms = arrival->terms;
    mail->layers = arrival->layers;
    mail->fd = arrival->fd;
    mail->authenticated = arrival->authenticated;
    mail->identity = arrival->identity;
    mail->length = arrival->received.length;
    (void)put_bytes((uint8_t *)(mail + 1), arrival->received);
}

// A block with one record from a thread that is no shard's. It is posted with outside_post.
static struct mail_block *outside_begin(enum mail_kind kind, size_t fields, size_t bytes)
{
    uint32_t length = (uint32_t)((fields + bytes + 7) & ~(size_t)7);
    struct mail_block *block = mail_block_create(length);
    block->sender = MAIL_FROM_OUTSIDE;
    block->used = length;
    *(struct mail_record *)block->bytes = (struct mail_record){kind, length};
    return block;
}

static void token_from_main(struct shard *addressee, enum mail_kind kind, uint64_t token)
{
    struct mail_block *block = outside_begin(kind, sizeof(struct mail_token), 0);
    ((struct mail_token *)block->bytes)->token = token;
    mailbox_post(&addressee->mailbox, block);
}

void mail_phase_from_main(struct shard *addressee, enum shard_phase phase)
{
    token_from_main(addressee, MAIL_PHASE, phase);
}

void mail_pulse_from_main(struct shard *addressee, uint64_t number)
{
    token_from_main(addressee, MAIL_PULSE, number);
}

static void pointer_from_outside(struct shard *addressee, enum mail_kind kind, void *pointer)
{
    struct mail_block *block = outside_begin(kind, sizeof(struct mail_pointer), 0);
    ((struct mail_pointer *)block->bytes)->pointer = pointer;
    mailbox_post(&addressee->mailbox, block);
}

void mail_answer_from_outside(struct shard *addressee, struct answer *answer)
{
    pointer_from_outside(addressee, MAIL_ANSWER, answer);
}

void mail_look_from_outside(struct shard *addressee, struct look_request *request)
{
    pointer_from_outside(addressee, MAIL_LOOK, request);
}

void mail_roster_from_main(struct shard *addressee, struct roster *roster)
{
    pointer_from_outside(addressee, MAIL_ROSTER, roster);
}

void mail_regime_from_main(struct shard *addressee, struct regime *regime)
{
    pointer_from_outside(addressee, MAIL_REGIME, regime);
}

void mail_publish_from_outside(struct shard *addressee, const struct publication *publication)
{
    size_t length = publication_length(publication);
    struct mail_block *block = outside_begin(MAIL_BROADCAST, sizeof(struct mail_publication), length);
    put_publication((struct mail_publication *)block->bytes, publication, length);
    mailbox_post(&addressee->mailbox, block);
}

static struct publication publication_of_mail(struct shard *shard, const struct mail_publication *mail)
{
    const uint8_t *bytes = (const uint8_t *)(mail + 1);
    struct publication publication;
    publication_init(&publication);
    publication.topic = (struct bytes){bytes + mail->topic_at, mail->topic_length};
    publication.properties =
        (struct bytes){bytes + mail->topic_at + mail->topic_length, mail->properties_length};
    publication.payload = (struct bytes){bytes + mail->length - mail->payload_length, mail->payload_length};
    if (mail->is_packet)
        publication.packet = (struct bytes){bytes, mail->length};
    publication.packet_form = (enum wire_variant)mail->packet_form;
    publication.stamp_ns = mail->stamp_ns;
    publication.expiry_s = mail->expiry_s;
    publication.qos = mail->qos;
    publication.retain = mail->retain;
    publication.retain_only = mail->retain_only;
    publication.pools = &shard->messages;
    return publication;
}

static void handle_publication(struct shard *shard, const struct mail_publication *mail, uint32_t from)
{
    struct publication publication = publication_of_mail(shard, mail);
    publish_mailed(shard, &publication, from);
    publication_finish(&publication);
}

// A plugin's message, which begins here.
static void handle_broadcast(struct shard *shard, const struct mail_publication *mail)
{
    struct publication publication = publication_of_mail(shard, mail);
    publication.stamp_ns = shard_stamp(shard);
    atomic_fetch_sub_explicit(&shard->broker->plugin_bytes,
                              mail->topic_length + (uint64_t)mail->payload_length, memory_order_relaxed);
    if (publication.retain_only)
        publish_retain_only(shard, &publication);
    else
        publish_route(shard, &publication);
    publication_finish(&publication);
}

static void handle_filter(struct shard *shard, const struct mail_filter *mail, uint32_t from)
{
    struct bytes filter = {(const uint8_t *)(mail + 1), mail->length};
    if (mail->interested)
        router_interest_add(shard->router, filter, from);
    else
        router_interest_remove(shard->router, filter, from);
}

static void handle_connection(struct shard *shard, const struct mail_connection *mail)
{
    struct client_arrival arrival = {
        .fd = mail->fd,
        .layers = mail->layers,
        .terms = mail->terms,
        .received = {(const uint8_t *)(mail + 1), mail->length},
        .authenticated = mail->authenticated,
        .identity = mail->identity,
    };
    client_create(shard, &arrival);
}

static void handle_record(struct shard *shard, const struct mail_record *record, uint32_t from)
{
    if (record->kind != MAIL_PUBLISH)
        burst_end(shard);
    switch ((enum mail_kind)record->kind) {
    case MAIL_PUBLISH:
        handle_publication(shard, (const struct mail_publication *)record, from);
        break;
    case MAIL_INTEREST:
        handle_filter(shard, (const struct mail_filter *)record, from);
        break;
    case MAIL_NOTE:
        mail_token_to(shard, from, MAIL_NOTED, ((const struct mail_token *)record)->token);
        break;
    case MAIL_NOTED:
        subscribe_noted(shard, ((const struct mail_token *)record)->token);
        break;
    case MAIL_HANDOVER:
        handle_connection(shard, (const struct mail_connection *)record);
        break;
    case MAIL_PHASE:
        shard->phase_asked = (enum shard_phase)((const struct mail_token *)record)->token;
        break;
    case MAIL_PULSE:
        atomic_store(&shard->pulse, ((const struct mail_token *)record)->token);
        break;
    case MAIL_ANSWER:
        hold_answered(shard, ((const struct mail_pointer *)record)->pointer);
        break;
    case MAIL_BROADCAST:
        handle_broadcast(shard, (const struct mail_publication *)record);
        break;
    case MAIL_LOOK:
        look_answer(shard, ((const struct mail_pointer *)record)->pointer);
        break;
    case MAIL_ROSTER:
        hold_adopt(shard, ((const struct mail_pointer *)record)->pointer);
        plugins_tick(shard);
        sem_post(&shard->broker->reported);
        break;
    case MAIL_REGIME:
        regime_adopt(shard, ((const struct mail_pointer *)record)->pointer);
        break;
    }
}

static void mail_give_back(struct shard *shard, struct mail_block *block)
{
    if (block->sender == MAIL_FROM_OUTSIDE)
        free(block);
    else
        mailbox_return(&shard->broker->shards[block->sender].mailbox, block);
}

static void mail_take_returned(struct shard *shard)
{
    struct mail_block *block = mailbox_take_returned(&shard->mailbox);
    while (block != NULL) {
        struct mail_block *next = block->next;
        shard->postbags[block->addressee].bytes_away -= block->used;
        if (block->capacity == MAIL_BLOCK_BYTES) {
            block->next = shard->blocks;
            shard->blocks = block;
        } else {
            free(block);
        }
        block = next;
    }
}

// Reading goes on when every addressee has less than half of the ceiling.
static void mail_relieve(struct shard *shard)
{
    for (uint32_t to = 0; to < shard->broker->shard_count; to++)
        if (shard->postbags[to].bytes_away > shard->turn.limits->mailbox_bytes_max / 2)
            return;
    shard->congested = false;
    client_resume_paused(shard);
}

void mail_receive(struct shard *shard)
{
    struct mail_block *block = mailbox_take(&shard->mailbox);
    while (block != NULL) {
        struct mail_block *next = block->next;
        for (uint32_t at = 0; at < block->used;) {
            const struct mail_record *record = (const struct mail_record *)(block->bytes + at);
            at += record->length;
            handle_record(shard, record, block->sender);
        }
        mail_give_back(shard, block);
        block = next;
    }
    burst_end(shard);
    mail_take_returned(shard);
    if (shard->congested)
        mail_relieve(shard);
}

void mail_post(struct shard *shard)
{
    for (uint32_t to = 0; to < shard->broker->shard_count; to++)
        postbag_post(shard, to);
}

static void drop_undelivered(const struct mail_block *block)
{
    for (uint32_t at = 0; at < block->used;) {
        const struct mail_record *record = (const struct mail_record *)(block->bytes + at);
        if (record->kind == MAIL_HANDOVER) {
            const struct mail_connection *mail = (const struct mail_connection *)record;
            (void)close(mail->fd); // nobody is left to serve it
            layers_destroy(mail->layers);
            listener_terms_unref(mail->terms);
            identity_destroy(mail->identity);
        } else if (record->kind == MAIL_ANSWER) {
            free(((const struct mail_pointer *)record)->pointer); // nobody waits for it
        }
        at += record->length;
    }
}

void mail_finish(struct shard *shard)
{
    struct mail_block *block = mailbox_take(&shard->mailbox);
    while (block != NULL) {
        struct mail_block *next = block->next;
        drop_undelivered(block);
        free(block);
        block = next;
    }
    while (shard->blocks != NULL) {
        struct mail_block *next = shard->blocks->next;
        free(shard->blocks);
        shard->blocks = next;
    }
    mailbox_finish(&shard->mailbox);
}

// SPDX-License-Identifier: MIT
#include "server/plugin/question.h"

#include <stdlib.h>

#define SLOT_BITS   26u
#define SLOTS_FIRST 64u
#define NO_SLOT     UINT32_MAX

void questions_init(struct questions *questions, uint32_t shard)
{
    assert(shard < QUESTION_SHARDS_MAX);
    *questions = (struct questions){.shard = shard, .first_free = NO_SLOT, .last_free = NO_SLOT};
    (void)pthread_mutex_init(&questions->lock, NULL); // cannot fail without attributes
}

void questions_finish(struct questions *questions)
{
    free(questions->slots);
    (void)pthread_mutex_destroy(&questions->lock); // nobody holds it
}

static void slot_free(struct questions *questions, uint32_t index)
{
    questions->slots[index].next_free = NO_SLOT;
    if (questions->last_free == NO_SLOT)
        questions->first_free = index;
    else
        questions->slots[questions->last_free].next_free = index;
    questions->last_free = index;
}

static void slots_grow(struct questions *questions)
{
    uint32_t count = questions->count == 0 ? SLOTS_FIRST : questions->count * 2;
    assert(count <= 1u << SLOT_BITS); // a client has one question at most
    questions->slots = memory_require_again(questions->slots, count * sizeof *questions->slots);
    for (uint32_t i = questions->count; i < count; i++) {
        questions->slots[i] = (struct question_slot){.end = QUESTION_NEVER};
        slot_free(questions, i);
    }
    questions->count = count;
}

static uint64_t number_of(const struct questions *questions, uint32_t index)
{
    return (uint64_t)questions->shard << 58 | (uint64_t)index << 32 | questions->slots[index].generation;
}

// NULL if this question never was, or was so long ago that another has taken its place.
static struct question_slot *slot_of(struct questions *questions, uint64_t question)
{
    uint32_t index = (uint32_t)(question >> 32) & ((1u << SLOT_BITS) - 1);
    if (question_shard(question) != questions->shard || index >= questions->count)
        return NULL;
    struct question_slot *slot = &questions->slots[index];
    return slot->generation == (uint32_t)question ? slot : NULL;
}

uint64_t question_open(struct questions *questions, const struct plugin *plugin, uint64_t client)
{
    (void)pthread_mutex_lock(&questions->lock);
    if (questions->first_free == NO_SLOT)
        slots_grow(questions);
    uint32_t index = questions->first_free;
    struct question_slot *slot = &questions->slots[index];
    questions->first_free = slot->next_free;
    if (questions->first_free == NO_SLOT)
        questions->last_free = NO_SLOT;
    uint32_t generation = slot->generation + 1;
    *slot = (struct question_slot){.generation = generation == 0 ? 1 : generation,
                                   .end = QUESTION_OPEN,
                                   .plugin = plugin,
                                   .client = client};
    uint64_t number = number_of(questions, index);
    (void)pthread_mutex_unlock(&questions->lock);
    return number;
}

enum question_end question_answer(struct questions *questions, uint64_t question, const struct plugin *plugin,
                                  uint64_t *ret_client)
{
    (void)pthread_mutex_lock(&questions->lock);
    struct question_slot *slot = slot_of(questions, question);
    enum question_end end = slot == NULL || slot->plugin != plugin ? QUESTION_NEVER : slot->end;
    if (end == QUESTION_OPEN) {
        *ret_client = slot->client;
        slot->end = QUESTION_ANSWERED;
        slot_free(questions, (uint32_t)(slot - questions->slots));
    }
    (void)pthread_mutex_unlock(&questions->lock);
    return end;
}

bool question_close_locked(struct questions *questions, uint64_t question, enum question_end end,
                           struct parcel **ret_parcel)
{
    *ret_parcel = NULL;
    (void)pthread_mutex_lock(&questions->lock);
    struct question_slot *slot = slot_of(questions, question);
    if (slot == NULL || slot->end != QUESTION_OPEN)
        return false;
    slot->end = (uint8_t)end;
    *ret_parcel = slot->parcel;
    slot->parcel = NULL;
    slot_free(questions, (uint32_t)(slot - questions->slots));
    return true;
}

void question_unlock(struct questions *questions)
{
    (void)pthread_mutex_unlock(&questions->lock);
}

void question_set_parcel(struct questions *questions, uint64_t question, struct parcel *parcel)
{
    (void)pthread_mutex_lock(&questions->lock);
    struct question_slot *slot = slot_of(questions, question);
    if (slot != NULL)
        slot->parcel = parcel;
    (void)pthread_mutex_unlock(&questions->lock);
}

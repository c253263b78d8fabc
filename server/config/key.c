// SPDX-License-Identifier: MIT
#include "server/config/key.h"

#include <stdio.h>
#include <string.h>

#define EXPECTED_BYTES 128u // room for what a message says was expected

// ---- one value

// Numbers and choices are members of four or eight bytes, flags of one.
static void store(const struct key *key, void *base, uint64_t value)
{
    void *member = (char *)base + key->offset;
    uint32_t narrow = (uint32_t)value;
    bool flag = value != 0;
    if (key->type == KEY_TYPE_FLAG)
        memcpy(member, &flag, sizeof(flag));
    else if (key->size == sizeof(value))
        memcpy(member, &value, sizeof(value));
    else
        memcpy(member, &narrow, sizeof(narrow));
}

// The place of a word among those of a choice; -1 if it is none of them.
static int word_find(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (int place = 0;; place++) {
        size_t next = strcspn(words, "|");
        if (next == length && memcmp(words, word, length) == 0)
            return place;
        if (words[next] == '\0')
            return -1;
        words += next + 1;
    }
}

// "none|optional|required" as "none, optional or required".
static void words_list(const char *words, char ret_text[EXPECTED_BYTES])
{
    size_t used = 0;
    for (;;) {
        size_t length = strcspn(words, "|");
        bool last = words[length] == '\0';
        bool second_last = !last && strchr(words + length + 1, '|') == NULL;
        used += (size_t)snprintf(ret_text + used, EXPECTED_BYTES - used, "%.*s%s", (int)length, words,
                                 last          ? ""
                                 : second_last ? " or "
                                               : ", ");
        assert(used < EXPECTED_BYTES); // the words are ours
        if (last)
            return;
        words += length + 1;
    }
}

static int read_number(struct document *document, yaml_node_t *value, const struct key *key, void *base)
{
    int64_t number;
    int status = document_read_integer(document, value, key->range, &number);
    if (status == 0)
        store(key, base, (uint64_t)number);
    return status;
}

static int read_flag(struct document *document, yaml_node_t *value, const struct key *key, void *base)
{
    bool flag;
    int status = document_read_bool(document, value, &flag);
    if (status == 0)
        store(key, base, flag);
    return status;
}

static int read_choice(struct document *document, yaml_node_t *value, const struct key *key, void *base)
{
    char expected[EXPECTED_BYTES];
    const char *text;
    words_list(key->words, expected);
    int status = document_read_text(document, value, expected, &text);
    if (status != 0)
        return status;
    int place = word_find(key->words, text);
    if (place < 0)
        return document_fail_expected(document, value, expected);
    store(key, base, (uint64_t)place);
    return 0;
}

int key_read_text(struct document *document, const yaml_node_t *value, struct arena *arena,
                  const struct key *facts, const char **ret_text)
{
    char expected[EXPECTED_BYTES];
    const char *text;
    int status = document_read_text(document, value, facts->what, &text);
    if (status != 0)
        return status;
    if (text[0] == '\0' || (facts->valid != NULL && !facts->valid(text)))
        return document_fail_expected(document, value, facts->what);
    if (strlen(text) >= facts->bytes_max) {
        (void)snprintf(expected, sizeof(expected), "%s, of at most %u bytes", facts->what,
                       facts->bytes_max - 1);
        return document_fail_expected(document, value, expected);
    }
    *ret_text = arena_copy(arena, text);
    return 0;
}

static int read_file(struct document *document, yaml_node_t *value, const struct key *key,
                     const struct key_target *target)
{
    struct config_file *file = (void *)((char *)target->base + key->offset);
    int status = key_read_text(document, value, target->reading->arena, key, &file->path);
    if (status == 0)
        file->line = document->line;
    return status;
}

int key_read(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    const struct key *key = facts;
    const struct key_target *into = target;
    if (into->lines != NULL)
        into->lines[key->id] = document->line;
    switch (key->type) {
    case KEY_TYPE_NUMBER:
        return read_number(document, value, key, into->base);
    case KEY_TYPE_FLAG:
        return read_flag(document, value, key, into->base);
    case KEY_TYPE_CHOICE:
        return read_choice(document, value, key, into->base);
    case KEY_TYPE_TEXT:
        return key_read_text(document, value, into->reading->arena, key,
                             (void *)((char *)into->base + key->offset));
    case KEY_TYPE_FILE:
        return read_file(document, value, key, into);
    case KEY_TYPE_OTHER:
        break;
    }
    return key->read(document, value, key, target);
}

// ---- all of a table

void key_set_standards(const struct document_keys *keys, void *base)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct key *key = keys->keys[i].facts;
        switch (key->type) {
        case KEY_TYPE_NUMBER:
        case KEY_TYPE_FLAG:
            store(key, base, key->standard);
            break;
        case KEY_TYPE_CHOICE:
            store(key, base, (uint64_t)word_find(key->words, key->standard_word));
            break;
        case KEY_TYPE_TEXT:
        case KEY_TYPE_FILE:
        case KEY_TYPE_OTHER: // nothing, unless whoever reads it says otherwise
            break;
        }
    }
}

// SPDX-License-Identifier: MIT
#include "server/access/acl_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define READ        (ACL_SUBSCRIBE | ACL_RECEIVE)
#define WRITE       ACL_PUBLISH
#define QUOTE_BYTES 64u // of what is seen, at most

struct reader_state {
    struct acl_builder *builder;
    struct bytes user; // above the line; empty before the first
    const char *name;
    uint32_t line;
    char *error;
    size_t error_size;
};

// ---- Faults ----

static int fail_expected(const struct reader_state *state, const char *expected, struct bytes seen)
{
    char quote[QUOTE_BYTES];
    size_t room = sizeof(quote) - sizeof("...");
    size_t kept = seen.length <= room ? seen.length : room;
    for (size_t i = 0; i < kept; i++)
        quote[i] = seen.data[i] < ' ' || seen.data[i] >= 0x7f ? '?' : (char)seen.data[i];
    (void)snprintf(quote + kept, sizeof(quote) - kept, "%s", kept < seen.length ? "..." : "");
    if (seen.length == 0)
        (void)snprintf(state->error, state->error_size, "%s:%u: expected %s, seen nothing", state->name,
                       state->line, expected);
    else
        (void)snprintf(state->error, state->error_size, "%s:%u: expected %s, seen '%s'", state->name,
                       state->line, expected, quote);
    return -EINVAL;
}

// ---- Words ----

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct bytes trim(struct bytes text)
{
    while (text.length > 0 && is_blank(text.data[0]))
        text = (struct bytes){text.data + 1, text.length - 1};
    while (text.length > 0 && is_blank(text.data[text.length - 1]))
        text.length--;
    return text;
}

// Takes the first word off a trimmed text, which stays trimmed.
static struct bytes take_word(struct bytes *text)
{
    size_t length = 0;
    while (length < text->length && !is_blank(text->data[length]))
        length++;
    struct bytes word = {text->data, length};
    *text = trim((struct bytes){text->data + length, text->length - length});
    return word;
}

static bool word_is(struct bytes word, const char *text)
{
    return bytes_equal(word, bytes_of(text));
}

// ---- Lines ----

struct access_word {
    const char *word;
    uint8_t actions;
    bool deny;
};

static const struct access_word access_words[] = {
    {"read", READ, false},
    {"write", WRITE, false},
    {"readwrite", READ | WRITE, false},
    {"deny", READ | WRITE, true},
};

static const struct access_word *find_access(struct bytes word)
{
    for (size_t i = 0; i < sizeof(access_words) / sizeof(access_words[0]); i++)
        if (word_is(word, access_words[i].word))
            return &access_words[i];
    return NULL;
}

// "[ACCESS] FILTER", for the subject of the rule.
static int read_rule(const struct reader_state *state, struct bytes rest, struct acl_rule *rule)
{
    struct bytes filter = rest;
    struct bytes word = take_word(&rest);
    const struct access_word *access = find_access(word);
    if (access == NULL && rest.length > 0)
        return fail_expected(state, "read, write, readwrite or deny before a topic filter", word);
    rule->filter = access != NULL ? rest : filter;
    rule->actions = access != NULL ? access->actions : READ | WRITE;
    rule->deny = access != NULL && access->deny;
    const char *expected = acl_builder_add(state->builder, rule);
    return expected == NULL ? 0 : fail_expected(state, expected, rule->filter);
}

static int read_topic(const struct reader_state *state, struct bytes rest)
{
    struct acl_rule rule = {.subject = state->user.length > 0 ? ACL_USER : ACL_ANONYMOUS,
                            .name = state->user};
    return read_rule(state, rest, &rule);
}

static int read_pattern(const struct reader_state *state, struct bytes rest)
{
    struct acl_rule rule = {.subject = ACL_EVERYBODY, .pattern = true};
    return read_rule(state, rest, &rule);
}

static int read_user(struct reader_state *state, struct bytes rest)
{
    if (rest.length == 0 || rest.length > UINT16_MAX || !utf8_valid(rest))
        return fail_expected(state, "a user name", rest);
    state->user = rest;
    return 0;
}

static int read_line(struct reader_state *state, struct bytes line)
{
    line = trim(line);
    if (line.length == 0 || line.data[0] == '#')
        return 0;
    struct bytes word = take_word(&line);
    if (word_is(word, "topic"))
        return read_topic(state, line);
    if (word_is(word, "pattern"))
        return read_pattern(state, line);
    if (word_is(word, "user"))
        return read_user(state, line);
    return fail_expected(state, "topic, pattern, user or a comment", word);
}

int acl_file_parse(struct acl_builder *builder, struct bytes text, const char *name, char *ret_error,
                   size_t error_size)
{
    struct reader_state state = {
        .builder = builder, .name = name, .error = ret_error, .error_size = error_size};
    int status = 0;
    acl_builder_restrict(builder, ACL_ACTIONS);
    while (status == 0 && text.length > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.length);
        size_t length = end != NULL ? (size_t)(end - text.data) : text.length;
        size_t taken = length + (end != NULL);
        state.line++;
        status = read_line(&state, (struct bytes){text.data, length});
        text = (struct bytes){text.data + taken, text.length - taken};
    }
    return status;
}

// ---- The file ----

int acl_file_load(struct acl_builder *builder, const char *path, char *ret_error, size_t error_size)
{
    void *bytes;
    size_t length;
    int status = file_load(path, ACL_FILE_BYTES_MAX, &bytes, &length, ret_error, error_size);
    if (status < 0)
        return status;
    status = acl_file_parse(builder, (struct bytes){bytes, length}, path, ret_error, error_size);
    free(bytes);
    return status;
}

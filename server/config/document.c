// SPDX-License-Identifier: MIT
#include "server/config/document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config/config.h"
#include "server/config/scalar.h"
#include "server/config/spelling.h"
#include "server/config/substitution.h"

// Where the reader was before it went into a key or an entry.
struct place {
    uint32_t line;
    size_t path_length;
};

static struct place place_enter(struct document *document, const yaml_node_t *node, const char *step)
{
    struct place before = {.line = document->line, .path_length = strlen(document->path)};
    size_t room = sizeof(document->path) - before.path_length;
    document->line = (uint32_t)node->start_mark.line + 1;
    if (step != NULL)
        (void)snprintf(document->path + before.path_length, room, "%s%s", before.path_length == 0 ? "" : ".",
                       step);
    return before;
}

static void place_leave(struct document *document, struct place before)
{
    document->line = before.line;
    document->path[before.path_length] = '\0';
}

void document_clean_line(char *line)
{
    for (; *line != '\0'; line++)
        if ((uint8_t)*line < ' ' || *line == 0x7f)
            *line = '?';
}

int document_fail(struct document *document, const char *format, ...)
{
    va_list arguments;
    int written = snprintf(document->error, document->error_size, "%s:%u: ", document->name, document->line);
    size_t used = (size_t)written < document->error_size ? (size_t)written : document->error_size;
    va_start(arguments, format);
    (void)vsnprintf(document->error + used, document->error_size - used, format, arguments);
    va_end(arguments);
    if (document->error_size > 0)
        document_clean_line(document->error);
    return -EINVAL;
}

// A scalar's text for a message: cut, and with '?' for what a terminal could take as a command.
static void text_quote(const yaml_node_t *node, char ret_text[DOCUMENT_SEEN_BYTES])
{
    size_t length = node->data.scalar.length;
    size_t room = DOCUMENT_SEEN_BYTES - sizeof("...");
    size_t kept = length <= room ? length : room;
    for (size_t i = 0; i < kept; i++) {
        unsigned char byte = node->data.scalar.value[i];
        ret_text[i] = (byte < ' ' || byte >= 0x7f) ? '?' : (char)byte;
    }
    (void)snprintf(ret_text + kept, DOCUMENT_SEEN_BYTES - kept, "%s", length <= room ? "" : "...");
}

static bool node_is_plain(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static const char *node_text(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value; // libyaml ends it with a NUL
}

bool document_is_empty(const yaml_node_t *node)
{
    return node == NULL || (node_is_plain(node) && scalar_empty(node_text(node)));
}

// What stands in the file where the node has the value of a variable, which may be a secret.
static const yaml_node_t *node_original(struct document *document, const yaml_node_t *node)
{
    ptrdiff_t index = node - document->yaml.nodes.start; // nodes are numbered from 1
    int original = index + 1 < document->original_count ? document->originals[index + 1] : 0;
    return original == 0 ? node : yaml_document_get_node(&document->yaml, original);
}

int document_fail_expected(struct document *document, const yaml_node_t *node, const char *expected)
{
    char text[DOCUMENT_SEEN_BYTES];
    const char *where = document->path[0] == '\0' ? "file" : document->path;
    const char *seen = "nothing";

    if (document_is_empty(node))
        return document_fail(document, "%s: expected %s, seen %s", where, expected, seen);
    if (node->type == YAML_SCALAR_NODE) {
        text_quote(node_original(document, node), text);
        return document_fail(document, "%s: expected %s, seen '%s'", where, expected, text);
    }
    seen = node->type == YAML_MAPPING_NODE ? "a map" : "a list";
    return document_fail(document, "%s: expected %s, seen %s", where, expected, seen);
}

int document_fail_large(struct document *document)
{
    return document_fail(document,
                         "%s: the file comes to more than %u bytes in memory; aliases make it so large",
                         document->path, CONFIG_BYTES_MAX);
}

static int syntax_fail(struct document *document, const yaml_parser_t *parser, const char *bytes)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        (void)snprintf(document->error, document->error_size, "%s: out of memory", document->name);
        return -ENOMEM;
    }
    document->line = (uint32_t)parser->problem_mark.line + 1;
    if (parser->error == YAML_READER_ERROR) { // has an offset only
        document->line = 1;
        for (size_t i = 0; i < parser->problem_offset; i++)
            document->line += bytes[i] == '\n';
    }
    return document_fail(document,
                         "not valid YAML: %s%s%s (text that begins with [ { * & ! @ or %% needs quotes)",
                         parser->problem != NULL ? parser->problem : "unknown fault",
                         parser->context != NULL ? " " : "", parser->context != NULL ? parser->context : "");
}

static int second_document_check(struct document *document, yaml_parser_t *parser, const char *bytes)
{
    yaml_document_t second;
    if (document_root(document) == NULL)
        return 0;
    if (!yaml_parser_load(parser, &second))
        return syntax_fail(document, parser, bytes);
    yaml_node_t *root = yaml_document_get_root_node(&second);
    int status = 0;
    if (root != NULL) {
        document->line = (uint32_t)root->start_mark.line + 1;
        status = document_fail(document, "a second YAML document begins here; the file must hold one");
    }
    yaml_document_delete(&second);
    return status;
}

int document_open(struct document *document, const char *bytes, size_t length)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        (void)snprintf(document->error, document->error_size, "%s: out of memory", document->name);
        return -ENOMEM;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, length);
    document->line = 1;
    document->path[0] = '\0';
    int status = 0;
    if (!yaml_parser_load(&parser, &document->yaml)) {
        status = syntax_fail(document, &parser, bytes);
    } else {
        status = second_document_check(document, &parser, bytes);
        if (status == 0)
            status = substitution_apply(document);
        if (status != 0)
            document_close(document);
    }
    yaml_parser_delete(&parser);
    return status;
}

void document_close(struct document *document)
{
    free(document->originals);
    yaml_document_delete(&document->yaml);
}

yaml_node_t *document_root(struct document *document)
{
    return yaml_document_get_root_node(&document->yaml);
}

static const struct document_key *key_find(const struct document_keys *keys, const char *name)
{
    for (size_t i = 0; i < keys->count; i++)
        if (spelling_same(keys->keys[i].name, name))
            return &keys->keys[i];
    return NULL;
}

static int key_fail_unknown(struct document *document, const struct document_keys *keys,
                            const yaml_node_t *key)
{
    char text[DOCUMENT_SEEN_BYTES];
    const char *near = NULL;
    uint32_t distance = SPELLING_NEAR_MAX + 1;
    for (size_t i = 0; i < keys->count; i++) {
        uint32_t candidate = spelling_distance(keys->keys[i].name, node_text(key));
        if (candidate < distance) {
            distance = candidate;
            near = keys->keys[i].name;
        }
    }
    text_quote(key, text);
    return document_fail(
        document, "unknown key '%s'%s%s%s%s%s", text, document->path[0] == '\0' ? "" : " in ", document->path,
        near == NULL ? "" : "; did you mean '", near == NULL ? "" : near, near == NULL ? "" : "'?");
}

static int key_check_scalar(struct document *document, const yaml_node_t *key)
{
    if (key->type != YAML_SCALAR_NODE)
        return document_fail(document, "expected a key, seen %s",
                             key->type == YAML_MAPPING_NODE ? "a map" : "a list");
    if (strlen(node_text(key)) != key->data.scalar.length)
        return document_fail(document, "expected a key without NUL");
    return 0;
}

static int key_fail_again(struct document *document, const yaml_node_t *key, size_t first_line)
{
    char text[DOCUMENT_SEEN_BYTES];
    text_quote(key, text);
    return document_fail(document, "key '%s' is given a second time (first in line %zu)", text, first_line);
}

// The key has not stood in the map before. All that are before it are known, so they are few.
static int key_check_known(struct document *document, yaml_node_t *map, const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = yaml_document_get_node(&document->yaml, pair->key);
    int status = key_check_scalar(document, key);
    for (const yaml_node_pair_t *other = map->data.mapping.pairs.start; status == 0 && other < pair;
         other++) {
        const yaml_node_t *first = yaml_document_get_node(&document->yaml, other->key);
        if (spelling_same(node_text(first), node_text(key)))
            status = key_fail_again(document, key, first->start_mark.line + 1);
    }
    return status;
}

static int map_check(struct document *document, const yaml_node_t *node, bool *ret_empty)
{
    *ret_empty = document_is_empty(node);
    return *ret_empty || node->type == YAML_MAPPING_NODE ? 0
                                                         : document_fail_expected(document, node, "a map");
}

static int pair_read_known(struct document *document, yaml_node_t *map, const yaml_node_pair_t *pair,
                           const struct document_keys *keys, void *target)
{
    const yaml_node_t *key_node = yaml_document_get_node(&document->yaml, pair->key);
    struct place before = place_enter(document, key_node, NULL);
    int status = key_check_known(document, map, pair);
    const struct document_key *key = status == 0 ? key_find(keys, node_text(key_node)) : NULL;
    if (status == 0 && key == NULL)
        status = key_fail_unknown(document, keys, key_node);
    place_leave(document, before);
    if (key == NULL)
        return status;
    before = place_enter(document, key_node, key->name);
    status = key->read(document, yaml_document_get_node(&document->yaml, pair->value), key->facts, target);
    place_leave(document, before);
    return status;
}

int document_read_map(struct document *document, yaml_node_t *node, const struct document_keys *keys,
                      void *target)
{
    bool empty;
    int status = map_check(document, node, &empty);
    if (status != 0 || empty)
        return status;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
         pair++) {
        status = pair_read_known(document, node, pair, keys, target);
        if (status != 0)
            return status;
    }
    return 0;
}

// A name of a map that was read: a map may have very many of them.
struct name {
    struct hash_node node;
    const yaml_node_t *key;
};

static int name_check(struct document *document, const yaml_node_t *key, struct hash_table *names,
                      struct name *ret_name)
{
    int status = key_check_scalar(document, key);
    if (status != 0)
        return status;
    uint64_t hash = hash_bytes(key->data.scalar.value, key->data.scalar.length, 0);
    for (struct hash_node *node = hash_table_find(names, hash); node != NULL; node = hash_node_again(node)) {
        const struct name *first = container_of(node, struct name, node);
        if (strcmp(node_text(first->key), node_text(key)) == 0)
            return key_fail_again(document, key, first->key->start_mark.line + 1);
    }
    ret_name->key = key;
    hash_table_insert(names, &ret_name->node, hash);
    return 0;
}

static int pair_read_named(struct document *document, const yaml_node_pair_t *pair, struct hash_table *names,
                           struct name *name, document_read *read, void *target)
{
    const yaml_node_t *key = yaml_document_get_node(&document->yaml, pair->key);
    char text[DOCUMENT_SEEN_BYTES];
    struct place before = place_enter(document, key, NULL);
    int status = name_check(document, key, names, name);
    place_leave(document, before);
    if (status != 0)
        return status;
    text_quote(key, text);
    before = place_enter(document, key, text);
    status = read(document, yaml_document_get_node(&document->yaml, pair->value), node_text(key), target);
    place_leave(document, before);
    return status;
}

int document_read_names(struct document *document, yaml_node_t *node, document_read *read, void *target)
{
    bool empty;
    int status = map_check(document, node, &empty);
    if (status != 0 || empty)
        return status;
    struct hash_table names;
    hash_table_init(&names);
    const yaml_node_pair_t *start = node->data.mapping.pairs.start;
    size_t count = (size_t)(node->data.mapping.pairs.top - start);
    struct name *room = memory_require((count + 1) * sizeof(*room)); // one more, for an empty map
    for (size_t i = 0; status == 0 && i < count; i++)
        status = pair_read_named(document, &start[i], &names, &room[i], read, target);
    free(room);
    hash_table_finish(&names);
    return status;
}

int document_read_list(struct document *document, yaml_node_t *node, document_read *read, void *target)
{
    if (document_is_empty(node))
        return 0;
    if (node->type != YAML_SEQUENCE_NODE)
        return document_fail_expected(document, node, "a list");
    for (const yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
         item++) {
        yaml_node_t *entry = yaml_document_get_node(&document->yaml, *item);
        struct place before = place_enter(document, entry, NULL);
        int status = read(document, entry, NULL, target);
        place_leave(document, before);
        if (status != 0)
            return status;
    }
    return 0;
}

int document_read_one_or_list(struct document *document, yaml_node_t *node, document_read *read, void *target)
{
    if (node->type == YAML_SEQUENCE_NODE)
        return document_read_list(document, node, read, target);
    return read(document, node, NULL, target);
}

int document_read_integer(struct document *document, const yaml_node_t *node, struct document_range range,
                          int64_t *ret_value)
{
    char expected[80];
    int64_t value;
    if (node_is_plain(node) && scalar_integer(node_text(node), &value) && value >= range.lowest &&
        value <= range.highest) {
        *ret_value = value;
        return 0;
    }
    (void)snprintf(expected, sizeof(expected), "a whole number from %lld to %lld", (long long)range.lowest,
                   (long long)range.highest);
    return document_fail_expected(document, node, expected);
}

int document_read_bool(struct document *document, const yaml_node_t *node, bool *ret_value)
{
    if (node->type == YAML_SCALAR_NODE && scalar_bool(node_text(node), ret_value))
        return 0;
    return document_fail_expected(document, node, "true or false");
}

static int text_read(struct document *document, const yaml_node_t *node, const char *expected,
                     const char *controls, const char **ret_text)
{
    if (document_is_empty(node) || node->type != YAML_SCALAR_NODE)
        return document_fail_expected(document, node, expected);
    for (size_t i = 0; i < node->data.scalar.length; i++) {
        uint8_t byte = node->data.scalar.value[i];
        if (byte == '\0' || byte == 0x7f || (byte < ' ' && strchr(controls, byte) == NULL))
            return document_fail_expected(document, node, expected);
    }
    *ret_text = node_text(node);
    return 0;
}

int document_read_text(struct document *document, const yaml_node_t *node, const char *expected,
                       const char **ret_text)
{
    return text_read(document, node, expected, "", ret_text);
}

int document_read_lines(struct document *document, const yaml_node_t *node, const char *expected,
                        const char **ret_text)
{
    return text_read(document, node, expected, "\t\r\n", ret_text);
}

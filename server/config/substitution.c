// SPDX-License-Identifier: MIT
#include "server/config/substitution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
#define DIGITS  "0123456789"

#define NAME_BYTES 128u

struct substitution {
    struct document *document;
    bool *is_key; // by the number of the node
    FILE *text;   // what the value becomes
    size_t room;  // left of SUBSTITUTION_BYTES_MAX
};

static int put(struct substitution *substitution, const char *text, size_t length)
{
    if (length > substitution->room)
        return document_fail(substitution->document,
                             "the variables of the file stand for more than %u bytes together",
                             SUBSTITUTION_BYTES_MAX);
    substitution->room -= length;
    (void)fwrite(text, 1, length, substitution->text); // what is missing is seen when it is closed
    return 0;
}

// `*from` is behind "${"; afterwards it is behind the '}'.
static int put_variable(struct substitution *substitution, const char **from)
{
    static const char usage[] = "expected ${NAME} or ${NAME:-text}; a ${ that is no variable is written $${";
    char name[NAME_BYTES];
    size_t length = strspn(*from, LETTERS DIGITS);
    const char *behind = *from + length;
    const char *end = strchr(behind, '}');
    bool has_standard = strncmp(behind, ":-", 2) == 0;
    if (length == 0 || length >= sizeof(name) || strchr(DIGITS, **from) != NULL || end == NULL ||
        (!has_standard && end != behind))
        return document_fail(substitution->document, "%s", usage);
    memcpy(name, *from, length);
    name[length] = '\0';
    *from = end + 1;
    const char *value = getenv(name);
    if (has_standard && (value == NULL || value[0] == '\0'))
        return put(substitution, behind + 2, (size_t)(end - behind - 2));
    if (value == NULL)
        return document_fail(substitution->document, "the environment has no variable %s", name);
    return put(substitution, value, strlen(value));
}

static int put_value(struct substitution *substitution, const char *from)
{
    int status = 0;
    while (status == 0 && *from != '\0') {
        const char *dollar = strchr(from, '$');
        size_t plain = dollar == NULL ? strlen(from) : (size_t)(dollar - from);
        status = put(substitution, from, plain);
        from += plain;
        if (status != 0 || dollar == NULL)
            break;
        if (strncmp(from, "$${", 3) == 0) {
            status = put(substitution, "${", 2);
            from += 3;
        } else if (strncmp(from, "${", 2) == 0) {
            from += 2;
            status = put_variable(substitution, &from);
        } else {
            status = put(substitution, "$", 1);
            from++;
        }
    }
    return status;
}

// The value becomes that of a node added for the purpose, so that all memory is libyaml's.
static int exchange(struct document *document, int number, const char *text, size_t length)
{
    int added = yaml_document_add_scalar(&document->yaml, NULL, (const yaml_char_t *)text, (int)length,
                                         YAML_PLAIN_SCALAR_STYLE);
    if (added == 0)
        return document_fail(document, "what its variables stand for is no text in UTF-8");
    yaml_node_t *to = yaml_document_get_node(&document->yaml, number);
    yaml_node_t *from = yaml_document_get_node(&document->yaml, added);
    yaml_char_t *value = to->data.scalar.value;
    size_t length_before = to->data.scalar.length;
    to->data.scalar.value = from->data.scalar.value;
    to->data.scalar.length = from->data.scalar.length;
    to->data.scalar.style = from->data.scalar.style;
    from->data.scalar.value = value;
    from->data.scalar.length = length_before;
    document->originals[number] = added;
    return 0;
}

static int replace(struct substitution *substitution, int number)
{
    struct document *document = substitution->document;
    const yaml_node_t *node = yaml_document_get_node(&document->yaml, number);
    char *text = NULL;
    size_t length = 0;
    document->line = (uint32_t)node->start_mark.line + 1;
    substitution->text = open_memstream(&text, &length);
    if (substitution->text == NULL)
        return document_fail(document, "out of memory");
    int status = put_value(substitution, (const char *)node->data.scalar.value);
    if (fclose(substitution->text) != 0 && status == 0)
        status = document_fail(document, "out of memory");
    if (status == 0)
        status = exchange(document, number, text, length);
    free(text);
    return status;
}

static void keys_note(const struct substitution *substitution, const yaml_node_t *map)
{
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top;
         pair++)
        substitution->is_key[pair->key] = true;
}

// A value with a NUL in it is refused by whoever reads it, and looked at no further here.
static bool has_variable(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length && strstr(text, "${") != NULL;
}

int substitution_apply(struct document *document)
{
    int count = (int)(document->yaml.nodes.top - document->yaml.nodes.start);
    struct substitution substitution = {
        .document = document,
        .is_key = memory_require((size_t)count + 1), // nodes are numbered from 1
        .room = SUBSTITUTION_BYTES_MAX,
    };
    int status = 0;
    document->originals = memory_require(((size_t)count + 1) * sizeof(*document->originals));
    document->original_count = count + 1;
    for (int number = 1; number <= count; number++) {
        const yaml_node_t *node = yaml_document_get_node(&document->yaml, number);
        if (node->type == YAML_MAPPING_NODE)
            keys_note(&substitution, node);
    }
    for (int number = 1; status == 0 && number <= count; number++) {
        const yaml_node_t *node = yaml_document_get_node(&document->yaml, number);
        if (node->type == YAML_SCALAR_NODE && !substitution.is_key[number] && has_variable(node))
            status = replace(&substitution, number);
    }
    free(substitution.is_key);
    if (status == 0)
        document->line = 1; // reading begins
    return status;
}

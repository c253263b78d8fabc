// SPDX-License-Identifier: MIT
#include "server/config/settings_read.h"

// What is being read goes to the end of the children of `parent`, at `*end`.
struct branch {
    struct arena *arena;
    const struct settings **end;
    uint32_t depth;
};

static int read_node(struct document *document, yaml_node_t *node, const char *key, struct branch *branch);

// An entry of a list has no name, one of a map has it in `facts`.
static int read_child(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return read_node(document, value, facts, target);
}

static int read_scalar(struct document *document, const yaml_node_t *node, struct branch *branch,
                       struct settings *scalar)
{
    const char *text = "";
    if (!document_is_empty(node)) {
        int status = document_read_lines(document, node, "text", &text);
        if (status != 0)
            return status;
    }
    scalar->kind = SETTINGS_SCALAR;
    scalar->text = arena_copy(branch->arena, text);
    scalar->quoted = node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return 0;
}

// Aliases can make much of little, and a list hold itself: so there are limits, and the recursion has an end.
static int read_node(struct document *document, yaml_node_t *node, const char *key, struct branch *branch)
{
    if (branch->depth == SETTINGS_DEPTH_MAX)
        return document_fail(document, "%s: the settings are nested more than %u deep", document->path,
                             SETTINGS_DEPTH_MAX);
    if (branch->arena->bytes > CONFIG_BYTES_MAX)
        return document_fail_large(document);
    struct settings *settings = arena_take(branch->arena, sizeof(*settings));
    settings->line = document->line;
    settings->key = key == NULL ? NULL : arena_copy(branch->arena, key);
    *branch->end = settings;
    branch->end = &settings->next;
    struct branch children = {.arena = branch->arena, .end = &settings->first, .depth = branch->depth + 1};
    switch (node->type) {
    case YAML_SEQUENCE_NODE:
        settings->kind = SETTINGS_LIST;
        return document_read_list(document, node, read_child, &children);
    case YAML_MAPPING_NODE:
        settings->kind = SETTINGS_MAP;
        return document_read_names(document, node, read_child, &children);
    default:
        return read_scalar(document, node, branch, settings);
    }
}

int settings_read(struct document *document, yaml_node_t *node, struct arena *arena,
                  const struct settings **ret_settings)
{
    const struct settings *settings = NULL;
    if (!document_is_empty(node)) {
        if (node->type != YAML_MAPPING_NODE)
            return document_fail_expected(document, node, "a map of settings");
        int status = read_node(document, node, NULL, &(struct branch){.arena = arena, .end = &settings});
        if (status != 0)
            return status;
    }
    *ret_settings = settings;
    return 0;
}

// SPDX-License-Identifier: MIT
#include "server/access/acl_tree.h"

#include <stdlib.h>

void acl_tree_init(struct acl_tree *tree, uint64_t seed)
{
    *tree = (struct acl_tree){.seed = seed};
    hash_table_init(&tree->nodes);
}

void acl_tree_finish(struct acl_tree *tree)
{
    struct hash_node *node = hash_table_next(&tree->nodes, NULL);
    while (node != NULL) {
        struct hash_node *next = hash_table_next(&tree->nodes, node);
        free(container_of(node, struct acl_node, node));
        node = next;
    }
    hash_table_finish(&tree->nodes);
}

static uint64_t mix(uint64_t hash)
{
    hash *= 0x9e3779b97f4a7c15ull;
    return hash ^ hash >> 32;
}

void acl_tree_init_root(struct acl_tree *tree, struct acl_node *root)
{
    // Roots differ, or the first levels that thousands of users have in common would be one chain.
    *root = (struct acl_node){.node.hash = mix(tree->seed ^ ++tree->roots)};
}

static uint64_t child_hash(const struct acl_node *parent, uint64_t text_hash, uint8_t kind)
{
    return mix(parent->node.hash ^ text_hash ^ kind);
}

static struct acl_node *find_child(const struct acl_tree *tree, const struct acl_node *parent,
                                   struct bytes text, uint64_t hash)
{
    struct hash_node *node = hash_table_find(&tree->nodes, hash);
    for (; node != NULL; node = hash_node_again(node)) {
        struct acl_node *child = container_of(node, struct acl_node, node);
        if (child->parent == parent && bytes_equal(acl_node_text(child), text))
            return child;
    }
    return NULL;
}

const struct acl_node *acl_tree_find(const struct acl_tree *tree, const struct acl_node *parent,
                                     struct bytes text, uint64_t hash)
{
    const struct acl_node *first = parent->literals;
    if (first == NULL || first->next != NULL)
        return first == NULL ? NULL : find_child(tree, parent, text, child_hash(parent, hash, ACL_LITERAL));
    return bytes_equal(acl_node_text(first), text) ? first : NULL; // beside its parent, and not in the table
}

static uint8_t kind_of(struct bytes text, bool pattern)
{
    uint8_t kind = acl_level_is(text, '+') ? ACL_PLUS : ACL_LITERAL;
    for (size_t i = 0; pattern && i + 1 < text.length; i++) {
        if (text.data[i] != '%')
            continue;
        kind |= text.data[i + 1] == 'u' ? ACL_WITH_USER : 0;
        kind |= text.data[i + 1] == 'c' ? ACL_WITH_CLIENT_ID : 0;
    }
    return kind;
}

static void link_child(struct acl_node *parent, struct acl_node *child)
{
    struct acl_node **list = child->kind == ACL_LITERAL ? &parent->literals
                             : child->kind == ACL_PLUS  ? &parent->plus
                                                        : &parent->templates;
    child->next = *list;
    *list = child;
}

static struct acl_node *reach_child(struct acl_tree *tree, struct acl_node *parent, struct bytes text,
                                    uint8_t kind)
{
    uint64_t hash = child_hash(parent, acl_tree_hash(tree, text), kind);
    struct acl_node *child = find_child(tree, parent, text, hash);
    if (child != NULL)
        return child;
    child = memory_require(sizeof(*child) + text.length);
    child->parent = parent;
    child->kind = kind;
    child->length = (uint16_t)text.length;
    if (text.length > 0)
        memcpy(child + 1, text.data, text.length);
    hash_table_insert(&tree->nodes, &child->node, hash);
    link_child(parent, child);
    return child;
}

void acl_tree_add(struct acl_tree *tree, struct acl_node *root, struct bytes filter, uint8_t marks,
                  bool pattern)
{
    struct acl_node *path[ACL_LEVELS_MAX + 1] = {root};
    struct acl_levels levels = acl_levels_of(filter);
    struct bytes level;
    uint32_t depth = 0;
    uint8_t below = marks;
    while (acl_levels_next(&levels, &level)) {
        assert(depth < ACL_LEVELS_MAX);
        uint8_t kind = kind_of(level, pattern);
        if (kind & (ACL_WITH_USER | ACL_WITH_CLIENT_ID))
            below |= ACL_TEMPLATE_MARK;
        path[depth + 1] = reach_child(tree, path[depth], level, kind);
        depth++;
    }
    if (levels.open)
        path[depth]->multi |= marks;
    else
        path[depth]->here |= marks;
    for (uint32_t i = 0; i <= depth; i++)
        path[i]->below |= below;
    if (depth > tree->depth)
        tree->depth = depth;
}

struct acl_levels acl_levels_of(struct bytes filter)
{
    bool lengthen = bytes_equal(filter, bytes_of("#")) || bytes_equal(filter, bytes_of("/#"));
    return (struct acl_levels){.cursor = {filter, false}, .lengthen = lengthen};
}

bool acl_levels_next(struct acl_levels *levels, struct bytes *ret_level)
{
    struct bytes level;
    if (levels->open || !topic_next_level(&levels->cursor, &level))
        return false;
    if (acl_level_is(level, '#')) {
        levels->open = true;
        if (!levels->lengthen)
            return false;
        level = bytes_of("+");
    }
    *ret_level = level;
    return true;
}

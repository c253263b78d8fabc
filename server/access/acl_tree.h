// SPDX-License-Identifier: MIT
// The filters of an ACL as trees: one tree for everybody, for anonymous clients, for each user and each
// group, level below level. All nodes but the roots hang in one hash table under (parent, text), so that a
// walk pays for the levels that it passes and not for the rules beside its way.
//
//     root --- a --- b        a/b     here
//              |     '------- a/b/#   multi: '#' is no node of its own
//              |---- +        a/+     the child `plus`
//              '---- %c       a/%c    a template, in a list of its own: its text is the client's
//
// Two filters are put in longer by a level, so that a '#' always stands behind another level: '#' as '+/#',
// and '/#' as '/+/#'. They match the same topics, since no topic is empty.
//
// A node keeps a mark for each kind of rule that ends there: a bit for each action that is allowed, and,
// three bits higher, for each that is denied. `below` is all that a walk could find from the node on.
#ifndef ACCESS_ACL_TREE_H
#define ACCESS_ACL_TREE_H

#include "proto/proto.h"
#include "server/access/acl.h"
#include "server/base/base.h"

#define ACL_DENY_SHIFT    3
#define ACL_ALLOW_MARKS   ((uint8_t)ACL_ACTIONS)
#define ACL_DENY_MARKS    ((uint8_t)(ACL_ACTIONS << ACL_DENY_SHIFT))
#define ACL_TEMPLATE_MARK 0x40u // in `below` alone: there are templates

// What the text of a node is.
enum acl_text {
    ACL_LITERAL = 0,
    ACL_PLUS = 1,
    ACL_WITH_USER = 2,      // it holds %u
    ACL_WITH_CLIENT_ID = 4, // it holds %c
};

struct acl_node {
    struct hash_node node;
    const struct acl_node *parent; // NULL for a root
    struct acl_node *next;         // among the literals or the templates of the parent
    struct acl_node *literals;
    struct acl_node *templates;
    struct acl_node *plus;
    uint16_t length; // of the text, which lies behind the node
    uint8_t kind;    // of the text, as bits of enum acl_text
    uint8_t here;    // marks of the filters that end at this level
    uint8_t multi;   // and of those that end with a '#' behind it
    uint8_t below;   // all marks from here on
};

struct acl_tree {
    struct hash_table nodes;
    uint64_t seed;
    uint64_t roots;
    uint32_t depth; // how many levels the deepest node is below its root, at most ACL_LEVELS_MAX
};

void acl_tree_init(struct acl_tree *tree, uint64_t seed);
void acl_tree_finish(struct acl_tree *tree); // frees all nodes but the roots

// A root is its owner's.
void acl_tree_init_root(struct acl_tree *tree, struct acl_node *root);

// Puts a valid filter with its marks below a root. In a pattern, %u and %c are templates.
void acl_tree_add(struct acl_tree *tree, struct acl_node *root, struct bytes filter, uint8_t marks,
                  bool pattern);

static inline struct bytes acl_node_text(const struct acl_node *node)
{
    return (struct bytes){(const uint8_t *)(node + 1), node->length};
}

static inline uint64_t acl_tree_hash(const struct acl_tree *tree, struct bytes text)
{
    return hash_bytes(text.data, text.length, tree->seed);
}

// The child with this text, whose acl_tree_hash is `hash`, that is no template; NULL if there is none.
const struct acl_node *acl_tree_find(const struct acl_tree *tree, const struct acl_node *parent,
                                     struct bytes text, uint64_t hash);

// The levels of a filter, as they stand in a tree: without the '#' at its end, which `open` stands for, and
// with the '+' before it that '#' and '/#' are put in with.
struct acl_levels {
    struct topic_cursor cursor;
    bool lengthen; // a '+' is due before the '#'
    bool open;     // set when the end has been reached
};
struct acl_levels acl_levels_of(struct bytes filter);
bool acl_levels_next(struct acl_levels *levels, struct bytes *ret_level);

static inline bool acl_level_is(struct bytes level, char letter)
{
    return level.length == 1 && level.data[0] == (uint8_t)letter;
}

#endif

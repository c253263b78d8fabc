// SPDX-License-Identifier: MIT
// Access control lists: which clients may publish, subscribe to and be sent which topics.
//
// A rule allows or denies actions on all topics that its filter matches, to everybody, to clients without a
// user name, to a user or to a group. The rules that concern a client are those for everybody and its own:
// for its name and its groups, or for anonymous clients. With them,
//
//   - a topic name is allowed where a rule allows it, or the action is not restricted, and no rule denies it;
//   - a filter (of a SUBSCRIBE) is allowed where that holds for every topic that it matches: all of them are
//     covered by the rules that allow, taken together, and none of them is matched by a rule that denies.
//
// So a denial wins, whatever the order. Both decisions are exact (for topics of any length). Topics that
// begin with '$' are matched only by filters that begin with the same level: '#' gives nobody $SYS
// [MQTT-4.7.2-1]; `a/#` gives `a`, too.
//
// In a pattern, %u stands for the client's user name and %c for its client id, anywhere in a level. A client
// without a user name is not concerned by patterns with %u. A value that holds '/', '+' or '#' is never put
// in: a pattern that allows then gives nothing, and one that denies takes all topics that agree with it up to
// the level where the value would stand. Nor does a pattern that begins with a value give topics that begin
// with '$'.
//
// A rule set is made once and never changes; the threads that share it count references.
#ifndef ACCESS_ACL_H
#define ACCESS_ACL_H

#include "proto/proto.h"
#include "server/base/base.h"

#define ACL_LEVELS_MAX 128u // of a rule's filter; a longer one is refused

enum acl_action {
    ACL_PUBLISH = 1,   // as a PUBLISH, or as a will
    ACL_SUBSCRIBE = 2, // what a SUBSCRIBE may ask for
    ACL_RECEIVE = 4,   // what may be delivered
};
#define ACL_ACTIONS (ACL_PUBLISH | ACL_SUBSCRIBE | ACL_RECEIVE)

enum acl_subject {
    ACL_EVERYBODY,
    ACL_ANONYMOUS, // who has no user name, or an empty one
    ACL_USER,
    ACL_GROUP,
};

struct acl_rule {
    uint8_t actions; // one or more of enum acl_action
    bool deny;
    bool pattern; // %u and %c are put in place; otherwise they are text like any other
    enum acl_subject subject;
    struct bytes name;   // of the user or the group
    struct bytes filter; // all views are copied
};

struct acl_membership {
    struct bytes group;
    struct bytes user;
};

struct acl;
struct acl_builder;
struct acl_node;
struct acl_tree;

// `hash_seed` is the process's secret, see hash_bytes. Never NULL.
struct acl_builder *acl_builder_create(uint64_t hash_seed);
void acl_builder_destroy(struct acl_builder *builder); // NULL is fine; not after acl_builder_finish

// Adds a rule. The same one twice is one. Returns NULL, or what was expected instead of the rule, such as "a
// topic filter ..."; then nothing has been added.
WARN_UNUSED const char *acl_builder_add(struct acl_builder *builder, const struct acl_rule *rule);

// Puts a user into a group, before or after rules for either. Returns NULL, or what was expected instead.
WARN_UNUSED const char *acl_builder_join(struct acl_builder *builder,
                                         const struct acl_membership *membership);

// From here on these actions need a rule that allows them. Until it is called for an action, everything is
// allowed that no rule denies.
void acl_builder_restrict(struct acl_builder *builder, uint8_t actions);

// Ends the builder. The rule set has one reference, which is the caller's.
struct acl *acl_builder_finish(struct acl_builder *builder);

// From any thread. acl_ref returns its argument; acl_unref takes NULL, too.
struct acl *acl_ref(struct acl *acl);
void acl_unref(struct acl *acl);

// The rules that concern one client: roots of trees, see acl_tree.h. They live as long as the rule set.
struct acl_rules {
    const struct acl_tree *tree;
    uint8_t restricted; // actions
    uint8_t marks;      // all that the trees hold
    uint32_t count;
    const struct acl_node *roots[];
};

// `user` is empty for a client without a user name.
const struct acl_rules *acl_rules_for(const struct acl *acl, struct bytes user);

#endif

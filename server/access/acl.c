// SPDX-License-Identifier: MIT
#include "server/access/acl.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "server/access/acl_tree.h"

// Whom rules are for.
struct party {
    struct hash_node node; // of users and groups, under their names
    struct acl_node root;
    struct acl_rules *rules; // of a user; made at the end
    struct party **groups;   // of a user
    uint32_t group_count;
    bool is_group;
    struct bytes name; // lies behind the party
};

struct acl {
    atomic_uint references;
    uint8_t restricted;
    struct acl_tree tree;
    struct hash_table parties;
    struct party everybody;
    struct party anonymous;
    struct acl_rules *stranger_rules; // of users whom nothing names
};

struct acl_builder {
    struct acl *acl;
};

// ---- Users and groups ----

static struct party *party_find(const struct acl *acl, struct bytes name, bool is_group)
{
    struct hash_node *node = hash_table_find(&acl->parties, acl_tree_hash(&acl->tree, name));
    for (; node != NULL; node = hash_node_again(node)) {
        struct party *party = container_of(node, struct party, node);
        if (party->is_group == is_group && bytes_equal(party->name, name))
            return party;
    }
    return NULL;
}

static struct party *party_reach(struct acl *acl, struct bytes name, bool is_group)
{
    struct party *party = party_find(acl, name, is_group);
    if (party != NULL)
        return party;
    party = memory_require(sizeof(*party) + name.length);
    memcpy(party + 1, name.data, name.length);
    party->name = (struct bytes){(const uint8_t *)(party + 1), name.length};
    party->is_group = is_group;
    acl_tree_init_root(&acl->tree, &party->root);
    hash_table_insert(&acl->parties, &party->node, acl_tree_hash(&acl->tree, name));
    return party;
}

static void party_destroy(struct party *party)
{
    free(party->groups);
    free(party->rules);
    free(party);
}

static void parties_destroy(struct hash_table *parties)
{
    struct hash_node *node = hash_table_next(parties, NULL);
    while (node != NULL) {
        struct hash_node *next = hash_table_next(parties, node);
        party_destroy(container_of(node, struct party, node));
        node = next;
    }
    hash_table_finish(parties);
}

static void acl_destroy(struct acl *acl)
{
    parties_destroy(&acl->parties);
    acl_tree_finish(&acl->tree);
    free(acl->anonymous.rules);
    free(acl->stranger_rules);
    free(acl);
}

// ---- Building ----

struct acl_builder *acl_builder_create(uint64_t hash_seed)
{
    struct acl_builder *builder = memory_require(sizeof(*builder));
    struct acl *acl = builder->acl = memory_require(sizeof(*acl));
    atomic_init(&acl->references, 1);
    acl_tree_init(&acl->tree, hash_seed);
    hash_table_init(&acl->parties);
    acl_tree_init_root(&acl->tree, &acl->everybody.root);
    acl_tree_init_root(&acl->tree, &acl->anonymous.root);
    return builder;
}

void acl_builder_destroy(struct acl_builder *builder)
{
    if (builder == NULL)
        return;
    acl_destroy(builder->acl);
    free(builder);
}

static bool name_valid(struct bytes name)
{
    return name.length > 0 && name.length <= UINT16_MAX && utf8_valid(name);
}

static const char *rule_fault(const struct acl_rule *rule)
{
    _Static_assert(ACL_LEVELS_MAX == 128, "the message says so");
    if (rule->subject == ACL_USER && !name_valid(rule->name))
        return "a user name";
    if (rule->subject == ACL_GROUP && !name_valid(rule->name))
        return "the name of a group";
    if (!utf8_valid(rule->filter) || !topic_filter_valid(rule->filter, ACL_LEVELS_MAX))
        return "a topic filter of 1 to 128 levels, with '+' and '#' alone in theirs and '#' at the end";
    return NULL;
}

static struct party *rule_party(struct acl *acl, const struct acl_rule *rule)
{
    switch (rule->subject) {
    case ACL_EVERYBODY:
        return &acl->everybody;
    case ACL_ANONYMOUS:
        return &acl->anonymous;
    case ACL_USER:
    case ACL_GROUP:
        break;
    }
    return party_reach(acl, rule->name, rule->subject == ACL_GROUP);
}

const char *acl_builder_add(struct acl_builder *builder, const struct acl_rule *rule)
{
    assert(rule->actions != 0 && (rule->actions & ~ACL_ACTIONS) == 0);
    const char *fault = rule_fault(rule);
    if (fault != NULL)
        return fault;
    struct acl *acl = builder->acl;
    uint8_t marks = rule->deny ? (uint8_t)(rule->actions << ACL_DENY_SHIFT) : rule->actions;
    acl_tree_add(&acl->tree, &rule_party(acl, rule)->root, rule->filter, marks, rule->pattern);
    return NULL;
}

static bool is_member(const struct party *user, const struct party *group)
{
    for (uint32_t i = 0; i < user->group_count; i++)
        if (user->groups[i] == group)
            return true;
    return false;
}

const char *acl_builder_join(struct acl_builder *builder, const struct acl_membership *membership)
{
    if (!name_valid(membership->group))
        return "the name of a group";
    if (!name_valid(membership->user))
        return "a user name";
    struct party *group = party_reach(builder->acl, membership->group, true);
    struct party *user = party_reach(builder->acl, membership->user, false);
    if (is_member(user, group))
        return NULL;
    user->groups = memory_require_again(user->groups, (user->group_count + 1) * sizeof(user->groups[0]));
    user->groups[user->group_count++] = group;
    return NULL;
}

void acl_builder_restrict(struct acl_builder *builder, uint8_t actions)
{
    assert((actions & ~ACL_ACTIONS) == 0);
    builder->acl->restricted |= actions;
}

// ---- The rules of each client ----

static void rules_add(struct acl_rules *rules, const struct acl_node *root)
{
    if (root->below == 0)
        return;
    rules->marks |= root->below;
    rules->roots[rules->count++] = root;
}

// The rules for everybody, and those for `party`, which may be NULL, and its groups.
static struct acl_rules *rules_create(const struct acl *acl, const struct party *party)
{
    uint32_t count_max = party != NULL ? party->group_count + 2 : 1;
    struct acl_rules *rules = memory_require(sizeof(*rules) + count_max * sizeof(rules->roots[0]));
    rules->tree = &acl->tree;
    rules->restricted = acl->restricted;
    rules_add(rules, &acl->everybody.root);
    if (party == NULL)
        return rules;
    rules_add(rules, &party->root);
    for (uint32_t i = 0; i < party->group_count; i++)
        rules_add(rules, &party->groups[i]->root);
    return rules;
}

struct acl *acl_builder_finish(struct acl_builder *builder)
{
    struct acl *acl = builder->acl;
    free(builder);
    struct hash_node *node = hash_table_next(&acl->parties, NULL);
    for (; node != NULL; node = hash_table_next(&acl->parties, node)) {
        struct party *party = container_of(node, struct party, node);
        if (!party->is_group)
            party->rules = rules_create(acl, party);
    }
    acl->anonymous.rules = rules_create(acl, &acl->anonymous);
    acl->stranger_rules = rules_create(acl, NULL);
    return acl;
}

const struct acl_rules *acl_rules_for(const struct acl *acl, struct bytes user)
{
    if (user.length == 0)
        return acl->anonymous.rules;
    const struct party *party = party_find(acl, user, false);
    return party != NULL ? party->rules : acl->stranger_rules;
}

// ---- References ----

struct acl *acl_ref(struct acl *acl)
{
    // Who has a reference can hand it on without waiting for what others have written.
    atomic_fetch_add_explicit(&acl->references, 1, memory_order_relaxed);
    return acl;
}

void acl_unref(struct acl *acl)
{
    // What any thread has read through its reference comes before the end.
    if (acl != NULL && atomic_fetch_sub_explicit(&acl->references, 1, memory_order_acq_rel) == 1)
        acl_destroy(acl);
}

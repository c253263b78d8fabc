// SPDX-License-Identifier: MIT
#include "server/access/acl_judge.h"

#include "server/access/acl_tree.h"

#define ALL_TEMPLATES (ACL_WITH_USER | ACL_WITH_CLIENT_ID)

enum purpose {
    PURPOSE_NAME,
    PURPOSE_OVERLAP,
    PURPOSE_COVER,
};

struct level {
    struct bytes text;
    uint64_t hash;
    bool any; // '+'
};

// Which child of the node comes next.
enum stage { STAGE_LITERAL, STAGE_LITERALS, STAGE_PLUS, STAGE_TEMPLATES, STAGE_END };

struct step {
    const struct acl_node *node;
    const struct level *level;   // that the children are to match
    const struct acl_node *next; // of the list of the stage
    enum stage stage;
    uint8_t mask; // the marks that count from here on
    bool loose;   // everything matches: a value above could not be put in
};

struct walk {
    const struct acl_client *client;
    enum purpose purpose;
    uint8_t wanted; // marks
    uint8_t found;
    bool open;         // the filter ends with '#'
    uint32_t count;    // of its other levels; no more than one beyond the deepest node
    uint32_t all_from; // any number of levels from here on is covered
    uint64_t covered[(ACL_LEVELS_MAX + 1) / 64 + 1]; // numbers of levels that are
    struct level levels[ACL_LEVELS_MAX + 1];
    struct step steps[ACL_LEVELS_MAX + 1];
};

static const struct level any_level = {.text = {(const uint8_t *)"+", 1}, .any = true};

static bool begins_with_dollar(struct bytes text)
{
    return text.length > 0 && text.data[0] == '$';
}

// ---- Values in place ----

static bool value_fits(struct bytes value)
{
    for (size_t i = 0; i < value.length; i++)
        if (value.data[i] == '/' || value.data[i] == '+' || value.data[i] == '#')
            return false;
    return true;
}

// The value that a template has at `at`, or NULL where it has text.
static const struct bytes *value_at(const struct acl_client *client, struct bytes template, size_t at)
{
    if (template.data[at] != '%' || at + 1 == template.length)
        return NULL;
    uint8_t letter = template.data[at + 1];
    return letter == 'u' ? &client->user : letter == 'c' ? &client->client_id : NULL;
}

void acl_client_init(struct acl_client *client, const struct acl_rules *rules, struct bytes user,
                     struct bytes client_id)
{
    *client = (struct acl_client){.rules = rules, .user = user, .client_id = client_id};
    client->absent =
        (user.length == 0 ? ACL_WITH_USER : 0) | (client_id.length == 0 ? ACL_WITH_CLIENT_ID : 0);
    client->unfit = (value_fits(user) ? 0 : ACL_WITH_USER) | (value_fits(client_id) ? 0 : ACL_WITH_CLIENT_ID);
}

static bool template_is(const struct acl_client *client, struct bytes template, struct bytes text)
{
    for (size_t i = 0; i < template.length; i++) {
        const struct bytes *value = value_at(client, template, i);
        struct bytes part = value != NULL ? *value : (struct bytes){template.data + i, 1};
        if (!bytes_begin_with(text, part))
            return false;
        text = (struct bytes){text.data + part.length, text.length - part.length};
        i += value != NULL;
    }
    return text.length == 0;
}

static bool template_begins_with_dollar(const struct acl_client *client, struct bytes template)
{
    const struct bytes *value = value_at(client, template, 0);
    return begins_with_dollar(value != NULL ? *value : template);
}

static bool template_takes(const struct walk *walk, const struct step *step, const struct acl_node *child,
                           uint32_t depth)
{
    struct bytes template = acl_node_text(child);
    if ((child->kind & walk->client->absent) != 0)
        return false;
    if (step->loose || (child->kind & walk->client->unfit) != 0)
        return true; // where it denies: see child_mask
    if (!step->level->any)
        return template_is(walk->client, template, step->level->text);
    return walk->purpose == PURPOSE_OVERLAP &&
           (depth > 0 || !template_begins_with_dollar(walk->client, template));
}

// ---- One step ----

static const struct level *level_at(const struct walk *walk, uint32_t depth)
{
    if (depth < walk->count)
        return &walk->levels[depth];
    return walk->open ? &any_level : NULL;
}

static enum stage first_stage(const struct walk *walk, const struct step *step)
{
    if (step->level == NULL)
        return STAGE_END;
    if (!step->level->any)
        return STAGE_LITERAL;
    return step->loose || walk->purpose == PURPOSE_OVERLAP ? STAGE_LITERALS : STAGE_PLUS;
}

static const struct acl_node *next_literal(const struct walk *walk, struct step *step, uint32_t depth)
{
    if (step->stage == STAGE_LITERAL) {
        step->stage = STAGE_PLUS;
        return acl_tree_find(walk->client->rules->tree, step->node, step->level->text, step->level->hash);
    }
    while (step->next != NULL) {
        const struct acl_node *child = step->next;
        step->next = child->next;
        if (depth > 0 || !begins_with_dollar(acl_node_text(child)))
            return child;
    }
    step->stage = STAGE_PLUS;
    return NULL;
}

static const struct acl_node *next_plus(struct step *step, uint32_t depth)
{
    step->stage = STAGE_TEMPLATES;
    step->next = step->node->templates;
    return depth == 0 && begins_with_dollar(step->level->text) ? NULL : step->node->plus; // [MQTT-4.7.2-1]
}

static const struct acl_node *next_template(const struct walk *walk, struct step *step, uint32_t depth)
{
    while (step->next != NULL) {
        const struct acl_node *child = step->next;
        step->next = child->next;
        if (template_takes(walk, step, child, depth))
            return child;
    }
    step->stage = STAGE_END;
    return NULL;
}

// The next child of the step's node that the walk passes; NULL if there is none left.
static const struct acl_node *next_child(const struct walk *walk, struct step *step, uint32_t depth)
{
    const struct acl_node *child = NULL;
    if (step->stage == STAGE_LITERAL || step->stage == STAGE_LITERALS)
        child = next_literal(walk, step, depth);
    if (child == NULL && step->stage == STAGE_PLUS)
        child = next_plus(step, depth);
    if (child == NULL && step->stage == STAGE_TEMPLATES)
        child = next_template(walk, step, depth);
    return child;
}

// The marks that count below a child.
static uint8_t child_mask(const struct walk *walk, const struct step *step, const struct acl_node *child,
                          uint32_t depth)
{
    if ((child->kind & ALL_TEMPLATES) == 0)
        return step->mask;
    bool unfit = (child->kind & walk->client->unfit) != 0;
    bool dollar_by_value = depth == 0 && begins_with_dollar(step->level->text) &&
                           value_at(walk->client, acl_node_text(child), 0) != NULL;
    return unfit || dollar_by_value ? step->mask & ACL_DENY_MARKS : step->mask;
}

static void note_covered(struct walk *walk, const struct acl_node *node, uint32_t depth, bool ends)
{
    if ((node->multi & walk->wanted) != 0) {
        uint32_t from = depth > walk->count ? depth : walk->count;
        walk->all_from = from < walk->all_from ? from : walk->all_from;
        if (from == walk->count)
            walk->found = walk->wanted; // more is not to be had
    }
    if (ends && (node->here & walk->wanted) != 0)
        walk->covered[depth / 64] |= 1ull << depth % 64;
}

static void note_marks(struct walk *walk, const struct step *step, uint32_t depth)
{
    bool ends = step->loose || depth == walk->count || (depth > walk->count && walk->open);
    if (walk->purpose == PURPOSE_COVER)
        note_covered(walk, step->node, depth, ends);
    else
        walk->found |= (step->node->multi | (ends ? step->node->here : 0)) & step->mask;
}

static void enter(struct walk *walk, struct step step, uint32_t depth)
{
    step.level = step.loose ? &any_level : level_at(walk, depth);
    step.next = step.node->literals;
    step.stage = first_stage(walk, &step);
    walk->steps[depth] = step;
    note_marks(walk, &step, depth);
}

// ---- The walk ----

static void walk_tree(struct walk *walk, const struct acl_node *root)
{
    enter(walk, (struct step){.node = root, .mask = walk->wanted}, 0);
    for (uint32_t depth = 0; walk->found != walk->wanted;) {
        struct step *step = &walk->steps[depth];
        const struct acl_node *child = next_child(walk, step, depth);
        if (child == NULL) {
            if (depth-- == 0)
                break;
            continue;
        }
        uint8_t mask = child_mask(walk, step, child, depth);
        if ((child->below & mask & ~walk->found) != 0) {
            bool loose = step->loose || (child->kind & walk->client->unfit) != 0;
            enter(walk, (struct step){.node = child, .mask = mask, .loose = loose}, ++depth);
        }
    }
}

static void walk_trees(struct walk *walk)
{
    const struct acl_rules *rules = walk->client->rules;
    for (uint32_t i = 0; i < rules->count && walk->found != walk->wanted; i++)
        if ((rules->roots[i]->below & walk->wanted) != 0)
            walk_tree(walk, rules->roots[i]);
}

// One level more than the deepest node has is enough: what comes behind, be it a '#', changes no decision.
static void split(struct walk *walk, struct bytes text)
{
    const struct acl_tree *tree = walk->client->rules->tree;
    struct acl_levels levels = acl_levels_of(text);
    struct bytes level;
    walk->count = 0;
    while (walk->count <= tree->depth && acl_levels_next(&levels, &level)) {
        walk->levels[walk->count++] = (struct level){
            .text = level, .hash = acl_tree_hash(tree, level), .any = acl_level_is(level, '+')};
    }
    walk->open = levels.open;
}

// The arrays are left as they are: their parts are written before they are read.
static void walk_init(struct walk *walk, const struct acl_client *client, struct bytes text)
{
    walk->client = client;
    split(walk, text);
}

static void walk_for(struct walk *walk, enum purpose purpose, uint8_t wanted)
{
    walk->purpose = purpose;
    walk->wanted = wanted & walk->client->rules->marks; // what no tree has need not be looked for
    walk->found = 0;
    walk_trees(walk);
}

uint8_t acl_judge_name(const struct acl_client *client, struct bytes topic)
{
    const uint8_t actions = ACL_PUBLISH | ACL_RECEIVE;
    struct walk walk;
    walk_init(&walk, client, topic);
    walk_for(&walk, PURPOSE_NAME, (uint8_t)(actions | actions << ACL_DENY_SHIFT));
    uint8_t allowed = walk.found | (uint8_t)~client->rules->restricted;
    return allowed & (uint8_t) ~(walk.found >> ACL_DENY_SHIFT) & actions;
}

static bool is_covered(struct walk *walk)
{
    walk->all_from = UINT32_MAX;
    memset(walk->covered, 0, sizeof(walk->covered));
    walk_for(walk, PURPOSE_COVER, ACL_SUBSCRIBE);
    if (!walk->open && walk->all_from > walk->count)
        return (walk->covered[walk->count / 64] >> walk->count % 64 & 1) != 0;
    if (walk->all_from == UINT32_MAX)
        return false;
    for (uint32_t count = walk->count; count < walk->all_from; count++)
        if ((walk->covered[count / 64] >> count % 64 & 1) == 0)
            return false;
    return true;
}

bool acl_judge_filter(const struct acl_client *client, struct bytes filter)
{
    struct walk walk;
    walk_init(&walk, client, filter);
    if ((client->rules->restricted & ACL_SUBSCRIBE) != 0 && !is_covered(&walk))
        return false;
    walk_for(&walk, PURPOSE_OVERLAP, ACL_SUBSCRIBE << ACL_DENY_SHIFT);
    return walk.found == 0;
}

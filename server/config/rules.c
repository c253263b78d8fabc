// SPDX-License-Identifier: MIT
#include "server/config/rules.h"

#include <string.h>

#include "proto/proto.h"
#include "server/config/warning.h"

#define FILTER_EXPECTED "a topic filter"

// What the entries of a list have in common.
struct rule_draft {
    struct reading *reading;
    uint32_t actions;
    enum config_subject kind;
    const char *subject;
    bool deny;
};

static bool filter_valid(const char *text)
{
    struct bytes filter = bytes_of(text);
    return filter.length <= TOPIC_BYTES_MAX && topic_filter_valid(filter, TOPIC_BYTES_MAX);
}

static int read_filter(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    const struct rule_draft *draft = target;
    struct arena *arena = draft->reading->arena;
    struct config_topic_check *check = &draft->reading->config->topic_check;
    const char *text;
    int status = document_read_text(document, value, FILTER_EXPECTED, &text);
    if (status != 0)
        return status;
    if (!filter_valid(text))
        return document_fail_expected(document, value, FILTER_EXPECTED);
    if (arena->bytes > CONFIG_BYTES_MAX)
        return document_fail_large(document);
    struct config_rule *rule = arena_append(arena, &check->rules, &check->rule_count, sizeof(*rule));
    *rule = (struct config_rule){
        .actions = draft->actions,
        .deny = draft->deny,
        .kind = draft->kind,
        .subject = draft->subject,
        .filter = arena_copy(arena, text),
        .line = document->line,
    };
    return 0;
}

static int read_allow(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct rule_draft *draft = target;
    draft->deny = false;
    return document_read_one_or_list(document, value, read_filter, draft);
}

static int read_deny(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct rule_draft *draft = target;
    draft->deny = true;
    return document_read_one_or_list(document, value, read_filter, draft);
}

static const struct document_key verdict_keys[] = {{.name = "allow", .read = read_allow},
                                                   {.name = "deny", .read = read_deny}};
static const struct document_keys verdicts = {.keys = verdict_keys, .count = 2};

// A filter, which is allowed, or a map that says whether it is.
static int read_rule(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct rule_draft *draft = target;
    draft->deny = false;
    if (value->type == YAML_MAPPING_NODE)
        return document_read_map(document, value, &verdicts, draft);
    return read_filter(document, value, NULL, draft);
}

static enum config_subject subject_kind(const char *name)
{
    if (strcmp(name, "*") == 0)
        return CONFIG_SUBJECT_EVERYBODY;
    if (strcmp(name, "anonymous") == 0)
        return CONFIG_SUBJECT_ANONYMOUS;
    return name[0] == '@' ? CONFIG_SUBJECT_GROUP : CONFIG_SUBJECT_USER;
}

static int read_subject(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct rule_draft draft = *(const struct rule_draft *)target;
    const char *name = facts;
    draft.kind = subject_kind(name);
    draft.subject = arena_copy(draft.reading->arena, draft.kind == CONFIG_SUBJECT_GROUP ? name + 1 : name);
    if (document_is_empty(value)) // nothing is allowed to him
        return 0;
    return document_read_one_or_list(document, value, read_rule, &draft);
}

static int read_subjects(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return document_read_names(document, value, read_subject, target);
}

static int read_rules(struct document *document, yaml_node_t *value, const struct key_target *target,
                      uint32_t actions)
{
    struct rule_draft draft = {.reading = target->reading, .actions = actions};
    struct config_topic_check *check = &target->reading->config->topic_check;
    if ((check->listed & actions) != 0)
        return document_fail(document, "%s: there are such rules in another place already", document->path);
    check->listed |= actions;
    if (value->type == YAML_SEQUENCE_NODE)
        return document_read_list(document, value, read_subjects, &draft);
    return read_subjects(document, value, NULL, &draft);
}

int read_acl(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return read_rules(document, value, target, CONFIG_ACTION_SUBSCRIBE);
}

int read_subscribe_acl(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return read_rules(document, value, target, CONFIG_ACTION_SUBSCRIBE);
}

int read_publish_acl(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return read_rules(document, value, target, CONFIG_ACTION_PUBLISH);
}

int read_receive_acl(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return read_rules(document, value, target, CONFIG_ACTION_RECEIVE);
}

// ---- groups

struct group_draft {
    struct arena *arena;
    struct config_group *group;
};

static int read_user(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    const struct group_draft *draft = target;
    const char *text;
    int status = document_read_text(document, value, "the name of a user", &text);
    if (status != 0)
        return status;
    if (draft->arena->bytes > CONFIG_BYTES_MAX)
        return document_fail_large(document);
    const char **user =
        arena_append(draft->arena, &draft->group->users, &draft->group->user_count, sizeof(*user));
    *user = arena_copy(draft->arena, text);
    return 0;
}

static int read_group(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct reading *reading = target;
    struct config_topic_check *check = &reading->config->topic_check;
    struct config_group *group =
        arena_append(reading->arena, &check->groups, &check->group_count, sizeof(*group));
    group->name = arena_copy(reading->arena, facts);
    group->line = document->line;
    struct group_draft draft = {.arena = reading->arena, .group = group};
    if (document_is_empty(value))
        return 0;
    return document_read_one_or_list(document, value, read_user, &draft);
}

int read_groups(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct reading *reading = ((const struct key_target *)target)->reading;
    if (reading->config->topic_check.group_count > 0)
        return document_fail(document, "%s: there are groups in another place already", document->path);
    return document_read_names(document, value, read_group, reading);
}

static bool group_exists(const struct config_topic_check *check, const char *name)
{
    for (uint32_t i = 0; i < check->group_count; i++)
        if (strcmp(check->groups[i].name, name) == 0)
            return true;
    return false;
}

// ---- all of them

// The original never looked at publications, although its manual said that the rules of `acl` hold for both.
static void publish_too(struct document *document, struct reading *reading)
{
    struct config_topic_check *check = &reading->config->topic_check;
    if (reading->lines[KEY_ACL] == 0 || (check->listed & CONFIG_ACTION_PUBLISH) != 0)
        return;
    check->listed |= CONFIG_ACTION_PUBLISH;
    for (uint32_t i = 0; i < check->rule_count; i++)
        if ((check->rules[i].actions & CONFIG_ACTION_SUBSCRIBE) != 0)
            check->rules[i].actions |= CONFIG_ACTION_PUBLISH;
    if (check->acl)
        warning_add(document, reading, reading->lines[KEY_ACL],
                    "acl holds for publishing too, as there is no publish-acl; the Python broker let "
                    "everybody publish");
}

int rules_complete(struct document *document, struct reading *reading)
{
    struct config_topic_check *check = &reading->config->topic_check;
    const char *found = NULL; // the rules of one list have the same text
    for (uint32_t i = 0; i < check->rule_count; i++) {
        const struct config_rule *rule = &check->rules[i];
        if (rule->kind != CONFIG_SUBJECT_GROUP || rule->subject == found)
            continue;
        found = rule->subject;
        if (group_exists(check, found))
            continue;
        document->line = rule->line;
        return document_fail(document, "there is no group '%.64s'; groups are listed in topic-check.groups",
                             rule->subject);
    }
    publish_too(document, reading);
    return 0;
}

// SPDX-License-Identifier: MIT
#include "server/access/test/model.h"

#include <stdio.h>
#include <stdlib.h>

#define WRITTEN_BYTES (MODEL_TEXT_BYTES * 8)
#define TRIED_LEVELS  (MODEL_LEVELS_MAX + 1) // a topic with more meets no other rules
#define ALPHABET_MAX  64u

static bool joined(const struct model *model, const char *group, const char *user)
{
    for (uint32_t i = 0; i < model->membership_count; i++)
        if (strcmp(model->memberships[i][0], group) == 0 && strcmp(model->memberships[i][1], user) == 0)
            return true;
    return false;
}

static bool concerns(const struct model *model, const struct model_rule *rule,
                     const struct model_client *client)
{
    bool anonymous = client->user[0] == '\0';
    switch (rule->subject) {
    case ACL_EVERYBODY:
        return true;
    case ACL_ANONYMOUS:
        return anonymous;
    case ACL_USER:
        return !anonymous && strcmp(rule->name, client->user) == 0;
    case ACL_GROUP:
        return !anonymous && joined(model, rule->name, client->user);
    }
    return false;
}

// The value of the placeholder that `text` begins with; NULL if it begins with none.
static const char *value_of(const char *text, const struct model_client *client)
{
    if (strncmp(text, "%u", 2) == 0)
        return client->user;
    return strncmp(text, "%c", 2) == 0 ? client->client_id : NULL;
}

// Writes out a pattern. Returns false if it concerns no topic. One that denies and has no fit value ends with
// the level where the value would stand: `ret_all` says that this level may be anything.
static bool write_out(const struct model_rule *rule, const struct model_client *client,
                      char written[WRITTEN_BYTES], bool *ret_all)
{
    size_t length = 0;
    size_t level = 0;
    bool all = false;
    const char *first = value_of(rule->filter, client);
    if (first != NULL && first[0] == '$' && !rule->deny)
        return false;
    for (const char *at = rule->filter; *at != '\0'; at++) {
        const char *value = value_of(at, client);
        if (value != NULL && value[0] == '\0')
            return false;
        if (value != NULL && strpbrk(value, "/+#") != NULL && !all) {
            if (!rule->deny)
                return false;
            all = true;
            length = level;
        }
        if (!all)
            length += (size_t)snprintf(written + length, WRITTEN_BYTES - length, "%.*s",
                                       value != NULL ? (int)MODEL_TEXT_BYTES : 1, value != NULL ? value : at);
        at += value != NULL;
        if (*at == '/' && !all)
            level = length;
    }
    written[length] = '\0';
    *ret_all = all;
    return true;
}

// Whether `topic` has a level behind levels that agree with `prefix`, which ends with '/' unless it is empty.
static bool agrees_up_to(const char *prefix, const char *topic)
{
    char filter[WRITTEN_BYTES + 4];
    if (prefix[0] == '\0')
        return true;
    (void)snprintf(filter, sizeof(filter), "%s+/#", prefix);
    return topic_matches(bytes_of(filter), bytes_of(topic));
}

static bool rule_matches(const struct model_rule *rule, const struct model_client *client, const char *topic)
{
    char written[WRITTEN_BYTES];
    bool all = false;
    if (!rule->pattern)
        return topic_matches(bytes_of(rule->filter), bytes_of(topic));
    if (!write_out(rule, client, written, &all))
        return false;
    return all ? agrees_up_to(written, topic) : topic_matches(bytes_of(written), bytes_of(topic));
}

bool model_allows_topic(const struct model *model, const struct model_client *client, enum acl_action action,
                        const char *topic)
{
    bool allowed = (model->restricted & action) == 0;
    bool denied = false;
    for (uint32_t i = 0; i < model->rule_count; i++) {
        const struct model_rule *rule = &model->rules[i];
        if ((rule->actions & action) == 0 || !concerns(model, rule, client) ||
            !rule_matches(rule, client, topic))
            continue;
        allowed |= !rule->deny;
        denied |= rule->deny;
    }
    return allowed && !denied;
}

// ---- All topics of a filter ----

struct level_list {
    struct bytes levels[ALPHABET_MAX];
    uint32_t count;
};

static void list_add(struct level_list *list, struct bytes level)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (bytes_equal(list->levels[i], level))
            return;
    if (list->count == ALPHABET_MAX)
        abort(); // the test has too many levels
    list->levels[list->count++] = level;
}

static bool is_wildcard(struct bytes level)
{
    return bytes_equal(level, bytes_of("+")) || bytes_equal(level, bytes_of("#"));
}

static void list_add_text(struct level_list *list, const char *text)
{
    struct topic_cursor cursor = {bytes_of(text), false};
    struct bytes level;
    while (topic_next_level(&cursor, &level))
        if (!is_wildcard(level))
            list_add(list, level);
}

// The levels that tell topics apart. The texts of `written` must stay.
static void list_alphabet(const struct model *model, const struct model_client *client,
                          struct level_list *list, char written[MODEL_RULES_MAX][WRITTEN_BYTES])
{
    list->count = 0;
    list_add(list, bytes_of(MODEL_FRESH));
    for (uint32_t i = 0; i < model->rule_count; i++) {
        const struct model_rule *rule = &model->rules[i];
        bool all;
        if (concerns(model, rule, client) && !rule->pattern)
            list_add_text(list, rule->filter);
        else if (concerns(model, rule, client) && write_out(rule, client, written[i], &all))
            list_add_text(list, written[i]);
    }
}

struct attempt {
    const struct level_list *alphabet;
    struct bytes shape[TRIED_LEVELS]; // of the topic: levels of the filter, '+' where anything may stand
    uint32_t count;
};

// The topic with this number of all that have the shape; false behind the last.
static bool make_topic(const struct attempt *attempt, uint64_t number, char topic[WRITTEN_BYTES])
{
    size_t length = 0;
    for (uint32_t i = 0; i < attempt->count; i++) {
        struct bytes level = attempt->shape[i];
        if (is_wildcard(level)) {
            level = attempt->alphabet->levels[number % attempt->alphabet->count];
            number /= attempt->alphabet->count;
        }
        length += (size_t)snprintf(topic + length, WRITTEN_BYTES - length, "%s%.*s", i > 0 ? "/" : "",
                                   (int)level.length, (const char *)level.data);
    }
    return number == 0;
}

static bool allows_shape(const struct model *model, const struct model_client *client, enum acl_action action,
                         const struct attempt *attempt)
{
    char topic[WRITTEN_BYTES];
    for (uint64_t number = 0; make_topic(attempt, number, topic); number++) {
        bool dollar = topic[0] == '$' && is_wildcard(attempt->shape[0]);
        if (topic[0] != '\0' && !dollar && !model_allows_topic(model, client, action, topic))
            return false;
    }
    return true;
}

bool model_allows_filter(const struct model *model, const struct model_client *client, enum acl_action action,
                         const char *filter)
{
    static char written[MODEL_RULES_MAX][WRITTEN_BYTES];
    struct level_list alphabet;
    struct attempt attempt = {.alphabet = &alphabet};
    struct topic_cursor cursor = {bytes_of(filter), false};
    struct bytes level;
    bool open = false;
    list_alphabet(model, client, &alphabet, written);
    while (topic_next_level(&cursor, &level)) {
        open = bytes_equal(level, bytes_of("#"));
        if (!open)
            attempt.shape[attempt.count++] = level;
    }
    bool allowed = attempt.count == 0 || allows_shape(model, client, action, &attempt);
    while (open && allowed && attempt.count < TRIED_LEVELS) {
        attempt.shape[attempt.count++] = bytes_of("+");
        allowed = allows_shape(model, client, action, &attempt);
    }
    return allowed;
}

// ---- The ACL of a model ----

static void require(const char *fault)
{
    if (fault == NULL)
        return;
    fprintf(stderr, "a rule of the test is refused: expected %s\n", fault);
    abort();
}

struct acl *model_build(const struct model *model, uint64_t hash_seed)
{
    struct acl_builder *builder = acl_builder_create(hash_seed);
    for (uint32_t i = 0; i < model->membership_count; i++) {
        struct acl_membership membership = {.group = bytes_of(model->memberships[i][0]),
                                            .user = bytes_of(model->memberships[i][1])};
        require(acl_builder_join(builder, &membership));
    }
    for (uint32_t i = 0; i < model->rule_count; i++) {
        const struct model_rule *from = &model->rules[i];
        struct acl_rule rule = {.actions = from->actions,
                                .deny = from->deny,
                                .pattern = from->pattern,
                                .subject = from->subject,
                                .name = bytes_of(from->name),
                                .filter = bytes_of(from->filter)};
        require(acl_builder_add(builder, &rule));
    }
    acl_builder_restrict(builder, model->restricted);
    return acl_builder_finish(builder);
}

struct permit model_permit(const struct acl *acl, const struct model_client *client)
{
    struct permit permit;
    struct permit_identity identity = {.user = bytes_of(client->user),
                                       .client_id = bytes_of(client->client_id)};
    permit_init(&permit, acl, &identity);
    return permit;
}

void model_print(const struct model *model, const struct model_client *client)
{
    static const char *const subjects[] = {"everybody", "anonymous", "user", "group"};
    fprintf(stderr, "user '%s', client id '%s', restricted %#x\n", client->user, client->client_id,
            model->restricted);
    for (uint32_t i = 0; i < model->membership_count; i++)
        fprintf(stderr, "  group %s has %s\n", model->memberships[i][0], model->memberships[i][1]);
    for (uint32_t i = 0; i < model->rule_count; i++) {
        const struct model_rule *rule = &model->rules[i];
        fprintf(stderr, "  %s %s: %s %#x %s '%s'\n", subjects[rule->subject], rule->name,
                rule->deny ? "deny" : "allow", rule->actions, rule->pattern ? "pattern" : "filter",
                rule->filter);
    }
}

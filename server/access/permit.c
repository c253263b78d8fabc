// SPDX-License-Identifier: MIT
#include "server/access/permit.h"

#include <errno.h>
#include <stdlib.h>

#include "server/access/acl_tree.h"

// The actions that rules may refuse.
static uint8_t judged_by(const struct acl_rules *rules)
{
    return rules->restricted | (rules->marks & ACL_DENY_MARKS) >> ACL_DENY_SHIFT;
}

static struct bytes keep(uint8_t **at, struct bytes value)
{
    if (value.length > 0)
        memcpy(*at, value.data, value.length);
    struct bytes kept = {*at, value.length};
    *at += value.length;
    return kept;
}

int permit_create(struct acl *acl, const struct permit_identity *identity, struct permit **ret_permit)
{
    const struct acl_rules *rules = acl == NULL ? NULL : acl_rules_for(acl, identity->user);
    if (rules == NULL || judged_by(rules) == 0) {
        *ret_permit = NULL;
        return 0;
    }
    bool templates = (rules->marks & ACL_TEMPLATE_MARK) != 0;
    struct bytes user = templates ? identity->user : (struct bytes){0};
    struct bytes client_id = templates ? identity->client_id : (struct bytes){0};
    struct permit *permit = malloc(sizeof(*permit) + user.length + client_id.length);
    if (permit == NULL)
        return -ENOMEM;
    uint8_t *at = permit->values;
    user = keep(&at, user);
    client_id = keep(&at, client_id);
    permit->judged = judged_by(rules);
    permit->acl = acl_ref(acl);
    acl_client_init(&permit->client, rules, user, client_id);
    decisions_init(&permit->decisions, rules->tree->seed);
    *ret_permit = permit;
    return 0;
}

void permit_destroy(struct permit *permit)
{
    if (permit == NULL)
        return;
    decisions_finish(&permit->decisions);
    acl_unref(permit->acl);
    free(permit);
}

static bool filter_allowed(const struct permit *permit, enum acl_action action, struct bytes filter)
{
    struct bytes group;
    struct bytes inner;
    if (topic_split_shared(filter, &group, &inner) == TOPIC_SHARED)
        filter = inner;
    return acl_judge_filter(&permit->client, filter, action);
}

bool permit_judge(struct permit *permit, enum acl_action action, struct bytes text)
{
    if (action == ACL_SUBSCRIBE)
        return filter_allowed(permit, action, text);
    uint8_t actions;
    if (!decisions_find(&permit->decisions, text, &actions)) {
        actions = acl_judge_name(&permit->client, text);
        decisions_put(&permit->decisions, text, actions);
    }
    return (actions & action) != 0;
}

bool permit_receives_all(const struct permit *permit, struct bytes filter)
{
    return permit == NULL || (permit->judged & ACL_RECEIVE) == 0 ||
           filter_allowed(permit, ACL_RECEIVE, filter);
}

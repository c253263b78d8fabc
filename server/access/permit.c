// SPDX-License-Identifier: MIT
#include "server/access/permit.h"

#include "server/access/acl_tree.h"

void permit_init(struct permit *permit, const struct acl *acl, const struct permit_identity *identity)
{
    const struct acl_rules *rules = acl_rules_for(acl, identity->user);
    permit->restricted = rules->restricted;
    permit->judged = rules->restricted | (rules->marks & ACL_DENY_MARKS) >> ACL_DENY_SHIFT;
    bool templates = (rules->marks & ACL_TEMPLATE_MARK) != 0; // else nobody looks at the values
    const struct bytes none = {0};
    acl_client_init(&permit->client, rules, templates ? identity->user : none,
                    templates ? identity->client_id : none);
}

static bool filter_allowed(const struct permit *permit, struct bytes filter)
{
    struct bytes group;
    struct bytes inner;
    if (topic_split_shared(filter, &group, &inner) == TOPIC_SHARED)
        filter = inner;
    return acl_judge_filter(&permit->client, filter);
}

bool permit_allows(const struct permit *permit, enum acl_action action, struct bytes text)
{
    if ((permit->judged & action) == 0)
        return true;
    if (action == ACL_SUBSCRIBE)
        return filter_allowed(permit, text);
    return (acl_judge_name(&permit->client, text) & action) != 0;
}

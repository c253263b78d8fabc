// SPDX-License-Identifier: MIT
// What an ACL has to decide, by trying everything: rules are a list, patterns are written out, and a filter
// is judged by each topic that can be made of it with the levels that the rules name and one that none names.
// Nothing is shared with what it judges but topic_matches.
#ifndef ACCESS_TEST_MODEL_H
#define ACCESS_TEST_MODEL_H

#include "server/access/access.h"

#define MODEL_RULES_MAX  64u
#define MODEL_TEXT_BYTES 64u // of a filter or a name, with its end
#define MODEL_LEVELS_MAX 3u  // of a filter
#define MODEL_FRESH      "z" // a level that must be in no rule

struct model_rule {
    uint8_t actions;
    bool deny;
    bool pattern;
    enum acl_subject subject;
    char name[MODEL_TEXT_BYTES];
    char filter[MODEL_TEXT_BYTES];
};

struct model {
    struct model_rule rules[MODEL_RULES_MAX];
    uint32_t rule_count;
    char memberships[MODEL_RULES_MAX][2][MODEL_TEXT_BYTES]; // group, user
    uint32_t membership_count;
    uint8_t restricted;
};

struct model_client {
    const char *user; // "" for none
    const char *client_id;
};

bool model_allows_topic(const struct model *model, const struct model_client *client, enum acl_action action,
                        const char *topic);

// Whether all topics that the filter matches are allowed.
bool model_allows_filter(const struct model *model, const struct model_client *client, enum acl_action action,
                         const char *filter);

// The rules of the model as an ACL.
struct acl *model_build(const struct model *model, uint64_t hash_seed);

// Borrows both.
struct permit model_permit(const struct acl *acl, const struct model_client *client);

// To standard error.
void model_print(const struct model *model, const struct model_client *client);

#endif

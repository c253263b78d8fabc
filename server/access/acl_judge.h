// SPDX-License-Identifier: MIT
// Decides about topics by the rules of one client: walks their trees along the levels of a topic or a filter.
//
// A topic name takes, at each level, the child of that text, '+', and the templates whose text is the same
// once the client's values stand in it. What is found on the way is all that concerns it.
//
// A filter is judged twice.
//
// Does a rule that denies overlap it, so that some topic is matched by both? The walk is the same, but where
// the filter has '+' every child will do.
//
// Do the rules that allow cover it? Take the topics of one length, in levels, that it matches. Among them is
// one with a text that no rule names wherever the filter has a wildcard, since there is no end of texts. A
// rule that matches this one has wildcards there too, and so matches all of that length. Hence the filter is
// covered exactly if, for each length, some rule alone takes all of its topics of that length: `a` and
// `a/+/#` together cover `a/#`, and no number of rules for single names covers `a/+`.
//
// A walk visits each node of a tree at most once, in memory of fixed size, without recursion. A name visits
// few: rules beside its way cost nothing. A filter with '+' may have to look at all that deny, but only after
// it has been found to be covered.
#ifndef ACCESS_ACL_JUDGE_H
#define ACCESS_ACL_JUDGE_H

#include "server/access/acl.h"

// Whose rules, and what is put in place of %u and %c.
struct acl_client {
    const struct acl_rules *rules;
    struct bytes user; // empty where the client has none
    struct bytes client_id;
    uint8_t absent; // the values that it does not have, as bits of enum acl_text
    uint8_t unfit;  // and those that are never put in
};

// Borrows everything. The values may be left out where no rule has a place for them (ACL_TEMPLATE_MARK).
void acl_client_init(struct acl_client *client, const struct acl_rules *rules, struct bytes user,
                     struct bytes client_id);

// The actions that the client may do with a topic name: bits of ACL_PUBLISH and ACL_RECEIVE.
uint8_t acl_judge_name(const struct acl_client *client, struct bytes topic);

// Whether the client may subscribe to every topic that a valid filter matches.
bool acl_judge_filter(const struct acl_client *client, struct bytes filter);

#endif

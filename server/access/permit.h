// SPDX-License-Identifier: MIT
// What one client may do by a rule set: its names, and the trees of the rules that concern it. It borrows all
// of that, so it is made where a decision is to be made, and remembers nothing: what was decided is
// remembered where it is asked, together with what others say to it.
#ifndef ACCESS_PERMIT_H
#define ACCESS_PERMIT_H

#include "server/access/acl.h"
#include "server/access/acl_judge.h"

struct permit_identity {
    struct bytes user; // as it was authenticated; empty: the client is anonymous
    struct bytes client_id;
};

struct permit {
    uint8_t restricted; // the actions that need a rule that allows them
    uint8_t judged;     // the actions that rules may refuse
    struct acl_client client;
};

// Borrows the rule set and the identity.
void permit_init(struct permit *permit, const struct acl *acl, const struct permit_identity *identity);

// Whether the client may do this: publish to a valid topic name, be sent one, or subscribe to a valid filter.
// A shared subscription is judged by its filter. What is under $SYS is access_may_publish's concern as well.
bool permit_allows(const struct permit *permit, enum acl_action action, struct bytes text);

#endif

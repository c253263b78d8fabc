// SPDX-License-Identifier: MIT
// What one client may do, by the rule set that holds when its session opens. NULL is a permit, too: for
// everything. Who has no rules to obey gets that one and costs nothing.
//
// A permit takes some 100 bytes, the user name and the client id where patterns have a place for them, and,
// from the first topic that is judged, a memory of decisions: DECISIONS_BYTES_FIRST for one or two topics,
// never more than DECISIONS_BYTES_MAX. A topic that was judged lately costs a comparison or one look into a
// table, and no allocation.
//
// A permit belongs to one thread; the rule set it shares with others.
#ifndef ACCESS_PERMIT_H
#define ACCESS_PERMIT_H

#include "server/access/acl.h"
#include "server/access/acl_judge.h"
#include "server/access/decisions.h"

struct permit_identity {
    struct bytes user; // as it was authenticated; empty: the client is anonymous
    struct bytes client_id;
};

struct permit {
    uint8_t judged; // the actions that are not allowed anyway
    struct acl *acl;
    struct acl_client client;
    struct decisions decisions;
    uint8_t values[]; // user and client id
};

// `acl` may be NULL: everything is allowed then. The permit refers to the rule set; all else is copied. A new
// rule set needs a new permit. Returns 0 with *ret_permit, which may be NULL, or -ENOMEM with it untouched.
WARN_UNUSED int permit_create(struct acl *acl, const struct permit_identity *identity,
                              struct permit **ret_permit);
void permit_destroy(struct permit *permit); // NULL is fine

// For permit_allows.
bool permit_judge(struct permit *permit, enum acl_action action, struct bytes text);

// Whether the client may do this: publish to a valid topic name, be sent one, or subscribe to a valid filter.
// A shared subscription is judged by its filter. What is under $SYS is access_may_publish's concern as well.
static inline bool permit_allows(struct permit *permit, enum acl_action action, struct bytes text)
{
    return permit == NULL || (permit->judged & action) == 0 || permit_judge(permit, action, text);
}

// Whether every topic that a filter matches may be delivered, so that what comes by this subscription needs
// no permit_allows(ACL_RECEIVE).
bool permit_receives_all(const struct permit *permit, struct bytes filter);

#endif

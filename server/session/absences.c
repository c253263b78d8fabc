// SPDX-License-Identifier: MIT
// The sessions of a shard whose clients are away.
#include "server/session/session.h"

void absences_init(struct absences *absences)
{
    list_init(&absences->sessions);
}

void absences_add(struct absences *absences, struct session *session, uint64_t now_ns)
{
    assert(session->link == NULL && list_empty(&session->away));
    session->left_ns = now_ns;
    list_append(&absences->sessions, &session->away);
}

static struct session *absences_first(struct absences *absences)
{
    struct list *node = list_first(&absences->sessions);
    return node == NULL ? NULL : container_of(node, struct session, away);
}

uint64_t absences_deadline_ns(struct absences *absences, uint64_t longest_s)
{
    const struct session *first = absences_first(absences);
    if (first == NULL || longest_s == CONFIG_NEVER)
        return TIMER_NEVER;
    return first->left_ns + longest_s * NS_PER_S;
}

struct session *absences_due(struct absences *absences, uint64_t longest_s, uint64_t now_ns)
{
    return absences_deadline_ns(absences, longest_s) <= now_ns ? absences_first(absences) : NULL;
}

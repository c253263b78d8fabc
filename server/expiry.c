// SPDX-License-Identifier: MIT
#include "server/expiry.h"

#include "server/attach.h"

#define SESSIONS_AT_ONCE 256u // so that many that left together do not keep the shard from serving others

void expiry_init(struct shard *shard)
{
    absences_init(&shard->absences);
    shard->expiry.kind = TIMER_EXPIRY;
}

static uint64_t expiry_interval_s(const struct shard *shard)
{
    return shard->regime->config->session_expiry_s;
}

void expiry_arm(struct shard *shard)
{
    uint64_t deadline_ns = absences_deadline_ns(&shard->absences, expiry_interval_s(shard));
    if (deadline_ns == TIMER_NEVER || shard->phase != SHARD_SERVING)
        timer_cancel(&shard->timers, &shard->expiry);
    else
        timer_arm(&shard->timers, &shard->expiry, deadline_ns);
}

void expiry_begin(struct shard *shard, struct session *session)
{
    absences_add(&shard->absences, session, shard->turn.now_ns);
    if (!timer_armed(&shard->expiry)) // else for one that left earlier, if it has not come back
        expiry_arm(shard);
}

static void expiry_tell(const struct shard *shard, const struct session *session)
{
    struct bytes id = session_client_id(session);
    struct log_subject subject = {(const char *)id.data, id.length, ""};
    log_peer_about(LOG_DEBUG, &subject, "session ends: its client was away for %llu s",
                   (shard->turn.now_ns - session->left_ns) / NS_PER_S);
}

void expiry_expired(struct shard *shard)
{
    uint64_t now_ns = shard->turn.now_ns;
    uint64_t interval_s = expiry_interval_s(shard);
    struct session *session;
    for (uint32_t ended = 0;
         ended < SESSIONS_AT_ONCE && (session = absences_due(&shard->absences, interval_s, now_ns)) != NULL;
         ended++) {
        expiry_tell(shard, session);
        attach_end_session(shard, session);
        counter_add(&shard->counters.sessions_expired, 1);
    }
    expiry_arm(shard);
    if (timer_armed(&shard->expiry) && shard->expiry.deadline_ns <= now_ns)
        timer_arm(&shard->timers, &shard->expiry, now_ns + 1); // the others in the next turn
}

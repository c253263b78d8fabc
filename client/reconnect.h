// SPDX-License-Identifier: MIT
// When the next attempt to connect is made, if any: exponential back-off with full jitter.
//
// A delay is drawn evenly from 0 up to a limit, so that the clients of a broker that was away do not come
// back all at once; the limit doubles with each attempt up to a ceiling. It begins anew only when a
// connection has stood for a while: a broker that accepts and closes at once, or two clients that take over
// each other's session, must not make us spin.
#ifndef CLIENT_RECONNECT_H
#define CLIENT_RECONNECT_H

#include <stdbool.h>
#include <stdint.h>

struct reconnect {
    bool enabled;
    bool at_first; // also before the first connection
    uint32_t min_ms;
    uint32_t max_ms;
    int32_t retries; // negative: any number
    bool stood;      // there was a connection since reconnect_begin
    uint32_t failures;
    uint32_t doublings;
    uint64_t accepted_at_ms;
    uint64_t random;
};

// A wish to connect.
void reconnect_begin(struct reconnect *reconnect, uint64_t seed);
// The broker has accepted; the connection is lost; an attempt has failed, at every broker.
void reconnect_accepted(struct reconnect *reconnect, uint64_t now_ms);
void reconnect_lost(struct reconnect *reconnect, uint64_t now_ms);
void reconnect_failed(struct reconnect *reconnect);

// True if there is to be another attempt.
bool reconnect_again(const struct reconnect *reconnect);
// After which delay.
uint32_t reconnect_delay_ms(struct reconnect *reconnect);

#endif

// SPDX-License-Identifier: MIT
// The door of server/access/: who may connect, and who may publish, subscribe to and be sent what.
//
// A password takes three steps, with milliseconds between the second and the last:
//
//     throttle_try         whether the peer may try at all
//     password_file_find   the user's hash, or one that takes as long; verifier_ask with it
//     the answer           comes in a thread of the verifier; in the shard it leads to
//                          throttle_fail or throttle_succeed
#ifndef ACCESS_ACCESS_H
#define ACCESS_ACCESS_H

#include "proto/proto.h"
#include "server/access/acl.h"           // rule sets
#include "server/access/acl_file.h"      // mosquitto's file of them
#include "server/access/password.h"      // passwords against their hashes
#include "server/access/password_file.h" // who has which
#include "server/access/peer_key.h"      // whom limits for one peer hold for
#include "server/access/permit.h"        // what one client may do
#include "server/access/throttle.h"      // holds back those who guess
#include "server/access/verifier.h"      // hashes on threads of their own

struct access {
    bool allow_anonymous; // whether a client may connect without credentials that were checked
};

// Judges the credentials of a CONNECT. Returns REASON_SUCCESS; REASON_BAD_USER_NAME_OR_PASSWORD when
// credentials were given that nothing vouches for; REASON_NOT_AUTHORIZED when none were given and none may be
// missing.
uint8_t access_authenticate(const struct access *access, const struct packet_connect *connect);

// Whether a client may publish to `topic`, now or as its will: nobody but the broker speaks under $SYS.
bool access_may_publish(struct bytes topic);

#endif

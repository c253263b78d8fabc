// SPDX-License-Identifier: MIT
// The door of server/access/: who may connect, and who may publish, subscribe to and be sent what.
//
// A password takes three steps, with milliseconds between the second and the last:
//
//     throttle_try         whether the peer may try at all
//     password_file_find   the user's hash, or one that takes as long; verifier_ask with it
//     the answer           in the verifier's thread, to be brought to the shard; there throttle_fail or
//     _succeed
#ifndef ACCESS_ACCESS_H
#define ACCESS_ACCESS_H

#include "proto/proto.h"
#include "server/access/acl.h"      // rule sets
#include "server/access/acl_file.h" // mosquitto's file of them
#include "server/access/password.h"
#include "server/access/password_file.h"
#include "server/access/peer_key.h"
#include "server/access/permit.h" // what one client may do
#include "server/access/throttle.h"
#include "server/access/verifier.h"

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

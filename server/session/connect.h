// SPDX-License-Identifier: MIT
// The judgement of a CONNECT that decoded without fault: before it, nothing of an existing session is
// touched.
#ifndef SESSION_CONNECT_H
#define SESSION_CONNECT_H

#include "server/access/access.h"
#include "server/config/config.h"

// Returns REASON_SUCCESS or the reason to refuse. `access` is NULL when the credentials were checked before.
uint8_t connect_judge(const struct packet_connect *connect, const struct limits *limits,
                      const struct access *access);

// True if the body of a CONNECT begins with a protocol name of MQTT, whatever the level: only such a peer
// understands a CONNACK. [MQTT-3.1.2-1, MQTT-3.1.2-2]
bool connect_names_mqtt(struct bytes body);

#endif

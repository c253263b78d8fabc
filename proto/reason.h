// SPDX-License-Identifier: MIT
// Reason codes: the table of MQTT 5.0 section 2.4, and how each maps to the return codes of 3.1.1.
#ifndef PROTO_REASON_H
#define PROTO_REASON_H

#include <stdbool.h>
#include <stdint.h>

enum reason {
#define REASON(name, code, packets, text)       REASON_##name = code,
#define REASON_ALIAS(name, code, packets, text) REASON_##name = code,
#include "proto/reason.def"
#undef REASON
#undef REASON_ALIAS
};

// Return codes of CONNACK in MQTT 3.1 and 3.1.1, section 3.2.2.3.
enum connect_return {
    CONNECT_RETURN_ACCEPTED = 0,
    CONNECT_RETURN_BAD_PROTOCOL_VERSION = 1,
    CONNECT_RETURN_BAD_CLIENT_ID = 2,
    CONNECT_RETURN_SERVER_UNAVAILABLE = 3,
    CONNECT_RETURN_BAD_CREDENTIALS = 4,
    CONNECT_RETURN_NOT_AUTHORIZED = 5,
    CONNECT_RETURN_NONE = 0xff, // no return code fits: close without CONNACK [MQTT-3.2.2-6]
};

// The name of a reason code in the words of a log line, such as "malformed packet"; "unknown reason" if there
// is none. Codes whose meaning depends on the packet (0x00) have the neutral word "success".
const char *reason_text(uint8_t reason);

// True if `reason` may stand in a packet of type `packet_type` (an enum packet_type value).
bool reason_allowed(uint8_t reason, uint8_t packet_type);

// The 3.1.1 return code that says the same as `reason` in a CONNACK.
enum connect_return reason_to_connect_return(uint8_t reason);

#endif

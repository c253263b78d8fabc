// SPDX-License-Identifier: MIT
// The table of reason codes, indexed by code.
#include "proto/reason.h"

#include "proto/packet_bit.h"

struct reason_row {
    const char *text; // NULL: the code is not assigned
    uint16_t packets;
};

static const struct reason_row rows[256] = {
#define REASON(name, code, packets, text) [code] = {text, packets},
#define REASON_ALIAS(name, code, packets, text)
#include "proto/reason.def"
#undef REASON
#undef REASON_ALIAS
};

const char *reason_text(uint8_t reason)
{
    return rows[reason].text != NULL ? rows[reason].text : "unknown reason";
}

bool reason_allowed(uint8_t reason, uint8_t packet_type)
{
    return packet_type <= PACKET_AUTH && (rows[reason].packets >> packet_type & 1) != 0;
}

enum connect_return reason_to_connect_return(uint8_t reason)
{
    switch (reason) {
    case REASON_SUCCESS:
        return CONNECT_RETURN_ACCEPTED;
    case REASON_UNSUPPORTED_PROTOCOL_VERSION:
        return CONNECT_RETURN_BAD_PROTOCOL_VERSION;
    case REASON_CLIENT_IDENTIFIER_NOT_VALID:
        return CONNECT_RETURN_BAD_CLIENT_ID;
    case REASON_SERVER_UNAVAILABLE:
    case REASON_SERVER_BUSY:
    case REASON_SERVER_SHUTTING_DOWN:
    case REASON_QUOTA_EXCEEDED:
    case REASON_USE_ANOTHER_SERVER:
    case REASON_SERVER_MOVED:
    case REASON_CONNECTION_RATE_EXCEEDED:
        return CONNECT_RETURN_SERVER_UNAVAILABLE;
    case REASON_BAD_USER_NAME_OR_PASSWORD:
        return CONNECT_RETURN_BAD_CREDENTIALS;
    case REASON_NOT_AUTHORIZED:
    case REASON_BANNED:
        return CONNECT_RETURN_NOT_AUTHORIZED;
    default:
        return CONNECT_RETURN_NONE;
    }
}

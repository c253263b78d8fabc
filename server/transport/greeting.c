// SPDX-License-Identifier: MIT
#include "server/transport/greeting.h"

#define RECORD_ALERT     21u
#define RECORD_HANDSHAKE 22u
#define RECORD_VERSION   3u // its first byte, from SSL 3.0 to TLS 1.3

static const struct beginning {
    const char *text;
    enum greeting greeting;
} beginnings[] = {
    {"GET ", GREETING_HTTP},     {"HEAD ", GREETING_HTTP},    {"POST ", GREETING_HTTP},
    {"PUT ", GREETING_HTTP},     {"OPTIONS ", GREETING_HTTP}, {"DELETE ", GREETING_HTTP},
    {"CONNECT ", GREETING_HTTP}, {"PROXY ", GREETING_PROXY},  {"\r\n\r\n", GREETING_PROXY}, // versions 1, 2
};

enum greeting greeting_of(struct bytes first)
{
    uint8_t byte = first.data[0];
    if (byte == PACKET_CONNECT << 4)
        return GREETING_MQTT;
    if ((byte == RECORD_HANDSHAKE || byte == RECORD_ALERT) &&
        (first.length < 2 || first.data[1] == RECORD_VERSION))
        return GREETING_TLS;
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0] && first.length > 1; i++) {
        struct bytes whole = bytes_of(beginnings[i].text);
        if (bytes_begin_with(first, whole) || bytes_begin_with(whole, first)) // it may be cut
            return beginnings[i].greeting;
    }
    return GREETING_OTHER;
}

const char *greeting_why(enum greeting greeting)
{
    switch (greeting) {
    case GREETING_MQTT:
        return "it speaks MQTT without WebSocket; this listener is of type ws";
    case GREETING_TLS:
        return "it speaks TLS; this listener has no ssl";
    case GREETING_HTTP:
        return "it speaks HTTP; this listener is not of type ws";
    case GREETING_PROXY:
        return "it sends a PROXY header; this listener has no proxy-protocol";
    case GREETING_OTHER:
        break;
    }
    return NULL;
}

void greeting_answer(enum greeting greeting, const char *text, struct writer *writer)
{
    // A handshake is not expected here [RFC 8446, 6.2: unexpected_message].
    static const uint8_t alert[] = {RECORD_ALERT, RECORD_VERSION, 3, 0, 2, 2, 10};
    if (greeting == GREETING_TLS)
        writer_put_bytes(writer, (struct bytes){alert, sizeof alert});
    if (greeting == GREETING_HTTP)
        websocket_upgrade_put_refusal(writer, 400, text);
}

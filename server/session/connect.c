// SPDX-License-Identifier: MIT
#include "server/session/connect.h"

static bool connect_client_id_valid(const struct packet_connect *connect, const struct limits *limits)
{
    if (connect->client_id.length > limits->client_id_bytes_max)
        return false; // [MQTT-3.1.3-9]
    if (connect->client_id.length > 0)
        return true;
    // An id of the broker's choice ends with its connection [MQTT-3.1.3-8]; 3.1 knows no empty id.
    return connect->clean && connect->version != MQTT_VERSION_3_1;
}

uint8_t connect_judge(const struct packet_connect *connect, const struct limits *limits,
                      const struct access *access)
{
    if (connect->version == MQTT_VERSION_5_0)
        return REASON_UNSUPPORTED_PROTOCOL_VERSION;
    if (!connect_client_id_valid(connect, limits))
        return REASON_CLIENT_IDENTIFIER_NOT_VALID;
    if (connect->has_will && !topic_name_valid(connect->will.topic, (uint32_t)limits->topic_levels_max))
        return REASON_TOPIC_NAME_INVALID;
    return access == NULL ? REASON_SUCCESS : access_authenticate(access, connect);
}

bool connect_names_mqtt(struct bytes body)
{
    struct reader reader = reader_of(body);
    struct bytes name = reader_get_binary(&reader);
    return bytes_equal(name, bytes_of("MQTT")) || bytes_equal(name, bytes_of("MQIsdp"));
}

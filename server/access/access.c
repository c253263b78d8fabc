// SPDX-License-Identifier: MIT
#include "server/access/access.h"

uint8_t access_authenticate(const struct access *access, const struct packet_connect *connect)
{
    if (access->allow_anonymous)
        return REASON_SUCCESS;
    return connect->has_user_name ? REASON_BAD_USER_NAME_OR_PASSWORD : REASON_NOT_AUTHORIZED;
}

bool access_may_publish(struct bytes topic)
{
    if (topic.length == 0 || topic.data[0] != '$')
        return true; // nearly all
    struct topic_cursor cursor = {topic, false};
    struct bytes level;
    return !topic_next_level(&cursor, &level) || !bytes_equal(level, bytes_of("$SYS"));
}

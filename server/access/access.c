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
    return !topic_is_sys(topic);
}

// SPDX-License-Identifier: MIT
#include "server/access/access.h"

#include "test/suite.h"

static const struct packet_connect nobody = {.version = MQTT_VERSION_3_1_1};
static const struct packet_connect named = {.version = MQTT_VERSION_3_1_1, .has_user_name = true};
static const struct packet_connect with_password = {
    .version = MQTT_VERSION_3_1_1, .has_user_name = true, .has_password = true};

static void anonymous_access_lets_everybody_in(void)
{
    const struct access access = {.allow_anonymous = true};
    CU_ASSERT_EQUAL(access_authenticate(&access, &nobody), REASON_SUCCESS);
    CU_ASSERT_EQUAL(access_authenticate(&access, &named), REASON_SUCCESS);
    CU_ASSERT_EQUAL(access_authenticate(&access, &with_password), REASON_SUCCESS);
}

static void without_it_those_without_credentials_are_not_authorized(void)
{
    const struct access access = {.allow_anonymous = false};
    CU_ASSERT_EQUAL(access_authenticate(&access, &nobody), REASON_NOT_AUTHORIZED);
}

// The original let any user name in, without looking at the password.
static void a_name_that_nothing_vouches_for_is_no_entrance(void)
{
    const struct access access = {.allow_anonymous = false};
    CU_ASSERT_EQUAL(access_authenticate(&access, &named), REASON_BAD_USER_NAME_OR_PASSWORD);
    CU_ASSERT_EQUAL(access_authenticate(&access, &with_password), REASON_BAD_USER_NAME_OR_PASSWORD);
}

static void only_the_broker_speaks_under_sys(void)
{
    CU_ASSERT_FALSE(access_may_publish(bytes_of("$SYS")));
    CU_ASSERT_FALSE(access_may_publish(bytes_of("$SYS/")));
    CU_ASSERT_FALSE(access_may_publish(bytes_of("$SYS/broker/version")));
    static const char *const others[] = {"",        "a",     "$",      "$SY",    "$SYSTEM",
                                         "$SYSx/a", "/$SYS", "a/$SYS", "$sys/a", "SYS"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CU_ASSERT_TRUE(access_may_publish(bytes_of(others[i])));
    CU_ASSERT_TRUE(access_may_publish((struct bytes){0}));
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"anonymous access lets everybody in", anonymous_access_lets_everybody_in},
        {"without it those without credentials are not authorized",
         without_it_those_without_credentials_are_not_authorized},
        {"a name that nothing vouches for is no entrance", a_name_that_nothing_vouches_for_is_no_entrance},
        {"only the broker speaks under $SYS", only_the_broker_speaks_under_sys},
    };
    return RUN_TESTS("access", cases);
}

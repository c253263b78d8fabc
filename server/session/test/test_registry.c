// SPDX-License-Identifier: MIT
#include "server/session/session.h"

#include "server/session/test/rig.h"

static struct session_registry registry;

static struct session *add(const char *client_id)
{
    struct session *session = session_create(bytes_of(client_id), true);
    session_registry_add(&registry, session);
    return session;
}

static void remove_and_destroy(struct session *session)
{
    session_registry_remove(&registry, session);
    session_destroy(session, &rig.turn);
}

static void sessions_are_found_by_their_whole_client_id(void)
{
    rig_open();
    session_registry_init(&registry, 7);
    CU_ASSERT_PTR_NULL(session_registry_find(&registry, bytes_of("a")));
    struct session *a = add("a");
    struct session *ab = add("ab");
    struct session *empty = add("");
    CU_ASSERT_PTR_EQUAL(session_registry_find(&registry, bytes_of("a")), a);
    CU_ASSERT_PTR_EQUAL(session_registry_find(&registry, bytes_of("ab")), ab);
    CU_ASSERT_PTR_EQUAL(session_registry_find(&registry, (struct bytes){0}), empty);
    CU_ASSERT_PTR_NULL(session_registry_find(&registry, bytes_of("b")));
    CU_ASSERT_PTR_NULL(session_registry_find(&registry, bytes_of("A")));
    CU_ASSERT_PTR_NULL(session_registry_find(&registry, (struct bytes){(const uint8_t *)"a\0", 2}));
    remove_and_destroy(a);
    CU_ASSERT_PTR_NULL(session_registry_find(&registry, bytes_of("a")));
    CU_ASSERT_PTR_EQUAL(session_registry_find(&registry, bytes_of("ab")), ab);
    remove_and_destroy(ab);
    remove_and_destroy(empty);
    session_registry_finish(&registry);
    rig_close();
}

// Two client ids of one hash: the ids decide. No two are known, so one is made to look like the other.
static void equal_hashes_are_told_apart(void)
{
    rig_open();
    session_registry_init(&registry, 7);
    struct session *a = add("a");
    struct session *b = session_create(bytes_of("b"), true);
    hash_table_insert(&registry.by_client_id, &b->by_client_id, a->by_client_id.hash);
    CU_ASSERT_PTR_EQUAL(session_registry_find(&registry, bytes_of("a")), a);
    remove_and_destroy(a);
    CU_ASSERT_PTR_NULL(session_registry_find(&registry, bytes_of("a")));
    remove_and_destroy(b);
    session_registry_finish(&registry);
    rig_close();
}

static void many_sessions_are_found_and_taken_out_one_by_one(void)
{
    rig_open();
    session_registry_init(&registry, 7);
    char client_id[32];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(client_id, sizeof client_id, "client-%d", i);
        struct session *session = add(client_id);
        CU_ASSERT_PTR_EQUAL(session_registry_find(&registry, bytes_of(client_id)), session);
    }
    uint32_t count = 0;
    for (struct session *session; (session = session_registry_any(&registry)) != NULL; count++)
        remove_and_destroy(session);
    CU_ASSERT_EQUAL(count, 1000);
    session_registry_finish(&registry);
    rig_close();
}

static void the_client_id_is_copied(void)
{
    rig_open();
    char client_id[] = "abc";
    struct session *session = session_create(bytes_of(client_id), false);
    client_id[0] = 'x';
    CU_ASSERT_TRUE(bytes_equal(session_client_id(session), bytes_of("abc")));
    CU_ASSERT_FALSE(session->clean);
    session_destroy(session, &rig.turn);
    rig_close();
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"sessions are found by their whole client id", sessions_are_found_by_their_whole_client_id},
        {"equal hashes are told apart", equal_hashes_are_told_apart},
        {"many sessions are found and taken out one by one",
         many_sessions_are_found_and_taken_out_one_by_one},
        {"the client id is copied", the_client_id_is_copied},
    };
    return RUN_TESTS("registry", cases);
}

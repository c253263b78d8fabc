// SPDX-License-Identifier: MIT
// Which plugins there are, on whose terms, and what becomes of them when the configuration changes.
#include <string.h>

#include "server/plugin/test/rig.h"

static struct host_entry entry(const char *name, const char *word)
{
    struct host_entry one = {.name = name, .settings = setting_create_map()};
    setting_add(one.settings, "word", setting_create_text(word));
    return one;
}

static bool reload(struct host_entry one)
{
    return host_reload(rig.host, &one, 1);
}

static void a_plugin_that_can_reload_goes_on_with_its_new_settings(void)
{
    static const char *const names[] = {"inline"};
    rig_begin(names, 1, 8);
    uint64_t verdicts = host_verdicts(rig.host);
    const struct plugin *before = rig.host->roster->plugins[0];
    CU_ASSERT_TRUE(reload(entry("inline", "new")));
    CU_ASSERT_PTR_EQUAL(rig.host->roster->plugins[0], before);
    CU_ASSERT(rig.begun == 1 && rig.reloaded == 1 && rig.finished == 0 && rig.adopted == 1);
    CU_ASSERT_STRING_EQUAL(rig.setting, "new");
    CU_ASSERT_NOT_EQUAL(host_verdicts(rig.host), verdicts);
    rig_end();
}

static void on_its_own_thread_it_reloads_there(void)
{
    static const char *const names[] = {"worker"};
    rig_begin(names, 1, 8);
    CU_ASSERT_TRUE(reload(entry("worker", "new")));
    rig_await(&rig.reloaded, 1);
    rig_end();
    CU_ASSERT_STRING_EQUAL(rig.setting, "new");
}

static void a_plugin_that_cannot_reload_is_begun_anew(void)
{
    static const char *const names[] = {"anew"};
    rig_begin(names, 1, 8);
    CU_ASSERT_TRUE(reload(entry("anew", "new")));
    CU_ASSERT(rig.begun == 2 && rig.finished == 1);
    CU_ASSERT_STRING_EQUAL(rig.setting, "new");
    rig_end();
}

static void one_that_is_named_no_more_ends_and_another_begins(void)
{
    static const char *const names[] = {"worker"};
    rig_begin(names, 1, 8);
    CU_ASSERT_TRUE(reload(entry("inline", "other")));
    CU_ASSERT(rig.begun == 2 && rig.finished == 1 && rig.reloaded == 0);
    CU_ASSERT_STRING_EQUAL(rig.host->roster->plugins[0]->name, "inline");
    rig_end();
}

static void a_plugin_that_cannot_begin_leaves_everything_as_it_was(void)
{
    static const char *const names[] = {"inline"};
    rig_begin(names, 1, 8);
    const struct roster *before = rig.host->roster;
    rig.refuses = true;
    rig_capture();
    struct host_entry entries[] = {entry("inline", "new"), entry("worker", "new")};
    CU_ASSERT_FALSE(host_reload(rig.host, entries, 2));
    CU_ASSERT_PTR_NOT_NULL(strstr(rig_captured(), "plugin worker: it cannot begin (-1)"));
    CU_ASSERT_PTR_EQUAL(rig.host->roster, before);
    CU_ASSERT(rig.reloaded == 0 && rig.adopted == 0);
    rig.begun--; // who refused is not asked to finish
    struct host_entry absent[] = {entry("inline", "new"), entry("absent", "new")};
    rig_capture();
    CU_ASSERT_FALSE(host_reload(rig.host, absent, 2));
    CU_ASSERT_PTR_NOT_NULL(strstr(rig_captured(), "plugin absent: cannot load it: /nowhere/absent.so"));
    CU_ASSERT(rig.reloaded == 0 && rig.adopted == 0);
    rig_end();
}

static void one_that_refuses_its_new_settings_keeps_the_old_ones(void)
{
    static const char *const names[] = {"inline"};
    rig_begin(names, 1, 8);
    rig.refuses = true;
    rig_capture();
    CU_ASSERT_TRUE(reload(entry("inline", "new")));
    CU_ASSERT_PTR_NOT_NULL(strstr(rig_captured(), "plugin inline: it cannot take the new settings (-1)"));
    CU_ASSERT_EQUAL(rig.finished, 0);
    rig_end();
}

static void the_terms_are_settings_of_any_plugin(void)
{
    static const char *const names[] = {"inline"};
    rig_begin(names, 1, 8);
    CU_ASSERT_EQUAL(rig.host->roster->terms[0].answer_timeout_ns, 5 * NS_PER_S);
    CU_ASSERT_EQUAL(rig.host->roster->terms[0].verdict_default, HBMQTT_DENY);
    struct host_entry one = entry("inline", "new");
    setting_add(one.settings, "answer_timeout-ms", setting_create_text("250"));
    setting_add(one.settings, "answer-default", setting_create_text("no-opinion"));
    CU_ASSERT_TRUE(reload(one));
    CU_ASSERT_EQUAL(rig.host->roster->terms[0].answer_timeout_ns, 250 * NS_PER_MS);
    CU_ASSERT_EQUAL(rig.host->roster->terms[0].verdict_default, HBMQTT_NO_OPINION);
    static const char *const wrong[][2] = {{"answer-default", "maybe"}, {"answer-timeout-ms", "0"}};
    for (size_t i = 0; i < 2; i++) {
        one = entry("inline", "new");
        setting_add(one.settings, wrong[i][0], setting_create_text(wrong[i][1]));
        rig_capture();
        CU_ASSERT_FALSE(reload(one));
        CU_ASSERT_PTR_NOT_NULL(strstr(rig_captured(), wrong[i][0]));
    }
    rig_end();
}

static void who_takes_part_is_known_and_in_which_order(void)
{
    static const char *const names[] = {"receiving", "inline", "worker"};
    rig_begin(names, 3, 8);
    const struct roster *roster = rig.host->roster;
    CU_ASSERT_TRUE(roster_concerned(roster, CALL_AUTHENTICATE));
    CU_ASSERT_FALSE(roster_concerned(roster, CALL_PUBLISH));
    CU_ASSERT_FALSE(roster_concerned(NULL, CALL_AUTHENTICATE));
    CU_ASSERT_EQUAL(roster_next(roster, CALL_AUTHENTICATE, 0), 1);
    CU_ASSERT_EQUAL(roster_next(roster, CALL_AUTHENTICATE, 1), 1);
    CU_ASSERT_EQUAL(roster_next(roster, CALL_AUTHENTICATE, 2), 2);
    CU_ASSERT_EQUAL(roster_next(roster, CALL_AUTHENTICATE, 3), 3);
    CU_ASSERT_EQUAL(roster_next(roster, CALL_RECEIVE, 0), 0);
    CU_ASSERT_EQUAL(roster_next(roster, CALL_PUBLISH, 0), 3);
    rig_end();
}

static void who_was_not_chosen_takes_no_part(void)
{
    static const char *const names[] = {"receiving"};
    rig_begin(names, 1, 8);
    CU_ASSERT_TRUE(roster_concerned(rig.host->roster, CALL_RECEIVE));
    struct host_entry left = {.name = "receiving", .leaves_topics = true};
    CU_ASSERT_TRUE(host_reload(rig.host, &left, 1));
    CU_ASSERT_FALSE(roster_concerned(rig.host->roster, CALL_RECEIVE));
    left = (struct host_entry){.name = "inline", .leaves_authenticate = true};
    CU_ASSERT_TRUE(host_reload(rig.host, &left, 1));
    CU_ASSERT_FALSE(roster_concerned(rig.host->roster, CALL_AUTHENTICATE));
    rig_end();
}

static void a_plugin_cannot_use_a_broker_that_does_not_serve(void)
{
    static const char *const names[] = {"inline"};
    rig_begin(names, 1, 8);
    const struct hbmqtt_plugin_broker *broker = rig.broker;
    const struct hbmqtt_plugin_message message = {.size = sizeof message, .topic = {"a", 1}};
    const struct hbmqtt_plugin_message wild = {.size = sizeof message, .topic = {"#", 1}};
    CU_ASSERT_EQUAL(broker->broadcast_message(broker, &message), 0);
    CU_ASSERT_EQUAL(broker->retain_message(broker, &message), 0);
    CU_ASSERT_EQUAL(broker->broadcast_message(broker, &wild), HBMQTT_PLUGIN_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(rig.published, 2);
    CU_ASSERT_EQUAL(broker->sessions(broker, NULL, NULL), 0);
    CU_ASSERT_EQUAL(broker->retained_messages(broker, (struct hbmqtt_plugin_bytes){"#", 1}, NULL, NULL), 0);
    CU_ASSERT_EQUAL(broker->retained_messages(broker, (struct hbmqtt_plugin_bytes){"#/a", 3}, NULL, NULL),
                    HBMQTT_PLUGIN_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(rig.looks, 2);
    host_close(rig.host);
    CU_ASSERT_EQUAL(broker->broadcast_message(broker, &message), HBMQTT_PLUGIN_ERROR_NOT_RUNNING);
    CU_ASSERT_EQUAL(broker->sessions(broker, NULL, NULL), HBMQTT_PLUGIN_ERROR_NOT_RUNNING);
    CU_ASSERT(rig.published == 2 && rig.looks == 2);
    rig_end();
}

static void *look_from_a_shard(void *argument)
{
    host_mark_shard();
    CU_ASSERT_EQUAL(rig.broker->sessions(rig.broker, NULL, NULL), HBMQTT_PLUGIN_ERROR_THREAD);
    return NULL;
}

static void who_serves_clients_cannot_wait_for_itself(void)
{
    static const char *const names[] = {"inline"};
    rig_begin(names, 1, 8);
    pthread_t thread;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, look_from_a_shard, NULL), 0);
    (void)pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(rig.looks, 0);
    rig_end();
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a plugin that can reload goes on with its new settings",
         a_plugin_that_can_reload_goes_on_with_its_new_settings},
        {"on its own thread it reloads there", on_its_own_thread_it_reloads_there},
        {"a plugin that cannot reload is begun anew", a_plugin_that_cannot_reload_is_begun_anew},
        {"one that is named no more ends, and another begins",
         one_that_is_named_no_more_ends_and_another_begins},
        {"a plugin that cannot begin leaves everything as it was",
         a_plugin_that_cannot_begin_leaves_everything_as_it_was},
        {"one that refuses its new settings keeps the old ones",
         one_that_refuses_its_new_settings_keeps_the_old_ones},
        {"the terms are settings of any plugin", the_terms_are_settings_of_any_plugin},
        {"who takes part is known, and in which order", who_takes_part_is_known_and_in_which_order},
        {"who was not chosen takes no part", who_was_not_chosen_takes_no_part},
        {"a plugin cannot use a broker that does not serve",
         a_plugin_cannot_use_a_broker_that_does_not_serve},
        {"who serves clients cannot wait for itself", who_serves_clients_cannot_wait_for_itself},
    };
    return RUN_TESTS("plugin reload", cases);
}

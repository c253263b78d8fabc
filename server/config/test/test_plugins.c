// SPDX-License-Identifier: MIT
// Plugins in the configuration: the forms of their lists, the names of both Python brokers, their settings,
// and what those that are part of the broker do to the rest.
#include "server/config/config.h"

#include "server/config/test/reading.h"
#include "test/suite.h"

static void expect_plugin(const struct config *config, uint32_t index, enum config_plugin_kind kind,
                          const char *name)
{
    CU_ASSERT_FATAL(index < config->plugin_count);
    CU_ASSERT_EQUAL(config->plugins[index].kind, kind);
    expect_text(name, config->plugins[index].name);
}

static void test_lists_and_maps(void)
{
    static const char *const texts[] = {
        "plugins: [event_logger_plugin, broker_sys, mine]\n",
        "plugins: [event_logger_plugin, {broker_sys: {sys_interval: 20}}, {mine: {}}]\n",
        "plugins: {event_logger_plugin: {}, broker_sys: , mine: }\n",
        "plugins: [{event_logger_plugin: , broker_sys: {}}, mine, mine]\n",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct config *config = good(texts[i]);
        CU_ASSERT_EQUAL(config->plugin_count, 3);
        expect_plugin(config, 0, CONFIG_PLUGIN_EVENT_LOGGER, "event_logger_plugin");
        expect_plugin(config, 1, CONFIG_PLUGIN_BROKER_SYS, "broker_sys");
        expect_plugin(config, 2, CONFIG_PLUGIN_SHARED_OBJECT, "mine");
        CU_ASSERT_PTR_NULL(config->plugins[2].path);
        CU_ASSERT_EQUAL(config->warning_count, 0);
    }
}

static void test_names_of_the_python_brokers(void)
{
    static const struct {
        const char *given;
        const char *name;
        enum config_plugin_kind kind;
    } cases[] = {
        {"packet_logger_plugin", "packet_logger_plugin", CONFIG_PLUGIN_PACKET_LOGGER},
        {"amqtt.plugins.logging_amqtt.EventLoggerPlugin", "event_logger_plugin", CONFIG_PLUGIN_EVENT_LOGGER},
        {"hbmqtt.plugins.logging.PacketLoggerPlugin", "packet_logger_plugin", CONFIG_PLUGIN_PACKET_LOGGER},
        {"auth.anonymous", "auth_anonymous", CONFIG_PLUGIN_AUTH_ANONYMOUS}, // in the manual of hbmqtt
        {"amqtt.plugins.authentication.AnonymousAuthPlugin", "auth_anonymous", CONFIG_PLUGIN_AUTH_ANONYMOUS},
        {"amqtt.plugins.authentication.FileAuthPlugin", "auth_file", CONFIG_PLUGIN_AUTH_FILE},
        {"amqtt.plugins.topic_checking.TopicTabooPlugin", "topic_taboo", CONFIG_PLUGIN_TOPIC_TABOO},
        {"amqtt.plugins.sys.broker.BrokerSysPlugin", "broker_sys", CONFIG_PLUGIN_BROKER_SYS},
    };
    char text[128];
    for (size_t i = 0; i < COUNT(cases); i++) {
        (void)snprintf(text, sizeof(text), "plugins: [%s]\n", cases[i].given);
        expect_plugin(good(text), 0, cases[i].kind, cases[i].name);
    }
}

static void test_shared_objects(void)
{
    const struct config *config = good("plugins:\n- /usr/lib/a.so\n- b.so: {x: 1}\n- my-own_2\n");
    CU_ASSERT_EQUAL(config->plugin_count, 3);
    expect_plugin(config, 0, CONFIG_PLUGIN_SHARED_OBJECT, "/usr/lib/a.so");
    expect_text("/usr/lib/a.so", config->plugins[0].path);
    CU_ASSERT_EQUAL(config->plugins[0].line, 2);
    expect_text("b.so", config->plugins[1].path);
    expect_text("1", settings_text(settings_find(config->plugins[1].settings, "x")));
    CU_ASSERT_PTR_NULL(config->plugins[2].path);
}

static void test_plugins_of_auth_and_topic_check_are_plugins(void)
{
    const struct config *config = good("auth: {plugins: [auth_file, guard]}\n"
                                       "plugins: [{guard: {a: b}}, other]\n"
                                       "topic-check: {enabled: yes, plugins: [topic_taboo, other]}\n");
    CU_ASSERT_TRUE(config->auth.plugins_chosen && config->topic_check.plugins_chosen);
    CU_ASSERT_EQUAL(config->plugin_count, 4);
    expect_plugin(config, 1, CONFIG_PLUGIN_SHARED_OBJECT, "guard");
    CU_ASSERT_TRUE(config->plugins[1].authenticates && !config->plugins[1].filters);
    CU_ASSERT_PTR_NOT_NULL(config->plugins[1].settings);
    expect_plugin(config, 2, CONFIG_PLUGIN_SHARED_OBJECT, "other");
    CU_ASSERT_TRUE(!config->plugins[2].authenticates && config->plugins[2].filters);
    config = good("plugins: [guard]\n");
    CU_ASSERT_FALSE(config->auth.plugins_chosen || config->topic_check.plugins_chosen);
}

static void test_settings_are_a_tree(void)
{
    const struct config *config = good("plugins:\n"
                                       "  mine:\n"
                                       "    url-base: \"8080\"\n"
                                       "    number: -1_000\n"
                                       "    switch: On\n"
                                       "    nothing:\n"
                                       "    list: [a, [b], {c: d}]\n"
                                       "    lines: |\n"
                                       "      one\n"
                                       "      two\n");
    const struct settings *settings = config->plugins[0].settings;
    int64_t number = 0;
    bool flag = false;
    CU_ASSERT_PTR_NOT_NULL_FATAL(settings);
    CU_ASSERT_EQUAL(settings->kind, SETTINGS_MAP);
    CU_ASSERT_PTR_NULL(settings->next);

    const struct settings *url = settings_find(settings, "url_base");
    expect_text("8080", settings_text(url));
    CU_ASSERT_EQUAL(url->line, 3);
    CU_ASSERT_FALSE(settings_integer(url, &number)); // in quotes
    CU_ASSERT_TRUE(settings_integer(settings_find(settings, "number"), &number));
    CU_ASSERT_EQUAL(number, -1000);
    CU_ASSERT_FALSE(settings_integer(settings_find(settings, "switch"), &number));
    CU_ASSERT_TRUE(settings_bool(settings_find(settings, "switch"), &flag));
    CU_ASSERT_TRUE(flag);
    CU_ASSERT_FALSE(settings_bool(settings_find(settings, "list"), &flag));
    expect_text("", settings_text(settings_find(settings, "nothing")));
    expect_text("one\ntwo\n", settings_text(settings_find(settings, "lines")));
    CU_ASSERT_PTR_NULL(settings_find(settings, "absent"));
    CU_ASSERT_PTR_NULL(settings_find(url, "absent"));
    CU_ASSERT_PTR_NULL(settings_find(NULL, "absent"));

    const struct settings *list = settings_find(settings, "list");
    CU_ASSERT_EQUAL(list->kind, SETTINGS_LIST);
    CU_ASSERT_PTR_NULL(settings_text(list));
    expect_text("a", settings_text(list->first));
    CU_ASSERT_PTR_NULL(list->first->key);
    expect_text("b", settings_text(list->first->next->first));
    expect_text("d", settings_text(settings_find(list->first->next->next, "c")));
    CU_ASSERT_PTR_NULL(list->first->next->next->next);
}

// Who is let in by which lists; the file of passwords is named in all of them.
static void test_plugins_decide_about_clients(void)
{
    static const struct {
        const char *text;
        bool anonymous;
        bool passwords;
    } cases[] = {
        {"auth: {password-file: p}\n", true, true},
        {"auth: {password-file: p, allow-anonymous: no}\n", false, true},
        {"auth: {password-file: p, plugins: [auth_file]}\n", false, true},
        {"auth: {password-file: p, plugins: [auth_file], allow-anonymous: yes}\n", false, true},
        {"auth: {password-file: p, plugins: [auth_file, auth_anonymous]}\n", true, true},
        {"auth: {password-file: p, plugins: [auth_anonymous]}\n", true, false},
        {"auth: {password-file: p, plugins: []}\n", false, false},
        {"auth: {password-file: p}\nplugins: [auth_file, auth_anonymous]\n", true, true},
        {"auth: {password-file: p, allow-anonymous: yes}\nplugins: [auth_file]\n", true, true},
        {"plugins: {amqtt.plugins.authentication.FileAuthPlugin: {password_file: p}}\n", false, true},
        {"plugins:\n- amqtt.plugins.authentication.FileAuthPlugin: {password_file: p}\n"
         "- amqtt.plugins.authentication.AnonymousAuthPlugin: {allow_anonymous: true}\n",
         true, true},
        {"plugins:\n- amqtt.plugins.authentication.FileAuthPlugin: {password_file: p}\n"
         "- amqtt.plugins.authentication.AnonymousAuthPlugin: {allow_anonymous: false}\n",
         false, true},
        {"auth: {password-file: p, allow-anonymous: yes}\nplugins: [{auth_anonymous: {allow-anonymous: "
         "no}}]\n",
         false, true}, // the stricter of the two
        {"auth: {password-file: p}\nplugins: [{auth_file: {password-file: p}}]\n", false, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct config *config = good(cases[i].text);
        CU_ASSERT_EQUAL(config->auth.allow_anonymous, cases[i].anonymous);
        CU_ASSERT_EQUAL(config->auth.password_file.path != NULL, cases[i].passwords);
        if (config->auth.allow_anonymous != cases[i].anonymous)
            printf("\n    %s", cases[i].text);
        CU_ASSERT_EQUAL(config->warning_count, !cases[i].passwords);
    }
    expect_warning(good("auth:\n  password-file: p\n  plugins: [auth_anonymous]\n"),
                   "f:2: password-file has no effect, as auth.plugins does not list auth_file");
}

static void test_the_interval_of_sys_may_be_with_its_plugin(void)
{
    CU_ASSERT_EQUAL(
        good("plugins: {amqtt.plugins.sys.broker.BrokerSysPlugin: {sys_interval: 9}}\n")->sys_interval_s, 9);
    CU_ASSERT_EQUAL(good("plugins: [{broker_sys: {sys-interval: 8}}, broker_sys]\n")->sys_interval_s, 8);
}

static void test_faults(void)
{
    static const struct fault faults[] = {
        {"plugins: x\n", "f:1: plugins: expected a list, seen 'x'"},
        {"plugins:\n - [x]\n", "f:2: plugins: expected the name of a plugin, seen a list"},
        {"plugins:\n  my.Plugin: {}\n",
         "f:2: plugin 'my.Plugin' is not supported: it is no plugin of hbmqtt's or "
         "amqtt's own, and no path that ends in .so"},
        {"plugins: [amqtt.contrib.http.UserAuthHttpPlugin]\n",
         "f:1: plugin 'amqtt.contrib.http.UserAuthHttpPlugin' is not supported: it is no plugin of hbmqtt's "
         "or "
         "amqtt's own, and no path that ends in .so"},
        {"auth: {plugins: [hbmqtt.plugins.none]}\n", "f:1: plugin 'hbmqtt.plugins.none' is not supported: it "
                                                     "is no plugin of hbmqtt's or amqtt's own, and no path "
                                                     "that ends in .so"},
        {"plugins: ['a/b']\n", "f:1: plugins: expected the name of a plugin or a path that ends in .so"},
        {"plugins: ['']\n", "f:1: plugins: expected the name of a plugin or a path that ends in .so"},
        {"plugins: ['.so']\n",
         "f:1: plugin '.so' is not supported: it is no plugin of hbmqtt's or amqtt's own, and no "
         "path that ends in .so"},
        {"plugins: {mine: 5}\n", "f:1: plugins.mine: expected a map of settings, seen '5'"},
        {"plugins: {mine: [a]}\n", "f:1: plugins.mine: expected a map of settings, seen a list"},
        {"plugins:\n- mine: {a: 1}\n- mine: {a: 2}\n",
         "f:3: plugins.mine: the plugin has its settings in line 2 already"},
        {"plugins: {mine: {a: {b: 1, b: 2}}}\n", "f:1: key 'b' is given a second time (first in line 1)"},
        {"plugins: {mine: &a {b: *a}}\n",
         "f:1: plugins.mine.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b: the settings are nested "
         "more than 16 deep"},
        {"plugins: {mine: {a: \"\\e[2J\"}}\n", "f:1: plugins.mine.a: expected text, seen '?[2J'"},
        {"plugins:\n  auth_file:\n    password_fil: p\n",
         "f:3: unknown key 'password_fil' in plugins.auth_file; did you mean 'password-file'?"},
        {"plugins: {topic_taboo: {a: 1}}\n", "f:1: unknown key 'a' in plugins.topic_taboo"},
        {"auth:\n  password-file: p\nplugins:\n  auth_file:\n    password-file: q\n",
         "f:5: plugins.auth_file.password-file: line 2 names another file"},
        {"auth:\n  password-file:\n", "f:2: auth.password-file: expected the name of a file, seen nothing"},
    };
    expect_faults(faults, COUNT(faults));
}

// 9 aliases of 9 aliases and so on: what would take more memory than there is, is refused.
static void test_aliases_do_not_multiply_without_end(void)
{
    char text[1024] = "plugins:\n  a: {x: &l0 [1, 2, 3, 4, 5, 6, 7, 8, 9]}\n";
    for (int i = 1; i < 9; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
                       "  a%d: {x: &l%d [*l%d, *l%d, *l%d, *l%d, *l%d, *l%d, *l%d, *l%d, *l%d]}\n", i, i,
                       i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    const struct config *config = NULL;
    char error[CONFIG_ERROR_BYTES];
    CU_ASSERT_EQUAL(parse(text, &config, error), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "more than 67108864 bytes in memory"));
}

static void test_there_may_be_many(void)
{
    static char text[65536];
    size_t used = (size_t)snprintf(text, sizeof(text), "plugins:\n");
    for (unsigned i = 0; i < CONFIG_PLUGINS_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "- p%u\n", i);
    const struct config *config = good(text);
    CU_ASSERT_EQUAL(config->plugin_count, CONFIG_PLUGINS_MAX);
    expect_plugin(config, 63, CONFIG_PLUGIN_SHARED_OBJECT, "p63");
    (void)snprintf(text + used, sizeof(text) - used, "- more\n");
    expect_fault(text, "f:66: more than 64 plugins");
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"lists and maps", test_lists_and_maps},
        {"names of the Python brokers", test_names_of_the_python_brokers},
        {"shared objects", test_shared_objects},
        {"plugins of auth and topic-check are plugins", test_plugins_of_auth_and_topic_check_are_plugins},
        {"settings are a tree", test_settings_are_a_tree},
        {"plugins decide about clients", test_plugins_decide_about_clients},
        {"the interval of $SYS may be with its plugin", test_the_interval_of_sys_may_be_with_its_plugin},
        {"faults", test_faults},
        {"aliases do not multiply without end", test_aliases_do_not_multiply_without_end},
        {"there may be many", test_there_may_be_many},
    };
    return RUN_TESTS("plugins", cases);
}

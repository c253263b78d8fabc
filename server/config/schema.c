// SPDX-License-Identifier: MIT
// Order of the keys in the file does not matter: what depends on two of them is decided when both have been
// read.
#include "server/config/schema.h"

#include <string.h>

#include "server/config/identity.h"
#include "server/config/limits_read.h"
#include "server/config/listeners.h"
#include "server/config/plugins.h"
#include "server/config/rules.h"
#include "server/config/warning.h"

#define BIT(kind) (1u << (kind))

_Static_assert(LOG_ERROR == 0 && LOG_WARNING == 1 && LOG_INFO == 2 && LOG_DEBUG == 3,
               "the levels are in the order of their words in keys.def");

static document_read read_auth, read_topic_check, read_log, read_persistence;
static document_read read_allow_anonymous, read_password_file, read_log_file;

// ---- the tables

#define ROW(identifier, name, member, applied, type, text)                                                   \
    KEY_ROW(identifier, name, config, member, applied, type)
#define KEYS(array)                                                                                          \
    {                                                                                                        \
        .keys = (array), .count = sizeof(array) / sizeof((array)[0])                                         \
    } // initializes struct document_keys

static const struct document_key root[] = {
#define KEY_OF_ROOT ROW
#define KEY_OF_SYS  ROW
#include "server/config/keys.def"
};
static const struct document_key sys[] = {
#define KEY_OF_SYS ROW
#include "server/config/keys.def"
};
static const struct document_key auth[] = {
#define KEY_OF_AUTH      ROW
#define KEY_OF_ANONYMOUS ROW
#define KEY_OF_PASSWORDS ROW
#include "server/config/keys.def"
};
static const struct document_key anonymous[] = {
#define KEY_OF_ANONYMOUS ROW
#include "server/config/keys.def"
};
static const struct document_key passwords[] = {
#define KEY_OF_PASSWORDS ROW
#include "server/config/keys.def"
};
static const struct document_key topic_check[] = {
#define KEY_OF_TOPIC_CHECK ROW
#define KEY_OF_ACL         ROW
#include "server/config/keys.def"
};
static const struct document_key acl[] = {
#define KEY_OF_ACL ROW
#include "server/config/keys.def"
};
static const struct document_key log_map[] = {
#define KEY_OF_LOG ROW
#include "server/config/keys.def"
};
static const struct document_key persistence[] = {
#define KEY_OF_PERSISTENCE ROW
#include "server/config/keys.def"
};

const struct document_keys schema_root_keys = KEYS(root);
const struct document_keys schema_sys_keys = KEYS(sys);
const struct document_keys schema_auth_keys = KEYS(auth);
const struct document_keys schema_anonymous_keys = KEYS(anonymous);
const struct document_keys schema_password_keys = KEYS(passwords);
const struct document_keys schema_topic_check_keys = KEYS(topic_check);
const struct document_keys schema_acl_keys = KEYS(acl);
const struct document_keys schema_log_keys = KEYS(log_map);
const struct document_keys schema_no_keys = {.keys = NULL, .count = 0};
static const struct document_keys persistence_keys = KEYS(persistence);

// ---- maps within the map

static int read_auth(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return document_read_map(document, value, &schema_auth_keys, target);
}

static int read_topic_check(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return document_read_map(document, value, &schema_topic_check_keys, target);
}

static int read_log(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return document_read_map(document, value, &schema_log_keys, target);
}

static int read_persistence(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    return document_read_map(document, value, &persistence_keys, target);
}

// ---- values that are not like others

// Said in two places, the stricter one holds.
static int read_allow_anonymous(struct document *document, yaml_node_t *value, const void *facts,
                                void *target)
{
    struct config *config = ((const struct key_target *)target)->base;
    bool allow;
    int status = document_read_bool(document, value, &allow);
    if (status == 0)
        config->auth.allow_anonymous = config->auth.allow_anonymous && allow;
    return status;
}

static int read_file(struct document *document, yaml_node_t *value, struct arena *arena,
                     struct config_file *file)
{
    static const struct key facts = {FILE_NAME};
    int status = key_read_text(document, value, arena, &facts, &file->path);
    if (status == 0)
        file->line = document->line;
    return status;
}

static int read_password_file(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    const struct key_target *into = target;
    struct config_file *given = &into->reading->config->auth.password_file;
    struct config_file file;
    int status = read_file(document, value, into->reading->arena, &file);
    if (status != 0)
        return status;
    if (given->path != NULL && strcmp(given->path, file.path) != 0)
        return document_fail(document, "%s: line %u names another file", document->path, given->line);
    *given = file;
    return 0;
}

// It need not be there yet, and is opened to be written to.
static int read_log_file(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    const struct key_target *into = target;
    return read_file(document, value, into->reading->arena, &into->reading->config->log.file);
}

// ---- when all has been read

// As in amqtt, who lists auth_file and not auth_anonymous has not asked for anonymous clients.
static bool anonymous_wanted(const struct reading *reading)
{
    if (reading->config->auth.plugins_chosen)
        return (reading->plugins_of_auth & BIT(CONFIG_PLUGIN_AUTH_ANONYMOUS)) != 0;
    return reading->lines[KEY_ALLOW_ANONYMOUS] != 0 ||
           (reading->plugins & BIT(CONFIG_PLUGIN_AUTH_FILE)) == 0 ||
           (reading->plugins & BIT(CONFIG_PLUGIN_AUTH_ANONYMOUS)) != 0;
}

static void complete_auth(struct document *document, struct reading *reading)
{
    struct config_auth *clients = &reading->config->auth;
    clients->allow_anonymous = clients->allow_anonymous && anonymous_wanted(reading);
    if (clients->password_file.path == NULL || !clients->plugins_chosen ||
        (reading->plugins_of_auth & BIT(CONFIG_PLUGIN_AUTH_FILE)) != 0)
        return;
    warning_add(document, reading, clients->password_file.line,
                "password-file has no effect, as auth.plugins does not list auth_file");
    clients->password_file = (struct config_file){.path = NULL};
}

// Whether topic_acl or topic_taboo has its say about topics. In the map topic-check, no list means all of
// them.
static bool filters(const struct reading *reading, enum config_plugin_kind kind, bool in_map)
{
    const struct config_topic_check *topics = &reading->config->topic_check;
    if (!topics->enabled)
        return false;
    if (topics->plugins_chosen)
        return (reading->plugins_of_topics & BIT(kind)) != 0;
    return in_map || (reading->plugins & BIT(kind)) != 0;
}

static int complete_topic_check(struct document *document, struct reading *reading)
{
    struct config_topic_check *topics = &reading->config->topic_check;
    const uint32_t *lines = reading->lines;
    bool has_rules = topics->listed != 0 || topics->acl_file.path != NULL;
    topics->taboo = filters(reading, CONFIG_PLUGIN_TOPIC_TABOO, lines[KEY_TOPIC_CHECK] != 0);
    topics->acl = filters(reading, CONFIG_PLUGIN_TOPIC_ACL, has_rules);
    if (lines[KEY_TOPIC_CHECK] != 0 && lines[KEY_TOPIC_CHECK_ENABLED] == 0)
        warning_add(document, reading, lines[KEY_TOPIC_CHECK],
                    "topic-check holds although it does not say enabled: true; write enabled: false if it "
                    "should not");
    if (topics->enabled && has_rules && !topics->acl)
        warning_add(document, reading, lines[KEY_TOPIC_CHECK],
                    "the rules of topic-check have no effect, as its plugins do not list topic_acl");
    if (topics->acl && !has_rules) { // as there
        topics->listed = CONFIG_ACTION_SUBSCRIBE;
        warning_add(document, reading,
                    lines[KEY_TOPIC_CHECK] != 0 ? lines[KEY_TOPIC_CHECK] : lines[KEY_PLUGINS],
                    "topic_acl has no rules, so nobody may subscribe");
    }
    return rules_complete(document, reading);
}

static int complete_log(struct document *document, struct reading *reading)
{
    struct config_log *to = &reading->config->log;
    if (to->file.path != NULL && reading->lines[KEY_LOG_TO] == 0)
        to->to = CONFIG_LOG_FILE;
    if (to->file.path != NULL && to->to != CONFIG_LOG_FILE)
        warning_add(document, reading, to->file.line, "log.file has no effect, as log.to is not file");
    if (to->file.path != NULL || to->to != CONFIG_LOG_FILE)
        return 0;
    document->line = reading->lines[KEY_LOG_TO];
    return document_fail(document, "log.to: file needs the key log.file beside it");
}

// For messages of those who make something of it.
static void complete_lines(struct reading *reading)
{
    struct config *config = reading->config;
    config->topic_check.line = reading->lines[KEY_TOPIC_CHECK];
    config->log.line = reading->lines[KEY_LOG];
    config->user_line = reading->lines[KEY_USER];
    config->group_line = reading->lines[KEY_RUN_GROUP];
}

// What the original has and lets nobody in.
static void warn_of_what_has_no_effect(struct document *document, struct reading *reading)
{
    static const struct {
        enum key_id key;
        const char *name;
        const char *why;
    } keys[] = {
        {KEY_TIMEOUT_DISCONNECT_DELAY, "timeout-disconnect-delay",
         "a client is lost after one and a half times its keep-alive"},
        {KEY_QOS1_PUBACK_TIMEOUT, "qos1_puback_timeout", "a message waits for its client"},
        {KEY_PERSISTENCE, "persistence", "sessions are kept in memory"},
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (reading->lines[keys[i].key] != 0)
            warning_add(document, reading, reading->lines[keys[i].key], "%s has no effect: %s", keys[i].name,
                        keys[i].why);
    for (uint32_t i = 0; i < reading->config->plugin_count; i++)
        if (reading->config->plugins[i].kind == CONFIG_PLUGIN_PERSISTENCE)
            warning_add(document, reading, reading->config->plugins[i].line,
                        "plugin 'persistence' has no effect: sessions are kept in memory");
}

void schema_set_standards(struct config *config, struct arena *arena)
{
    key_set_standards(&schema_root_keys, config);
    key_set_standards(&schema_auth_keys, config);
    key_set_standards(&schema_topic_check_keys, config);
    key_set_standards(&schema_log_keys, config);
    config->auth.allow_anonymous = true;
    config->limits = limits_default();
    listeners_set_standard(config, arena);
}

int schema_read(struct document *document, struct reading *reading)
{
    struct key_target target = {.reading = reading, .base = reading->config, .lines = reading->lines};
    int status = document_read_map(document, document_root(document), &schema_root_keys, &target);
    if (status == 0)
        status = complete_topic_check(document, reading);
    if (status == 0)
        status = complete_log(document, reading);
    if (status != 0)
        return status;
    complete_auth(document, reading);
    complete_lines(reading);
    listeners_complete(reading->config);
    warn_of_what_has_no_effect(document, reading);
    return 0;
}

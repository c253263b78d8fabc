// SPDX-License-Identifier: MIT
// topic_acl: who may publish and subscribe where; receive_acl: who may be sent what. The second is a plugin
// of its own because it is asked for each of those a message goes to: it is loaded only if there are rules
// for that.
//
//     rules       a list of maps: `actions` (publish, subscribe, receive, with blanks between them), `allow`
//                 or `deny` with a filter, and whom it is about: `user` or `group` with a name, `anonymous`,
//                 `everybody`
//     groups      a map: name of a group -> list of users
//     restrict    actions for which what no rule allows is denied
//     file        of mosquitto's format; it restricts all actions
//
// The user name of a client counts where somebody vouches for it; anybody else is anonymous.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/access/access.h"
#include "server/plugin/answer.h"
#include "server/plugin/builtin/builtin.h"

_Static_assert((int)ACL_PUBLISH == HBMQTT_FILTER_PUBLISH && (int)ACL_SUBSCRIBE == HBMQTT_FILTER_SUBSCRIBE &&
                   (int)ACL_RECEIVE == HBMQTT_FILTER_RECEIVE,
               "actions are the same bits");

struct topic_acl {
    const struct hbmqtt_plugin_broker *broker;
    pthread_rwlock_t lock; // of:
    struct acl *acl;
};

// Reading of settings. Where something is wrong, a line of the log says so.

struct acl_reader {
    const struct hbmqtt_plugin_broker *broker;
    struct acl_builder *builder;
};

static bool acl_reader_fail(const struct acl_reader *reader, const char *what, const char *expected)
{
    reader->broker->log(reader->broker, HBMQTT_PLUGIN_LOG_ERROR, "%s: expected %s", what, expected);
    return false;
}

static bool read_actions(const struct acl_reader *reader, const char *text, uint8_t *ret_actions)
{
    static const struct {
        const char *name;
        uint8_t action;
    } names[] = {{"publish", ACL_PUBLISH}, {"subscribe", ACL_SUBSCRIBE}, {"receive", ACL_RECEIVE}};
    *ret_actions = 0;
    for (const char *at = text; at != NULL && *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        uint8_t action = 0;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (strlen(names[i].name) == length && memcmp(names[i].name, at, length) == 0)
                action = names[i].action;
        if (action == 0)
            return acl_reader_fail(reader, "actions", "publish, subscribe and receive");
        *ret_actions |= action;
        at += length;
    }
    return true;
}

static const char *text_of(const struct acl_reader *reader, const struct hbmqtt_plugin_setting *map,
                           const char *key)
{
    return reader->broker->setting_text(reader->broker,
                                        reader->broker->setting_get(reader->broker, map, key));
}

static bool read_rule(const struct acl_reader *reader, const struct hbmqtt_plugin_setting *map)
{
    const char *allow = text_of(reader, map, "allow");
    const char *deny = text_of(reader, map, "deny");
    const char *user = text_of(reader, map, "user");
    const char *group = text_of(reader, map, "group");
    struct acl_rule rule = {.deny = deny != NULL, .pattern = true};
    if ((allow == NULL) == (deny == NULL))
        return acl_reader_fail(reader, "a rule", "`allow` or `deny` with a filter");
    if (!read_actions(reader, text_of(reader, map, "actions"), &rule.actions))
        return false;
    rule.filter = bytes_of(allow != NULL ? allow : deny);
    rule.name = bytes_of(user != NULL ? user : group != NULL ? group : "");
    rule.subject = user != NULL                                ? ACL_USER
                   : group != NULL                             ? ACL_GROUP
                   : text_of(reader, map, "anonymous") != NULL ? ACL_ANONYMOUS
                                                               : ACL_EVERYBODY;
    const char *expected = acl_builder_add(reader->builder, &rule);
    return expected == NULL || acl_reader_fail(reader, allow != NULL ? allow : deny, expected);
}

static bool read_rules(const struct acl_reader *reader, const struct hbmqtt_plugin_setting *list)
{
    size_t count = reader->broker->setting_count(reader->broker, list);
    for (size_t i = 0; i < count; i++)
        if (!read_rule(reader, reader->broker->setting_at(reader->broker, list, i)))
            return false;
    return true;
}

static bool read_group(const struct acl_reader *reader, const char *name,
                       const struct hbmqtt_plugin_setting *users)
{
    const struct hbmqtt_plugin_broker *broker = reader->broker;
    for (size_t i = 0; i < broker->setting_count(broker, users); i++) {
        const char *user = broker->setting_text(broker, broker->setting_at(broker, users, i));
        if (user == NULL)
            return acl_reader_fail(reader, name, "a list of user names");
        const struct acl_membership membership = {.group = bytes_of(name), .user = bytes_of(user)};
        const char *expected = acl_builder_join(reader->builder, &membership);
        if (expected != NULL)
            return acl_reader_fail(reader, name, expected);
    }
    return true;
}

static bool read_groups(const struct acl_reader *reader, const struct hbmqtt_plugin_setting *map)
{
    const struct hbmqtt_plugin_broker *broker = reader->broker;
    for (size_t i = 0; i < broker->setting_count(broker, map); i++) {
        const char *name = broker->setting_key(broker, map, i);
        if (name == NULL)
            return acl_reader_fail(reader, "groups", "a map");
        if (!read_group(reader, name, broker->setting_at(broker, map, i)))
            return false;
    }
    return true;
}

static bool read_file(const struct acl_reader *reader, const char *path)
{
    char error[ACL_FILE_ERROR_BYTES];
    if (path == NULL || acl_file_load(reader->builder, path, error, sizeof error) == 0)
        return true;
    reader->broker->log(reader->broker, HBMQTT_PLUGIN_LOG_ERROR, "%s", error);
    return false;
}

// Returns NULL after a line of the log.
static struct acl *read_settings(const struct hbmqtt_plugin_broker *broker,
                                 const struct hbmqtt_plugin_setting *settings)
{
    static const char *const keys[] = {"rules", "groups", "restrict", "file", NULL};
    struct acl_reader reader = {broker, acl_builder_create(random_entropy())};
    uint8_t restricted;
    if (broker->setting_keys(broker, settings, keys) == 0 &&
        read_groups(&reader, broker->setting_get(broker, settings, "groups")) &&
        read_rules(&reader, broker->setting_get(broker, settings, "rules")) &&
        read_actions(&reader, text_of(&reader, settings, "restrict"), &restricted) &&
        read_file(&reader, text_of(&reader, settings, "file"))) {
        acl_builder_restrict(reader.builder, restricted);
        return acl_builder_finish(reader.builder);
    }
    acl_builder_destroy(reader.builder);
    return NULL;
}

static int init(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                void **ret_state)
{
    struct acl *acl = read_settings(broker, settings);
    if (acl == NULL)
        return -1;
    struct topic_acl *topic_acl = memory_require(sizeof *topic_acl);
    *topic_acl = (struct topic_acl){.broker = broker, .acl = acl};
    (void)pthread_rwlock_init(&topic_acl->lock, NULL); // cannot fail without attributes
    *ret_state = topic_acl;
    return 0;
}

static void finish(void *state)
{
    struct topic_acl *topic_acl = state;
    acl_unref(topic_acl->acl);
    (void)pthread_rwlock_destroy(&topic_acl->lock);
    free(topic_acl);
}

static int reload(void *state, const struct hbmqtt_plugin_setting *settings)
{
    struct topic_acl *topic_acl = state;
    struct acl *acl = read_settings(topic_acl->broker, settings);
    if (acl == NULL)
        return -1;
    (void)pthread_rwlock_wrlock(&topic_acl->lock);
    struct acl *before = topic_acl->acl;
    topic_acl->acl = acl;
    (void)pthread_rwlock_unlock(&topic_acl->lock);
    acl_unref(before);
    topic_acl->broker->forget_verdicts(topic_acl->broker);
    return 0;
}

static int judge(const struct acl *acl, const struct hbmqtt_plugin_access *access)
{
    bool vouched = (access->session->flags & HBMQTT_SESSION_VOUCHED) != 0;
    const struct permit_identity identity = {
        .user = vouched ? bytes_from_plugin(access->session->user_name) : (struct bytes){0},
        .client_id = bytes_from_plugin(access->session->client_id),
    };
    struct permit permit;
    permit_init(&permit, acl, &identity);
    if (!permit_allows(&permit, access->action, bytes_from_plugin(access->topic)))
        return HBMQTT_DENY;
    return (permit.restricted & access->action) != 0 ? HBMQTT_ALLOW : HBMQTT_NOT_CONCERNED;
}

static int topic_filtering(void *state, uint64_t question, const struct hbmqtt_plugin_access *access)
{
    struct topic_acl *topic_acl = state;
    (void)pthread_rwlock_rdlock(&topic_acl->lock);
    int verdict = judge(topic_acl->acl, access);
    (void)pthread_rwlock_unlock(&topic_acl->lock);
    return verdict | HBMQTT_STABLE;
}

const struct hbmqtt_plugin builtin_topic_acl = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "topic_acl",
    .version = HBMQTT_VERSION,
    .flags = HBMQTT_PLUGIN_INLINE,
    .filters = HBMQTT_FILTER_PUBLISH | HBMQTT_FILTER_SUBSCRIBE,
    .init = init,
    .finish = finish,
    .reload = reload,
    .topic_filtering = topic_filtering,
};

const struct hbmqtt_plugin builtin_receive_acl = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "receive_acl",
    .version = HBMQTT_VERSION,
    .flags = HBMQTT_PLUGIN_INLINE,
    .filters = HBMQTT_FILTER_RECEIVE,
    .init = init,
    .finish = finish,
    .reload = reload,
    .topic_filtering = topic_filtering,
};

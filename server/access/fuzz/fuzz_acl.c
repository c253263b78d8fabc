// SPDX-License-Identifier: MIT
// Rule sets against the model that tries everything.
//
//     input: restricted actions, user, client id, a membership, how many rules; for each rule what it does,
//     whom it is for, its filter; then filters and topics to judge, as long as there are bytes
//
// A text is a byte for the number of its levels and one for each, so that any bytes mean something.
#include <stdio.h>
#include <stdlib.h>

#include "server/access/test/model.h"
#include "test/fuzz.h"

#define RULES_MAX 6u // more would only be slower

static const char *const values[] = {"a", "b", "", "$s", "+", "#", "a/b", "$"};
static const char *const levels[] = {"a", "b", "", "$s", "+", "%u", "%c", "$%u", "a%c", "#"};
static const char *const groups[] = {"one", "two"};

#define PICK(list, number) ((list)[(number) % (sizeof(list) / sizeof((list)[0]))])

static void make_filter(struct reader *reader, char text[MODEL_TEXT_BYTES])
{
    uint32_t count = 1 + reader_get_u8(reader) % MODEL_LEVELS_MAX;
    size_t length = 0;
    for (uint32_t i = 0; i < count; i++) {
        const char *level = PICK(levels, reader_get_u8(reader));
        if (level[0] == '#')
            count = i + 1;
        length += (size_t)snprintf(text + length, MODEL_TEXT_BYTES - length, "%s%s", i > 0 ? "/" : "", level);
    }
    if (length == 0)
        (void)snprintf(text, MODEL_TEXT_BYTES, "/");
}

static void make_rule(struct reader *reader, struct model_rule *rule)
{
    uint8_t what = reader_get_u8(reader);
    uint8_t whom = reader_get_u8(reader);
    *rule = (struct model_rule){.actions = 1 + (what & ACL_ACTIONS) % ACL_ACTIONS,
                                .deny = (what & 0x08) != 0,
                                .pattern = (what & 0x10) != 0,
                                .subject = whom % (ACL_GROUP + 1)};
    const char *name = rule->subject == ACL_GROUP ? PICK(groups, whom / 4) : PICK(values, whom / 4);
    if (rule->subject == ACL_USER && name[0] == '\0')
        name = "nobody";
    (void)snprintf(rule->name, sizeof(rule->name), "%s", name);
    make_filter(reader, rule->filter);
}

static void make_model(struct reader *reader, struct model *model, struct model_client *client)
{
    memset(model, 0, sizeof(*model));
    model->restricted = reader_get_u8(reader) & ACL_ACTIONS;
    client->user = PICK(values, reader_get_u8(reader));
    client->client_id = PICK(values, reader_get_u8(reader));
    const char *group = PICK(groups, reader_get_u8(reader));
    if (client->user[0] != '\0') {
        (void)snprintf(model->memberships[0][0], MODEL_TEXT_BYTES, "%s", group);
        (void)snprintf(model->memberships[0][1], MODEL_TEXT_BYTES, "%s", client->user);
        model->membership_count = 1;
    }
    model->rule_count = reader_get_u8(reader) % (RULES_MAX + 1);
    for (uint32_t i = 0; i < model->rule_count; i++)
        make_rule(reader, &model->rules[i]);
}

static void compare(const struct model *model, const struct model_client *client, const char *text, bool got,
                    bool expected)
{
    if (got == expected)
        return;
    fprintf(stderr, "'%s' is %s\n", text, got ? "allowed" : "refused");
    model_print(model, client);
    abort();
}

static void judge(const struct model *model, const struct model_client *client, const struct permit *permit,
                  struct reader *reader)
{
    char text[MODEL_TEXT_BYTES];
    make_filter(reader, text);
    compare(model, client, text, permit_allows(permit, ACL_SUBSCRIBE, bytes_of(text)),
            model_allows_filter(model, client, ACL_SUBSCRIBE, text));
    if (strpbrk(text, "+#") != NULL)
        return;
    for (uint32_t i = 0; i < 2; i++) {
        enum acl_action action = i == 0 ? ACL_PUBLISH : ACL_RECEIVE;
        compare(model, client, text, permit_allows(permit, action, bytes_of(text)),
                model_allows_topic(model, client, action, text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model model;
    struct model_client client;
    struct reader reader = reader_of((struct bytes){data, size});
    make_model(&reader, &model, &client);
    struct acl *acl = model_build(&model, size);
    struct permit permit = model_permit(acl, &client);
    while (reader_left(&reader) > 0)
        judge(&model, &client, &permit, &reader);
    acl_unref(acl);
    return 0;
}

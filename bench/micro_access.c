// SPDX-License-Identifier: MIT
// Micro-benchmarks of access control: what a permit costs each PUBLISH, and a SUBSCRIBE.
//
// What one operation is, for a client with so many rules:
//     permit-none               no rules at all
//     permit-10-rules           the topic that was judged before
//     permit-10k-rules          the same
//     permit-10k-64-topics      one of 64 topics in turn
//     permit-10k-new-topic      a topic that is not remembered
//     permit-10k-subscribe      a filter that is granted, with a wildcard
#include <stdio.h>
#include <stdlib.h>

#include "bench/micro.h"
#include "proto/proto.h"
#include "server/access/access.h"

#define RULES_FEW   10u
#define RULES_MANY  10000u
#define TOPIC_BYTES 48u
#define TOPICS      64u
#define TOPICS_NEW  4096u // more than a permit remembers

static struct permit *permit;
static char texts[TOPICS_NEW][TOPIC_BYTES];
static struct bytes topics[TOPICS_NEW];
static uint32_t topic_at;

static void die(const char *what)
{
    fprintf(stderr, "hbmqtt_micro: %s\n", what);
    exit(EXIT_FAILURE);
}

static void add_rule(struct acl_builder *builder, struct acl_rule rule)
{
    if (acl_builder_add(builder, &rule) != NULL)
        die("a rule is refused");
}

// A tenth of the rules has a wildcard, a tenth denies.
static void add_numbered(struct acl_builder *builder, uint32_t number)
{
    static const char *const parts[] = {"line/+/press", "locked/line"};
    char filter[TOPIC_BYTES];
    (void)snprintf(filter, sizeof(filter), "plant/%u/%s/%u", number / 100,
                   number % 10 < 2 ? parts[number % 10] : "line/7/press", number % 100);
    add_rule(builder, (struct acl_rule){.actions = ACL_ACTIONS,
                                        .deny = number % 10 == 1,
                                        .subject = ACL_USER,
                                        .name = bytes_of("press-operator"),
                                        .filter = bytes_of(filter)});
}

static void prepare(uint32_t rules)
{
    struct acl_builder *builder = acl_builder_create(7);
    struct permit_identity identity = {.user = bytes_of("press-operator"),
                                       .client_id = bytes_of("terminal-7")};
    acl_builder_restrict(builder, ACL_ACTIONS);
    for (uint32_t number = 0; number < rules; number++)
        add_numbered(builder, number);
    struct acl *acl = acl_builder_finish(builder);
    if (permit_create(acl, &identity, &permit) != 0)
        die("no memory");
    acl_unref(acl);
    for (uint32_t index = 0; index < TOPICS_NEW; index++) {
        uint32_t number = index * 7919 % rules / 10 * 10 + 2; // a prime: they lie everywhere
        (void)snprintf(texts[index], TOPIC_BYTES, "plant/%u/line/7/press/%u", number / 100, number % 100);
        topics[index] = bytes_of(texts[index]);
    }
    topic_at = 0;
}

static void prepare_none(void)
{
    prepare(RULES_FEW);
    permit_destroy(permit);
    permit = NULL;
}

static void prepare_few(void)
{
    prepare(RULES_FEW);
}

static void prepare_many(void)
{
    prepare(RULES_MANY);
}

static void finish(void)
{
    permit_destroy(permit);
}

static uint64_t publish_topics(uint32_t count, uint32_t topics_count)
{
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        sum += permit_allows(permit, ACL_PUBLISH, topics[topic_at]);
        topic_at = topic_at + 1 < topics_count ? topic_at + 1 : 0;
        micro_forget();
    }
    if (sum != count)
        die("a topic that is allowed was refused");
    return sum;
}

static uint64_t run_one(uint32_t count)
{
    return publish_topics(count, 1);
}

static uint64_t run_several(uint32_t count)
{
    return publish_topics(count, TOPICS);
}

static uint64_t run_new(uint32_t count)
{
    return publish_topics(count, TOPICS_NEW);
}

static uint64_t run_subscribe(uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        sum += permit_allows(permit, ACL_SUBSCRIBE, bytes_of("plant/40/line/+/press/70"));
        micro_forget();
    }
    if (sum != count)
        die("a filter that is allowed was refused");
    return sum;
}

const struct micro micro_access[] = {
    {"permit-none", prepare_none, run_one, finish},
    {"permit-10-rules", prepare_few, run_one, finish},
    {"permit-10k-rules", prepare_many, run_one, finish},
    {"permit-10k-64-topics", prepare_many, run_several, finish},
    {"permit-10k-new-topic", prepare_many, run_new, finish},
    {"permit-10k-subscribe", prepare_many, run_subscribe, finish},
    {.name = NULL},
};

// SPDX-License-Identifier: MIT
// Micro-benchmarks of access control: what a decision costs by an ACL, and where it is remembered.
//
// What one operation is:
//     acl-10k-name              a PUBLISH to another topic each time, by a client with 10,000 rules
//     acl-10k-subscribe         a filter that is granted to it, with a wildcard
//     verdict-1-topic           the verdict of the topic that was looked for before
//     verdict-64-topics         of one of 64 topics in turn
#include <stdio.h>
#include <stdlib.h>

#include "bench/micro.h"
#include "proto/proto.h"
#include "server/access/access.h"
#include "server/plugin/plugin.h"

#define RULES       10000u
#define TOPIC_BYTES 48u
#define TOPICS      4096u
#define TOPICS_KEPT 64u

static struct acl *acl;
static struct verdicts *verdicts;
static char texts[TOPICS][TOPIC_BYTES];
static struct bytes topics[TOPICS];
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

static void prepare_topics(void)
{
    for (uint32_t index = 0; index < TOPICS; index++) {
        uint32_t number = index * 7919 % RULES / 10 * 10 + 2; // a prime: they lie everywhere
        (void)snprintf(texts[index], TOPIC_BYTES, "plant/%u/line/7/press/%u", number / 100, number % 100);
        topics[index] = bytes_of(texts[index]);
    }
    topic_at = 0;
}

static void prepare_acl(void)
{
    struct acl_builder *builder = acl_builder_create(7);
    acl_builder_restrict(builder, ACL_ACTIONS);
    for (uint32_t number = 0; number < RULES; number++)
        add_numbered(builder, number);
    acl = acl_builder_finish(builder);
    prepare_topics();
}

static void finish_acl(void)
{
    acl_unref(acl);
}

static bool ask_acl(enum acl_action action, struct bytes text)
{
    struct permit_identity identity = {.user = bytes_of("press-operator"),
                                       .client_id = bytes_of("terminal-7")};
    struct permit permit;
    permit_init(&permit, acl, &identity);
    return permit_allows(&permit, action, text);
}

static struct bytes next_topic(uint32_t topics_count)
{
    struct bytes topic = topics[topic_at];
    topic_at = topic_at + 1 < topics_count ? topic_at + 1 : 0;
    return topic;
}

static uint64_t run_name(uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        sum += ask_acl(ACL_PUBLISH, next_topic(TOPICS));
        micro_forget();
    }
    if (sum != count)
        die("a topic that is allowed was refused");
    return sum;
}

static uint64_t run_subscribe(uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        sum += ask_acl(ACL_SUBSCRIBE, bytes_of("plant/40/line/+/press/70"));
        micro_forget();
    }
    if (sum != count)
        die("a filter that is allowed was refused");
    return sum;
}

static struct verdict_key key_of(struct bytes topic)
{
    return (struct verdict_key){.epoch = 1, .hash_seed = 7, .action = HBMQTT_FILTER_PUBLISH, .topic = topic};
}

// A growing memory forgets, so all are put in until all are there.
static void prepare_verdicts(void)
{
    prepare_topics();
    for (uint32_t kept = 0; kept < TOPICS_KEPT;) {
        struct verdict_key key = key_of(next_topic(TOPICS_KEPT));
        bool there = verdicts_find(verdicts, &key) == HBMQTT_ALLOW;
        if (!there)
            verdicts_put(&verdicts, &key, HBMQTT_ALLOW);
        kept = there ? kept + 1 : 0;
    }
    topic_at = 0;
}

static void finish_verdicts(void)
{
    verdicts_destroy(verdicts);
    verdicts = NULL;
}

static uint64_t find_verdicts(uint32_t count, uint32_t topics_count)
{
    uint64_t sum = 0;
    for (uint32_t done = 0; done < count; done++) {
        struct verdict_key key = key_of(next_topic(topics_count));
        sum += verdicts_find(verdicts, &key) == HBMQTT_ALLOW;
        micro_forget();
    }
    if (sum != count)
        die("a verdict was forgotten");
    return sum;
}

static uint64_t run_one(uint32_t count)
{
    return find_verdicts(count, 1);
}

static uint64_t run_several(uint32_t count)
{
    return find_verdicts(count, TOPICS_KEPT);
}

const struct micro micro_access[] = {
    {"acl-10k-name", prepare_acl, run_name, finish_acl},
    {"acl-10k-subscribe", prepare_acl, run_subscribe, finish_acl},
    {"verdict-1-topic", prepare_verdicts, run_one, finish_verdicts},
    {"verdict-64-topics", prepare_verdicts, run_several, finish_verdicts},
    {.name = NULL},
};

// SPDX-License-Identifier: MIT
#include "server/router/retained.h"

#include <stdlib.h>

#include "server/router/frontier.h"

#define COLLECTION_FIRST 16u

static struct retained_node *retained_of(struct level *level)
{
    return container_of(level, struct retained_node, level);
}

void retained_init(struct retained *retained, const struct router_options *options)
{
    *retained = (struct retained){.messages_max = options->retained_messages_max,
                                  .bytes_max = options->retained_bytes_max};
    level_table_init(&retained->levels, sizeof(struct retained_node), options->hash_seed);
    level_init_root(&retained->levels, &retained->root.level);
    erasures_init(&retained->erasures);
}

void retained_finish(struct retained *retained)
{
    struct level *level = NULL;
    while ((level = level_table_next(&retained->levels, level)) != NULL)
        if (retained_of(level)->message != NULL)
            message_unref(retained_of(level)->message);
    level_table_finish(&retained->levels);
    erasures_finish(&retained->erasures);
}

// --- Nodes ---

static struct retained_node *retained_find(struct retained *retained, struct bytes topic)
{
    struct level *level = level_find_path(&retained->levels, &retained->root.level, topic);
    return level == NULL ? NULL : retained_of(level);
}

static void retained_link(struct retained_node *node)
{
    struct retained_node *parent = retained_of(node->level.parent);
    node->next = parent->first;
    if (node->next != NULL)
        node->next->previous = node;
    parent->first = node;
}

static void retained_unlink(struct retained_node *node)
{
    struct retained_node *parent = retained_of(node->level.parent);
    if (parent->first == node)
        parent->first = node->next;
    else
        node->previous->next = node->next;
    if (node->next != NULL)
        node->next->previous = node->previous;
}

static struct retained_node *retained_reach(struct retained *retained, struct bytes topic)
{
    struct level *level = &retained->root.level;
    struct topic_cursor cursor = {topic, false};
    struct bytes text;
    while (topic_next_level(&cursor, &text)) {
        bool made;
        level = level_reach(&retained->levels, level, text, &made);
        if (made)
            retained_link(retained_of(level));
    }
    return retained_of(level);
}

// Frees `node` and those above it that neither hold a message nor lead to one.
static void retained_prune(struct retained *retained, struct retained_node *node)
{
    while (node != &retained->root && node->message == NULL && node->first == NULL) {
        struct retained_node *parent = retained_of(node->level.parent);
        retained_unlink(node);
        level_remove(&retained->levels, &node->level);
        node = parent;
    }
}

// --- Storing and erasing ---

static void retained_let_go(struct retained *retained, struct retained_node *node)
{
    bool is_sys = topic_is_sys(node->message->topic);
    uint32_t size = message_size(node->message);
    retained->messages--;
    retained->bytes -= size;
    retained->payload_bytes -= node->message->payload.length;
    retained->sys_messages -= is_sys;
    retained->sys_bytes -= is_sys ? size : 0;
    node->message->superseded = true;
    message_unref(node->message);
    node->message = NULL;
}

static void retained_store(struct retained *retained, struct retained_node *node, struct message *message,
                           struct stamp stamp)
{
    (void)message_ref(message);
    if (node->message != NULL)
        retained_let_go(retained, node);
    message->superseded = false;
    node->message = message;
    node->stamp = stamp;
    bool is_sys = topic_is_sys(message->topic);
    uint32_t size = message_size(message);
    retained->messages++;
    retained->bytes += size;
    retained->payload_bytes += message->payload.length;
    retained->sys_messages += is_sys;
    retained->sys_bytes += is_sys ? size : 0;
}

// The ceilings are for what clients can fill: the topics below $SYS are as many as the broker has.
static bool retained_has_room(const struct retained *retained, const struct message *old,
                              const struct message *message)
{
    if (topic_is_sys(message->topic))
        return true;
    uint64_t messages = retained->messages - retained->sys_messages - (old != NULL);
    uint64_t bytes = retained->bytes - retained->sys_bytes - (old != NULL ? message_size(old) : 0);
    return messages < retained->messages_max && bytes + message_size(message) <= retained->bytes_max;
}

// Whether something newer than `stamp` is known of the topic, whose node is `node` if it has one.
static bool retained_is_stale(const struct retained *retained, const struct retained_node *node,
                              uint64_t topic_hash, struct stamp stamp)
{
    if (node != NULL && node->message != NULL)
        return stamp_before(stamp, node->stamp);
    struct stamp erased;
    return erasures_find(&retained->erasures, topic_hash, &erased) && stamp_before(stamp, erased);
}

static void retained_erase(struct retained *retained, struct retained_node *node, uint64_t topic_hash,
                           struct stamp stamp)
{
    if (node != NULL && node->message != NULL) {
        retained_let_go(retained, node);
        retained_prune(retained, node);
    }
    erasures_add(&retained->erasures, topic_hash, stamp);
}

enum router_retained retained_put(struct retained *retained, struct message *message, uint32_t shard)
{
    struct stamp stamp = {message->stamp_ns, shard};
    uint64_t topic_hash = level_hash(&retained->levels, message->topic);
    struct retained_node *node = retained_find(retained, message->topic);
    struct message *old = node == NULL ? NULL : node->message;

    if (retained_is_stale(retained, node, topic_hash, stamp))
        return ROUTER_RETAINED_STALE;
    if (message->payload.length == 0) { // [MQTT-3.3.1-10]
        retained_erase(retained, node, topic_hash, stamp);
        return ROUTER_RETAINED_ERASED;
    }
    if (!retained_has_room(retained, old, message)) {
        if (old != NULL) // its time is over even where the new one has no room [MQTT-3.3.1-7]
            retained_erase(retained, node, topic_hash, stamp);
        return ROUTER_RETAINED_FULL;
    }
    retained_store(retained, retained_reach(retained, message->topic), message, stamp);
    erasures_forget(&retained->erasures, topic_hash);
    return ROUTER_RETAINED_STORED;
}

// --- Collecting ---

struct collection {
    struct message **messages;
    uint32_t count;
    uint32_t capacity;
};

static void collection_add(struct collection *collection, struct retained_node *node)
{
    if (node->message == NULL)
        return;
    if (collection->count == collection->capacity) {
        collection->capacity = collection->capacity ? collection->capacity * 2 : COLLECTION_FIRST;
        collection->messages =
            memory_require_again(collection->messages, collection->capacity * sizeof(struct message *));
    }
    collection->messages[collection->count++] = message_ref(node->message);
}

// The node after `at` in the tree below `top`, parents before children; NULL at the end.
static struct retained_node *retained_next_below(struct retained_node *top, struct retained_node *at)
{
    if (at->first != NULL)
        return at->first;
    while (at != top && at->next == NULL)
        at = retained_of(at->level.parent);
    return at == top ? NULL : at->next;
}

static void collection_add_tree(struct collection *collection, struct retained_node *top)
{
    for (struct retained_node *at = top; at != NULL; at = retained_next_below(top, at))
        collection_add(collection, at);
}

// The first child of `parent` from `child` on that a wildcard matches: all but those of the first level that
// begin with '$'. [MQTT-4.7.2-1]
static struct retained_node *retained_wild(const struct retained *retained, struct retained_node *child)
{
    while (child != NULL && child->level.parent == &retained->root.level && child->level.length > 0 &&
           level_text(&retained->levels, &child->level).data[0] == '$')
        child = child->next;
    return child;
}

// '#' stands for `parent` itself and for all that is below it.
static void retained_collect_multi(const struct retained *retained, struct collection *collection,
                                   struct retained_node *parent)
{
    collection_add(collection, parent);
    struct retained_node *child = retained_wild(retained, parent->first);
    for (; child != NULL; child = retained_wild(retained, child->next))
        collection_add_tree(collection, child);
}

static void retained_advance_plus(const struct retained *retained, struct frontier *frontier,
                                  struct retained_node *parent)
{
    struct retained_node *child = retained_wild(retained, parent->first);
    for (; child != NULL; child = retained_wild(retained, child->next))
        frontier_push(frontier, &child->level);
}

static void retained_advance_text(const struct retained *retained, struct frontier *frontier,
                                  struct retained_node *parent, struct bytes text)
{
    struct level *level =
        level_find(&retained->levels, &parent->level, text, level_hash(&retained->levels, text));
    if (level != NULL)
        frontier_push(frontier, level);
}

uint32_t retained_collect(struct retained *retained, struct bytes filter, struct message ***ret_messages)
{
    struct collection collection = {0};
    struct frontier frontier = {0};
    frontier_push(&frontier, &retained->root.level);

    uint32_t at = 0;
    struct topic_cursor cursor = {filter, false};
    struct bytes text;
    while (at < frontier.count && topic_next_level(&cursor, &text)) {
        for (uint32_t end = frontier.count; at < end; at++) {
            struct retained_node *node = retained_of(frontier.list[at]);
            if (level_text_is(text, '#'))
                retained_collect_multi(retained, &collection, node);
            else if (level_text_is(text, '+'))
                retained_advance_plus(retained, &frontier, node);
            else
                retained_advance_text(retained, &frontier, node, text);
        }
    }
    for (; at < frontier.count; at++)
        collection_add(&collection, retained_of(frontier.list[at]));
    frontier_finish(&frontier);
    *ret_messages = collection.messages;
    return collection.count;
}

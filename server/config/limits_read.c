// SPDX-License-Identifier: MIT
// The maps `limits` of the file and of its listeners.
#include "server/config/limits_read.h"

#define KEYS(array)                                                                                          \
    {                                                                                                        \
        .keys = (array), .count = sizeof(array) / sizeof((array)[0])                                         \
    } // initializes struct document_keys

// In a listener, a limit that is for the whole broker.
static int read_limit_of_broker(struct document *document, yaml_node_t *value, const void *facts,
                                void *target)
{
    return document_fail(document, "%s: this is a limit of the whole broker, which belongs into limits",
                         document->path);
}

#define LIMIT_ROW(name_, ...)                                                                                \
    {.name = #name_,                                                                                         \
     .read = key_read,                                                                                       \
     .facts = &(const struct key){                                                                           \
         .name = #name_, .offset = offsetof(struct limits, name_), .size = sizeof(uint64_t), __VA_ARGS__}},

static const struct document_key of_file[] = {
#define LIMIT(name, standard, lowest, highest, unit, scope, applied, text)                                   \
    LIMIT_ROW(name, applied, NUMBER(standard, (int64_t)(lowest), (int64_t)(highest), unit))
#include "server/config/limits.def"
#undef LIMIT
};
const struct document_keys limits_keys = KEYS(of_file);

static const struct document_key of_listener[] = {
#define LIMIT_BROKER(name, lowest, highest) LIMIT_ROW(name, OTHER(read_limit_of_broker, , ))
#define LIMIT_LISTENER(name, lowest, highest)                                                                \
    LIMIT_ROW(name, NUMBER(CONFIG_NEVER, (int64_t)(lowest), (int64_t)(highest), ))
#define LIMIT(name, standard, lowest, highest, unit, scope, applied, text)                                   \
    LIMIT_##scope(name, lowest, highest)
#include "server/config/limits.def"
#undef LIMIT
};
static const struct document_keys listener_keys = KEYS(of_listener);

int limits_read(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct reading *reading = ((const struct key_target *)target)->reading;
    struct limits *limits = &reading->config->limits;
    int status = document_read_map(document, value, &limits_keys,
                                   &(struct key_target){.reading = reading, .base = limits});
    uint64_t buffers = limits->receive_buffers;
    if (status == 0 && (buffers & (buffers - 1)) != 0)
        status = document_fail(document, "limits.receive_buffers: expected a power of two, seen '%llu'",
                               (unsigned long long)buffers);
    return status;
}

int limits_read_of_listener(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    const struct key_target *listener = target;
    struct limits *limits = (void *)((char *)listener->base + offsetof(struct config_listener, limits));
    return document_read_map(document, value, &listener_keys,
                             &(struct key_target){.reading = listener->reading, .base = limits});
}

void limits_clear(struct limits *limits)
{
    *limits = (struct limits){
#define LIMIT(name_, standard, lowest, highest, unit, scope, applied, text) .name_ = CONFIG_NEVER,
#include "server/config/limits.def"
#undef LIMIT
    };
}

void limits_complete(struct limits *limits, const struct limits *of_broker)
{
#define LIMIT(name, standard, lowest, highest, unit, scope, applied, text)                                   \
    limits->name = limits->name == CONFIG_NEVER ? of_broker->name : limits->name;
#include "server/config/limits.def"
#undef LIMIT
}

// SPDX-License-Identifier: MIT
#include "server/plugin/loader.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "server/plugin/answer.h"

#define DESCRIPTOR_SYMBOL     "hbmqtt_plugin_descriptor"
#define DESCRIPTOR_SIZE_FIRST offsetof(struct hbmqtt_plugin, authenticate) // less is none

// What a newer plugin has beyond what this broker knows must be unused: a decision that is never asked would
// let somebody through.
static bool uses_more(const struct hbmqtt_plugin *given)
{
    const uint8_t *bytes = (const uint8_t *)given;
    for (size_t i = sizeof *given; i < given->size; i++)
        if (bytes[i] != 0)
            return true;
    return false;
}

static const char *fault_of(const struct hbmqtt_plugin *given)
{
    if (given->size < DESCRIPTOR_SIZE_FIRST)
        return "its descriptor is too small";
    if (given->name == NULL || given->version == NULL)
        return "its descriptor has no name or no version";
    if (uses_more(given))
        return "it was built for a newer broker and uses what this one does not know; update the broker";
    return NULL;
}

// What is asked of these on the way to many subscribers cannot wait for a thread.
static const char *fault_of_threads(const struct hbmqtt_plugin *code)
{
    if (code->flags & HBMQTT_PLUGIN_INLINE)
        return NULL;
    if (code->topic_filtering != NULL && (code->filters & HBMQTT_FILTER_RECEIVE))
        return "it decides about receiving and is not HBMQTT_PLUGIN_INLINE";
    if (code->message_sent != NULL)
        return "it has message_sent and is not HBMQTT_PLUGIN_INLINE";
    return NULL;
}

static bool take_descriptor(const char *name, const struct hbmqtt_plugin *given,
                            struct hbmqtt_plugin *ret_code)
{
    if (given->abi != HBMQTT_PLUGIN_ABI) {
        log_error(
            "plugin %s: it has the ABI %u, this broker has %u; build it with the broker's hbmqtt_plugin.h",
            name, given->abi, HBMQTT_PLUGIN_ABI);
        return false;
    }
    const char *fault = fault_of(given);
    if (fault == NULL) {
        structure_read(ret_code, sizeof *ret_code, given, given->size);
        fault = fault_of_threads(ret_code);
    }
    if (fault != NULL)
        log_error("plugin %s: %s", name, fault);
    return fault == NULL;
}

// The file of a plugin. One that is given without a '/' is in the directory of the process, not where
// libraries are looked for.
static bool write_path(const char *name, const char *directory, char ret_path[PATH_MAX])
{
    size_t length = strlen(name);
    bool is_path = length > 3 && strcmp(name + length - 3, ".so") == 0;
    int written = !is_path
                      ? snprintf(ret_path, PATH_MAX, "%s/%s.so", directory, name)
                      : snprintf(ret_path, PATH_MAX, "%s%s", strchr(name, '/') == NULL ? "./" : "", name);
    if (written > 0 && written < PATH_MAX)
        return true;
    log_error("plugin %.64s...: its name is too long", name);
    return false;
}

static bool open_library(const char *name, const char *directory, struct plugin_code *ret_code)
{
    char path[PATH_MAX];
    if (!write_path(name, directory, path))
        return false;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        log_error("plugin %s: cannot load it: %s", name, dlerror());
        return false;
    }
    const struct hbmqtt_plugin *given = dlsym(library, DESCRIPTOR_SYMBOL);
    if (given == NULL)
        log_error("plugin %s: it is no plugin of hbmqtt: it has no %s", name, DESCRIPTOR_SYMBOL);
    if (given == NULL || !take_descriptor(name, given, &ret_code->descriptor)) {
        (void)dlclose(library); // nothing of it is in use
        return false;
    }
    ret_code->library = library;
    return true;
}

bool loader_open(const char *name, const char *directory, struct plugin_code *ret_code)
{
    const struct hbmqtt_plugin *builtin = builtin_find(name);
    ret_code->library = NULL;
    return builtin != NULL ? take_descriptor(name, builtin, &ret_code->descriptor)
                           : open_library(name, directory, ret_code);
}

void loader_close(struct plugin_code *code)
{
    if (code->library != NULL)
        (void)dlclose(code->library); // that it stays loaded for another user of it does no harm
    code->library = NULL;
}

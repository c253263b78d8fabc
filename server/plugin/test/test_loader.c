// SPDX-License-Identifier: MIT
// Shared objects of other ages, and what is none. The directory of the modules is the argument.
#include "server/plugin/loader.h"

#include <string.h>

#include "server/plugin/test/rig.h"

static const char *directory;

// Loads a module; NULL, or what the log said if it was refused.
static const char *load(const char *module, struct plugin_code *ret_code)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/module_%s.so", directory, module); // fits
    rig_capture();
    bool loaded = loader_open(path, directory, ret_code);
    const char *log = rig_captured();
    return loaded ? NULL : log;
}

static void a_plugin_of_today_is_loaded(void)
{
    struct plugin_code code;
    CU_ASSERT_PTR_NULL_FATAL(load("plain", &code));
    CU_ASSERT_STRING_EQUAL(code.descriptor.name, "module");
    CU_ASSERT_EQUAL(code.descriptor.authenticate(NULL, 0, NULL), HBMQTT_ALLOW);
    CU_ASSERT_PTR_NOT_NULL(code.library);
    loader_close(&code);
    CU_ASSERT_PTR_NULL(code.library);
}

static void by_its_name_it_is_found_in_the_directory(void)
{
    struct plugin_code code;
    CU_ASSERT_TRUE(loader_open("module_plain", directory, &code));
    loader_close(&code);
    CU_ASSERT_TRUE(loader_open("inline", directory, &code)); // of the rig: built in
    CU_ASSERT_PTR_NULL(code.library);
    rig_capture();
    CU_ASSERT_FALSE(loader_open("module_absent", directory, &code));
    CU_ASSERT_PTR_NOT_NULL(strstr(rig_captured(), "plugin module_absent: cannot load it:"));
}

// Built with a descriptor that ends before `event`; its memory goes on, with a `tick` that is not its own.
static void an_older_descriptor_is_taken_as_far_as_it_goes(void)
{
    struct plugin_code code;
    memset(&code, 0xff, sizeof code);
    CU_ASSERT_PTR_NULL_FATAL(load("older", &code));
    CU_ASSERT_EQUAL(code.descriptor.authenticate(NULL, 0, NULL), HBMQTT_ALLOW);
    CU_ASSERT_PTR_NULL(code.descriptor.event);
    CU_ASSERT_PTR_NULL(code.descriptor.tick);
    loader_close(&code);
}

static void a_newer_one_is_taken_if_it_uses_nothing_unknown(void)
{
    struct plugin_code code;
    CU_ASSERT_PTR_NULL_FATAL(load("newer", &code));
    CU_ASSERT_EQUAL(code.descriptor.authenticate(NULL, 0, NULL), HBMQTT_ALLOW);
    loader_close(&code);
    const char *log = load("newer_used", &code);
    CU_ASSERT_PTR_NOT_NULL_FATAL(log);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(log, "it was built for a newer broker and uses what this one does not know"));
}

static void what_is_wrong_is_told(void)
{
    static const char *const wrong[][2] = {
        {"abi", "it has the ABI 2, this broker has 1"},
        {"torn", "its descriptor is too small"},
        {"nameless", "its descriptor has no name"},
        {"receiving", "it decides about receiving and is not HBMQTT_PLUGIN_INLINE"},
        {"sending", "it has message_sent and is not HBMQTT_PLUGIN_INLINE"},
        {"stranger", "it is no plugin of hbmqtt: it has no hbmqtt_plugin_descriptor"},
        {"absent", "cannot load it"},
    };
    struct plugin_code code;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *log = load(wrong[i][0], &code);
        CU_ASSERT_PTR_NOT_NULL_FATAL(log);
        if (strstr(log, wrong[i][1]) == NULL)
            printf("\n    %s: %s", wrong[i][0], log);
        CU_ASSERT_PTR_NOT_NULL(strstr(log, wrong[i][1]));
    }
    CU_ASSERT_PTR_NULL(load("receiving_inline", &code));
    loader_close(&code);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    directory = argv[1];
    static const CU_TestInfo cases[] = {
        {"a plugin of today is loaded", a_plugin_of_today_is_loaded},
        {"by its name it is found in the directory", by_its_name_it_is_found_in_the_directory},
        {"an older descriptor is taken as far as it goes", an_older_descriptor_is_taken_as_far_as_it_goes},
        {"a newer one is taken if it uses nothing unknown", a_newer_one_is_taken_if_it_uses_nothing_unknown},
        {"what is wrong is told", what_is_wrong_is_told},
    };
    return RUN_TESTS("plugin loader", cases);
}

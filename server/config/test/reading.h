// SPDX-License-Identifier: MIT
// What the tests of the configuration share: reading a text as a file named "f".
#ifndef CONFIG_TEST_READING_H
#define CONFIG_TEST_READING_H

#include <CUnit/Basic.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/config/config.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline int parse(const char *text, struct config *ret_config, char error[CONFIG_ERROR_BYTES])
{
    error[0] = '\0';
    return config_parse(text, strlen(text), "f", ret_config, error, CONFIG_ERROR_BYTES);
}

// Parses a file that must be taken. What is returned lasts until the next call.
static inline const struct config *good(const char *text)
{
    static struct config config;
    char error[CONFIG_ERROR_BYTES];
    config_default(&config);
    if (parse(text, &config, error) != 0) {
        CU_FAIL("refused");
        printf("\n    %s\n", error);
    }
    return &config;
}

static inline void expect_text(const char *expected, const char *seen)
{
    CU_ASSERT_STRING_EQUAL(expected, seen);
    if (strcmp(expected, seen) != 0)
        printf("\n    expected: %s\n    seen:     %s\n", expected, seen);
}

static inline void expect_listener(const struct config *config, uint32_t index, const char *name,
                                   const char *host, uint16_t port)
{
    CU_ASSERT_FATAL(index < config->listener_count);
    expect_text(name, config->listeners[index].name);
    expect_text(host, config->listeners[index].host);
    CU_ASSERT_EQUAL(config->listeners[index].port, port);
}

struct fault {
    const char *text;
    const char *error;
};

// Each text is refused with its line, and the configuration is left as it was.
static inline void expect_faults(const struct fault *faults, size_t count)
{
    static struct config config;
    static struct config before;
    char error[CONFIG_ERROR_BYTES];
    memset(&config, 0x5a, sizeof(config));
    before = config;
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_EQUAL(parse(faults[i].text, &config, error), -EINVAL);
        expect_text(faults[i].error, error);
        CU_ASSERT_EQUAL(memcmp(&config, &before, sizeof(config)), 0);
    }
}

// The whole text of a file; it lasts until the next call.
static inline const char *read_manual(const char *path)
{
    static char manual[262144];
    FILE *file = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    size_t length = fread(manual, 1, sizeof(manual) - 1, file);
    (void)fclose(file); // only read from
    manual[length] = '\0';
    return manual;
}

#endif

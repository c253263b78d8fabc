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

static inline int parse(const char *text, const struct config **ret_config, char error[CONFIG_ERROR_BYTES])
{
    error[0] = '\0';
    return config_parse(text, strlen(text), "f", ret_config, error, CONFIG_ERROR_BYTES);
}

// Parses a file that must be taken. What is returned lasts until the next call.
static inline const struct config *good(const char *text)
{
    static const struct config *config;
    char error[CONFIG_ERROR_BYTES];
    config_unref(config);
    config = NULL;
    if (parse(text, &config, error) != 0) {
        CU_FAIL("refused");
        printf("\n    %s\n", error);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(config);
    return config;
}

// Parses a file that must be refused, with -EINVAL and this line.
static inline void expect_fault(const char *text, const char *line)
{
    const struct config *config = NULL;
    char error[CONFIG_ERROR_BYTES];
    CU_ASSERT_EQUAL(parse(text, &config, error), -EINVAL);
    CU_ASSERT_PTR_NULL(config); // left as it was
    CU_ASSERT_STRING_EQUAL(line, error);
    if (strcmp(line, error) != 0)
        printf("\n    expected: %s\n    seen:     %s\n", line, error);
    config_unref(config);
}

static inline void expect_text(const char *expected, const char *seen)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
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

static inline void expect_warning(const struct config *config, const char *line)
{
    CU_ASSERT_EQUAL_FATAL(config->warning_count, 1);
    expect_text(line, config->warnings[0]);
}

struct fault {
    const char *text;
    const char *error;
};

static inline void expect_faults(const struct fault *faults, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_fault(faults[i].text, faults[i].error);
}

#endif

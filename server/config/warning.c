// SPDX-License-Identifier: MIT
#include "server/config/warning.h"

#include <stdarg.h>
#include <stdio.h>

#define WARNING_BYTES 512u // a longer one is cut

void warning_add(const struct document *document, struct reading *reading, uint32_t line, const char *format,
                 ...)
{
    struct config *config = reading->config;
    char text[WARNING_BYTES];
    va_list arguments;
    if (config->warning_count == CONFIG_WARNINGS_MAX)
        return;
    if (config->warning_count == CONFIG_WARNINGS_MAX - 1) {
        (void)snprintf(text, sizeof(text), "%s: there are further warnings", document->name);
    } else {
        int written = snprintf(text, sizeof(text), "%s:%u: ", document->name, line);
        size_t used = (size_t)written < sizeof(text) ? (size_t)written : sizeof(text);
        va_start(arguments, format);
        (void)vsnprintf(text + used, sizeof(text) - used, format, arguments);
        va_end(arguments);
    }
    document_clean_line(text);
    const char **warning =
        arena_append(reading->arena, &config->warnings, &config->warning_count, sizeof(*warning));
    *warning = arena_copy(reading->arena, text);
}

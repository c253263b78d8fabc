// SPDX-License-Identifier: MIT
#include "server/config/warning.h"

#include <stdarg.h>
#include <stdio.h>

void warning_add(const struct document *document, struct config *config, const char *format, ...)
{
    if (config->warning_count >= CONFIG_WARNINGS_MAX - 1) {
        config->warning_count = CONFIG_WARNINGS_MAX;
        (void)snprintf(config->warnings[CONFIG_WARNINGS_MAX - 1], CONFIG_WARNING_BYTES,
                       "%s: there are further warnings", document->name);
        return;
    }
    char *text = config->warnings[config->warning_count++];
    int written = snprintf(text, CONFIG_WARNING_BYTES, "%s:%u: ", document->name, document->line);
    size_t used = (size_t)written < CONFIG_WARNING_BYTES ? (size_t)written : CONFIG_WARNING_BYTES;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text + used, CONFIG_WARNING_BYTES - used, format, arguments);
    document_clean_line(text);
    va_end(arguments);
}

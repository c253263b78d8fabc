// SPDX-License-Identifier: MIT
// The options of a handle, copied so that a program may forget its own.
#ifndef CLIENT_SETTINGS_H
#define CLIENT_SETTINGS_H

#include "client/hbmqtt.h"

struct settings {
    struct hbmqtt_options
        options; // all pointers are to copies; `will` is NULL or &will below, `headers` is `header`
    struct hbmqtt_message will;
    struct hbmqtt_header *header; // options.header_count of them
    bool understood;              // false: the program set options that this library does not know
};

// Copies `options`; NULL are the defaults. Returns 0 or -ENOMEM with nothing held.
int settings_init(struct settings *settings, const struct hbmqtt_options *options);
void settings_finish(struct settings *settings);

// True if the bytes of `structure` from `known` to `size` are zero: a newer program did not use what an older
// library lacks.
bool settings_tail_unused(const void *structure, size_t known, size_t size);

#endif

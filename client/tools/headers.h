// SPDX-License-Identifier: MIT
// The value of --extra-headers: a JSON object whose members are texts.
#ifndef TOOLS_HEADERS_H
#define TOOLS_HEADERS_H

#include "client/error.h"

struct headers {
    struct hbmqtt_header list[HBMQTT_HEADERS_MAX]; // texts are owned
    uint32_t count;
};

// Reads `json`; NULL is an object without members. Returns 0, or HBMQTT_ERROR_ARGUMENT or HBMQTT_ERROR_SYSTEM
// with *ret_error set and nothing held.
int headers_parse(struct headers *headers, const char *json, struct error *ret_error);
void headers_finish(struct headers *headers);

#endif

// SPDX-License-Identifier: MIT
// What a text field may hold.
#ifndef PROTO_UTF8_H
#define PROTO_UTF8_H

#include "proto/bytes.h"

// True if `text` is well-formed UTF-8 (shortest form, nothing above U+10FFFF) without surrogates and without
// U+0000. [MQTT-1.5.3-1, MQTT-1.5.3-2] A byte-order mark is a character like any other. [MQTT-1.5.3-3]
bool utf8_valid(struct bytes text);

#endif

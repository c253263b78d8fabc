// SPDX-License-Identifier: MIT
// Base64 as password files have it: the standard alphabet, with padding (mosquitto) or without (argon2).
#ifndef ACCESS_BASE64_H
#define ACCESS_BASE64_H

#include "proto/proto.h"
#include "server/base/base.h"

#define BASE64_TEXT_BYTES(length) (((length) + 2) / 3 * 4 + 1) // with padding and the NUL

enum base64_padding { BASE64_BARE, BASE64_PADDED };

// Decodes all of `text` into `ret_data`, of `capacity` bytes. False unless it is base64 with this padding in
// the one form that encoding gives (no blanks, no stray bits at the end), and fits; `ret_data` may then hold
// a part of it.
WARN_UNUSED bool base64_decode(struct bytes text, enum base64_padding padding, uint8_t *ret_data,
                               size_t capacity, size_t *ret_length);

// Encodes with padding; `ret_text` has BASE64_TEXT_BYTES(data.length) bytes.
void base64_encode(struct bytes data, char *ret_text);

#endif

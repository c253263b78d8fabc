// SPDX-License-Identifier: MIT
#include "server/access/base64.h"

#include <openssl/evp.h>

// Returns 0 to 63, or -1.
static int digit_value(uint8_t digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

static bool padding_take(struct bytes *text)
{
    if (text->length % 4 != 0)
        return false;
    for (int i = 0; i < 2 && text->length > 0 && text->data[text->length - 1] == '='; i++)
        text->length--;
    return true;
}

bool base64_decode(struct bytes text, enum base64_padding padding, uint8_t *ret_data, size_t capacity,
                   size_t *ret_length)
{
    if (padding == BASE64_PADDED && !padding_take(&text))
        return false;
    uint32_t bits = 0; // those read and not yet written are the lowest `pending`
    uint32_t pending = 0;
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        int value = digit_value(text.data[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        pending += 6;
        if (pending < 8)
            continue;
        if (length == capacity)
            return false;
        pending -= 8;
        ret_data[length++] = (uint8_t)(bits >> pending);
    }
    if (pending >= 6 || (bits & ((1u << pending) - 1)) != 0)
        return false;
    *ret_length = length;
    return true;
}

void base64_encode(struct bytes data, char *ret_text)
{
    (void)EVP_EncodeBlock((unsigned char *)ret_text, data.data, (int)data.length); // returns what is known
}

// SPDX-License-Identifier: MIT
// What a program asks for, judged before anything is sent, and turned into packets.
//
// Each function returns 0, HBMQTT_ERROR_ARGUMENT or HBMQTT_ERROR_SYSTEM with *ret_error set. The packets
// point into the arguments.
#ifndef CLIENT_REQUEST_H
#define CLIENT_REQUEST_H

#include "client/buffer.h"
#include "client/error.h"
#include "client/settings.h"
#include "client/url.h"
#include "proto/proto.h"

// `url` may be NULL: nobody but the options says who the user is.
int request_connect(const struct settings *settings, const struct url *url,
                    struct packet_connect *ret_connect, struct error *ret_error);

int request_call(const struct hbmqtt_call *call, struct error *ret_error);

// `file_bytes`: how long the payload is that comes from a file in place of the message; NULL: none does.
int request_publish(const struct hbmqtt_message *message, const uint64_t *file_bytes,
                    struct packet_publish *ret_publish, struct error *ret_error);

// Append the entries of a SUBSCRIBE or UNSUBSCRIBE to `entries`.
int request_subscribe(const struct hbmqtt_subscription *subscriptions, size_t count, struct buffer *entries,
                      struct error *ret_error);
int request_unsubscribe(const char *const *filters, size_t count, struct buffer *entries,
                        struct error *ret_error);

#endif

// SPDX-License-Identifier: MIT
// libhbmqtt: an MQTT 3.1.1 client for C and C++. This is its only public header.
//
// A program makes a handle from options, connects it to a broker, and publishes or takes delivered messages:
//
//     struct hbmqtt_options options;
//     hbmqtt_options_init(&options, sizeof options);
//     options.client_id = "gauge-7";
//     struct hbmqtt_client *client = hbmqtt_create(&options);
//     struct hbmqtt_message message = {.size = sizeof message, .topic = "level", .qos = 1};
//     message.payload = "42";
//     message.payload_length = 2;
//     if (hbmqtt_connect(client, "mqtt://broker.example") != 0 || hbmqtt_publish(client, &message) != 0 ||
//         hbmqtt_disconnect(client) != 0)
//         fprintf(stderr, "%s\n", hbmqtt_error_text(client));
//     hbmqtt_destroy(client);
//
// Results. A function that can fail returns 0 when it is done, or a negative enum hbmqtt_error;
// hbmqtt_error_text then says in one line what failed, on what, and why.
//
// Blocking. Calls wait for the broker where their description says so, and serve the connection meanwhile:
// they acknowledge, keep it alive, and collect messages for hbmqtt_deliver. Between calls nothing is served,
// so a program that is connected calls hbmqtt_deliver, hbmqtt_wait_readable or hbmqtt_ping at least once in
// each keep-alive period.
//
// Threads. A handle belongs to one thread at a time. Only hbmqtt_interrupt may be called beside another call,
// from any thread or from a signal handler. The library starts no thread, installs no signal handler, raises
// no SIGPIPE and prints nothing. TLS is OpenSSL's, WebSocket libwebsockets', whose log is one for the whole
// process and is turned off by each hbmqtt_connect to ws:// or wss://.
//
// Growth. The structures that a program fills begin with `size`, the sizeof of the structure that it was
// compiled with, and grow only at their end, so that programs and libraries of different age understand each
// other.
//
// Text is UTF-8, and ends with a NUL, which MQTT allows in no text [MQTT-1.5.3-2]. Payloads are bytes.
#ifndef HBMQTT_H
#define HBMQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HBMQTT_API         __attribute__((visibility("default")))
#define HBMQTT_WARN_UNUSED __attribute__((warn_unused_result))
#else
#define HBMQTT_API
#define HBMQTT_WARN_UNUSED
#endif

// What a failed call returns.
enum hbmqtt_error {
    HBMQTT_ERROR_ARGUMENT = -1,      // an argument, an option or the URI is wrong; nothing was sent
    HBMQTT_ERROR_UNSUPPORTED = -2,   // right, but not in this build of the library; nothing returns it now
    HBMQTT_ERROR_UNREACHABLE = -3,   // no connection: the name is not known, every address refused or did not
                                     // answer, or the port speaks something else than the URL says
    HBMQTT_ERROR_REFUSED = -4,       // the broker refused: CONNECT (see hbmqtt_refusal_code), the WebSocket
                                     // upgrade, or a client certificate
    HBMQTT_ERROR_NOT_CONNECTED = -5, // the call needs a connection, and none was made
    HBMQTT_ERROR_LOST = -6,          // the connection ended, or the broker fell silent
    HBMQTT_ERROR_PROTOCOL = -7,      // the broker broke the rules of MQTT; the connection was closed
    HBMQTT_ERROR_TIMEOUT = -8,       // the time given to the call is over
    HBMQTT_ERROR_FULL = -9,          // the inbox is full and must be emptied with hbmqtt_deliver first
    HBMQTT_ERROR_INTERRUPTED = -10,  // hbmqtt_interrupt was called
    HBMQTT_ERROR_SYSTEM = -11,       // memory or another resource of this host is lacking
    HBMQTT_ERROR_UNTRUSTED = -12, // the certificate of the broker was not accepted; nothing of MQTT was sent
};

// A message, given to the library (to publish, or as a will) or by it (delivered). Borrowed for the call when
// given; for how long when delivered, see hbmqtt_deliver.
struct hbmqtt_message {
    size_t size;           // sizeof(struct hbmqtt_message)
    const char *topic;     // a topic name: 1 to 65535 bytes, no wildcard [MQTT-3.3.2-2]
    const void *payload;   // NULL is allowed when payload_length is 0
    size_t payload_length; // in bytes; the whole packet is at most 268,435,460
    uint8_t qos;           // 0 (at most once), 1 (at least once) or 2 (exactly once)
    bool retain;           // given: the broker keeps it for later subscribers; delivered: it was kept
    bool duplicate;        // delivered: sent before, perhaps in vain. Ignored when given
};

// One packet that went out or came in, for hbmqtt_options.trace.
struct hbmqtt_trace {
    size_t size;         // sizeof(struct hbmqtt_trace) of the library
    bool sent;           // true: to the broker; false: from it
    const char *packet;  // "PUBLISH"
    uint16_t packet_id;  // 0 when the packet has none
    size_t packet_bytes; // the whole packet with its fixed header
};

// A header that is sent with the WebSocket upgrade, for hbmqtt_options.headers.
struct hbmqtt_header {
    const char *name; // letters, digits and !#$%&'*+-.^_`|~ (RFC 9110); no header that the upgrade has itself
    const char *value; // no control characters
};

#define HBMQTT_HEADERS_MAX       64   // headers
#define HBMQTT_HEADERS_BYTES_MAX 8192 // all of them, as they are sent

// How a client presents itself and what it may use. hbmqtt_options_init sets every default; pointers are NULL
// by default, and what they point to is copied by hbmqtt_create.
struct hbmqtt_options {
    // sizeof(struct hbmqtt_options); set by hbmqtt_options_init.
    size_t size;
    // NULL or "": the broker gives one, which needs a clean session [MQTT-3.1.3-7].
    const char *client_id;
    // A user in the URI comes before this one.
    const char *user_name;
    // Bytes, at most 65535. Needs a user name [MQTT-3.1.2-22].
    const void *password;
    size_t password_length;
    // What the broker publishes when the connection ends without DISCONNECT [MQTT-3.1.2-8].
    const struct hbmqtt_message *will;
    // True (the default): the session begins empty and ends with the connection. False: it is continued and
    // kept [MQTT-3.1.2-4].
    bool clean_session;
    // The longest silence that the broker accepts; 0: off. Default 10 [MQTT-3.1.2-23].
    uint16_t keepalive_s;
    // PINGREQ goes out this long before a silent keep-alive period ends. Default 1000.
    uint32_t ping_delay_ms;
    // From hbmqtt_connect to CONNACK, TLS and WebSocket included, without the look-up of the name. Default
    // 60000.
    uint32_t connect_timeout_ms;
    // The wait for an acknowledgement or PINGRESP; 0: for ever. Default 60000.
    uint32_t answer_timeout_ms;
    // Of one packet from the broker; a larger one ends the connection. Default 268435460, which MQTT allows.
    uint32_t packet_bytes_max;
    // Messages not delivered yet; at it, reading pauses. One message may go over. Default 16 MiB.
    uint32_t inbox_bytes_max;
    // Bytes not sent yet; at it, publishing waits. One packet may go over. Default 1 MiB.
    uint32_t output_bytes_max;
    // QoS 1 and 2 messages that wait for their acknowledgement, 1 to 16384; at it, publishing waits.
    // Default 64.
    uint32_t inflight_max;
    // Called for each packet, in calls of the library, into which it must not call.
    void (*trace)(void *context, const struct hbmqtt_trace *trace);
    void *trace_context;

    // The members from here on are for mqtts:// and wss://, and are not looked at for mqtt:// and ws://.
    //
    // Whom the broker's certificate must come from: a file of CA certificates, a directory of them as
    // openssl-rehash(1) makes it, or their text, all in PEM form. With several each CA of any is trusted;
    // with none, those of the system.
    const char *ca_file;
    const char *ca_path;
    const char *ca_data;
    // What the client proves itself with, to a broker that asks: files in PEM form, of its certificate with
    // those of intermediate CAs behind it, and of its key without a passphrase. No key file: the key is in
    // the certificate file.
    const char *certificate_file;
    const char *key_file;
    // True (the default): the broker's certificate is verified. False: anybody can pose as the broker.
    bool verify_certificate;
    // True (the default): and it must be for the host of the URI, name or address.
    bool check_host_name;

    // For ws:// and wss://: `header_count` headers, at most HBMQTT_HEADERS_MAX, sent with the upgrade.
    uint32_t header_count;
    const struct hbmqtt_header *headers;
};

// One filter of hbmqtt_subscribe.
struct hbmqtt_subscription {
    const char *filter;  // a topic filter: 1 to 65535 bytes [MQTT-4.7.1-2, MQTT-4.7.1-3]
    uint8_t qos;         // the highest that messages are delivered with: 0, 1 or 2
    uint8_t reserved[7]; // zero
};

#define HBMQTT_FILTERS_MAX         1024 // filters in one hbmqtt_subscribe or hbmqtt_unsubscribe
#define HBMQTT_SUBSCRIPTION_FAILED 0x80 // the code of a filter that the broker refused

// A connection to a broker, present or past.
struct hbmqtt_client;

// "1.0.0": the version of the library that runs.
HBMQTT_API const char *hbmqtt_version(void);

// A name for an enum hbmqtt_error, such as "refused"; "done" for 0. Static text.
HBMQTT_API const char *hbmqtt_error_name(int error);

// True if `topic` is a topic name that a message may have: see hbmqtt_message.topic.
HBMQTT_API bool hbmqtt_topic_is_valid(const char *topic);

// True if `filter` is a topic filter that can be subscribed to: see hbmqtt_subscription.filter.
HBMQTT_API bool hbmqtt_filter_is_valid(const char *filter);

// Sets the defaults. `size` is sizeof(struct hbmqtt_options).
HBMQTT_API void hbmqtt_options_init(struct hbmqtt_options *options, size_t size);

// A handle that is not connected. The options and all they point to are copied; they are judged by
// hbmqtt_connect. NULL options are the defaults. Returns NULL with errno set when memory or a descriptor is
// lacking.
HBMQTT_API HBMQTT_WARN_UNUSED struct hbmqtt_client *hbmqtt_create(const struct hbmqtt_options *options);

// Closes the connection without DISCONNECT, so that the broker publishes the will, and frees the handle. NULL
// is allowed.
HBMQTT_API void hbmqtt_destroy(struct hbmqtt_client *client);

// Connects to the broker at `uri` and waits until it has accepted.
//
//     mqtt://[user[:password]@]host[:port]            TCP, port 1883 unless named
//     mqtts://[user[:password]@]host[:port]           TLS, port 8883
//     ws://[user[:password]@]host[:port][/path]       WebSocket, port 80
//     wss://[user[:password]@]host[:port][/path]      WebSocket in TLS, port 443
//
// Reserved characters in the user name and password are percent-encoded; an IPv6 address stands in brackets.
// The path of a WebSocket is /mqtt unless named, and may have a query; mqtt:// and mqtts:// ignore it. User
// name and password are those of MQTT, also with WebSocket: HTTP gets none but what is in the headers of the
// options. All addresses of the host are tried in the order of getaddrinfo(3), whose own waiting no time-out
// covers.
//
// TLS is version 1.2 or later. WebSocket redirections are not followed, and proxies in the environment are
// not used.
//
// Messages of an earlier connection of the handle that were not delivered yet still will be. Messages of one
// that were not acknowledged are not sent again.
//
// Errors: ARGUMENT (also when already connected, and when a file of the options cannot be used), UNREACHABLE,
// UNTRUSTED, REFUSED, TIMEOUT, LOST (ended before CONNACK), PROTOCOL, INTERRUPTED, SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_connect(struct hbmqtt_client *client, const char *uri);

// Sends all that waits, then DISCONNECT, waits a second at most for the broker to close, and closes
// [MQTT-3.14.4-1]: the broker drops the will. Exchanges that are under way are not waited for: see
// hbmqtt_flush. The message that was delivered last is acknowledged. Done also when there was no connection.
//
// Errors: LOST, TIMEOUT, INTERRUPTED, SYSTEM: the broker may not have read everything. The connection is
// closed in every case.
HBMQTT_API int hbmqtt_disconnect(struct hbmqtt_client *client);

// Publishes and waits: at QoS 0 until the kernel has taken all bytes, at QoS 1 until PUBACK, at QoS 2 until
// PUBCOMP. While the window or the output is full it waits first, as hbmqtt_publish_start does.
//
// Errors: ARGUMENT, NOT_CONNECTED, LOST, PROTOCOL, TIMEOUT, FULL, INTERRUPTED, SYSTEM. After TIMEOUT, FULL
// and INTERRUPTED the message may be under way, and hbmqtt_flush can wait for it; after LOST it is not known
// whether the broker has it.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_publish(struct hbmqtt_client *client,
                                                 const struct hbmqtt_message *message);

// Publishes without waiting for the acknowledgement: the payload is copied, and the bytes leave in this call
// or in a later one that waits. With `inflight_max` messages unacknowledged it waits until half of them are
// acknowledged, and at `output_bytes_max` until there is room. Many calls and one hbmqtt_flush cost one round
// trip instead of many. Messages leave in the order of the calls.
//
// Errors: as hbmqtt_publish, but after any of them the message was not taken.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_publish_start(struct hbmqtt_client *client,
                                                       const struct hbmqtt_message *message);

// Waits until everything started is sent and acknowledged, `answer_timeout_ms` at most after the last byte
// left.
//
// Errors: NOT_CONNECTED, LOST, PROTOCOL, TIMEOUT, FULL, INTERRUPTED, SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_flush(struct hbmqtt_client *client);

// Subscribes to `count` filters (1 to HBMQTT_FILTERS_MAX) and waits for the answer. `ret_codes`, unless NULL,
// has room for `count` codes and gets for each filter the QoS that was granted, or HBMQTT_SUBSCRIPTION_FAILED
// [MQTT-3.9.3-1]. A refused filter is no error of the call.
//
// Errors: ARGUMENT, NOT_CONNECTED, LOST, PROTOCOL, TIMEOUT, FULL, INTERRUPTED, SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_subscribe(struct hbmqtt_client *client,
                                                   const struct hbmqtt_subscription *subscriptions,
                                                   size_t count, uint8_t *ret_codes);

// Ends `count` subscriptions (1 to HBMQTT_FILTERS_MAX) and waits for the answer. Messages on their way still
// arrive.
//
// Errors: as hbmqtt_subscribe.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_unsubscribe(struct hbmqtt_client *client, const char *const *filters,
                                                     size_t count);

// Takes the next message, waiting up to `timeout_ms` for it (0: not at all; negative: for ever). *ret_message
// points to memory of the handle that stays until the next call of hbmqtt_deliver, hbmqtt_connect,
// hbmqtt_disconnect or hbmqtt_destroy.
//
// A QoS 1 or 2 message is acknowledged by that next hbmqtt_deliver or hbmqtt_disconnect, and not before: what
// a program took and did not finish comes again when its session is continued. A QoS 2 message is delivered
// once [MQTT-4.3.3-2].
//
// Errors: NOT_CONNECTED, LOST, PROTOCOL, TIMEOUT, INTERRUPTED, SYSTEM. Messages that came before the
// connection ended are delivered before its error is.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_deliver(struct hbmqtt_client *client, int timeout_ms,
                                                 const struct hbmqtt_message **ret_message);

// How many messages hbmqtt_deliver can take without waiting.
HBMQTT_API size_t hbmqtt_deliverable(const struct hbmqtt_client *client);

// Sends PINGREQ and waits for PINGRESP.
//
// Errors: NOT_CONNECTED, LOST, PROTOCOL, TIMEOUT, FULL, INTERRUPTED, SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_ping(struct hbmqtt_client *client);

// Serves the connection until `descriptor` can be read (or has ended), up to `timeout_ms` (negative: for
// ever): for programs that publish what they read elsewhere.
//
// Errors: ARGUMENT, NOT_CONNECTED, LOST, PROTOCOL, TIMEOUT, INTERRUPTED, SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_wait_readable(struct hbmqtt_client *client, int descriptor,
                                                       int timeout_ms);

// Makes the call that waits now, or else the next one that would, return INTERRUPTED. The connection stays.
// Safe in a signal handler and in another thread, as long as the handle exists.
HBMQTT_API void hbmqtt_interrupt(struct hbmqtt_client *client);

// True from an accepted CONNECT until the connection is known to have ended.
HBMQTT_API bool hbmqtt_is_connected(const struct hbmqtt_client *client);

// True if the broker continued a session at the last accepted CONNECT [MQTT-3.2.2-2].
HBMQTT_API bool hbmqtt_session_present(const struct hbmqtt_client *client);

// The code of the last refusal (after REFUSED): 1 protocol version, 2 client id, 3 server unavailable, 4 user
// name or password, 5 not authorized (section 3.2.2.3). 0 when no CONNACK has refused: also after REFUSED for
// a WebSocket upgrade or a client certificate.
HBMQTT_API int hbmqtt_refusal_code(const struct hbmqtt_client *client);

// One line without its end about the last call that failed; "" when none has. Stays until the next call with
// the handle.
HBMQTT_API const char *hbmqtt_error_text(const struct hbmqtt_client *client);

#ifdef __cplusplus
}
#endif

#endif

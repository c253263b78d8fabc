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
//     if (hbmqtt_connect(client, "mqtt://broker.example", NULL) != 0 || hbmqtt_publish(client, &message,
//     NULL) != 0 ||
//         hbmqtt_disconnect(client, NULL) != 0)
//         fprintf(stderr, "%s\n", hbmqtt_error_text(client));
//     hbmqtt_destroy(client);
//
// One handle is served in one of three ways, which the program chooses by what it calls:
//
//     waiting      hbmqtt_connect, hbmqtt_publish, hbmqtt_subscribe, hbmqtt_deliver ...: each returns when
//                  it is done. Between calls nothing is served, so a program that is connected calls
//                  hbmqtt_deliver, hbmqtt_wait_readable or hbmqtt_ping at least once in each keep-alive
//                  period.
//     descriptor   hbmqtt_connect_async, hbmqtt_publish_async ... begin and return. Whenever
//                  hbmqtt_descriptor can be read, hbmqtt_process does what is to be done, and calls the
//                  program back. Nothing waits.
//     bytes        hbmqtt_bytes_*: the program has the connection and the clock, and the handle turns bytes
//                  and times into bytes and callbacks. For any event loop and any transport, and for
//                  simulations.
//
// hbmqtt_publish_async and its like serve the last two ways, and may be used beside calls that wait.
//
// Reconnecting. When a connection breaks, the handle makes a new one by itself (hbmqtt_options.reconnect):
// after a delay that is drawn from 0 up to a limit, and the limit doubles with each failure. Messages of QoS
// 1 and 2 are kept until the broker has acknowledged them. What was under way goes out again, in order and
// before anything else: with DUP, where the broker has kept the session, and PUBREL alone for what it has
// confirmed with PUBREC. Where it has not, subscriptions are made again first. Meanwhile messages are queued.
// See hbmqtt_options for ceilings, and hbmqtt_options.on_state for how the program is told.
//
// What holds over breaks: a message that was reported as done reached the broker. A message of QoS 1 reaches
// it at least once, in the order of the calls. A message of QoS 2 reaches it exactly once as long as the
// broker keeps the session: that is asked for with clean_session = false, and a broker that loses its memory
// cannot give it. What was not acknowledged by then is sent again to a new session, at least once as a
// message of QoS 1 is. One hole is in MQTT 3.1.1 itself: when a broker loses its memory, and then the CONNACK
// that tells so is lost as well, a message whose PUBREC had come by then is not sent again.
//
// Results. A function that can fail returns 0 when it is done, or a negative enum hbmqtt_error;
// hbmqtt_error_text then says in one line what failed, on what, and why. What the broker answered to a call
// that waited is in hbmqtt_last_result.
//
// Threads. A handle belongs to one thread at a time. Only hbmqtt_post and hbmqtt_interrupt may be called
// beside another call, and hbmqtt_interrupt also in a signal handler. The library starts no thread, but for
// looking up the name of a broker, handles no signal, raises no SIGPIPE and prints nothing. TLS is OpenSSL's,
// WebSocket libwebsockets', whose log is one for the whole process and is turned off by each connection to
// ws:// or wss://.
//
// Callbacks run inside of calls with their handle. They may begin things with the functions that do not wait
// (hbmqtt_*_async, hbmqtt_post), ask for what is known, and nothing else: a call that waits returns
// HBMQTT_ERROR_ARGUMENT there.
//
// MQTT 5.0 is not served yet; its place is held. Every call that sends something takes a struct hbmqtt_call,
// which has room for properties and a reason code and may be NULL, and every result has reason codes, which
// with 3.1.1 are the return codes of CONNACK and SUBACK (sections 3.2.2.3 and 3.9.3), or 0. Where 3.1.1 has
// no place for what is given, nothing is sent and the call is an ARGUMENT error.
//
// Growth. The structures that a program fills begin with `size`, the sizeof of the structure that it was
// compiled with, and grow only at their end, so that programs and libraries of different age understand each
// other. Symbols have versions.
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
    HBMQTT_ERROR_FULL = -9,          // no room: the inbox must be emptied with hbmqtt_deliver first, or the
                                     // message that was to be queued finds its queue full
    HBMQTT_ERROR_INTERRUPTED = -10,  // hbmqtt_interrupt was called
    HBMQTT_ERROR_SYSTEM = -11,       // memory or another resource of this host is lacking
    HBMQTT_ERROR_UNTRUSTED = -12, // the certificate of the broker was not accepted; nothing of MQTT was sent
    HBMQTT_ERROR_DROPPED = -13,   // the message was given up for newer ones: see hbmqtt_queue_policy
};

// A connection to a broker, present, past or to come.
struct hbmqtt_client;

// Properties of MQTT 5.0. There is no way to make one yet: where a pointer to it is asked for, give NULL.
struct hbmqtt_properties;

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
    const struct hbmqtt_properties *properties; // NULL
};

// How something has ended: borrowed for the callback by hbmqtt_done; see also hbmqtt_last_result.
struct hbmqtt_result {
    size_t size;                                // sizeof(struct hbmqtt_result) of the library
    int error;                                  // 0, or an enum hbmqtt_error
    const char *text;                           // what failed, in one line; "" when nothing has
    const uint8_t *reason_codes;                // of the answer: one for each filter of a subscribe, else one
    size_t reason_code_count;                   // or none, when no answer came
    const struct hbmqtt_properties *properties; // of the answer; NULL
};

// Called once when what was begun has ended: a connection is accepted or given up; a message is sent (QoS 0)
// or acknowledged (QoS 1 and 2); an answer has come; the connection is closed. What never comes to its end is
// reported by hbmqtt_destroy with HBMQTT_ERROR_NOT_CONNECTED.
typedef void (*hbmqtt_done)(void *context, struct hbmqtt_client *client, const struct hbmqtt_result *result);

// What goes with a call that sends something; NULL in its place is a structure of zeros. Copied.
//
// `done` is called once when what was begun has ended, also by calls that wait: there before they return,
// unless they gave up waiting (TIMEOUT, FULL, INTERRUPTED) for what goes on. It is not called when nothing
// could be begun.
struct hbmqtt_call {
    size_t size;                                // sizeof(struct hbmqtt_call)
    hbmqtt_done done;                           // NULL: nobody wants to know
    void *context;                              // for `done`
    const struct hbmqtt_properties *properties; // NULL
    uint8_t reason_code;                        // of DISCONNECT, with MQTT 5.0; 0
};

// What a handle is doing.
enum hbmqtt_state {
    HBMQTT_STATE_IDLE = 0,       // nothing: not connected yet, disconnected, or given up
    HBMQTT_STATE_CONNECTING = 1, // an attempt is under way
    HBMQTT_STATE_CONNECTED = 2,  // the broker has accepted
    HBMQTT_STATE_WAITING = 3,    // for the time of the next attempt
};

// A change, for hbmqtt_options.on_state. Borrowed for the callback.
struct hbmqtt_state_change {
    size_t size;                                // sizeof(struct hbmqtt_state_change) of the library
    int state;                                  // an enum hbmqtt_state
    int error;                                  // WAITING and IDLE: why, an enum hbmqtt_error, or 0 as wished
    const char *text;                           // the same in one line, or ""
    const char *broker;                         // "mqtt://host:port": which is meant; "" in the bytes way
    uint32_t attempt;                           // CONNECTING and WAITING: failures since the last connection
    uint32_t wait_ms;                           // WAITING: how long
    bool session_present;                       // CONNECTED: the broker has continued the session
    uint8_t reason_code;                        // WAITING and IDLE: of a CONNACK that refused, or 0
    const struct hbmqtt_properties *properties; // of the broker's last packet; NULL
};

// What is done with a message that finds the queue full: see hbmqtt_options.queue_bytes_max.
enum hbmqtt_queue_policy {
    HBMQTT_QUEUE_REFUSE = 0,      // it is not taken: FULL. Calls that wait for room wait
    HBMQTT_QUEUE_DROP_OLDEST = 1, // the oldest that have not gone out yet are given up, as DROPPED
    HBMQTT_QUEUE_DROP_NEWEST = 2, // it is given up itself, as DROPPED
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
    // True (the default): the session begins empty and ends with the connection; a broker that continues one
    // all the same breaks the protocol. False: it is continued and kept [MQTT-3.1.2-4].
    bool clean_session;
    // The longest silence that the broker accepts; 0: off. Default 10 [MQTT-3.1.2-23].
    uint16_t keepalive_s;
    // PINGREQ goes out this long before the end of a keep-alive period in which we were silent; and in any
    // case when the broker was silent for half a period, so that one that is gone is noticed within a whole
    // one. Default 1000.
    uint32_t ping_delay_ms;
    // From the beginning of an attempt to CONNACK: the look-up of the name, proxy, TLS and WebSocket
    // included. Default 60000.
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
    // Default 20: MQTT 3.1.1 cannot ask how many a broker takes, and some end the connection above that.
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

    // 4 (the default): MQTT 3.1.1. Nothing else yet.
    uint8_t protocol_version;
    // True (the default): a connection that breaks is made again, until hbmqtt_disconnect.
    bool reconnect;
    // True: hbmqtt_connect, too, tries again. False (the default): it fails when every broker named has
    // failed.
    bool connect_retry;
    // False (the default): what is written to the queue file is safe from the end of the process. True: and
    // from the end of the machine, at the price of waiting for the disk before a message goes out.
    bool queue_sync;
    // The delay before the attempt number n, from 0, is drawn evenly from 0 up to min(reconnect_max_ms,
    // reconnect_min_ms * 2^n). n begins anew when a connection has stood for reconnect_max_ms. Defaults 1000
    // and 10000.
    uint32_t reconnect_min_ms;
    uint32_t reconnect_max_ms;
    // Attempts in a row that may fail; negative (the default): any number. A broker that refuses for good
    // (all codes but 3, server unavailable) or is not trusted is not asked again.
    int32_t reconnect_retries;
    // Bytes of messages that are kept until they are sent or acknowledged; with more, messages are not sent
    // at once any more but refused or given up, as queue_policy says. One message may go over. Default 16
    // MiB.
    uint32_t queue_bytes_max;
    int32_t queue_policy; // an enum hbmqtt_queue_policy
    // A file in which messages of QoS 1 and 2 that were taken are kept until they are acknowledged, and what
    // is known of those that come at QoS 2. Read by hbmqtt_create, so that a program that died goes on where
    // it was: exactly once also over that, with the same client id and clean_session = false. One process at
    // a time. NULL (the default): memory alone.
    const char *queue_file;
    // http://[user[:password]@]host[:port] (CONNECT, port 3128 unless named) or socks5://... (port 1080):
    // through whom brokers are reached, and by whom their names are looked up. NULL (the default): nobody.
    const char *proxy;

    // Told of each change of state.
    void (*on_state)(void *context, struct hbmqtt_client *client, const struct hbmqtt_state_change *change);
    // Given each message that comes, by every function that serves the connection. It is acknowledged when
    // the callback has returned. NULL (the default): messages are collected for hbmqtt_deliver.
    void (*on_message)(void *context, struct hbmqtt_client *client, const struct hbmqtt_message *message);
    // Told when there is room again after a publish was refused with FULL.
    void (*on_room)(void *context, struct hbmqtt_client *client);
    // Given the payload of a message of chunk_bytes_min bytes or more in pieces as they come, so that it need
    // not fit into memory: `message` has its payload_length and no payload, `offset` bytes came before these.
    // The last piece ends at payload_length; a connection that breaks before leaves a message unfinished, and
    // it begins again with offset 0. Acknowledged when the last piece was taken. NULL (the default): every
    // message is collected whole.
    void (*on_chunk)(void *context, struct hbmqtt_client *client, const struct hbmqtt_message *message,
                     uint64_t offset, const void *bytes, size_t size);
    uint32_t chunk_bytes_min;                   // default 65536
    void *callback_context;                     // for the four of them
    const struct hbmqtt_properties *properties; // NULL
};

// One filter of hbmqtt_subscribe.
struct hbmqtt_subscription {
    const char *filter;  // a topic filter: 1 to 65535 bytes [MQTT-4.7.1-2, MQTT-4.7.1-3]
    uint8_t qos;         // the highest that messages are delivered with: 0, 1 or 2
    uint8_t reserved[7]; // zero; the options of MQTT 5.0 will be here
};

#define HBMQTT_FILTERS_MAX         1024 // filters in one hbmqtt_subscribe or hbmqtt_unsubscribe
#define HBMQTT_SUBSCRIPTION_FAILED 0x80 // the code of a filter that the broker refused

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

// Connects to the broker at `uri` and waits until it has accepted. Several, separated by blanks, are tried in
// turn, and so are they when the connection breaks.
//
//     mqtt://[user[:password]@]host[:port]            TCP, port 1883 unless named
//     mqtts://[user[:password]@]host[:port]           TLS, port 8883
//     ws://[user[:password]@]host[:port][/path]       WebSocket, port 80
//     wss://[user[:password]@]host[:port][/path]      WebSocket in TLS, port 443
//     unix://[user[:password]@]/path                  a unix socket of this host
//
// Reserved characters in the user name and password are percent-encoded; an IPv6 address stands in brackets.
// The path of a WebSocket is /mqtt unless named, and may have a query; mqtt:// and mqtts:// ignore it. User
// name and password are those of MQTT, also with WebSocket: HTTP gets none but what is in the headers of the
// options. The addresses of the host are tried in the order of getaddrinfo(3), IPv6 and IPv4 in turn, a
// quarter of a second after each other, and the first that answers is taken (RFC 8305).
//
// TLS is version 1.2 or later; a session of it is resumed where the broker offers that. WebSocket
// redirections are not followed, and proxies in the environment are not used.
//
// Messages of an earlier connection of the handle that were not delivered yet still will be. Messages of QoS
// 1 and 2 that were not acknowledged then go out again if clean_session is false or there is a queue file.
//
// Errors: ARGUMENT (also when already connected, and when a file of the options cannot be used), UNREACHABLE,
// UNTRUSTED, REFUSED, TIMEOUT, LOST (ended before CONNACK), PROTOCOL, INTERRUPTED, SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_connect(struct hbmqtt_client *client, const char *uri,
                                                 const struct hbmqtt_call *call);

// Ends the connection, if there is one, without DISCONNECT, and connects to where hbmqtt_connect did.
// `clean_session` takes the place of that of the options from here on.
//
// Errors: as hbmqtt_connect; ARGUMENT when hbmqtt_connect has not been called.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_reconnect(struct hbmqtt_client *client, bool clean_session,
                                                   const struct hbmqtt_call *call);

// Sends all that waits, then DISCONNECT, waits a second at most for the broker to close, and closes
// [MQTT-3.14.4-1]: the broker drops the will. Exchanges that are under way are not waited for: see
// hbmqtt_flush. The message that was delivered last is acknowledged. Done also when there was no connection.
//
// Errors: LOST, TIMEOUT, INTERRUPTED, SYSTEM: the broker may not have read everything. The connection is
// closed in every case.
HBMQTT_API int hbmqtt_disconnect(struct hbmqtt_client *client, const struct hbmqtt_call *call);

// Publishes and waits: at QoS 0 until the kernel has taken all bytes, at QoS 1 until PUBACK, at QoS 2 until
// PUBCOMP. While the window or the output is full it waits first, as hbmqtt_publish_start does.
//
// While the handle reconnects, it waits for that as well. Without a connection under way it is NOT_CONNECTED.
//
// Errors: ARGUMENT, NOT_CONNECTED, LOST, PROTOCOL, TIMEOUT, FULL, INTERRUPTED, SYSTEM, DROPPED. After
// TIMEOUT, FULL and INTERRUPTED the message may be under way, and hbmqtt_flush can wait for it; after LOST it
// is not known whether the broker has it, and with clean_session = false or a queue file it goes out again
// with the next connection.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_publish(struct hbmqtt_client *client,
                                                 const struct hbmqtt_message *message,
                                                 const struct hbmqtt_call *call);

// Publishes without waiting for the acknowledgement: the payload is copied, and the bytes leave in this
// call or in a later one that waits. With `inflight_max` messages unacknowledged it waits until an eighth
// of them are acknowledged, or one is and ten milliseconds have passed, and at `output_bytes_max` until
// there is room. Many calls and one hbmqtt_flush cost one round trip instead of many. Messages leave in
// the order of the calls. While the handle reconnects the message is queued, and when the queue is full
// queue_policy says whether it waits. `done` of `call` tells the end, as with hbmqtt_publish_async.
//
// Errors: as hbmqtt_publish, but after any of them the message was not taken.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_publish_start(struct hbmqtt_client *client,
                                                       const struct hbmqtt_message *message,
                                                       const struct hbmqtt_call *call);

// Waits until everything started is sent and acknowledged, `answer_timeout_ms` at most after the last byte
// left.
//
// Errors: NOT_CONNECTED, LOST, PROTOCOL, TIMEOUT, FULL, INTERRUPTED, SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_flush(struct hbmqtt_client *client);

// Subscribes to `count` filters (1 to HBMQTT_FILTERS_MAX) and waits for the answer. hbmqtt_last_result then
// has `count` reason codes: for each filter the QoS that was granted, or HBMQTT_SUBSCRIPTION_FAILED
// [MQTT-3.9.3-1]. A refused filter is no error of the call.
//
// Errors: ARGUMENT, NOT_CONNECTED, LOST, PROTOCOL, TIMEOUT, FULL, INTERRUPTED, SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_subscribe(struct hbmqtt_client *client,
                                                   const struct hbmqtt_subscription *subscriptions,
                                                   size_t count, const struct hbmqtt_call *call);

// Ends `count` subscriptions (1 to HBMQTT_FILTERS_MAX) and waits for the answer. Messages on their way still
// arrive.
//
// Errors: as hbmqtt_subscribe.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_unsubscribe(struct hbmqtt_client *client, const char *const *filters,
                                                     size_t count, const struct hbmqtt_call *call);

// Takes the next message, waiting up to `timeout_ms` for it (0: not at all; negative: for ever). *ret_message
// points to memory of the handle that stays until the next call of hbmqtt_deliver, hbmqtt_connect,
// hbmqtt_disconnect or hbmqtt_destroy.
//
// A QoS 1 or 2 message is acknowledged by that next hbmqtt_deliver or hbmqtt_disconnect, and not before: what
// a program took and did not finish comes again when its session is continued. A QoS 2 message is delivered
// once [MQTT-4.3.3-2].
//
// While the handle reconnects it waits on, for messages of the next connection.
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
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_ping(struct hbmqtt_client *client, const struct hbmqtt_call *call);

// Serves the connection until `descriptor` can be read (or has ended), up to `timeout_ms` (negative: for
// ever): for programs that publish what they read elsewhere.
//
// Errors: ARGUMENT, NOT_CONNECTED, LOST, PROTOCOL, TIMEOUT, INTERRUPTED, SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_wait_readable(struct hbmqtt_client *client, int descriptor,
                                                       int timeout_ms);

// Publishes `message` with `size` bytes of `descriptor`, from its present offset on, in place of a payload,
// and waits as hbmqtt_publish does. Bytes are read as they leave, so that the message takes little memory,
// and read again when it must be sent again: at QoS 1 and 2 `descriptor` is a file that can be read at any
// offset, and stays as it is until the message is acknowledged. Not written to a queue file.
//
// Errors: as hbmqtt_publish. A file that ends early or cannot be read ends the connection, since a packet
// cannot be taken back: SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_publish_file(struct hbmqtt_client *client,
                                                      const struct hbmqtt_message *message, int descriptor,
                                                      uint64_t size, const struct hbmqtt_call *call);

// Publishes from any thread: `message` is copied and handed over to the thread that serves the handle, in the
// order of the calls of each thread. `done` in `call` runs in that thread.
//
// Errors: ARGUMENT, FULL (queue_bytes_max of messages were handed over and not taken yet), SYSTEM. They set
// no hbmqtt_error_text.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_post(struct hbmqtt_client *client,
                                              const struct hbmqtt_message *message,
                                              const struct hbmqtt_call *call);

// Makes the call that waits now, or else the next one that would, return INTERRUPTED. The connection stays.
// Safe in a signal handler and in another thread, as long as the handle exists.
HBMQTT_API void hbmqtt_interrupt(struct hbmqtt_client *client);

// The way of the descriptor. Each function begins something and returns; `done` of `call` tells the end. They
// may be called before there is a connection: what they begin goes out once there is one, in the order of the
// calls.

// Begins to connect; arguments are as of hbmqtt_connect. `done` tells when the broker has accepted, or when
// it was given up. Later breaks are told to on_state alone.
//
// Errors: ARGUMENT, SYSTEM; all others come with `done`.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_connect_async(struct hbmqtt_client *client, const char *uri,
                                                       const struct hbmqtt_call *call);

// Publishes: at once where the window has room, else as soon as it has. `done` tells at QoS 0 that the kernel
// has taken all bytes, at QoS 1 and 2 that the broker has acknowledged.
//
// Errors: ARGUMENT, FULL (queue_policy; on_room tells when to try again), DROPPED, NOT_CONNECTED (no
// connection is under way, nor is one to come), SYSTEM. After any of them `done` is not called.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_publish_async(struct hbmqtt_client *client,
                                                       const struct hbmqtt_message *message,
                                                       const struct hbmqtt_call *call);

// Subscribe and unsubscribe; the reason codes of the result are those of hbmqtt_subscribe.
//
// Errors: ARGUMENT, FULL, NOT_CONNECTED, SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_subscribe_async(struct hbmqtt_client *client,
                                                         const struct hbmqtt_subscription *subscriptions,
                                                         size_t count, const struct hbmqtt_call *call);
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_unsubscribe_async(struct hbmqtt_client *client,
                                                           const char *const *filters, size_t count,
                                                           const struct hbmqtt_call *call);

// Sends PINGREQ; `done` tells of PINGRESP.
//
// Errors: NOT_CONNECTED, SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_ping_async(struct hbmqtt_client *client,
                                                    const struct hbmqtt_call *call);

// Begins to disconnect, as hbmqtt_disconnect does. `done` tells when the connection is closed.
HBMQTT_API int hbmqtt_disconnect_async(struct hbmqtt_client *client, const struct hbmqtt_call *call);

// A descriptor that can be read (poll, epoll, select) when hbmqtt_process has something to do: bytes have
// come or can leave, or a time has come. It belongs to the handle and stays the same. Negative errno when the
// kernel gives none.
HBMQTT_API int hbmqtt_descriptor(struct hbmqtt_client *client);

// Does all that can be done without waiting, and calls back. Never fails for the connection's sake: see
// on_state.
//
// Errors: ARGUMENT (inside of a callback), SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_process(struct hbmqtt_client *client);

// The way of bytes. Times are milliseconds of any clock of the program that never goes back. Things are begun
// with hbmqtt_publish_async and its like (but hbmqtt_connect_async); their bytes are in the output at once.

// The program has a connection now: CONNECT is in the output. `user_name` and `password` are those of the
// options. `done` of `call` tells when the broker has accepted, or when it was given up.
//
// Errors: ARGUMENT (also when there is a connection), SYSTEM.
HBMQTT_API HBMQTT_WARN_UNUSED int hbmqtt_bytes_open(struct hbmqtt_client *client, uint64_t now_ms,
                                                    const struct hbmqtt_call *call);

// The connection has ended. Does nothing when the handle has ended it itself.
HBMQTT_API void hbmqtt_bytes_closed(struct hbmqtt_client *client, uint64_t now_ms);

// Bytes to send: *ret_bytes is borrowed until the next call with the handle. 0: nothing now.
HBMQTT_API size_t hbmqtt_bytes_output(struct hbmqtt_client *client, const void **ret_bytes);

// The first `size` bytes of the output have been sent.
HBMQTT_API void hbmqtt_bytes_sent(struct hbmqtt_client *client, size_t size, uint64_t now_ms);

// Bytes have come. Returns how many of them were taken: all, unless the inbox is full or the connection has
// ended; the rest is given again after hbmqtt_deliver has made room.
HBMQTT_API size_t hbmqtt_bytes_received(struct hbmqtt_client *client, const void *bytes, size_t size,
                                        uint64_t now_ms);

// When hbmqtt_bytes_tick must be called at the latest; UINT64_MAX: no need.
HBMQTT_API uint64_t hbmqtt_bytes_deadline_ms(const struct hbmqtt_client *client);

// What is due is done: PINGREQ, giving up a silent broker.
HBMQTT_API void hbmqtt_bytes_tick(struct hbmqtt_client *client, uint64_t now_ms);

// True when the program should close the connection, if it has one: everything was sent and the handle is
// done with it, wished or for a fault of the broker.
HBMQTT_API bool hbmqtt_bytes_wants_close(const struct hbmqtt_client *client);

// True when it is time for a new connection, as the options of reconnecting say. hbmqtt_bytes_deadline_ms has
// that time, too.
HBMQTT_API bool hbmqtt_bytes_wants_open(const struct hbmqtt_client *client, uint64_t now_ms);

// What is known.

// An enum hbmqtt_state.
HBMQTT_API int hbmqtt_state(const struct hbmqtt_client *client);

// Messages of QoS 1 and 2 that were taken and are not acknowledged, queued ones among them.
HBMQTT_API size_t hbmqtt_unacknowledged(const struct hbmqtt_client *client);

// True from an accepted CONNECT until the connection is known to have ended.
HBMQTT_API bool hbmqtt_is_connected(const struct hbmqtt_client *client);

// True if the broker continued a session at the last accepted CONNECT [MQTT-3.2.2-2].
HBMQTT_API bool hbmqtt_session_present(const struct hbmqtt_client *client);

// The code of the last refusal (after REFUSED): 1 protocol version, 2 client id, 3 server unavailable, 4 user
// name or password, 5 not authorized (section 3.2.2.3). 0 when no CONNACK has refused: also after REFUSED for
// a WebSocket upgrade or a client certificate.
HBMQTT_API int hbmqtt_refusal_code(const struct hbmqtt_client *client);

// What hbmqtt_reason_code returns when there was no answer that has a reason code.
#define HBMQTT_REASON_NONE (-1)

// How the last call of these ended: hbmqtt_connect, hbmqtt_reconnect, hbmqtt_disconnect, hbmqtt_publish,
// hbmqtt_publish_file, hbmqtt_subscribe, hbmqtt_unsubscribe, hbmqtt_ping. Its `error` is what the call
// returned. Of the handle, and as it is until the next of these calls.
HBMQTT_API const struct hbmqtt_result *hbmqtt_last_result(const struct hbmqtt_client *client);

// The first of its reason codes, from 0 to 255: of CONNACK, also when it refused, of SUBACK, and 0 for every
// acknowledgement that says nothing else. HBMQTT_REASON_NONE when no answer came.
HBMQTT_API int hbmqtt_reason_code(const struct hbmqtt_client *client);

// One line without its end about the last call that failed; "" when none has. Stays until the next call with
// the handle.
HBMQTT_API const char *hbmqtt_error_text(const struct hbmqtt_client *client);

#ifdef __cplusplus
}
#endif

#endif

// SPDX-License-Identifier: MIT
// The public header from C++, and every function that it names, out of the shared library.
#include "client/hbmqtt.h"

#include <cstring>

static bool calls_without_connection(hbmqtt_client *client)
{
    hbmqtt_message message = hbmqtt_message();
    message.size = sizeof message;
    message.topic = "a";
    hbmqtt_subscription subscription = hbmqtt_subscription();
    subscription.filter = "a";
    const char *filter = "a";
    const hbmqtt_message *taken = nullptr;
    return hbmqtt_publish(client, &message, nullptr) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_publish_start(client, &message, nullptr) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_flush(client) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_subscribe(client, &subscription, 1, nullptr) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_unsubscribe(client, &filter, 1, nullptr) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_deliver(client, 0, &taken) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_ping(client, nullptr) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_wait_readable(client, 0, 0) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_deliverable(client) == 0 && hbmqtt_disconnect(client, nullptr) == 0;
}

static void told(void *context, hbmqtt_client *, const hbmqtt_result *result)
{
    *static_cast<int *>(context) = result->error;
}

static bool begins_without_connection(hbmqtt_client *client)
{
    hbmqtt_message message = hbmqtt_message();
    message.size = sizeof message;
    message.topic = "a";
    hbmqtt_subscription subscription = hbmqtt_subscription();
    subscription.filter = "a";
    const char *filter = "a";
    int error = 1;
    hbmqtt_call call = hbmqtt_call();
    call.size = sizeof call;
    call.done = told;
    call.context = &error;
    return hbmqtt_publish_async(client, &message, &call) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_publish_file(client, &message, 0, 1, nullptr) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_subscribe_async(client, &subscription, 1, &call) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_unsubscribe_async(client, &filter, 1, &call) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_ping_async(client, &call) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_connect_async(client, "http://host", &call) == HBMQTT_ERROR_ARGUMENT &&
           hbmqtt_reconnect(client, true, nullptr) == HBMQTT_ERROR_ARGUMENT &&
           hbmqtt_descriptor(client) >= 0 && hbmqtt_process(client) == 0 &&
           hbmqtt_state(client) == HBMQTT_STATE_IDLE && hbmqtt_unacknowledged(client) == 0 &&
           hbmqtt_disconnect_async(client, &call) == 0 && error == 0 &&
           hbmqtt_post(client, &message, nullptr) == 0;
}

static bool turns_bytes(hbmqtt_client *client)
{
    const void *output = nullptr;
    if (hbmqtt_bytes_wants_open(client, 0) || hbmqtt_bytes_open(client, 0, nullptr) != 0)
        return false;
    size_t size = hbmqtt_bytes_output(client, &output);
    hbmqtt_bytes_sent(client, size, 0);
    bool taken = hbmqtt_bytes_received(client, "\x20\x02\x00\x00", 4, 0) == 4 && hbmqtt_is_connected(client);
    hbmqtt_bytes_tick(client, hbmqtt_bytes_deadline_ms(client));
    // The message that was posted, and PINGREQ.
    bool pings = hbmqtt_bytes_output(client, &output) == 5 + 2 && !hbmqtt_bytes_wants_close(client);
    hbmqtt_bytes_closed(client, 6000);
    return size > 0 && taken && pings && hbmqtt_state(client) == HBMQTT_STATE_WAITING;
}

int main()
{
    hbmqtt_options options;
    hbmqtt_options_init(&options, sizeof options);
    options.client_id = "header";
    hbmqtt_client *client = hbmqtt_create(&options);
    if (client == nullptr)
        return 1;
    bool right = hbmqtt_connect(client, "http://host", nullptr) == HBMQTT_ERROR_ARGUMENT &&
                 std::strlen(hbmqtt_error_text(client)) > 0 && calls_without_connection(client) &&
                 begins_without_connection(client) && !hbmqtt_is_connected(client) &&
                 !hbmqtt_session_present(client) && hbmqtt_refusal_code(client) == 0 &&
                 hbmqtt_reason_code(client) == HBMQTT_REASON_NONE &&
                 hbmqtt_last_result(client)->error == HBMQTT_ERROR_ARGUMENT && hbmqtt_topic_is_valid("a/b") &&
                 !hbmqtt_filter_is_valid("a/#/b") && std::strlen(hbmqtt_version()) > 0 &&
                 std::strcmp(hbmqtt_error_name(0), "done") == 0;
    hbmqtt_interrupt(client);
    right = right && turns_bytes(client);
    hbmqtt_destroy(client);
    return right ? 0 : 1;
}

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
    return hbmqtt_publish(client, &message) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_publish_start(client, &message) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_flush(client) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_subscribe(client, &subscription, 1, nullptr) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_unsubscribe(client, &filter, 1) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_deliver(client, 0, &taken) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_ping(client) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_wait_readable(client, 0, 0) == HBMQTT_ERROR_NOT_CONNECTED &&
           hbmqtt_deliverable(client) == 0 && hbmqtt_disconnect(client) == 0;
}

int main()
{
    hbmqtt_options options;
    hbmqtt_options_init(&options, sizeof options);
    options.client_id = "header";
    hbmqtt_client *client = hbmqtt_create(&options);
    if (client == nullptr)
        return 1;
    bool right = hbmqtt_connect(client, "http://host") == HBMQTT_ERROR_ARGUMENT &&
                 std::strlen(hbmqtt_error_text(client)) > 0 && calls_without_connection(client) &&
                 !hbmqtt_is_connected(client) && !hbmqtt_session_present(client) &&
                 hbmqtt_refusal_code(client) == 0 && hbmqtt_topic_is_valid("a/b") &&
                 !hbmqtt_filter_is_valid("a/#/b") && std::strlen(hbmqtt_version()) > 0 &&
                 std::strcmp(hbmqtt_error_name(0), "done") == 0;
    hbmqtt_interrupt(client);
    hbmqtt_destroy(client);
    return right ? 0 : 1;
}

// SPDX-License-Identifier: MIT
// Subscribes to `server` at QoS 1 and to `gateway` at QoS 2, and prints `topic => message` until it is
// interrupted.
//
//     cc sub.c $(pkg-config --cflags --libs hbmqtt) -o sub && ./sub mqtt://127.0.0.1
#include <hbmqtt.h>
#include <stdio.h>

static int print_messages(struct hbmqtt_client *client)
{
    const struct hbmqtt_subscription subscriptions[] = {
        {.filter = "server", .qos = 1},
        {.filter = "gateway", .qos = 2},
    };
    const struct hbmqtt_message *message;
    int status = hbmqtt_subscribe(client, subscriptions, 2, NULL);
    while (status == 0 && (status = hbmqtt_deliver(client, -1, &message)) == 0) {
        printf("%s => %.*s\n", message->topic, (int)message->payload_length, (const char *)message->payload);
        fflush(stdout);
    }
    return status;
}

int main(int argc, char **argv)
{
    struct hbmqtt_client *client = hbmqtt_create(NULL);
    if (client == NULL)
        return 1;
    int status = hbmqtt_connect(client, argc > 1 ? argv[1] : "mqtt://127.0.0.1", NULL);
    if (status == 0)
        status = print_messages(client);
    fprintf(stderr, "%s\n", hbmqtt_error_text(client));
    hbmqtt_destroy(client);
    return status != 0;
}

// SPDX-License-Identifier: MIT
// Publishes a message to `server` at QoS 0 and 1, and one to `gateway` at QoS 2.
//
//     cc pub.c $(pkg-config --cflags --libs hbmqtt) -o pub && ./pub mqtt://127.0.0.1
#include <hbmqtt.h>
#include <stdio.h>
#include <string.h>

static int publish(struct hbmqtt_client *client, const char *topic, const char *text, uint8_t qos)
{
    struct hbmqtt_message message = {.size = sizeof message, .topic = topic, .payload = text, .qos = qos};
    message.payload_length = strlen(text);
    return hbmqtt_publish(client, &message, NULL);
}

int main(int argc, char **argv)
{
    struct hbmqtt_client *client = hbmqtt_create(NULL);
    if (client == NULL)
        return 1;
    int status = hbmqtt_connect(client, argc > 1 ? argv[1] : "mqtt://127.0.0.1", NULL);
    if (status == 0)
        status = publish(client, "server", "at most once", 0);
    if (status == 0)
        status = publish(client, "server", "at least once", 1);
    if (status == 0)
        status = publish(client, "gateway", "exactly once", 2);
    if (status == 0)
        status = hbmqtt_disconnect(client, NULL);
    if (status != 0)
        fprintf(stderr, "%s\n", hbmqtt_error_text(client));
    hbmqtt_destroy(client);
    return status != 0;
}

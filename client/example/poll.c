// SPDX-License-Identifier: MIT
// One loop that waits for standard input and the broker together: each line is published to `server`, and
// what comes to `gateway` is printed.
//
//     cc poll.c $(pkg-config --cflags --libs hbmqtt) -o poll && ./poll mqtt://127.0.0.1
#include <hbmqtt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void told_message(void *context, struct hbmqtt_client *client, const struct hbmqtt_message *message)
{
    printf("%s => %.*s\n", message->topic, (int)message->payload_length, (const char *)message->payload);
    fflush(stdout);
}

static void told_state(void *context, struct hbmqtt_client *client, const struct hbmqtt_state_change *change)
{
    if (change->state == HBMQTT_STATE_WAITING)
        fprintf(stderr, "%s; trying again in %u ms\n", change->text, change->wait_ms);
}

static int publish_line(struct hbmqtt_client *client, const char *line)
{
    struct hbmqtt_message message = {.size = sizeof message, .topic = "server", .payload = line, .qos = 1};
    message.payload_length = strcspn(line, "\n");
    return hbmqtt_publish_async(client, &message, NULL);
}

static int serve(struct hbmqtt_client *client)
{
    char line[1024];
    struct pollfd fds[] = {{.fd = hbmqtt_descriptor(client), .events = POLLIN},
                           {.fd = STDIN_FILENO, .events = POLLIN}};
    int status = 0;
    while (status == 0 && hbmqtt_state(client) != HBMQTT_STATE_IDLE && poll(fds, 2, -1) >= 0) {
        if (fds[0].revents != 0)
            status = hbmqtt_process(client);
        if (status == 0 && fds[1].revents != 0) {
            if (fgets(line, sizeof line, stdin) == NULL)
                return hbmqtt_flush(client);
            status = publish_line(client, line);
        }
    }
    return status;
}

int main(int argc, char **argv)
{
    struct hbmqtt_options options;
    hbmqtt_options_init(&options, sizeof options);
    options.on_message = told_message;
    options.on_state = told_state;
    struct hbmqtt_client *client = hbmqtt_create(&options);
    struct hbmqtt_subscription subscription = {.filter = "gateway", .qos = 1};
    if (client == NULL)
        return 1;
    setvbuf(stdin, NULL, _IONBF, 0); // poll must see what fgets has left
    int status = hbmqtt_connect_async(client, argc > 1 ? argv[1] : "mqtt://127.0.0.1", NULL);
    if (status == 0)
        status = hbmqtt_subscribe_async(client, &subscription, 1, NULL);
    if (status == 0)
        status = serve(client);
    if (status == 0)
        status = hbmqtt_disconnect(client, NULL);
    if (status != 0)
        fprintf(stderr, "%s\n", hbmqtt_error_text(client));
    hbmqtt_destroy(client);
    return status != 0;
}

// SPDX-License-Identifier: MIT
// A client of the Eclipse Paho C library that test_interop_transports.py builds and runs:
//
//     paho_c URL CAFILE CERTFILE KEYFILE TOPIC QOS COUNT     "" for no file
//
// Subscribes to the topic, publishes COUNT messages to it, and prints the payloads that come back, a line
// each.
#include <MQTTClient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 20000

static void check(int result, const char *what)
{
    if (result == MQTTCLIENT_SUCCESS)
        return;
    fprintf(stderr, "paho_c: %s: %s (%d)\n", what, MQTTClient_strerror(result), result);
    exit(EXIT_FAILURE);
}

static void publish(MQTTClient client, const char *topic, int qos, int number)
{
    char payload[32];
    MQTTClient_deliveryToken token;
    int length = snprintf(payload, sizeof payload, "message %d", number);
    check(MQTTClient_publish(client, topic, length, payload, qos, 0, &token), "publish");
    check(MQTTClient_waitForCompletion(client, token, TIMEOUT_MS), "acknowledgement");
}

static void receive(MQTTClient client)
{
    char *topic = NULL;
    int topic_length = 0;
    MQTTClient_message *message = NULL;
    check(MQTTClient_receive(client, &topic, &topic_length, &message, TIMEOUT_MS), "receive");
    if (message == NULL)
        check(MQTTCLIENT_FAILURE, "no message came");
    printf("%.*s\n", message->payloadlen, (const char *)message->payload);
    MQTTClient_freeMessage(&message);
    MQTTClient_free(topic);
}

int main(int argc, char **argv)
{
    if (argc != 8)
        return 2;
    const char *url = argv[1];
    const char *topic = argv[5];
    int qos = (int)strtol(argv[6], NULL, 10);
    int count = (int)strtol(argv[7], NULL, 10);
    MQTTClient client;
    MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
    MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
    tls.trustStore = argv[2];
    tls.keyStore = argv[3][0] != '\0' ? argv[3] : NULL;
    tls.privateKey = argv[4][0] != '\0' ? argv[4] : NULL;
    tls.enableServerCertAuth = 1;
    tls.verify = 1;
    options.MQTTVersion = MQTTVERSION_3_1_1;
    if (strncmp(url, "ssl", 3) == 0)
        options.ssl = &tls;
    check(MQTTClient_create(&client, url, topic, MQTTCLIENT_PERSISTENCE_NONE, NULL), "create");
    check(MQTTClient_connect(client, &options), "connect");
    check(MQTTClient_subscribe(client, topic, qos), "subscribe");
    for (int number = 0; number < count; number++)
        publish(client, topic, qos, number);
    for (int number = 0; number < count; number++)
        receive(client);
    check(MQTTClient_disconnect(client, TIMEOUT_MS), "disconnect");
    MQTTClient_destroy(&client);
    return EXIT_SUCCESS;
}

// SPDX-License-Identifier: MIT
// Flows: sessions that are taken over, brokers that stop and start, subscriptions by chance against a model,
// and the tools in pairs.
#include <string.h>

#include "conformance/cases/cases.h"

static void takeover_storm(struct trial *trial)
{
    enum { CLIENTS = 30 };
    const char *topic = trial_topic(trial, "t"), *will = trial_topic(trial, "will");
    struct peer *witness = peer_connect(trial, "witness");
    peer_subscribe(witness, will, 0);
    struct peer *latest = peer_connect(trial, "same", .keep = true, .will_topic = will, .will = "0");
    peer_subscribe(latest, topic, 1);
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned i = 1; i < CLIENTS; i++) {
        struct peer *next = peer_connect(trial, "same", .keep = true, .expect_present = 1, .will_topic = will,
                                         .will = arena_print("%u", i));
        peer_expect_close(latest);
        peer_hang_up(latest);
        peer_expect_publish(witness, will, .payload = arena_print("%u", i - 1));
        peer_publish(publisher, topic, .qos = 1, .payload = arena_print("%u", i));
        peer_take(next, topic, .qos = 1, .payload = arena_print("%u", i));
        peer_ping(next); // the broker has the PUBACK before the next one takes over
        latest = next;
    }
    peer_ping(latest);
    peer_expect_nothing(witness);
}

static void reconnects(struct trial *trial)
{
    enum { ROUNDS = 40 };
    const char *topic = trial_topic(trial, "t");
    struct peer *publisher = peer_connect(trial, "pub");
    struct peer *peer = peer_connect(trial, "peer", .keep = true);
    peer_subscribe(peer, topic, 2);
    unsigned published = 0, taken = 0;
    for (int i = 0; i < ROUNDS; i++) {
        unsigned away = random_below(&trial->random, 3);
        unsigned how = random_below(&trial->random, 3);
        if (how == 0)
            peer_cut(peer);
        else if (how == 1)
            peer_hang_up(peer);
        else
            peer_disconnect(peer);
        for (unsigned j = 0; j < away; j++)
            peer_publish(publisher, topic, .qos = 2, .payload = arena_print("%u", published++));
        peer = peer_connect(trial, "peer", .keep = true, .expect_present = 1);
        struct packet packets[3];
        size_t count = peer_collect(peer, packets, away);
        for (size_t j = 0; j < count; j++, taken++)
            trial_require(trial, bytes_equal(packets[j].payload, bytes_text(arena_print("%u", taken))),
                          "the messages in order, each once", "%s", packet_describe(packets[j].whole));
        trial_require(trial, taken == published, arena_print("%u messages", published), "%u", taken);
        peer_ping(peer); // the broker has all acknowledgements before it is left
    }
    peer_expect_nothing(peer);
}

static void frozen(struct trial *trial)
{
    enum { COUNT = 200 };
    trial_own_broker(trial, "");
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = peer_connect(trial, "sub");
    peer_subscribe(sub, topic, 1);
    struct peer *publisher = peer_connect(trial, "pub");
    broker_freeze(trial->broker);
    struct bytes all = {0};
    for (unsigned i = 0; i < COUNT; i++)
        all = bytes_join(all, packet_publish(topic, .payload = arena_print("%u", i)));
    peer_send(publisher, all);
    peer_expect_silence(sub, 300);
    broker_thaw(trial->broker);
    for (unsigned i = 0; i < COUNT; i++)
        peer_expect_publish(sub, topic, .payload = arena_print("%u", i));
}

static void restarted(struct trial *trial, bool kill)
{
    trial_own_broker(trial, "");
    const char *topic = trial_topic(trial, "t");
    struct peer *sub = peer_connect(trial, "sub", .keep = true);
    peer_subscribe(sub, topic, 1);
    trial_restart_broker(trial, kill);
    struct packet packet;
    trial_require(trial, peer_next(sub, deadline_in_ms(ANSWER_MS), &packet) == PEER_END,
                  "the end of the connection", "something else");
    sub = peer_connect(trial, "again");
    peer_subscribe(sub, topic, 1);
    peer_publish(peer_connect(trial, "pub"), topic, .qos = 1, .payload = "after");
    peer_take(sub, topic, .qos = 1, .payload = "after");
    if (!kill)
        broker_stop(trial->broker);
    else
        return;
    trial_require(trial, trial->broker->process.status == 0, "status 0 on SIGTERM", "it %s",
                  process_state_text(&trial->broker->process));
    trial_end_without_proof(trial);
}

static void stopped(struct trial *trial)
{
    restarted(trial, false);
}

static void killed(struct trial *trial)
{
    restarted(trial, true);
}

// The model: which filters match a topic, decided level by level.
static bool model_matches(const char *filter, const char *topic)
{
    for (;;) {
        size_t filter_length = strcspn(filter, "/"), topic_length = strcspn(topic, "/");
        if (filter_length == 1 && *filter == '#')
            return true;
        bool any = filter_length == 1 && *filter == '+';
        if (!any && (filter_length != topic_length || strncmp(filter, topic, filter_length) != 0))
            return false;
        filter += filter_length;
        topic += topic_length;
        if (*topic == '\0')
            return *filter == '\0' || strcmp(filter, "/#") == 0;
        if (*filter == '\0')
            return false;
        filter++;
        topic++;
    }
}

static const char *random_levels(struct trial *trial, bool is_filter)
{
    static const char *const words[] = {"a", "b", "", "c", "+", "+"};
    const char *text = trial->tag;
    unsigned levels = 1 + random_below(&trial->random, 3);
    for (unsigned i = 0; i < levels; i++)
        text = arena_print("%s/%s", text, words[random_below(&trial->random, is_filter ? 6 : 4)]);
    return is_filter && random_below(&trial->random, 3) == 0 ? arena_print("%s/#", text) : text;
}

enum { MODEL_CLIENTS = 3, MODEL_FILTERS = 8 };

struct model_client {
    struct peer *peer;
    struct filter filters[MODEL_FILTERS]; // NULL: not subscribed
};

static void model_change(struct trial *trial, struct model_client *client)
{
    struct filter *filter = &client->filters[random_below(&trial->random, MODEL_FILTERS)];
    if (filter->filter != NULL) {
        const char *gone = filter->filter;
        peer_unsubscribe(client->peer, gone);
        for (int i = 0; i < MODEL_FILTERS; i++)
            if (client->filters[i].filter != NULL && strcmp(client->filters[i].filter, gone) == 0)
                client->filters[i].filter = NULL;
        return;
    }
    *filter = (struct filter){random_levels(trial, true), random_below(&trial->random, 3)};
    for (int i = 0; i < MODEL_FILTERS; i++) // the same filter again replaces the earlier one
        if (client->filters[i].filter != NULL && strcmp(client->filters[i].filter, filter->filter) == 0)
            client->filters[i].qos = filter->qos;
    peer_subscribe(client->peer, filter->filter, filter->qos);
}

// Every client that the model says gets a copy at the highest QoS of its matching filters, and no more copies
// than filters; the others nothing, which the ping shows.
static void model_check(struct trial *trial, struct model_client *client, const char *topic, unsigned qos,
                        const char *payload)
{
    unsigned matching = 0, highest = 0, copies = 0, best = 0;
    for (int i = 0; i < MODEL_FILTERS; i++)
        if (client->filters[i].filter != NULL && model_matches(client->filters[i].filter, topic)) {
            matching++;
            highest = client->filters[i].qos > highest ? client->filters[i].qos : highest;
        }
    peer_send(client->peer, packet_empty(PACKET_PINGREQ));
    struct packet packet;
    bool ponged = false;
    unsigned open = 0;
    while ((!ponged || open > 0 || copies < (matching > 0)) &&
           peer_next(client->peer, deadline_in_ms(ANSWER_MS), &packet) == PEER_PACKET) {
        ponged = ponged || packet.type == PACKET_PINGRESP;
        if (packet.type == PACKET_PUBREL) {
            peer_send(client->peer, packet_answer(PACKET_PUBCOMP, packet.id));
            open--;
        }
        if (packet.type != PACKET_PUBLISH)
            continue;
        trial_require(trial,
                      bytes_equal(packet.topic, bytes_text(topic)) &&
                          bytes_equal(packet.payload, bytes_text(payload)),
                      arena_print("%s", topic), "%s", packet_describe(packet.whole));
        if (packet.qos > 0)
            peer_send(client->peer,
                      packet_answer(packet.qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, packet.id));
        open += packet.qos == 2;
        copies++;
        best = packet.qos > best ? packet.qos : best;
    }
    unsigned wanted = highest < qos ? highest : qos;
    trial_require(trial,
                  (matching == 0 && copies == 0) || (copies >= 1 && copies <= matching && best == wanted),
                  arena_print("%s of '%s' at QoS %u, as %u filters match",
                              matching == 0 ? "nothing" : "a copy", topic, wanted, matching),
                  "%u copies, the best at QoS %u", copies, best);
}

static void subscriptions_by_chance(struct trial *trial)
{
    enum { ROUNDS = 150 };
    struct model_client clients[MODEL_CLIENTS] = {0};
    for (unsigned i = 0; i < MODEL_CLIENTS; i++)
        clients[i].peer = peer_connect(trial, arena_print("c%u", i));
    struct peer *publisher = peer_connect(trial, "pub");
    for (unsigned round = 0; round < ROUNDS; round++) {
        model_change(trial, &clients[random_below(&trial->random, MODEL_CLIENTS)]);
        const char *topic = random_levels(trial, false);
        unsigned qos = random_below(&trial->random, 3);
        const char *payload = arena_print("%u", round);
        peer_publish(publisher, topic, .qos = qos == 0 ? 1 : qos,
                     .payload = payload); // QoS 0 could come late
        for (unsigned i = 0; i < MODEL_CLIENTS; i++)
            model_check(trial, &clients[i], topic, qos == 0 ? 1 : qos, payload);
    }
}

// The words of a tool that is installed or built; not applicable when it is not there.
static const char *tool(struct trial *trial, const char *name, const char *near)
{
    const char *path = program_find(name, near);
    if (path == NULL)
        trial_not_applicable(trial, "there is no %s", name);
    if (trial->transport != TRANSPORT_TCP)
        trial_not_applicable(trial, "the tools are paired over TCP");
    return path;
}

// One tool subscribes, the other publishes; each QoS in turn.
static void pair(struct trial *trial, const char *sub_format, const char *sub, const char *pub_format,
                 const char *pub)
{
    for (unsigned qos = 0; qos <= 2; qos++) {
        struct entries values = {0};
        bool set = entries_set(&values, "sub", sub) && entries_set(&values, "pub", pub) &&
                   entries_set(&values, "port", arena_print("%u", trial_address(trial)->port)) &&
                   entries_set(&values, "topic", trial_topic(trial, arena_print("t%u", qos))) &&
                   entries_set(&values, "qos", arena_print("%u", qos)) &&
                   entries_set(&values, "id", trial_id(trial, arena_print("s%u", qos)));
        trial_require(trial, set, "room for the values", "none");
        struct process taker, giver;
        const char *heard = trial_file(trial, arena_print("heard-%u", qos)),
                   *said = trial_file(trial, arena_print("said-%u", qos));
        struct peer *probe = peer_connect(trial, arena_print("probe%u", qos));
        trial_require(trial, process_start(&taker, entries_words(sub_format, &values, NULL), heard, false),
                      "the subscriber starts", "it does not");
        // It has subscribed when what is retained for it, again and again, has come.
        struct deadline deadline = deadline_in_ms(ANSWER_MS);
        peer_publish(probe, trial_topic(trial, arena_print("t%u", qos)), .qos = 1, .retain = true,
                     .payload = "ready");
        trial_require(trial, process_wait_output(&taker, "ready", deadline),
                      "the subscriber prints what is retained", "%s, its output: %.200s",
                      process_state_text(&taker), process_output(&taker));
        trial_require(trial, process_start(&giver, entries_words(pub_format, &values, NULL), said, false),
                      "the publisher starts", "it does not");
        bool ended = process_wait(&giver, deadline_in_ms(ANSWER_MS));
        trial_require(trial, ended && giver.status == 0, "the publisher ends with status 0", "%s: %.200s",
                      process_state_text(&giver), process_output(&giver));
        trial_require(trial, process_wait_output(&taker, "from-end-to-end", deadline_in_ms(ANSWER_MS)),
                      "the subscriber prints the message", "its output: %.200s", process_output(&taker));
        process_stop(&taker, deadline_in_ms(ANSWER_MS));
    }
}

static const char hbmqtt_sub[] = "{sub} --url mqtt://127.0.0.1:{port} -i {id} -t {topic} -q {qos}";
static const char hbmqtt_pub[] = "{pub} --url mqtt://127.0.0.1:{port} -t {topic} -q {qos} -m from-end-to-end";
static const char mosquitto_sub[] = "{sub} -h 127.0.0.1 -p {port} -i {id} -t {topic} -q {qos}";
static const char mosquitto_pub[] = "{pub} -h 127.0.0.1 -p {port} -t {topic} -q {qos} -m from-end-to-end";

static void hbmqtt_to_mosquitto(struct trial *trial)
{
    pair(trial, mosquitto_sub, tool(trial, "mosquitto_sub", ""), hbmqtt_pub,
         tool(trial, "hbmqtt_pub", "../client/hbmqtt_pub"));
}

static void mosquitto_to_hbmqtt(struct trial *trial)
{
    pair(trial, hbmqtt_sub, tool(trial, "hbmqtt_sub", "../client/hbmqtt_sub"), mosquitto_pub,
         tool(trial, "mosquitto_pub", ""));
}

static void hbmqtt_to_hbmqtt(struct trial *trial)
{
    pair(trial, hbmqtt_sub, tool(trial, "hbmqtt_sub", "../client/hbmqtt_sub"), hbmqtt_pub,
         tool(trial, "hbmqtt_pub", "../client/hbmqtt_pub"));
}

static const struct test_case cases[] = {
    {"takeover-storm", "MQTT-3.1.2-8", "thirty connections, each under the client id of the one before",
     "each is closed, its will published, the session goes on", .run = takeover_storm, .budget_ms = 30000},
    {"reconnects", "MQTT-4.1.0-1 MQTT-3.1.2-5",
     "a session whose client leaves and returns forty times, in ways by chance",
     "every message once, in order", .run = reconnects, .budget_ms = 30000},
    {"frozen", "", "publishes two hundred messages while the broker is stopped (SIGSTOP), then lets it go on",
     "all are delivered", .run = frozen, .flags = CASE_PLAIN},
    {"stopped", "", "stops the broker (SIGTERM) and starts it again, twice",
     "connections end; it serves again, and ends with status 0", .run = stopped, .flags = CASE_PLAIN,
     .budget_ms = 40000},
    {"killed", "", "kills the broker and starts it again", "connections end; it serves again", .run = killed,
     .flags = CASE_PLAIN, .budget_ms = 40000},
    {"subscriptions", "MQTT-3.3.5-1", "150 rounds of subscribing, unsubscribing and publishing by chance",
     "deliveries as a model says", .run = subscriptions_by_chance, .budget_ms = 60000},
    {"hbmqtt-to-mosquitto", "MQTT-7.0.0-2", "hbmqtt_pub to mosquitto_sub at each QoS",
     "the message is printed", .run = hbmqtt_to_mosquitto, .flags = CASE_PLAIN, .budget_ms = 30000},
    {"mosquitto-to-hbmqtt", "MQTT-7.0.0-2", "mosquitto_pub to hbmqtt_sub at each QoS",
     "the message is printed", .run = mosquitto_to_hbmqtt, .flags = CASE_PLAIN, .budget_ms = 30000},
    {"hbmqtt-to-hbmqtt", "", "hbmqtt_pub to hbmqtt_sub at each QoS", "the message is printed",
     .run = hbmqtt_to_hbmqtt, .flags = CASE_PLAIN, .budget_ms = 30000},
};

SECTION_OF_CASES(section_flow_sessions, "flow.session", "Sessions and tools");

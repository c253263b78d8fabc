// SPDX-License-Identifier: MIT
// hbmqtt, the broker: reads its arguments and configuration, opens its listeners, starts its shards, and
// waits for a signal to stop.
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/check.h"
#include "server/listeners.h"
#include "server/logs.h"
#include "server/mail.h"
#include "server/plugins.h"
#include "server/reload.h"
#include "server/service/service.h"
#include "server/shard.h"
#include "server/supervisor.h"

#define EXIT_USAGE 2 // a wrong argument or configuration

#define DESCRIPTORS_RESERVED                                                                                 \
    32u // standard streams, listeners, rings, and room for what is accepted while accepting stops
#define DESCRIPTORS_PER_SHARD 4u

struct arguments {
    const char *config_path; // NULL = the defaults
    uint32_t shard_count;    // 0 = as configured
    bool debug;
    bool check; // the configuration, and nothing more
};

static const char usage[] =
    "usage: hbmqtt [-c FILE] [-j SHARDS] [-d] [--check] [--version] [-h]\n"
    "\n"
    "An MQTT broker. Without -c it listens on 0.0.0.0:1883 and lets everybody in.\n"
    "\n"
    "  -c, --config-file FILE  read the configuration from FILE (YAML), see hbmqtt.yaml(5)\n"
    "  -j, --shards N          run N threads; default: one for each processor\n"
    "  -d, --debug             log every connection and what ended it\n"
    "      --check             say whether the configuration is right, and exit\n"
    "      --version           print the version and exit\n"
    "  -h, --help              print this and exit\n";

static _Noreturn void exit_usage(const char *what, const char *value)
{
    fprintf(stderr, "hbmqtt: %s '%s'; see hbmqtt --help\n", what, value);
    exit(EXIT_USAGE);
}

static uint32_t parse_shards(const char *text)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text || number < 1 || number > ROUTER_SHARDS_MAX ||
        text[0] == '-') {
        fprintf(stderr, "hbmqtt: -j takes a number from 1 to %u, not '%s'\n", ROUTER_SHARDS_MAX, text);
        exit(EXIT_USAGE);
    }
    return (uint32_t)number;
}

static struct arguments parse_arguments(int argc, char **argv)
{
    enum { OPTION_VERSION = 256, OPTION_CHECK };
    static const struct option options[] = {
        {"config-file", required_argument, NULL, 'c'},
        {"config", required_argument, NULL, 'c'},
        {"shards", required_argument, NULL, 'j'},
        {"debug", no_argument, NULL, 'd'},
        {"check", no_argument, NULL, OPTION_CHECK},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct arguments arguments = {0};
    for (int option; (option = getopt_long(argc, argv, "c:j:dh", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            arguments.config_path = optarg;
            break;
        case 'j':
            arguments.shard_count = parse_shards(optarg);
            break;
        case 'd':
            arguments.debug = true;
            break;
        case OPTION_CHECK:
            arguments.check = true;
            break;
        case OPTION_VERSION:
            puts("hbmqtt " HBMQTT_VERSION);
            exit(EXIT_SUCCESS);
        case 'h':
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        default: // getopt has said what is wrong
            fputs("see hbmqtt --help\n", stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < argc)
        exit_usage("what is this argument for:", argv[optind]);
    return arguments;
}

static const struct config *load_config(const struct arguments *arguments)
{
    char error[CONFIG_ERROR_BYTES];
    const struct config *config;
    if (config_load(arguments->config_path, &config, error, sizeof error) < 0) {
        log_error("%s", error);
        exit(EXIT_USAGE);
    }
    if (!arguments->check) { // which tells whoever asks
        struct log_prepared *log = logs_prepare(config, arguments->debug);
        if (log == NULL)
            exit(EXIT_USAGE);
        log_adopt(log);
    }
    logs_warn(config);
    return config;
}

// What --check does.
static _Noreturn void check_and_exit(const struct arguments *arguments, const struct config *config)
{
    if (!check_config(config))
        exit(EXIT_USAGE);
    printf("%s: OK\n", arguments->config_path == NULL ? "the defaults" : arguments->config_path);
    config_unref(config);
    exit(EXIT_SUCCESS);
}

static uint32_t choose_shards(const struct arguments *arguments, const struct config *config)
{
    if (arguments->shard_count > 0)
        return arguments->shard_count;
    if (config->shard_count > 0)
        return config->shard_count;
    cpu_set_t processors;
    long count = sched_getaffinity(0, sizeof processors, &processors) == 0 ? CPU_COUNT(&processors)
                                                                           : sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > (long)ROUTER_SHARDS_MAX ? ROUTER_SHARDS_MAX : (uint32_t)count;
}

static const char *ring_disable_from_environment(void)
{
    const char *names = getenv("HBMQTT_RING_DISABLE");
    const char *unknown = names == NULL ? NULL : ring_disable_check(names);
    if (unknown != NULL) {
        log_error("HBMQTT_RING_DISABLE: there is no feature '%.*s'; see hbmqtt(1) for their names",
                  (int)strcspn(unknown, ","), unknown);
        exit(EXIT_USAGE);
    }
    return names;
}

// Raises the limit on open files as far as it goes. Returns how many connections that leaves room for.
static uint64_t raise_descriptor_limit(uint32_t shard_count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return UINT64_MAX;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warning("the limit on open files stays as it is: %s", strerror(errno));
    uint64_t reserved = DESCRIPTORS_RESERVED + (uint64_t)shard_count * DESCRIPTORS_PER_SHARD;
    return limit.rlim_cur > reserved * 2 ? limit.rlim_cur - reserved : limit.rlim_cur / 2;
}

static void init_shards(struct broker *broker)
{
    int failed = 0;
    broker->shards = aligned_alloc(_Alignof(struct shard), broker->shard_count * sizeof(struct shard));
    if (broker->shards == NULL)
        failed = -ENOMEM;
    for (uint32_t i = 0; i < broker->shard_count && !failed; i++)
        failed = shard_init(&broker->shards[i], broker, i);
    if (failed) {
        log_error("cannot make %u shards: %s; choose fewer with -j", broker->shard_count, strerror(-failed));
        exit(EXIT_FAILURE);
    }
}

// Starts one after the other. Returns how many serve: fewer than wanted when one could not, which has been
// told.
static uint32_t start_shards(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->shard_count; i++) {
        struct shard *shard = &broker->shards[i];
        int failed = shard_start(shard);
        if (failed) {
            log_error("cannot start shard %u of %u: %s; choose fewer with -j", i + 1, broker->shard_count,
                      strerror(-failed));
            return i;
        }
        broker_await(broker, 1);
        if (shard->failed) {
            log_error("%s", shard->error);
            shard_join(shard);
            return i;
        }
    }
    return broker->shard_count;
}

// First all shards stop reading and post what they have read; then each sends what is queued, and closes.
static void stop_shards(struct broker *broker, uint32_t started)
{
    for (uint32_t i = 0; i < started; i++)
        mail_phase_from_main(&broker->shards[i], SHARD_QUIET);
    broker_await(broker, started);
    plugins_end(broker);
    for (uint32_t i = 0; i < started; i++)
        mail_phase_from_main(&broker->shards[i], SHARD_FINISHING);
    for (uint32_t i = 0; i < started; i++)
        shard_join(&broker->shards[i]);
    for (uint32_t i = 0; i < broker->shard_count; i++)
        shard_finish(&broker->shards[i]);
    listeners_close(broker);
    free(broker->shards);
    plugins_close(broker);
}

static void open_listeners(struct broker *broker, struct activation *activation)
{
    char error[SERVICE_ERROR_BYTES];
    if (activation_init(activation, error) < 0) {
        log_error("%s", error);
        exit(EXIT_USAGE);
    }
    struct regime *regime = regime_create(broker->config);
    listeners_init(broker);
    if (!listeners_prepare(broker, activation, NULL, regime))
        exit(EXIT_USAGE);
    broker->regime = regime;
}

// Rings, threads and whatever comes from clients belong to the user.
static void become_user(struct broker *broker)
{
    const struct config *config = broker->config;
    struct privileges_options options = {config->user, config->group};
    char error[SERVICE_ERROR_BYTES];
    if (privileges_drop(&options, error) < 0) {
        log_error("%s", error);
        listeners_close(broker); // a unix socket must not stay behind
        exit(EXIT_USAGE);
    }
    if (options.user == NULL && geteuid() == 0)
        log_warning("the broker runs as root: name a user that it is to become, see hbmqtt.yaml(5)");
}

// What is not ours never runs with more rights than the user has.
static void open_plugins(struct broker *broker)
{
    if (plugins_open(broker))
        return;
    listeners_close(broker); // a unix socket must not stay behind
    exit(EXIT_USAGE);
}

// Takes all rings and threads to exist. Returns false after one line.
static bool enter_sandbox(const struct config *config)
{
    const char *choice = getenv("HBMQTT_SECCOMP");
    const char *impossible = sandbox_impossible();
    char error[SERVICE_ERROR_BYTES];
    if (!config->seccomp || (choice != NULL && strcmp(choice, "off") == 0))
        log_info("seccomp: switched off by %s", config->seccomp ? "HBMQTT_SECCOMP" : "the configuration");
    else if (impossible != NULL)
        log_info("seccomp: not in this program, because %s", impossible);
    else if (sandbox_enter(error) < 0) {
        log_error("%s", error);
        return false;
    }
    return true;
}

static void tell_started(struct broker *broker, struct supervisor *supervisor)
{
    char where[LISTENERS_TEXT_BYTES];
    listeners_describe(broker, where, sizeof where);
    char features[RING_FEATURES_BYTES];
    ring_features(broker->shards[0].ring, features);
    listeners_warn_of_anybody(broker);
    log_info("hbmqtt " HBMQTT_VERSION " listening on %s, %u shard%s, ring: %s", where, broker->shard_count,
             broker->shard_count == 1 ? "" : "s", features);
    supervisor_ready(supervisor, where);
}

static void read_again(struct broker *broker, struct supervisor *supervisor, struct activation *activation,
                       const struct arguments *arguments)
{
    const struct reload_options options = {arguments->config_path, arguments->debug};
    char where[NOTIFY_STATUS_BYTES];
    supervisor_reloading(supervisor);
    reload(broker, activation, &options);
    listeners_describe(broker, where, sizeof where);
    supervisor_ready(supervisor, where);
}

// Until a signal that stops the broker.
static void serve(struct broker *broker, struct supervisor *supervisor, struct activation *activation,
                  const sigset_t *signals, const struct arguments *arguments)
{
    plugins_begin(broker);
    tell_started(broker, supervisor);
    int signal;
    while ((signal = supervisor_await_signal(supervisor, signals)) == SIGHUP || signal == SIGUSR1) {
        log_reopen();
        if (signal == SIGHUP)
            read_again(broker, supervisor, activation, arguments);
    }
    supervisor_stopping(supervisor);
    host_tell(broker->host, HBMQTT_EVENT_PRE_SHUTDOWN);
    log_info("stopping: %s", signal == SIGINT ? "interrupted" : "terminated");
}

int main(int argc, char **argv)
{
    static struct broker broker;
    static struct activation activation;
    struct supervisor supervisor;
    struct arguments arguments = parse_arguments(argc, argv);
    if (arguments.debug)
        log_set_level(LOG_DEBUG);
    const struct config *config = load_config(&arguments);
    if (arguments.check)
        check_and_exit(&arguments, config);
    if (!check_files(config) || !check_user(config))
        exit(EXIT_USAGE);

    // Blocked before the threads start, so that only the supervisor takes them.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL); // cannot fail with these arguments
    // A log whose reader has gone, or that has reached the limit on the size of files, must not end the
    // broker.
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);

    broker.config = config;
    broker.at_start = config;
    atomic_init(&broker.mailbox_bytes_max, config->limits.mailbox_bytes_max);
    broker.shard_count = choose_shards(&arguments, config);
    broker.hash_seed = random_entropy();
    broker.started_ns = clock_monotonic_ns();
    broker.ring_disable = ring_disable_from_environment();
    broker.descriptors_max = raise_descriptor_limit(broker.shard_count);
    (void)sem_init(&broker.reported, 0, 0); // cannot fail with these arguments
    supervisor_init(&supervisor, &broker);
    open_listeners(&broker, &activation);
    become_user(&broker);
    open_plugins(&broker);
    init_shards(&broker);
    uint32_t started = start_shards(&broker);
    bool served = started == broker.shard_count && enter_sandbox(config);
    if (served)
        serve(&broker, &supervisor, &activation, &signals, &arguments);
    stop_shards(&broker, started);
    supervisor_finish(&supervisor);
    (void)sem_destroy(&broker.reported); // nobody waits any more
    regime_destroy(broker.regime);
    config_unref(config);
    if (served)
        log_info("stopped");
    return served ? EXIT_SUCCESS : EXIT_FAILURE;
}

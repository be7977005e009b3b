/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * echprobe: makes a handshake with ECH through the shim, as a program would, and tells what
 * happened.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/io.h"
#include "tools/common/config_document.h"
#include "tools/common/config_input.h"
#include "tools/common/config_problem.h"
#include "tools/common/configured.h"
#include "tools/common/lookup_document.h"
#include "tools/common/origin.h"
#include "tools/common/resolver_link.h"
#include "tools/echprobe/text.h"
#include "tools/echprobe/try.h"

/* Exit status. */
enum {
    EXIT_ACCEPTED = 0,
    EXIT_NO_ECH = 1,    /* there is no usable ECHConfig; the handshake was made with GREASE */
    EXIT_NOT_TAKEN = 2, /* ECH was offered, but not accepted in the end */
    EXIT_LOOKUP = 3,    /* the look-up failed */
    EXIT_BAD_INPUT = 4, /* --config-list cannot be decoded */
    EXIT_UNREACHED = 5, /* no connection */
    EXIT_USAGE = 64,
    EXIT_NO_SHIM = 70, /* libechshim.so is missing, or does not work */
};

enum { DEFAULT_TIMEOUT_MS = 5000, TIMEOUT_MAX_MS = 60000, TRIES_MAX = 32 };

static const char usage[] =
    "usage: echprobe [OPTIONS] NAME[:PORT]\n"
    "\n"
    "Looks up the ECHConfig of NAME, makes a handshake with ECH through libechshim, and prints\n"
    "what happened when, and what it means.\n"
    "\n"
    "  -a, --all                a handshake with each usable ECHConfig, not only the first\n"
    "  -s, --stale              with a key that the server does not have: shows a rejection and,\n"
    "                           with --mode opportunistic or strict, the retry\n"
    "  -c, --config-list INPUT  this ECHConfigList instead of a look-up (as echdig --decode)\n"
    "  -C, --connect HOST       connect to HOST instead of the record's endpoint\n"
    "  -m, --mode MODE          opportunistic or strict (strict)\n"
    "  -r, --resolver RESOLVER  the resolver, as in ECHSHIM_RESOLVER\n"
    "  -A, --ca-file FILE       trust anchors (PEM) for the server, the public name and an\n"
    "                           encrypted resolver\n"
    "  -t, --timeout MS         bound on the look-up, the connection and the handshake (5000)\n"
    "  -j, --json               a JSON document instead of text\n"
    "      --version            the version\n"
    "  -h, --help               this text\n"
    "\n"
    "Exit status: 0 accepted; 1 no usable ECHConfig; 2 not accepted; 3 the look-up failed; 4 the\n"
    "config list cannot be decoded; 5 no connection; 64 wrong use; 70 libechshim does not work.\n";

struct arguments {
    const char *name;
    const char *config_list;
    const char *connect;
    const char *mode;
    const char *resolver;
    const char *ca_file;
    unsigned timeout_ms;
    bool all;
    bool stale;
    bool json;
};

#define FAIL(status, ...) (fprintf(stderr, "echprobe: " __VA_ARGS__), fputc('\n', stderr), (status))

/* All tries for one origin. */
struct probe {
    const struct arguments *arguments;
    char host[DNS_HOST_SIZE];
    char library[4096];
    json_t *document;
    json_t *tries; /* in the document */
    int status;
};

/* Beside this program (a build folder), or in the installed place. */
static bool find_library(char *path, size_t size)
{
    char self[2048];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;
    if (len <= 0) {
        return false;
    }
    self[len] = '\0';
    slash = strrchr(self, '/');
    *slash = '\0';
    (void)snprintf(path, size, "%s/libechshim.so", self);
    if (access(path, R_OK) == 0) {
        return true;
    }
    (void)snprintf(path, size, "%s/libechshim.so", SHIM_LIBDIR);
    return access(path, R_OK) == 0;
}

/* ---- one try ---- */

static int judge(const json_t *journal, bool offered)
{
    const json_t *report = json_object_get(journal, "report");
    const char *outcome = json_string_value(json_object_get(report, "outcome"));
    if (outcome == NULL) {
        const json_t *events = json_object_get(journal, "events");
        const char *last = json_string_value(
            json_object_get(json_array_get(events, json_array_size(events) - 1), "event"));
        bool unreached =
            last != NULL && (strcmp(last, "not_connected") == 0 || strcmp(last, "no_address") == 0);
        return unreached ? EXIT_UNREACHED : EXIT_NO_SHIM;
    }
    if (strcmp(outcome, "accepted") == 0) {
        return json_is_true(json_object_get(journal, "complete")) ? EXIT_ACCEPTED : EXIT_NOT_TAKEN;
    }
    return offered ? EXIT_NOT_TAKEN : EXIT_NO_ECH;
}

static void try_list(struct probe *probe, const char *target, unsigned port, struct bytes list)
{
    const struct arguments *arguments = probe->arguments;
    char port_text[8];
    (void)snprintf(port_text, sizeof port_text, "%u", port);
    const struct probe_try try = {
        .client = {.host = probe->host,
                   .target = arguments->connect != NULL ? arguments->connect : target,
                   .port = port_text,
                   .ca_file = arguments->ca_file,
                   .timeout_ms = arguments->timeout_ms},
        .library = probe->library,
        .mode = list.len > 0 ? arguments->mode : "grease",
        .ech_config_list = list,
    };
    json_t *journal = probe_try_run(&try);
    int status = journal == NULL ? EXIT_NO_SHIM : judge(journal, list.len > 0);
    probe->status = status > probe->status ? status : probe->status;
    json_object_set_new(journal, "target", json_string(try.client.target));
    json_object_set_new(journal, "port", json_integer((json_int_t)port));
    json_array_append_new(probe->tries, journal);
}

/* ---- which lists are tried ---- */

static enum ech_status fill(void *context, uint8_t *out, size_t len)
{
    (void)context;
    return dns_io_random(out, len) ? ECH_OK : ECH_ERR_CRYPTO;
}

/* A list with this config alone. If stale: with a random key that the server does not have, and
 * another config_id. */
static bool list_of(const struct ech_config *config, bool stale, struct writer *w)
{
    const struct ech_random random = {.fill = fill};
    uint8_t private_key[ECH_DH_PRIVATE_MAX];
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    uint16_t group = ech_hpke_kem_group(config->kem_id);
    struct wr_mark list = wr_open(w, 2);
    if (!stale) {
        wr_bytes(w, config->raw);
        wr_close(w, list);
        return wr_finish(w) == ECH_OK;
    }
    if (ech_dh_generate(group, &random, private_key, public_key) != ECH_OK) {
        return false;
    }
    ech_wipe(private_key, sizeof private_key);
    wr_u16(w, ECH_VERSION);
    struct wr_mark contents = wr_open(w, 2);
    wr_u8(w, config->config_id ^ 0x80);
    wr_u16(w, config->kem_id);
    struct wr_mark key = wr_open(w, 2);
    wr_bytes(w, bytes_of(public_key, ech_dh_public_size(group)));
    wr_close(w, key);
    struct wr_mark suites = wr_open(w, 2);
    wr_bytes(w, config->cipher_suites);
    wr_close(w, suites);
    wr_u8(w, config->maximum_name_length);
    struct wr_mark name = wr_open(w, 1);
    wr_bytes(w, config->public_name);
    wr_close(w, name);
    wr_u16(w, 0);
    wr_close(w, contents);
    wr_close(w, list);
    return wr_finish(w) == ECH_OK;
}

/* Tries the first usable config, or each of them. Returns how many there were. */
static size_t try_configs(struct probe *probe, const char *target, unsigned port, struct bytes list)
{
    struct reader configs;
    struct ech_config config;
    struct ech_hpke_suite suite;
    size_t tried = 0;
    if (ech_config_list_begin(list, &configs) != ECH_OK) {
        return 0;
    }
    while (ech_config_list_next(&configs, &config) && json_array_size(probe->tries) < TRIES_MAX &&
           (tried == 0 || probe->arguments->all)) {
        struct writer alone;
        if (ech_config_check(&config, NULL, &suite) != ECH_CONFIG_USABLE) {
            continue;
        }
        wr_init(&alone, 0);
        if (list_of(&config, probe->arguments->stale, &alone)) {
            try_list(probe, target, port, wr_view(&alone));
            tried++;
        }
        wr_free(&alone);
    }
    return tried;
}

static size_t try_endpoints(struct probe *probe, const json_t *lookup)
{
    size_t tried = 0;
    size_t i;
    json_t *endpoint;
    json_array_foreach(json_object_get(lookup, "endpoints"), i, endpoint)
    {
        const char *base64 = json_string_value(json_object_get(endpoint, "ech_config_list"));
        struct writer list;
        wr_init(&list, CONFIG_INPUT_MAX);
        if (base64 != NULL && (tried == 0 || probe->arguments->all) &&
            config_input_decode(bytes_of(base64, strlen(base64)), &list) == CONFIG_INPUT_OK) {
            tried += try_configs(probe, json_string_value(json_object_get(endpoint, "target")),
                                 (unsigned)json_integer_value(json_object_get(endpoint, "port")),
                                 wr_view(&list));
        }
        wr_free(&list);
    }
    return tried;
}

/* ---- all tries ---- */

static void print_text(const struct probe *probe)
{
    const json_t *lookup = json_object_get(probe->document, "lookup");
    if (lookup != NULL) {
        lookup_document_print(stdout, lookup);
    }
    size_t i;
    json_t *journal;
    json_array_foreach(probe->tries, i, journal)
    {
        printf("\nHandshake %zu, for %s:\n", i + 1, probe->host);
        probe_text_print(stdout, journal);
        if (json_object_get(journal, "report") == NULL && probe->status == EXIT_NO_SHIM) {
            printf("  the shim left no report: %s does not work here\n", probe->library);
        }
    }
}

static int run(struct probe *probe, unsigned port)
{
    const struct arguments *arguments = probe->arguments;
    size_t tried = 0;
    if (arguments->config_list != NULL) {
        struct writer list;
        wr_init(&list, CONFIG_INPUT_MAX);
        char problem[CONFIG_PROBLEM_SIZE];
        const char *wrong = config_input_problem(config_input_read(arguments->config_list, &list));
        if (wrong == NULL && config_problem(wr_view(&list), problem)) {
            wrong = problem;
        }
        if (wrong == NULL) {
            tried = try_configs(probe, probe->host, port, wr_view(&list));
        }
        wr_free(&list);
        if (wrong != NULL) {
            return FAIL(EXIT_BAD_INPUT, "%.80s holds no ECHConfigList: %s", arguments->config_list,
                        wrong);
        }
    } else {
        struct dns_resolver resolver;
        const struct shim_conf *conf = configured_load("echprobe", NULL);
        const char *asked = arguments->resolver != NULL
                                ? arguments->resolver
                                : configured_value(conf, SHIM_CONF_RESOLVER, probe->host, "system");
        if (dns_resolver_parse(asked, &resolver, NULL) != ECH_OK) {
            return FAIL(EXIT_USAGE, "cannot use the resolver %.80s", asked);
        }
        const char *ca_file = arguments->ca_file != NULL
                                  ? arguments->ca_file
                                  : shim_conf_value(conf, SHIM_CONF_CA_FILE, NULL);
        const struct dns_lookup lookup = {
            .resolver = &resolver,
            .io = &dns_io_libc,
            .channels = resolver_link_new(&resolver, ca_file,
                                          shim_conf_value(conf, SHIM_CONF_RESOLVER_PROXY, NULL)),
            .timeout_us = (uint64_t)arguments->timeout_ms * 1000};
        json_t *found = lookup_document(&lookup, probe->host, (uint16_t)port);
        resolver_link_free(&lookup.channels);
        json_object_set_new(probe->document, "lookup", found);
        tried = try_endpoints(probe, found);
        if (lookup_document_summary(found) == LOOKUP_FAILED) {
            probe->status = EXIT_LOOKUP;
        }
    }
    if (tried == 0 && probe->status == 0) {
        try_list(probe, probe->host, port, bytes_of(NULL, 0));
    }
    json_object_set_new(probe->document, "status", json_integer(probe->status));
    if (arguments->json) {
        json_dumpf(probe->document, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
    } else {
        print_text(probe);
    }
    if (fflush(stdout) != 0) {
        return FAIL(EXIT_USAGE, "cannot write: %s", strerror(errno));
    }
    return probe->status;
}

/* -1: go on; else the exit status. */
static int parse_option(int option, struct arguments *arguments)
{
    switch (option) {
    case 'a':
        arguments->all = true;
        return -1;
    case 's':
        arguments->stale = true;
        return -1;
    case 'c':
        arguments->config_list = optarg;
        return -1;
    case 'C':
        arguments->connect = optarg;
        return -1;
    case 'm':
        arguments->mode = optarg;
        return strcmp(optarg, "strict") == 0 || strcmp(optarg, "opportunistic") == 0
                   ? -1
                   : FAIL(EXIT_USAGE, "--mode is opportunistic or strict");
    case 'r':
        arguments->resolver = optarg;
        return -1;
    case 'A':
        arguments->ca_file = optarg;
        return access(optarg, R_OK) == 0
                   ? -1
                   : FAIL(EXIT_USAGE, "cannot read %s: %s", optarg, strerror(errno));
    case 't':
        return parse_bounded(optarg, TIMEOUT_MAX_MS, &arguments->timeout_ms)
                   ? -1
                   : FAIL(EXIT_USAGE, "--timeout takes 1 to %d milliseconds", TIMEOUT_MAX_MS);
    case 'j':
        arguments->json = true;
        return -1;
    case 'V':
        puts("echprobe " ECHSHIM_VERSION);
        return fflush(stdout) == 0 ? 0 : EXIT_USAGE;
    case 'h':
        fputs(usage, stdout);
        return fflush(stdout) == 0 ? 0 : EXIT_USAGE;
    default:
        return FAIL(EXIT_USAGE, "try echprobe --help");
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'},
        {"stale", no_argument, NULL, 's'},
        {"config-list", required_argument, NULL, 'c'},
        {"connect", required_argument, NULL, 'C'},
        {"mode", required_argument, NULL, 'm'},
        {"resolver", required_argument, NULL, 'r'},
        {"ca-file", required_argument, NULL, 'A'},
        {"timeout", required_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct arguments arguments = {.mode = "strict", .timeout_ms = DEFAULT_TIMEOUT_MS};
    int option;
    int status;
    if (probe_try_is_child(argc, argv, &status)) {
        return status;
    }
    while ((option = getopt_long(argc, argv, "asc:C:m:r:A:t:jh", options, NULL)) != -1) {
        status = parse_option(option, &arguments);
        if (status >= 0) {
            return status;
        }
    }
    if (argc - optind != 1) {
        return FAIL(EXIT_USAGE, "give one NAME[:PORT]; try echprobe --help");
    }
    arguments.name = argv[optind];
    struct probe probe = {.arguments = &arguments};
    unsigned port;
    if (!parse_origin(arguments.name, probe.host, &port)) {
        return FAIL(EXIT_USAGE, "%.80s is no NAME[:PORT]", arguments.name);
    }
    if (!find_library(probe.library, sizeof probe.library)) {
        return FAIL(EXIT_NO_SHIM, "libechshim.so is neither beside echprobe nor in %s",
                    SHIM_LIBDIR);
    }
    probe.tries = json_array();
    probe.document =
        json_pack("{s:s,s:i,s:o}", "host", probe.host, "port", (int)port, "tries", probe.tries);
    status = run(&probe, port);
    json_decref(probe.document);
    return status;
}

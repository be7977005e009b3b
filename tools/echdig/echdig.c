/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * echdig: shows the HTTPS records of a name with their ECHConfigs, which of them libechshim would
 * use, and why it would not use the others.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/lookup.h"
#include "tools/common/config_document.h"
#include "tools/common/config_input.h"
#include "tools/common/config_problem.h"
#include "tools/common/configured.h"
#include "tools/common/lookup_document.h"
#include "tools/common/origin.h"
#include "tools/common/resolver_link.h"

/* Exit status; the first four are enum lookup_summary. */
enum { EXIT_BAD_INPUT = 4, EXIT_USAGE = 64 };

enum { DEFAULT_TIMEOUT_MS = 2000, TIMEOUT_MAX_MS = 60000 };

static const char usage[] =
    "usage: echdig [OPTIONS] NAME[:PORT]\n"
    "       echdig [OPTIONS] --decode BASE64|FILE|-\n"
    "\n"
    "Looks up the HTTPS records of NAME and prints them with their ECHConfigs. Says which one\n"
    "libechshim would use, and why it would not use the others.\n"
    "\n"
    "  -r, --resolver RESOLVER  the resolver, as in ECHSHIM_RESOLVER (default: that variable,\n"
    "                           else `system`)\n"
    "  -t, --timeout MS         bound on the look-up, 1 to 60000 (2000)\n"
    "  -d, --decode INPUT       an ECHConfigList instead of a look-up: Base64, or a file (- for\n"
    "                           standard input) with PEM (RFC 9934), Base64 or the octets\n"
    "  -j, --json               a JSON document instead of text\n"
    "      --version            the version\n"
    "  -h, --help               this text\n"
    "\n"
    "Exit status: 0 a usable ECHConfig; 1 no ECH; 2 ECH, but no usable ECHConfig; 3 the\n"
    "look-up failed; 4 the input cannot be decoded; 64 wrong use.\n";

struct arguments {
    const char *name;
    const char *decode;
    const char *resolver; /* NULL: from the settings */
    unsigned timeout_ms;
    bool json;
};

/* Writes one sentence to standard error; returns the exit status. */
#define FAIL(status, ...) (fprintf(stderr, "echdig: " __VA_ARGS__), fputc('\n', stderr), (status))

static int print(json_t *document, bool json, void (*print_text)(FILE *, const json_t *))
{
    if (json) {
        json_dumpf(document, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
    } else {
        print_text(stdout, document);
    }
    if (fflush(stdout) != 0) {
        return FAIL(LOOKUP_FAILED, "cannot write: %s", strerror(errno));
    }
    return 0;
}

/* ---- --decode ---- */

static void print_decoded(FILE *out, const json_t *document)
{
    config_document_print(out, json_object_get(document, "configs"), 0);
}

static int decode_list(const struct arguments *arguments, struct bytes list)
{
    char problem[CONFIG_PROBLEM_SIZE];
    if (config_problem(list, problem)) {
        return FAIL(EXIT_BAD_INPUT, "%.80s: this is no ECHConfigList: %s", arguments->decode,
                    problem);
    }
    json_t *configs = config_document(list);
    int chosen = config_document_chosen(configs);
    json_t *document =
        json_pack("{s:s,s:o}", "summary", chosen >= 0 ? "ech" : "unusable", "configs", configs);
    int status = print(document, arguments->json, print_decoded);
    json_decref(document);
    return status != 0 ? status : (chosen >= 0 ? LOOKUP_ECH : LOOKUP_UNUSABLE);
}

static int decode(const struct arguments *arguments)
{
    struct writer list;
    wr_init(&list, CONFIG_INPUT_MAX);
    enum config_input input = config_input_read(arguments->decode, &list);
    const char *problem = config_input_problem(input);
    int status;
    if (input == CONFIG_INPUT_OK) {
        status = decode_list(arguments, wr_view(&list));
    } else if (input == CONFIG_INPUT_UNREADABLE) {
        status = FAIL(EXIT_BAD_INPUT, "cannot read %.80s: %s", arguments->decode, problem);
    } else {
        status = FAIL(EXIT_BAD_INPUT, "%.80s: %s", arguments->decode, problem);
    }
    wr_free(&list);
    return status;
}

/* ---- the look-up ---- */

static void tell_problem(void *context, const char *item, const char *why)
{
    (void)context;
    fprintf(stderr, "echdig: %s%.80s%s%s\n", item != NULL ? "cannot use \"" : "",
            item != NULL ? item : "", item != NULL ? "\": " : "", why);
}

static int look_up(const struct arguments *arguments)
{
    char host[DNS_HOST_SIZE];
    unsigned port;
    struct dns_resolver resolver;
    if (!parse_origin(arguments->name, host, &port)) {
        return FAIL(EXIT_USAGE, "%.80s is no NAME[:PORT]", arguments->name);
    }
    const struct shim_conf *conf = configured_load("echdig", NULL);
    const char *asked = arguments->resolver != NULL
                            ? arguments->resolver
                            : configured_value(conf, SHIM_CONF_RESOLVER, host, "system");
    const struct dns_resolver_problems problems = {.tell = tell_problem};
    if (dns_resolver_parse(asked, &resolver, &problems) != ECH_OK) {
        return FAIL(EXIT_USAGE, "cannot use the resolver %.80s", asked);
    }
    if (shim_conf_value(conf, SHIM_CONF_RESOLVER_PROXY, NULL) != NULL &&
        !dns_resolver_is_protected(&resolver)) {
        return FAIL(EXIT_USAGE, "ECHSHIM_RESOLVER_PROXY is for encrypted resolvers");
    }
    struct dns_lookup lookup = {
        .resolver = &resolver,
        .io = &dns_io_libc,
        .timeout_us = (uint64_t)arguments->timeout_ms * 1000,
    };
    lookup.channels = resolver_link_new(&resolver, shim_conf_value(conf, SHIM_CONF_CA_FILE, NULL),
                                        shim_conf_value(conf, SHIM_CONF_RESOLVER_PROXY, NULL));
    json_t *document = lookup_document(&lookup, host, (uint16_t)port);
    if (document != NULL) {
        lookup_document_each(document, &lookup, host, (uint16_t)port);
    }
    resolver_link_free(&lookup.channels);
    if (document == NULL) {
        return FAIL(LOOKUP_FAILED, "out of memory");
    }
    int status = print(document, arguments->json, lookup_document_print);
    if (status == 0) {
        status = (int)lookup_document_summary(document);
    }
    json_decref(document);
    return status;
}

/* ---- options ---- */

/* -1: go on; else the exit status. */
static int parse_option(int option, struct arguments *arguments)
{
    switch (option) {
    case 'r':
        arguments->resolver = optarg;
        return -1;
    case 't':
        return parse_bounded(optarg, TIMEOUT_MAX_MS, &arguments->timeout_ms)
                   ? -1
                   : FAIL(EXIT_USAGE, "--timeout takes 1 to %d milliseconds", TIMEOUT_MAX_MS);
    case 'd':
        arguments->decode = optarg;
        return -1;
    case 'j':
        arguments->json = true;
        return -1;
    case 'V':
        puts("echdig " ECHSHIM_VERSION);
        return fflush(stdout) == 0 ? 0 : EXIT_USAGE;
    case 'h':
        fputs(usage, stdout);
        return fflush(stdout) == 0 ? 0 : EXIT_USAGE;
    default:
        return FAIL(EXIT_USAGE, "try echdig --help");
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"resolver", required_argument, NULL, 'r'},
        {"timeout", required_argument, NULL, 't'},
        {"decode", required_argument, NULL, 'd'},
        {"json", no_argument, NULL, 'j'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct arguments arguments = {.timeout_ms = DEFAULT_TIMEOUT_MS};
    int option;
    while ((option = getopt_long(argc, argv, "r:t:d:jh", options, NULL)) != -1) {
        int status = parse_option(option, &arguments);
        if (status >= 0) {
            return status;
        }
    }
    int names = argc - optind;
    if (arguments.decode != NULL && names != 0) {
        return FAIL(EXIT_USAGE, "--decode takes no NAME");
    }
    if (arguments.decode == NULL && names != 1) {
        return FAIL(EXIT_USAGE, "give one NAME[:PORT]; try echdig --help");
    }
    arguments.name = argv[optind];
    return arguments.decode != NULL ? decode(&arguments) : look_up(&arguments);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_WORLD_H
#define TESTS_PRELOAD_WORLD_H

/* A world of its own for each test: network and mount namespaces (so ports 53 and 443 are free and
 * /etc/resolv.conf is ours, without root), a DNS server with the HTTPS records, an ECH server, and
 * between program and server a relay that records every octet. Programs run in it with or without
 * the shim, under a time limit.
 *
 * Where namespaces are forbidden make check leaves the tests out and counts them; the demonstration
 * runs without namespaces.
 *
 * A function that cannot do its work fails by require.h: this ends the running Criterion test, or
 * the whole demonstration. One world per process; give world_end as .fini of the test or suite.
 * ECHSHIM_TEST_KEEP=1 keeps the folders.
 *
 * ECHSHIM_TEST_CHROOT=DIR runs the programs in another root, for example a Debian release. This
 * tree and the world's folder have their usual names there. The peers stay outside. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define INNER_NAME "secret.example.org"
#define PUBLIC_NAME "public.example"
/* A name that a user may choose for ClientHelloOuter. */
#define COVER_NAME "cover.example"
/* In front of a program that sends what it reads. Without a request the server would wait. */
#define SEND_REQUEST                                                                               \
    "printf 'GET / HTTP/1.1\\r\\nHost: " INNER_NAME "\\r\\nConnection: close\\r\\n\\r\\n' | "

enum { WORLD_ARGUMENTS = 24, WORLD_CHILDREN = 8, HTTPS_PORT = 443 };

struct world;

struct world_options {
    /* File names in build/pki; NULL: "inner" and "public". */
    const char *inner_certificate;
    const char *public_certificate;
    /* The same, for COVER_NAME; NULL: the server knows no such name. */
    const char *cover_certificate;
    /* The server accepts only P-384, and no client here sends a share of it. */
    bool hello_retry;
    /* The server has no ECH, but DNS says that it has. */
    bool server_without_ech;
    /* The config in DNS has another key. */
    bool stale_config;
    /* DNS has no HTTPS record. */
    bool no_https_record;
    bool tls12;
    /* Where namespaces are forbidden the world may use this machine's loopback: see struct world,
     * `shared`. */
    bool may_share;
    /* No relay: the server itself listens at RELAY_ADDRESS, and nothing is recorded. */
    bool direct;
    /* The relay listens on this port instead of 443, and the HTTPS record is at _PORT._https
     * (RFC 9460, 9.1). 0: 443. */
    unsigned port;
    unsigned delay_ms;
    /* More arguments for ech_server; ends with NULL. */
    const char *server_arguments[WORLD_ARGUMENTS];
    /* Every name below this zone has the HTTPS record too (but no address); NULL: none. */
    const char *dns_zone;
    /* More lines for the server: clause of unbound; NULL: none. */
    const char *dns_lines;
    /* Starts another server instead of ech_server, as these options ask. Sets server_address, and
     * sets configs to what DNS should say. `peer` is an argument for this function alone. */
    void (*start_server)(struct world *world, const struct world_options *options);
    const void *peer;
    /* An ECH server in front of unbound, at RESOLVER_TLS (or at RESOLVER_HTTPS), with its ECHConfig
     * in DNS. Its traffic is recorded in resolver-wire. The server logs to resolver.log, and
     * closes connections that are idle for 0.2 seconds. */
    enum { NO_RESOLVER_ECH, RESOLVER_ECH_TLS, RESOLVER_ECH_HTTPS } resolver_ech;
    /* More arguments for that server; ends with NULL. */
    const char *resolver_arguments[8];
};

struct world {
    char folder[128];
    /* The root that programs run in; "": this machine's root. */
    char root[256];
    /* Absolute names of the trust anchor, and of what make built. */
    char ca[256];
    char library[256];
    char clients[256];
    char pki[256];
    /* The published ECHConfigList, base64. */
    char configs[1024];
    char server_address[64];
    /* NULL: the world has its own network. Otherwise the reason why not: then the relay and unbound
     * (over TLS alone) use free ports of 127.0.0.1. Programs get their names from nss_wrapper, or
     * under the shim from unbound. Nothing of this machine changes. */
    const char *shared;
    /* The port of the relay. */
    unsigned port;
    /* The value of ECHSHIM_RESOLVER for programs under the shim. */
    char resolver[64];
    pid_t children[WORLD_CHILDREN];
    size_t child_count;
    unsigned runs;
    /* The harness kills a program that takes longer; 0: 60 s. */
    unsigned run_seconds;
};

/* The addresses of the peers: the relay on the programs' side, and the DNS server's ports for UDP,
 * TCP, TLS and HTTPS. Its certificate is for dns.example and these addresses. */
#define RELAY_ADDRESS "127.0.0.1:443"
#define DNS_ADDRESS "127.0.0.53"
#define DNS_UDP "udp://127.0.0.53:53"
#define DNS_TCP "tcp://127.0.0.53:53"
#define DNS_TLS "tls://127.0.0.53:853#dns.example"
#define DNS_HTTPS "https://dns.example:443/dns-query#127.0.0.53"

#define RESOLVER_TLS "tls://127.0.0.54:853#dns.example"
#define RESOLVER_HTTPS "https://dns.example/dns-query#127.0.0.54"

struct world *world_start(const struct world_options *options);

/* Starts ech_server as the options ask, for the start_server of options that want more than it. */
void world_start_server(struct world *world, const struct world_options *options);
void world_end(void);

/* Until the test ends, the other root has this tree, the world's folder, /dev and /proc too. */
void world_enter_root(const struct world *world, const char *root);

/* For programs that change their user: copies the shim, the launcher and the trust anchor to "open"
 * in the world's folder, which all users may read. The tree itself may be in a home folder that
 * they may not. */
void world_open_to_all(struct world *world);

/* Starts one more peer, which ends with the test. Its standard output goes to FOLDER/NAME.out. If
 * `ready` is not NULL, waits until the output contains that text. */
pid_t world_spawn(struct world *world, const char *name, const char *ready, char *const argv[]);

struct run_result {
    /* 128 + signal if a signal ended the program. */
    int exit_code;
    bool timed_out;
    /* In the world's folder, NUL-terminated; they live as long as the process. */
    char *out;
    char *err;
};

/* How a program runs. `extra` has more environment variables as NAME=VALUE, ends with NULL, and
 * takes precedence. The others are PATH, HOME in the world's folder, LC_ALL=C, the usual variables
 * for the trust anchor, and under the shim ECHSHIM_REPORT, _RESOLVER=system, _CA_FILE, _PRIVATE=on.
 */
enum run_mode { RUN_PLAIN, RUN_SHIM };

struct run_result world_run(struct world *world, enum run_mode mode, char *const extra[],
                            char *const argv[]);

/* The same through sh -c. */
struct run_result world_shell(struct world *world, enum run_mode mode, char *const extra[],
                              const char *command);

/* Starts build/peers/dns_relay with these options (ends with NULL) between programs and the DNS
 * server. The system's resolver is at this address from then on. */
#define RELAYED_DNS_ADDRESS "127.0.0.54"
void world_relay_dns(struct world *world, const char *const options[]);

/* The whole contents of a file in the world's folder; "" if it does not exist. */
char *world_read(const struct world *world, const char *name, size_t *len);

/* ---- what should have happened: for Criterion tests only (world_expect.c) ---- */

/* There were `count` handshakes. The server accepted each with INNER_NAME, the report says
 * "accepted" for each, no octet to the server shows the inner name, and the public name is there.
 * Both hellos of a handshake agree where they have to (second_hello.h). */
void world_expect_accepted(struct world *world, unsigned count);

/* The same without the server's log: for a server that keeps no such log. */
void world_expect_sealed(struct world *world, unsigned count);

/* At least `count` plain handshakes for the inner name, which the wire shows. */
void world_expect_visible(struct world *world, unsigned count);

/* No octet of any connection shows the inner name. (Succeeds without connections.) */
void world_expect_hidden(struct world *world);

/* The number of lines in the server's log that have `key` true ("done": finished handshakes). Waits
 * up to two seconds for `at_least` of them. */
unsigned world_log_count(struct world *world, const char *key, unsigned at_least);

/* How often `part` stands in `text`. */
unsigned text_count(const char *text, const char *part);

/* The number of report lines with this outcome. */
unsigned world_report_count(struct world *world, const char *outcome);
/* For messages: how many report lines have each outcome and reason, as JSON. The caller frees it.
 */
char *world_report_summary(const struct world *world);

/* The number of connections through the relay in which the client sent `text`. */
unsigned world_wire_count(const struct world *world, const char *text);
/* The same, but waits up to five seconds until there are so many: the program may end before the
 * relay has read its last octets. */
unsigned world_wire_await(const struct world *world, const char *text, unsigned at_least);

/* Fails, with the program's output, if the exit code is not `exit_code`, or if neither output nor
 * errors contain `text` (NULL: any). */
void expect_exit(const struct run_result *result, int exit_code, const char *text);

#endif

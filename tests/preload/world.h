/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_WORLD_H
#define TESTS_PRELOAD_WORLD_H

/* A world of its own for each test: network and mount namespaces (so ports 53 and 443 are free and
 * /etc/resolv.conf is ours, without root), a DNS server with the HTTPS records, an ECH server, and
 * between program and server a relay that keeps every octet. Programs run in it with or without the
 * shim, under a time limit.
 *
 * Where namespaces are forbidden a test is left out (make check counts these), and the
 * demonstration makes do without.
 *
 * All functions fail by require.h when something cannot be done: in a test the running Criterion
 * test, in the demonstration all of it. One world per process; give world_end as .fini of the test
 * or suite. ECHSHIM_TEST_KEEP=1 keeps the folders.
 *
 * ECHSHIM_TEST_CHROOT=DIR runs the programs in another root, a Debian release for example, where
 * this tree and the world's folder have their usual names; the peers stay outside. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define INNER_NAME "secret.example.org"
#define PUBLIC_NAME "public.example"

enum { WORLD_ARGUMENTS = 24, WORLD_CHILDREN = 8, HTTPS_PORT = 443 };

struct world;

struct world_options {
    /* Certificates of build/pki by file name; NULL: "inner" and "public". */
    const char *inner_certificate;
    const char *public_certificate;
    /* The server takes only P-384, for which no client here sends a share. */
    bool hello_retry;
    /* No ECH in the server, though DNS says so. */
    bool server_without_ech;
    /* The config in DNS is of another key. */
    bool stale_config;
    /* No HTTPS record in DNS. */
    bool no_https_record;
    bool tls12;
    /* Where namespaces are forbidden the world is on this machine's loopback: see struct world,
     * `shared`. */
    bool may_share;
    /* No relay: the server itself is at RELAY_ADDRESS, and nothing is recorded. */
    bool direct;
    /* The relay listens on this port instead of 443, and the HTTPS record stands at _PORT._https
     * (RFC 9460, 9.1). 0: 443. */
    unsigned port;
    unsigned delay_ms;
    /* More for ech_server, ends with NULL. */
    const char *server_arguments[WORLD_ARGUMENTS];
    /* Every name below it has the HTTPS record too (and no address); NULL: none. */
    const char *dns_zone;
    /* More lines for the server: clause of unbound, or NULL. */
    const char *dns_lines;
    /* Starts another server instead of ech_server, as these options ask for: sets server_address,
     * and configs to what DNS shall say. `peer` is for it alone. */
    void (*start_server)(struct world *world, const struct world_options *options);
    const void *peer;
    /* An ECH server in front of unbound, at RESOLVER_TLS (or at RESOLVER_HTTPS), with its ECHConfig
     * in DNS. What goes to it is recorded in resolver-wire, its log is resolver.log, and it closes
     * what is idle for a fifth of a second. */
    enum { NO_RESOLVER_ECH, RESOLVER_ECH_TLS, RESOLVER_ECH_HTTPS } resolver_ech;
    /* More for it, ends with NULL. */
    const char *resolver_arguments[8];
};

struct world {
    char folder[128];
    /* The root that programs run in; "": this machine's. */
    char root[256];
    /* Absolute names: of the trust anchor, and of what make built. */
    char ca[256];
    char library[256];
    char clients[256];
    char pki[256];
    /* The published ECHConfigList, base64. */
    char configs[1024];
    char server_address[64];
    /* NULL: a network of its own. Else why it has none: the relay and unbound (over TLS alone) are
     * at free ports of 127.0.0.1, programs get their names without the shim by nss_wrapper and with
     * it from unbound, and nothing of the machine's is changed. */
    const char *shared;
    /* The relay's. */
    unsigned port;
    /* ECHSHIM_RESOLVER of programs under the shim. */
    char resolver[64];
    pid_t children[WORLD_CHILDREN];
    size_t child_count;
    unsigned runs;
    /* A program that takes longer is killed; 0: 60 s. */
    unsigned run_seconds;
};

/* Where the peers are: the programs' side of the relay, the DNS server's UDP, TCP, TLS and HTTPS
 * ports; its certificate is for dns.example and these addresses. */
#define RELAY_ADDRESS "127.0.0.1:443"
#define DNS_ADDRESS "127.0.0.53"
#define DNS_UDP "udp://127.0.0.53:53"
#define DNS_TCP "tcp://127.0.0.53:53"
#define DNS_TLS "tls://127.0.0.53:853#dns.example"
#define DNS_HTTPS "https://dns.example:443/dns-query#127.0.0.53"

#define RESOLVER_TLS "tls://127.0.0.54:853#dns.example"
#define RESOLVER_HTTPS "https://dns.example/dns-query#127.0.0.54"

struct world *world_start(const struct world_options *options);
void world_end(void);

/* This tree, the world's folder, /dev and /proc in another root too, until the test ends. */
void world_enter_root(const struct world *world, const char *root);

/* For programs that change their user: the shim, the launcher and the trust anchor in "open" in the
 * world's folder, which everybody may read. The tree itself may lie in somebody's home. */
void world_open_to_all(struct world *world);

/* Starts one more peer, which dies with the test; its standard output goes to FOLDER/NAME.out. When
 * `ready` is not NULL waits until that text stands in it. */
pid_t world_spawn(struct world *world, const char *name, const char *ready, char *const argv[]);

struct run_result {
    /* 128 + signal when killed. */
    int exit_code;
    bool timed_out;
    /* Of the world's folder, NUL-terminated; they live as long as the process. */
    char *out;
    char *err;
};

/* How a program is run. `extra` are more NAME=VALUE for its environment, ends with NULL; they win.
 * Without them: PATH, HOME in the world's folder, LC_ALL=C and the usual variables for the trust
 * anchor, and with the shim ECHSHIM_REPORT, _RESOLVER=system, _CA_FILE, _PRIVATE=on. */
enum run_mode { RUN_PLAIN, RUN_SHIM };

struct run_result world_run(struct world *world, enum run_mode mode, char *const extra[],
                            char *const argv[]);

/* The same through sh -c. */
struct run_result world_shell(struct world *world, enum run_mode mode, char *const extra[],
                              const char *command);

/* Puts build/peers/dns_relay, with these options (ends with NULL), between programs and the DNS
 * server: the system's resolver is at this address from now on. */
#define RELAYED_DNS_ADDRESS "127.0.0.54"
void world_relay_dns(struct world *world, const char *const options[]);

/* Whole contents of a file in the world's folder, "" when it is not there. */
char *world_read(const struct world *world, const char *name, size_t *len);

/* ---- what must have happened: only for Criterion tests (world_expect.c) ---- */

/* `count` handshakes: accepted with INNER_NAME at the server, each reported as accepted, the inner
 * name in no octet that went to the server, the public name there, and both hellos of each
 * handshake the same where they have to be (second_hello.h). */
void world_expect_accepted(struct world *world, unsigned count);

/* The same but for the server's word: for a server that keeps no log of this kind. */
void world_expect_sealed(struct world *world, unsigned count);

/* At least `count` plain handshakes for the inner name, visible on the wire. */
void world_expect_visible(struct world *world, unsigned count);

/* The inner name in no octet of any connection (and true without any). */
void world_expect_hidden(struct world *world);

/* Lines of the server's log that have `key` true (or done handshakes, for "done"). Waits until
 * there are `at_least`, up to two seconds. */
unsigned world_log_count(struct world *world, const char *key, unsigned at_least);

/* Report lines with this outcome. */
unsigned world_report_count(struct world *world, const char *outcome);

/* Connections through the relay whose client octets contain `text`. */
unsigned world_wire_count(const struct world *world, const char *text);

/* Fails with the program's output when the exit code is not `exit_code`, or `text` (when not NULL)
 * is neither in its output nor in its errors. */
void expect_exit(const struct run_result *result, int exit_code, const char *text);

#endif

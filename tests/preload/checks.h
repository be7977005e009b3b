/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_CHECKS_H
#define TESTS_PRELOAD_CHECKS_H

/* What tests of modes and failures need of a world, and the programs that they run in it. */

#include "world.h"

#define URL "https://" INNER_NAME "/"
#define HELLO "hello from " INNER_NAME
#define WGET "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " URL
#define CURL "curl -sS --cacert \"$CA\" " URL
#define S_CLIENT                                                                                   \
    SEND_REQUEST                                                                                   \
    "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME         \
    " -connect " INNER_NAME ":443"
#define GNUTLS_CLI "gnutls-cli --x509cafile \"$CA\" " INNER_NAME " </dev/null"
#define URLLIB                                                                                     \
    "/usr/bin/python3 -c 'import urllib.request as r; print(r.urlopen(\"" URL                      \
    "\").read().decode())'"
#define ASYNCIO                                                                                    \
    "/usr/bin/python3 -c 'import asyncio\n"                                                        \
    "async def main():\n"                                                                          \
    "    r, w = await asyncio.open_connection(\"" INNER_NAME "\", 443, ssl=True)\n"                \
    "    w.write(b\"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n\")\n"           \
    "    print((await r.read()).decode())\n"                                                       \
    "    w.close()\n"                                                                              \
    "asyncio.run(main())'"
#define OWN_OPENSSL(mode) "\"$CLIENTS/openssl_client\" " INNER_NAME " 443 \"$CA\" " mode " \"$PKI\""
#define OWN_GNUTLS(mode) "\"$CLIENTS/gnutls_client\" " INNER_NAME " 443 \"$CA\" " mode

/* A program, and how it ends when its TLS library reports a failed handshake. */
struct program {
    const char *command;
    int failure_exit;
    const char *failure_text;
};
extern const struct program a_wget, a_curl, an_s_client, a_gnutls_cli, a_urllib, an_asyncio,
    an_openssl_epoll, a_gnutls_nonblocking;

/* Writes a configuration file in the world's folder. Gives "ECHSHIM_CONF=..."; it lives as long as
 * the process. */
char *conf_setting(const struct world *world, const char *text);

/* The report has `count` lines. Each has exactly the fields of the interface, with this outcome and
 * reason (NULL: null). */
void expect_report(struct world *world, unsigned count, const char *outcome, const char *reason);
/* How many fields a line of the report has, if no line was lost. */
size_t report_field_count(void);
/* Compares a text, number or null of the first report line. */
void expect_report_text(struct world *world, const char *key, const char *value);

/* Each line of the output names a way and its result: the result is `word`. Gives the number of
 * lines, which is not 0. */
unsigned expect_each(const struct run_result *result, const char *word);

/* Waits until the server has seen the end of every connection that the relay took: then all octets
 * are recorded. Gives the number of connections. */
unsigned connections_ended(struct world *world);
/* The octets that all clients sent, once all connections have ended. */
size_t octets_sent(struct world *world);
/* No octet went to the server. */
void expect_silence(struct world *world);
/* There were `count` connections, each with one ClientHello, and none shows the inner name. */
void expect_outer_hellos(struct world *world, unsigned count);

/* Starts a DNS server on 127.0.0.54:53, UDP and TCP. It never answers ("silent"), or always with
 * SERVFAIL ("servfail"). */
void start_bad_dns(struct world *world, const char *how);
#define BAD_DNS "udp://127.0.0.54:53"

/* Copies the stub without the engine into the world's folder. Gives the setting of LD_PRELOAD for
 * that copy; a sanitizer's runtime stays in front. It lives until the next call. */
char *stub_alone(struct world *world);

/* LD_PRELOAD with the sanitizer's runtime, if there is one, and then the shim and another library
 * of the clients, in this order. It lives until the next call. */
enum preload_order { BEFORE, AFTER };
char *preload(const struct world *world, const char *other, enum preload_order order);
/* No private key is seen: the calls of the functions that make them do not reach the shim. */
#define HIDE_KEYS(world)                                                                           \
    ((char *[]){"KEYS=hide", preload((world), "libkeys_interposer.so", BEFORE), NULL})

/* Has the BoringSSL here ECH, so that build/peers/ech_client could be built? */
bool boringssl_has_ech(void);
/* Skips the test where it has not. */
void need_boringssl_with_ech(void);

/* Skips the test where there is no client of NSS, or where its NSS knows no ECH of RFC 9849, as
 * that of Debian 11 (3.61). */
void need_nss_client(void);
bool nss_knows_ech(void);
void need_nss(void);
/* The NSS of Debian sid: the client with the loader and the libraries of that root. The command is
 * good until the next call. */
void need_nss_of_sid(void);
const char *nss_of_sid(const char *mode);

/* Starts a server with a full queue: a client that connects gets no answer at all. */
void start_deaf_server(struct world *world, const char *address, const char *port);

/* Replaces the ECH server with a hostile one; `how` is a word of tests/preload/hostile.py. */
void start_hostile_server(struct world *world, const char *how);

/* Makes a library that has the names of OpenSSL and is not known, for the commands behind it: it is
 * BoringSSL without the name by which the shim knows it. */
#define UNKNOWN_LIBRARY                                                                            \
    "sed s/SSL_ECH_KEYS_new/SSL_ECH_KEYS_old/ /usr/lib/*/android/libssl.so.0 >libssl.so.0 && "     \
    "export LD_LIBRARY_PATH=$PWD && "

#endif

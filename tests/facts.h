/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What differs between the releases of libraries and programs that tests run with: of the machine
 * that the tests were built on. One entry for each fact, with the release that changed it; tests
 * say by these what must hold.
 */
#ifndef TESTS_FACTS_H
#define TESTS_FACTS_H

#include <gnutls/gnutls.h>
#include <openssl/opensslv.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    /*
     * OpenSSL 3.5 offers X25519MLKEM768 unless told otherwise. The engine cannot make such a share:
     * the outer hello borrows the program's, what is left for the payload is less, and what the
     * server thinks of ECH after a rejection is learned by a probe (docs/behaviour.md).
     */
    FACT_OPENSSL_POST_QUANTUM = OPENSSL_VERSION_NUMBER >= 0x30500000L,
    /* Least octets of an inner hello in the payload, without the AEAD's tag. */
    FACT_OPENSSL_PAYLOAD = FACT_OPENSSL_POST_QUANTUM ? 128 : 192,
    FACT_GNUTLS_PAYLOAD = 288,
    /* GnuTLS 3.8 sends the extensions of every hello in another order. */
    FACT_GNUTLS_SHUFFLES = GNUTLS_VERSION_NUMBER >= 0x030800,
};

/* Whether a command runs a program on OpenSSL, of those that the tests run. */
static inline bool fact_is_of_openssl(const char *command)
{
    return strstr(command, "wget") == NULL && strstr(command, "gnutls") == NULL;
}

/* Connections that a rejection costs this program beside its own and the retry: 1 is a probe. */
static inline unsigned fact_probes(const char *command)
{
    return FACT_OPENSSL_POST_QUANTUM && fact_is_of_openssl(command) ? 1 : 0;
}

/* The report's reason where retries are off: who rejects proves himself to nobody but a probe. */
static inline const char *fact_reason_of_retry_off(const char *command)
{
    return fact_probes(command) > 0 ? "unauthenticated" : "retry_off";
}

/* unbound 1.20 and later let no SVCB record pass that has a priority and nothing else; 1.17 did. */
static inline bool fact_unbound_checks_svcb(void)
{
    unsigned major = 0;
    unsigned minor = 0;
    FILE *said = popen("PATH=$PATH:/usr/sbin:/sbin unbound -V", "r");
    bool known = said != NULL && fscanf(said, "Version %u.%u", &major, &minor) == 2;
    if (said != NULL) {
        (void)pclose(said);
    }
    return known && (major > 1 || minor >= 20);
}

/* valgrind 3.21 and later complain of realloc(x, 0), which libraries below wget2 do. In a shell. */
#define FACT_VALGRIND                                                                              \
    "valgrind -q --error-exitcode=99 "                                                             \
    "$(valgrind --help | grep -q show-realloc-size-zero && echo --show-realloc-size-zero=no) "

#endif

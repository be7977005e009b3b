/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Differences between releases of the libraries and programs that the tests run with, on the
 * machine that built the tests. One entry for each fact, with the release that changed it. Tests
 * use these facts to say what must hold.
 */
#ifndef TESTS_FACTS_H
#define TESTS_FACTS_H

#include <gnutls/gnutls.h>
#include <openssl/opensslv.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The OpenSSL that the tests' programs are linked to, and the version of its oldest symbols. */
#define FACT_TEXT_OF(number) #number
#define FACT_TEXT(number) FACT_TEXT_OF(number)
#ifdef OPENSSL_SHLIB_VERSION
#define FACT_LIBSSL "libssl.so." FACT_TEXT(OPENSSL_SHLIB_VERSION)
#define FACT_LIBSSL_SYMBOLS "OPENSSL_" FACT_TEXT(OPENSSL_SHLIB_VERSION) ".0.0"
#else
#define FACT_LIBSSL "libssl.so.1.1"
#define FACT_LIBSSL_SYMBOLS "OPENSSL_1_1_0"
#endif

enum {
    /*
     * OpenSSL 3.5 offers X25519MLKEM768 by default. The engine cannot make such a share, so the
     * outer hello borrows the program's. That leaves less room for the payload, and after a
     * rejection only a probe can learn what the server says of ECH (docs/behaviour.md).
     */
    FACT_OPENSSL_POST_QUANTUM = OPENSSL_VERSION_NUMBER >= 0x30500000L,
    /* Least length of an inner hello in the payload, without the AEAD's tag. */
    FACT_OPENSSL_PAYLOAD = FACT_OPENSSL_POST_QUANTUM ? 128 : 192,
    FACT_GNUTLS_PAYLOAD = 288,
    /* GnuTLS 3.8 shuffles the extensions of every hello. */
    FACT_GNUTLS_SHUFFLES = GNUTLS_VERSION_NUMBER >= 0x030800,
};

/* Whether the command, one of those that the tests run, runs a program on OpenSSL. */
static inline bool fact_is_of_openssl(const char *command)
{
    return strstr(command, "wget") == NULL && strstr(command, "gnutls") == NULL;
}

/* Connections that a rejection costs this program besides its own and the retry: 1 is a probe. */
static inline unsigned fact_probes(const char *command)
{
    return FACT_OPENSSL_POST_QUANTUM && fact_is_of_openssl(command) ? 1 : 0;
}

/* The report's reason where retries are off. With a borrowed share, only a probe could authenticate
 * the rejection. */
static inline const char *fact_reason_of_retry_off(const char *command)
{
    return fact_probes(command) > 0 ? "unauthenticated" : "retry_off";
}

/* unbound 1.20 and later drop an SVCB record that has only a priority; 1.17 did not. */
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

/* valgrind 3.21 and later complain of realloc(x, 0), which libraries below wget2 call. For a
 * shell. */
#define FACT_VALGRIND                                                                              \
    "valgrind -q --error-exitcode=99 "                                                             \
    "$(valgrind --help | grep -q show-realloc-size-zero && echo --show-realloc-size-zero=no) "

#endif

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
#include <stdlib.h>
#include <string.h>

/* The OpenSSL that the tests' programs are linked to, and the version of its oldest symbols. The
 * build of make check-openssl4 names another one. */
#define FACT_TEXT_OF(number) #number
#define FACT_TEXT(number) FACT_TEXT_OF(number)
#ifdef FACT_LIBSSL
#elif defined OPENSSL_SHLIB_VERSION
#define FACT_LIBSSL "libssl.so." FACT_TEXT(OPENSSL_SHLIB_VERSION)
#define FACT_LIBSSL_SYMBOLS "OPENSSL_" FACT_TEXT(OPENSSL_SHLIB_VERSION) ".0.0"
#define FACT_LIBCRYPTO "libcrypto.so." FACT_TEXT(OPENSSL_SHLIB_VERSION)
#else
#define FACT_LIBSSL "libssl.so.1.1"
#define FACT_LIBCRYPTO "libcrypto.so.1.1"
#define FACT_LIBSSL_SYMBOLS "OPENSSL_1_1_0"
#endif

/* s_client of OpenSSL 1.1.1 takes this one for a setting of servers, and refuses it. */
#if OPENSSL_VERSION_NUMBER < 0x30000000L
#define FACT_LEGACY_SERVER_CONNECT ""
#else
#define FACT_LEGACY_SERVER_CONNECT " -legacy_server_connect"
#endif

enum {
    /* s_server of Debian 11 cannot show the hellos that it gets. */
    FACT_S_SERVER_SHOWS_HELLOS = OPENSSL_VERSION_NUMBER >= 0x30000000L,
    /*
     * OpenSSL 3.5 offers X25519MLKEM768 by default. The engine cannot make such a share, so the
     * outer hello has the program's also where no key is seen. Then only a probe can learn, after a
     * rejection, what the server says of ECH (docs/behaviour.md).
     */
    FACT_OPENSSL_POST_QUANTUM = OPENSSL_VERSION_NUMBER >= 0x30500000L,
    /* Least length of an inner hello in the payload, without the AEAD's tag. */
    FACT_OPENSSL_PAYLOAD = FACT_OPENSSL_POST_QUANTUM ? 256 : 192,
    FACT_GNUTLS_PAYLOAD = 160,
    /* GnuTLS 3.8 shuffles the extensions of every hello. */
    FACT_GNUTLS_SHUFFLES = GNUTLS_VERSION_NUMBER >= 0x030800,
    /* certtool 3.7.1 writes no places of CRLs into a certificate; 3.7.9 does. */
    FACT_CERTTOOL_WRITES_CRL_PLACES = GNUTLS_VERSION_NUMBER >= 0x030709,
    /* Its dlsym asks for memory. Its resolver's functions are in libresolv, under old names. */
    FACT_GLIBC_BEFORE_2_34 = !__GLIBC_PREREQ(2, 34),
    /* Before, getaddrinfo leaks its list with AI_ALL (bug 28852). */
    FACT_GLIBC_BEFORE_2_36 = !__GLIBC_PREREQ(2, 36),
};

/* Whether the command, one of those that the tests run, runs a program on OpenSSL. */
static inline bool fact_is_of_openssl(const char *command)
{
    /* Debian's git has the libcurl of GnuTLS. */
    return strstr(command, "wget") == NULL && strstr(command, "gnutls") == NULL &&
           strstr(command, "git ") == NULL;
}

/* Do the tests run the clients of OpenSSL with OpenSSL 4 (make check-openssl4)? It has an ECH
 * client of its own, which offers X25519MLKEM768. */
static inline bool fact_openssl4(void)
{
    return getenv("ECHSHIM_TEST_CLIENTS") != NULL;
}

/* The lengths of the payload in the GREASE of OpenSSL 4, one of them at random. */
static inline bool fact_is_openssl4_grease(size_t payload)
{
    return payload == 144 || payload == 176 || payload == 208 || payload == 240;
}

/*
 * Does NSS begin with a share that the server of the tests does not have? NSS of sid (3.132) sends
 * X25519MLKEM768 alone, NSS of Debian 13 (3.110) not. So that server asks for a second hello, with
 * or without the shim, and after a rejection a probe makes one more connection.
 */
static inline bool fact_nss_other_share(void)
{
    return system("pkg-config --exists 'nss > 3.110' 2>/dev/null") == 0;
}

/* Tests that OpenSSL 4 decides differently. */
struct fact_row {
    const char *tests; /* "suite/test", a pattern */
    const char *why;
};
#define FACT_ONE_HANDSHAKE "an SSL that was given ECHConfigs makes one handshake (reused)"
#define FACT_NO_TRANSPORT "a handshake cannot begin without a transport, with or without the shim"
#define FACT_NOT_WITHOUT "securely disabled ECH is an error, and the next attempt is without ECH"
#define FACT_OWN_ANSWERS "the library itself judges answers to its GREASE, and it judges fewer"
#define FACT_OWN_EXTENSIONS "the library takes an answer that it did not ask for"
#define FACT_OWN_NAME "the library answers with internal_error, since it sent a server_name outside"
#define FACT_OWN_PLACE "the library answers with illegal_parameter for the same reason"
#define FACT_OWN_VIEW "within the handshake the library shows a session that can be resumed"
#define FACT_OWN_SIZES "the library chooses the length of its GREASE at random"
static const struct fact_row fact_openssl4_rows[] = {
    {"openssl/clear*", FACT_ONE_HANDSHAKE},
    {"openssl/late_again*", FACT_ONE_HANDSHAKE},
    {"edges/openssl_cleared_midway", FACT_ONE_HANDSHAKE},
    {"edges/openssl_after_a_rejection", FACT_ONE_HANDSHAKE},
    {"edges/openssl_after_an_unknown_certificate", FACT_ONE_HANDSHAKE},
    {"*openssl/late_bio*", FACT_NO_TRANSPORT},
    {"*openssl/late_descriptor*", FACT_NO_TRANSPORT},
    {"*openssl/late_halves*", FACT_NO_TRANSPORT},
    {"*openssl/late_push*", FACT_NO_TRANSPORT},
    {"edges/openssl_late_*_and_a_stale_key", FACT_NO_TRANSPORT},
    {"valgrind/openssl_late_bio", FACT_NO_TRANSPORT},
    {"disabled/ech_86_goes_on_without_ech_openssl", FACT_NOT_WITHOUT},
    {"disabled/ech_86_gathered*", FACT_NOT_WITHOUT},
    {"disabled/ech_86_shared_key_share_*", FACT_NOT_WITHOUT},
    {"retry_rules/ech_88_epoll", FACT_NOT_WITHOUT},
    {"disabled/ech_86_is_known_at_the_next_attempt", FACT_NOT_WITHOUT},
    {"second_hello/*openssl*_disabled", FACT_NOT_WITHOUT},
    {"second_hello/*s_client*_disabled", FACT_NOT_WITHOUT},
    {"early_data/ech_86_*", FACT_NOT_WITHOUT},
    {"grease_answers/ech_102_an_empty_list_openssl", FACT_OWN_ANSWERS},
    {"grease_answers/ech_102_a_list_with_something_after_openssl", FACT_OWN_ANSWERS},
    {"grease_answers/ech_102_broken_contents_openssl", FACT_OWN_ANSWERS},
    {"grease_answers/ech_102_eight_octets_and_no_list_openssl", FACT_OWN_ANSWERS},
    {"unsolicited/*_grease_openssl", FACT_OWN_ANSWERS},
    {"name_answered/ech_63_accepted_without_a_name_openssl", FACT_OWN_NAME},
    {"name_answered/ech_63_accepted_after_a_retry_without_a_name_openssl", FACT_OWN_NAME},
    {"name_answered/ech_63_accepted_in_server_hello_without_a_name_openssl", FACT_OWN_PLACE},
    {"accepted/ech_70_empty_openssl", FACT_OWN_EXTENSIONS},
    {"accepted/ech_70_malformed_openssl", FACT_OWN_EXTENSIONS},
    {"accepted/ech_70_retry_configs_openssl", FACT_OWN_EXTENSIONS},
    {"api/openssl_non_blocking_with_ech*", FACT_OWN_VIEW},
    {"api/openssl_with_half_a_transport_with_ech*", FACT_OWN_VIEW},
    {"grease*/ech_105_*", FACT_OWN_SIZES},
    /* A payload of this name with this list is longer than the library's longest GREASE. */
    {"likeness/ech_105_s_client_alpn_and_status", FACT_OWN_SIZES},
    {"likeness/ech_105_s_client_long_alpn", FACT_OWN_SIZES},
    {"likeness/ech_105_s_client_psk_identity", FACT_OWN_SIZES},
    {"likeness_own/ech_105_openssl_resume", FACT_OWN_SIZES}, /* it does not grow with a session */
};

/* Why the OpenSSL here cannot run this command even without the shim. NULL: it can. */
static inline const char *fact_cannot(const char *command)
{
    static const struct {
        const char *part;
        const char *why;
    } of_111[] = {
        {" late-bio", FACT_NO_TRANSPORT},
        {" late-descriptor", FACT_NO_TRANSPORT},
        {" late-halves", FACT_NO_TRANSPORT},
        {" late-push", FACT_NO_TRANSPORT},
        {"ffdhe2048", "OpenSSL 1.1.1 knows no finite field groups"},
        {"openssl_client\" secret.example.org 443 \"$CA\" ffdhe ",
         "OpenSSL 1.1.1 knows no finite field groups"},
        {"openssl_client\" secret.example.org 443 \"$CA\" kernel",
         "OpenSSL 1.1.1 has no TLS in the kernel"},
        {"loader_exports\" secret.example.org 443 \"$CA\" other",
         "OpenSSL 1.1.1 calls its own functions by their names, and takes the program's"},
        {"buffered-ahead", "OpenSSL 1.1.1 knows no finite field groups"},
        {"openssl_client\" secret.example.org 443 \"$CA\" state",
         "SSL_CTX_new of OpenSSL 1.1.1 changes the error queue"},
    };
    for (size_t i = 0; OPENSSL_VERSION_NUMBER < 0x30000000L && i < sizeof of_111 / sizeof *of_111;
         i++) {
        if (strstr(command, of_111[i].part) != NULL) {
            return of_111[i].why;
        }
    }
    return NULL;
}

/* curl before 7.86 asks for NPN, which TLS 1.3 has not. Its hello with ECH is for TLS 1.3 alone, so
 * only its GREASE hello has that extension. */
static inline bool fact_asks_for_npn(const char *command)
{
    return OPENSSL_VERSION_NUMBER < 0x30000000L && strstr(command, "curl") != NULL;
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

/* Are the calls of libssl bound within it (-Bsymbolic, as in sid)? Then no hook sees the call by
 * which BIO_f_ssl begins a handshake. The decision comes late, in the security callback, when the
 * hello has its cipher suites. Without an engine the wire guard alone refuses it. */
static inline bool fact_calls_are_bound(void)
{
    return system("readelf -d /usr/lib/*/" FACT_LIBSSL " 2>/dev/null | grep -q SYMBOLIC") == 0;
}

/* curl 8.20 and later resolves the two address families in a thread each. */
static inline bool fact_curl_asks_in_threads(void)
{
    unsigned major = 0;
    unsigned minor = 0;
    FILE *said = popen("curl --version", "r");
    bool known = said != NULL && fscanf(said, "curl %u.%u", &major, &minor) == 2;
    if (said != NULL) {
        (void)pclose(said);
    }
    return known && (major > 8 || (major == 8 && minor >= 20));
}

/* valgrind 3.21 and later complain of realloc(x, 0), which libraries below wget2 call. For a
 * shell. */
#define FACT_VALGRIND                                                                              \
    "valgrind -q --error-exitcode=99 "                                                             \
    "$(valgrind --help | grep -q show-realloc-size-zero && echo --show-realloc-size-zero=no) "

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/tls_marks.h"

#include <string.h>

#include "shim/common/tls_libraries.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* More than those that the shim knows (shim/common/tls_libraries.def). The first match counts. */
static const struct tls_library others[] = {
    {"libssl3.so", "NSS", false},
    {"libbotan-", "Botan", false},
    {"libjvm.so", "Java (JSSE)", false},
    {"libjli.so", "Java (JSSE)", false},
};

bool tls_library_named(const char *file, struct tls_library *library)
{
    const struct shim_tls_soname *known = shim_tls_soname_of(file);
    if (known != NULL) {
        *library = (struct tls_library){known->start, known->what, known->hooked};
        return true;
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        if (strncmp(file, others[i].start, strlen(others[i].start)) == 0) {
            *library = others[i];
            return true;
        }
    }
    return false;
}

/* RFC 8446, 4.4.3: the octets that a TLS 1.3 client checks a signature over begin with this. */
#define TLS13_LABEL "TLS 1.3, server CertificateVerify"

/* Names of source files from errors and panics, and marks that a language's linker leaves. Where a
 * mark shows the language but not that TLS is used, `also` must be there too. */
static const struct {
    const char *mark;
    const char *also;
    const char *name;
} inside[] = {
    {"\xff Go buildinf:", "crypto/tls.(*Conn)", TLS_OF_GO},
    {"ssl/statem/statem_clnt.c", NULL, "OpenSSL, linked into it"},
    {"ssl/handshake_client.cc", NULL, "BoringSSL, linked into it"},
    {TLS13_LABEL, "external/boringssl", "BoringSSL, linked into it"},
    {"/rustls-0.", NULL, "rustls"},
    {"/rustls/src/", NULL, "rustls"}, /* built from its repository */
    {"handshake-tls13.c", "gnutls_", "GnuTLS, linked into it"},
    {"ssl_tls13_client.c", NULL, "Mbed TLS, linked into it"},
    {"ssl_cli.c", "mbedtls", "Mbed TLS, linked into it"},
    {"s2n_client_hello.c", NULL, "s2n-tls, linked into it"},
};

static const char *const opened[] = {"libssl.so.3", "libssl.so.1.1",   "libssl.so.0", "libssl.so",
                                     "libssl3.so",  "libgnutls.so.30", "libgnutls.so"};

/* A whole string: a NUL follows it, and no letter precedes it. */
static bool holds_name(const uint8_t *octets, size_t length, const char *name)
{
    size_t size = strlen(name) + 1;
    const uint8_t *at = octets;
    size_t left = length;
    while ((at = memmem(at, left, name, size)) != NULL) {
        if (at == octets || at[-1] == '\0' || at[-1] == '/') {
            return true;
        }
        at++;
        left = length - (size_t)(at - octets);
    }
    return false;
}

static bool holds(const uint8_t *octets, size_t length, const char *mark)
{
    return mark == NULL || memmem(octets, length, mark, strlen(mark)) != NULL;
}

void tls_marks_find(const uint8_t *octets, size_t length, tls_found *found, void *context)
{
    bool any = false;
    for (size_t i = 0; i < COUNT(inside); i++) {
        if (holds(octets, length, inside[i].mark) && holds(octets, length, inside[i].also)) {
            found(context, inside[i].name, NULL, false);
            any = true;
        }
    }
    if (!any && holds(octets, length, TLS13_LABEL)) {
        found(context, TLS_UNKNOWN, NULL, false);
    }
    for (size_t i = 0; i < COUNT(opened); i++) {
        if (holds_name(octets, length, opened[i])) {
            struct tls_library library;
            if (tls_library_named(opened[i], &library)) {
                found(context, library.name, opened[i], library.hooked);
            }
        }
    }
}

const char *tls_hint(const char *file)
{
    static const struct {
        const char *start;
        const char *hint;
    } hints[] = {
        {"python",
         "Python's module ssl opens OpenSSL (libssl) when it is imported, which is hooked"},
        {"perl", "Perl's Net::SSLeay opens OpenSSL (libssl) when it is used, which is hooked"},
        {"ruby", "Ruby's openssl opens OpenSSL (libssl) when it is required, which is hooked"},
        {"php", "PHP's extensions openssl and curl use OpenSSL (libssl), which is hooked"},
        {"java", "Java has TLS of its own (JSSE), which is not hooked"},
        {"git", "git runs git-remote-https for TLS, which uses GnuTLS or OpenSSL and is followed"},
        {"apt", "apt runs /usr/lib/apt/methods/https for TLS, which uses GnuTLS and is followed"},
        {"snap", "it runs programs in a sandbox, which the shim does not reach"},
        {"flatpak", "it runs programs in a sandbox, which the shim does not reach"},
        {"dash", "a shell: what it runs is followed"},
        {"bash", "a shell: what it runs is followed"},
        {"zsh", "a shell: what it runs is followed"},
        {"sh", "a shell: what it runs is followed"},
        {"env", "what it runs is followed"},
    };
    for (size_t i = 0; i < COUNT(hints); i++) {
        size_t length = strlen(hints[i].start);
        /* Matches python3.11, but not gitk or show. */
        if (strncmp(file, hints[i].start, length) == 0 &&
            strspn(file + length, "0123456789.-") == strlen(file + length)) {
            return hints[i].hint;
        }
    }
    return NULL;
}

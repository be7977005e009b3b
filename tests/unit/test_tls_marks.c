/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Marks that TLS libraries leave in programs linked statically with them. */
#include <criterion/criterion.h>
#include <string.h>

#include "tools/common/tls_marks.h"

static char seen[512];

static void take(void *context, const char *name, const char *file, bool hooked)
{
    (void)context, (void)hooked;
    strcat(strcat(strcat(seen, name), file != NULL ? "=" : ""), file != NULL ? file : "");
    strcat(seen, ";");
}

static void expect(const char *octets, size_t length, const char *names)
{
    seen[0] = '\0';
    tls_marks_find((const uint8_t *)octets, length, take, NULL);
    cr_assert_str_eq(seen, names);
}

#define EXPECT(octets, names) expect(octets, sizeof(octets), names)

Test(tls_marks, what_is_inside)
{
    EXPECT("xx ssl/statem/statem_clnt.c xx", "OpenSSL, linked into it;");
    EXPECT("/root/.cargo/rustls-0.23.1/src", "rustls;");
    EXPECT("third_party/ssl/handshake_client.cc", "BoringSSL, linked into it;");
    EXPECT("nothing of the kind", "");
}

/* workerd: lacks the names of BoringSSL's files, except those of its cryptography. */
Test(tls_marks, the_words_of_tls_13_are_in_every_library)
{
    EXPECT("external/boringssl+/crypto/x\0TLS 1.3, server CertificateVerify",
           "BoringSSL, linked into it;");
    EXPECT("TLS 1.3, server CertificateVerify", "a TLS library that is not known, linked into it;");
    /* A known library gets no second name. */
    EXPECT("/rustls-0.23\0TLS 1.3, server CertificateVerify", "rustls;");
}

Test(tls_marks, what_is_opened)
{
    EXPECT("\0libssl.so.3", "OpenSSL 3=libssl.so.3;");
    EXPECT("xlibssl.so.3", "");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nss_client.h"

#include <cert.h>
#include <nspr.h>
#include <nssb64.h>
#include <secitem.h>
#include <stdio.h>
#include <string.h>

void fail_nss(const char *what)
{
    PRErrorCode error = PR_GetError();
    fail("%s: %s (%d)", what, PR_ErrorToName(error), error);
}

/* The octets of the first certificate of a file in PEM. */
static SECItem *read_certificate(const char *file)
{
    static char text[16384];
    FILE *in = fopen(file, "re");
    size_t length = in != NULL ? fread(text, 1, sizeof text - 1, in) : 0;
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    char *start = strstr(text, begin);
    char *end = start != NULL ? strstr(start, "-----END CERTIFICATE-----") : NULL;
    if (length == 0 || end == NULL) {
        fail("%s: no certificate", file);
    }
    fclose(in);
    start += strlen(begin);
    SECItem *item = NSSBase64_DecodeBuffer(NULL, NULL, start, (unsigned)(end - start));
    if (item == NULL) {
        fail_nss(file);
    }
    return item;
}

void start_nss(const struct target *target)
{
    CERTCertTrust trust;
    if (NSS_NoDB_Init(NULL) != SECSuccess || NSS_SetDomesticPolicy() != SECSuccess) {
        fail_nss("NSS_NoDB_Init");
    }
    SECItem *octets = read_certificate(target->ca);
    CERTCertDBHandle *db = CERT_GetDefaultCertDB();
    CERTCertificate *authority = CERT_NewTempCertificate(db, octets, NULL, PR_FALSE, PR_TRUE);
    if (authority == NULL || CERT_DecodeTrustString(&trust, "CT,,") != SECSuccess ||
        CERT_ChangeCertTrust(db, authority, &trust) != SECSuccess) {
        fail_nss("CERT_ChangeCertTrust");
    }
    SECITEM_FreeItem(octets, PR_TRUE);
    /* `authority` stays: NSS forgets a temporary certificate without users. */
}

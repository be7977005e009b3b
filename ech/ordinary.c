/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/ordinary.h"

enum { RENEGOTIATION_INFO_SCSV = 0x00ff, FALLBACK_SCSV = 0x5600, SSL3 = 0x0300 };

static bool is_signal(uint16_t cipher_suite)
{
    return cipher_suite == RENEGOTIATION_INFO_SCSV || cipher_suite == FALLBACK_SCSV;
}

/* TLS 1.3 (RFC 9849, 6.1), something older, and nothing that is no version. */
static bool versions_fit(struct bytes supported_versions)
{
    struct reader versions = rd_of(supported_versions);
    uint16_t version;
    bool tls13 = false;
    bool older = false;
    while (rd_u16(&versions, &version)) {
        if (version < SSL3 || version > ECH_TLS13) {
            return false;
        }
        tls13 = tls13 || version == ECH_TLS13;
        older = older || version < ECH_TLS13;
    }
    return tls13 && older && rd_done(&versions) && supported_versions.len <= UINT8_MAX;
}

static bool lists(struct bytes cipher_suites, uint16_t wanted)
{
    struct reader suites = rd_of(cipher_suites);
    uint16_t suite;
    while (rd_u16(&suites, &suite)) {
        if (suite == wanted) {
            return true;
        }
    }
    return false;
}

static bool suites_fit(struct bytes cipher_suites, const struct ech_client_hello *inner)
{
    enum { LONGEST = UINT16_MAX - 1 - 4 }; /* with both signalling values */
    struct reader suites = rd_of(inner->cipher_suites);
    uint16_t suite;
    while (rd_u16(&suites, &suite)) {
        if (!is_signal(suite) && !lists(cipher_suites, suite)) {
            return false;
        }
    }
    return cipher_suites.len > 0 && cipher_suites.len % 2 == 0 && cipher_suites.len <= LONGEST;
}

bool ech_ordinary_differs(const struct ech_ordinary_hello *ordinary,
                          const struct ech_client_hello *inner)
{
    return versions_fit(ordinary->supported_versions) && suites_fit(ordinary->cipher_suites, inner);
}

uint16_t ech_ordinary_record_version(const struct ech_ordinary_hello *ordinary,
                                     const struct ech_client_hello *inner, uint16_t inner_version)
{
    bool known = ordinary->record_version >= SSL3 && ordinary->record_version <= ECH_TLS12;
    return known && ech_ordinary_differs(ordinary, inner) ? ordinary->record_version
                                                          : inner_version;
}

void ech_ordinary_suites_write(const struct ech_ordinary_hello *ordinary,
                               const struct ech_client_hello *inner, struct writer *w)
{
    struct reader suites = rd_of(inner->cipher_suites);
    uint16_t suite;
    wr_bytes(w, ordinary->cipher_suites);
    while (rd_u16(&suites, &suite)) {
        if (is_signal(suite) && !lists(ordinary->cipher_suites, suite)) {
            wr_u16(w, suite);
        }
    }
}

void ech_ordinary_versions_write(const struct ech_ordinary_hello *ordinary, struct writer *w)
{
    struct wr_mark versions = wr_open(w, 1);
    wr_bytes(w, ordinary->supported_versions);
    wr_close(w, versions);
}

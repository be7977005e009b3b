/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the application's hello lists when it is made without ECH: its ordinary hello.
 * ClientHelloInner offers TLS 1.3 alone (RFC 9849, 6.1). ClientHelloOuter offers what the ordinary
 * hello does, for otherwise an observer could tell it from the hello of a client without ECH, or
 * with GREASE (10.9).
 */
#ifndef ECH_ORDINARY_H
#define ECH_ORDINARY_H

#include "ech/client_hello.h"

/* Borrowed octets. Lists that are empty or make no sense count as not known: then ClientHelloOuter
 * lists what ClientHelloInner does. */
struct ech_ordinary_hello {
    /* CipherSuites. The signalling values TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746) and
     * TLS_FALLBACK_SCSV (RFC 7507) may be left out, if ClientHelloInner has them: they are added at
     * the end. */
    struct bytes cipher_suites;
    struct bytes supported_versions; /* ProtocolVersions, without the length of the list */
    uint16_t record_version;         /* of the first hello's records; 0: as ClientHelloInner's */
    /* It has ec_point_formats (RFC 8422, 5.1.2: uncompressed alone) before supported_groups, also
     * if ClientHelloInner has none. */
    bool point_formats;
};

/*
 * Does ClientHelloOuter list what the ordinary hello does? Only if the ordinary hello has every
 * cipher suite of ClientHelloInner, TLS 1.3 and something older. A client that offers TLS 1.3 alone
 * has the same lists in both hellos.
 */
bool ech_ordinary_differs(const struct ech_ordinary_hello *ordinary,
                          const struct ech_client_hello *inner);

/* The version of the records with the first ClientHelloOuter, given that of ClientHelloInner's. */
uint16_t ech_ordinary_record_version(const struct ech_ordinary_hello *ordinary,
                                     const struct ech_client_hello *inner, uint16_t inner_version);

/* Writes the cipher suites of ClientHelloOuter, without the length of the list. */
void ech_ordinary_suites_write(const struct ech_ordinary_hello *ordinary,
                               const struct ech_client_hello *inner, struct writer *w);
/* Writes the extension data of its supported_versions. */
void ech_ordinary_versions_write(const struct ech_ordinary_hello *ordinary, struct writer *w);

#endif

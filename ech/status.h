/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one error type of ech/ and dns/. Every function that can fail returns it, and every caller
 * must check it.
 */
#ifndef ECH_STATUS_H
#define ECH_STATUS_H

#define ECH_MUST_USE __attribute__((warn_unused_result))

enum ech_status {
    ECH_OK = 0,
    ECH_ERR_DECODE,      /* octets do not parse: TLS would answer decode_error */
    ECH_ERR_ILLEGAL,     /* octets parse and break a rule: TLS would answer illegal_parameter */
    ECH_ERR_UNSUPPORTED, /* well-formed, but an algorithm or version that we do not support */
    ECH_ERR_CRYPTO,      /* a cryptographic operation failed: wrong key, tag, or point */
    ECH_ERR_NOMEM,       /* no memory */
    ECH_ERR_SPACE,       /* one of our bounds, or that of a length field, was exceeded */
};

#endif

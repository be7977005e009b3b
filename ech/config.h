/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ECHConfigList (RFC 9849, 4): parsing, validity and choice.
 */
#ifndef ECH_CONFIG_H
#define ECH_CONFIG_H

#include "ech/hpke.h"

enum { ECH_VERSION = 0xfe0d, ECH_PUBLIC_NAME_MAX = 255 };

/* One ECHConfig. All octets are borrowed from the list that was parsed. */
struct ech_config {
    struct bytes raw; /* with version and length: what HPKE's info takes (RFC 9849, 6.1) */
    uint16_t version;
    /* The fields below are set only if version is ECH_VERSION. */
    uint8_t config_id;
    uint16_t kem_id;
    struct bytes public_key;
    struct bytes cipher_suites; /* pairs of kdf_id, aead_id, 4 octets each */
    uint8_t maximum_name_length;
    struct bytes public_name;
    struct bytes extensions;
};

/* Why a config is not used; fixed words for echdig and the log by ech_config_verdict_name. */
enum ech_config_verdict {
    ECH_CONFIG_USABLE,
    ECH_CONFIG_VERSION,             /* another version: skip it (RFC 9849, 4) */
    ECH_CONFIG_KEM,                 /* a KEM we do not do (4) */
    ECH_CONFIG_CIPHER_SUITE,        /* no pair we do (6.1) */
    ECH_CONFIG_PUBLIC_KEY,          /* not a valid key of its KEM (RFC 9180, 7.1.4) */
    ECH_CONFIG_PUBLIC_NAME,         /* not a host name (6.1.7) */
    ECH_CONFIG_MANDATORY_EXTENSION, /* it is unknown and has the high bit set (4.2) */
    ECH_CONFIG_DUPLICATE_EXTENSION, /* a type occurs twice (4.2) */
};
const char *ech_config_verdict_name(enum ech_config_verdict verdict);

/* What the client can do. Functions that take a pointer to it take NULL for everything in
 * ech/hpke.h. */
struct ech_config_support {
    const uint16_t *kem_ids;
    size_t kem_count;
};

/*
 * Checks the whole list, without cryptography: ECH_OK, or ECH_ERR_DECODE if it is malformed
 * anywhere; then none of its configs may be used. If the contents of a 0xfe0d config do not parse,
 * the whole list is malformed.
 */
ECH_MUST_USE enum ech_status ech_config_list_check(struct bytes list);

/* Iterates over a list that was checked: start with rd_of(list) after ech_config_list_begin, false
 * at the end. */
ECH_MUST_USE enum ech_status ech_config_list_begin(struct bytes list, struct reader *configs);
ECH_MUST_USE bool ech_config_list_next(struct reader *configs, struct ech_config *config);
/* Reads the type of a config's next extension and moves `extensions` past it; false at the end. */
ECH_MUST_USE bool ech_config_extension_next(struct reader *extensions, uint16_t *type);

/* Judges one config; on ECH_CONFIG_USABLE *suite is the first listed pair that we support, with the
 * config's KEM. */
enum ech_config_verdict ech_config_check(const struct ech_config *config,
                                         const struct ech_config_support *support,
                                         struct ech_hpke_suite *suite);

struct ech_prepared_sender;

/* A chosen config with the suite for it, borrowed from the list. */
struct ech_config_choice {
    struct ech_config config;
    struct ech_hpke_suite suite;
    /* The caller's, for the next offer alone; NULL: none. */
    struct ech_hpke_memo *memo;
    struct ech_prepared_sender *prepared; /* ech/sender.h */
};

/*
 * The first suitable config, in the list's order of preference (RFC 9849, 4 and 6.1).
 * ECH_ERR_DECODE: malformed list. ECH_ERR_UNSUPPORTED: well-formed, none suitable.
 */
ECH_MUST_USE enum ech_status ech_config_list_select(struct bytes list,
                                                    const struct ech_config_support *support,
                                                    struct ech_config_choice *choice);

/* RFC 9849, 6.1.7: a host name in preferred name syntax whose last label is not a number. */
bool ech_public_name_valid(struct bytes name);

#endif

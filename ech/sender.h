/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sender of HPKE for a ClientHelloInner (RFC 9849, 6.1): SetupBaseS to an ECHConfig. It depends
 * on the config alone, so it can be prepared before there is a hello.
 */
#ifndef ECH_SENDER_H
#define ECH_SENDER_H

#include "ech/config.h"

enum { ECH_PREPARED_CONFIG_MAX = 512 };

/*
 * A sender that was prepared. It serves one hello: two hellos of one sender would be sealed with
 * the same key and nonce. All zeros: there is none. Holds keys: wipe it. Whoever shares one between
 * threads lets one at a time touch it.
 */
struct ech_prepared_sender {
    size_t config_length;
    uint8_t config[ECH_PREPARED_CONFIG_MAX]; /* the ECHConfig, as HPKE's info has it */
    uint8_t enc[ECH_HPKE_ENC_MAX];
    struct ech_hpke hpke;
    bool ready; /* the rest is there; set last */
};

/* Wipes what was there, and prepares a sender for this config. ECH_ERR_SPACE: the config is longer
 * than ECH_PREPARED_CONFIG_MAX; others as for ech_hpke_setup_sender. After an error there is none.
 */
ECH_MUST_USE enum ech_status ech_sender_prepare(struct ech_prepared_sender *prepared,
                                                const struct ech_config_choice *choice,
                                                const struct ech_random *random);
void ech_prepared_sender_wipe(struct ech_prepared_sender *prepared);

/*
 * The sender for one hello: choice->prepared, if it is for the very octets of this config and this
 * suite; then it is wiped there. Otherwise one is set up, and a prepared one stays as it is. enc
 * takes ech_hpke_enc_size octets. Errors as for ech_hpke_setup_sender.
 */
ECH_MUST_USE enum ech_status ech_sender_set_up(struct ech_hpke *hpke,
                                               const struct ech_config_choice *choice,
                                               const struct ech_random *random, uint8_t *enc);

#endif

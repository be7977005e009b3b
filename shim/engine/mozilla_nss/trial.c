/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Learns by trial whether a libssl3 knows the ECH of RFC 9849.
 */
#include "shim/engine/mozilla_nss/mozilla_nss.h"

/* An ECHConfigList with one config of RFC 9849's version: X25519 with its base point as the key,
 * HKDF-SHA256, AES-128-GCM. The length and the public name come behind it. */
#define LIST_UP_TO_NAME(list_length, config_length)                                                \
    0, (list_length), 0xfe, 0x0d, 0, (config_length), 1, 0, 0x20, 0, 32, [11] = 9, [43] = 0, 4, 0, \
                                                                         1, 0, 1, 0
static const uint8_t good_list[] = {
    LIST_UP_TO_NAME(60, 56), 9, 'l', 'o', 'c', 'a', 'l', '.', 'e', 'c', 'h', 0, 0};
/* Without a public name: a library that reads this version refuses it. */
static const uint8_t bad_list[] = {LIST_UP_TO_NAME(51, 47), 0, 0, 0};

/*
 * Earlier versions (3.61 is Debian 11's) know a draft of ECH. They take a list with configs of
 * another version as one without usable configs, and some then make a hello without ECH. So the
 * good list must be taken, and the bad one must not.
 */
bool nss_knows_ech(const struct nss *nss, struct nspr_file *file)
{
    struct nss *own = nss->library->engine_data;
    if (own->ech == NSS_ECH_UNTRIED) {
        struct nss_error kept = nss_error_keep(nss);
        bool known =
            nss->SSL_SetClientEchConfigs != NULL && nss->SSL_RemoveEchConfigs != NULL &&
            nss->SSL_SetClientEchConfigs(file, bad_list, sizeof bad_list) != NSPR_SUCCESS &&
            nss->SSL_SetClientEchConfigs(file, good_list, sizeof good_list) == NSPR_SUCCESS &&
            nss->SSL_RemoveEchConfigs(file) == NSPR_SUCCESS;
        own->ech = known ? NSS_ECH_KNOWN : NSS_ECH_UNKNOWN;
        nss_error_restore(nss, kept);
    }
    return own->ech == NSS_ECH_KNOWN;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls12_keys.h"

#include <string.h>

static enum ech_mac mac_of(enum ech_hash hash)
{
    return hash == ECH_HASH_SHA384 ? ECH_MAC_SHA384 : ECH_MAC_SHA256;
}

/* P_hash (RFC 5246, 5). A(0) is the labelled seed. */
static enum ech_status expand(enum ech_mac mac, struct bytes secret, struct bytes seed,
                              uint8_t *out, size_t len)
{
    uint8_t a[ECH_MAC_MAX];
    uint8_t octets[ECH_MAC_MAX];
    struct bytes last = seed;
    size_t size = ech_mac_size(mac);
    enum ech_status status = ECH_OK;
    for (size_t done = 0; done < len && status == ECH_OK; done += size) {
        status = ech_mac_parts(mac, secret, &last, 1, a);
        last = bytes_of(a, size);
        if (status == ECH_OK) {
            const struct bytes parts[] = {last, seed};
            status = ech_mac_parts(mac, secret, parts, 2, octets);
        }
        if (status == ECH_OK) {
            memcpy(out + done, octets, len - done < size ? len - done : size);
        }
    }
    ech_wipe(a, sizeof a);
    ech_wipe(octets, sizeof octets);
    return status;
}

enum ech_status ech_tls12_prf(enum ech_hash hash, struct bytes secret, const char *label,
                              struct bytes seed, uint8_t *out, size_t len)
{
    struct writer labelled;
    wr_init(&labelled, 0);
    wr_bytes(&labelled, bytes_of(label, strlen(label)));
    wr_bytes(&labelled, seed);
    enum ech_status status = wr_finish(&labelled);
    if (status == ECH_OK) {
        status = expand(mac_of(hash), secret, wr_view(&labelled), out, len);
    }
    wr_free(&labelled);
    return status;
}

/* The PRF with two randoms as its seed. */
static enum ech_status prf_of_randoms(enum ech_hash hash, struct bytes secret, const char *label,
                                      struct bytes first, struct bytes second, uint8_t *out,
                                      size_t len)
{
    struct writer seed;
    wr_init(&seed, 0);
    wr_bytes(&seed, first);
    wr_bytes(&seed, second);
    enum ech_status status = wr_finish(&seed);
    if (status == ECH_OK) {
        status = ech_tls12_prf(hash, secret, label, wr_view(&seed), out, len);
    }
    wr_free(&seed);
    return status;
}

enum ech_status ech_tls12_master_secret(enum ech_hash hash, struct bytes premaster,
                                        const struct ech_tls12_randoms *randoms,
                                        uint8_t master[ECH_TLS12_MASTER_SECRET])
{
    return prf_of_randoms(hash, premaster, "master secret", randoms->client, randoms->server,
                          master, ECH_TLS12_MASTER_SECRET);
}

enum ech_status ech_tls12_extended_master_secret(enum ech_hash hash, struct bytes premaster,
                                                 struct bytes session_hash,
                                                 uint8_t master[ECH_TLS12_MASTER_SECRET])
{
    return ech_tls12_prf(hash, premaster, "extended master secret", session_hash, master,
                         ECH_TLS12_MASTER_SECRET);
}

/* The key block has the client's key and the server's of each kind. */
static bool take(struct reader *block, size_t size, uint8_t *client, uint8_t *server)
{
    return rd_copy(block, client, size) && rd_copy(block, server, size);
}

enum ech_status ech_tls12_protection_start(const struct ech_tls12_suite *suite,
                                           bool encrypt_then_mac,
                                           const uint8_t master[ECH_TLS12_MASTER_SECRET],
                                           const struct ech_tls12_randoms *randoms,
                                           struct ech_tls12_protection *client,
                                           struct ech_tls12_protection *server)
{
    uint8_t block[2 * (ECH_MAC_MAX + ECH_AEAD_KEY_MAX + ECH_AEAD_NONCE)];
    struct reader r = rd_of(bytes_of(block, sizeof block));
    const struct ech_tls12_protection fresh = {.suite = suite,
                                               .encrypt_then_mac = encrypt_then_mac};
    *client = fresh;
    *server = fresh;
    /* RFC 5246, 6.3: here the server's random comes first. */
    enum ech_status status =
        prf_of_randoms(suite->hash, bytes_of(master, ECH_TLS12_MASTER_SECRET), "key expansion",
                       randoms->server, randoms->client, block, sizeof block);
    size_t mac_size = suite->aead_id == 0 ? ech_mac_size(suite->mac) : 0;
    if (status == ECH_OK && !(take(&r, mac_size, client->mac_key, server->mac_key) &&
                              take(&r, suite->key_size, client->key, server->key) &&
                              take(&r, ech_tls12_fixed_iv_size(suite), client->iv, server->iv))) {
        status = ECH_ERR_SPACE;
    }
    ech_wipe(block, sizeof block);
    return status;
}

enum ech_status ech_tls12_verify_data(enum ech_hash hash,
                                      const uint8_t master[ECH_TLS12_MASTER_SECRET],
                                      const char *label, struct bytes transcript_hash,
                                      uint8_t out[ECH_TLS12_VERIFY_DATA])
{
    return ech_tls12_prf(hash, bytes_of(master, ECH_TLS12_MASTER_SECRET), label, transcript_hash,
                         out, ECH_TLS12_VERIFY_DATA);
}

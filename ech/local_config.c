/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/local_config.h"

#include "ech/client_hello.h"
#include "ech/config.h"

enum ech_status ech_local_key_generate(const struct ech_random *random, struct ech_local_key *key)
{
    enum ech_status status = ech_random_fill(random, key->secret, sizeof key->secret);
    return status == ECH_OK ? ech_random_fill(random, &key->config_id, sizeof key->config_id)
                            : status;
}

void ech_local_key_wipe(struct ech_local_key *key)
{
    ech_wipe(key, sizeof *key);
}

struct ech_hpke_suite ech_local_suite(void)
{
    return (struct ech_hpke_suite){
        .kem_id = ECH_KEM_X25519_SHA256, .kdf_id = ECH_KDF_SHA256, .aead_id = ECH_AEAD_AES_128_GCM};
}

struct bytes ech_local_public_key(void)
{
    /* RFC 7748, 4.1: the u-coordinate of the base point */
    static const uint8_t base_point[32] = {9};
    return bytes_of(base_point, sizeof base_point);
}

enum ech_status ech_local_config_write(const struct ech_local_key *key, struct bytes public_name,
                                       uint8_t maximum_name_length, struct writer *ech_config)
{
    const struct ech_hpke_suite suite = ech_local_suite();
    struct writer *w = ech_config;
    wr_u16(w, ECH_VERSION);
    struct wr_mark contents = wr_open(w, 2);
    wr_u8(w, key->config_id);
    wr_u16(w, suite.kem_id);
    struct wr_mark mark = wr_open(w, 2);
    wr_bytes(w, ech_local_public_key());
    wr_close(w, mark);
    mark = wr_open(w, 2);
    wr_u16(w, suite.kdf_id);
    wr_u16(w, suite.aead_id);
    wr_close(w, mark);
    wr_u8(w, maximum_name_length);
    mark = wr_open(w, 1);
    wr_bytes(w, public_name);
    wr_close(w, mark);
    mark = wr_open(w, 2);
    ech_extension_write(w, ECH_LOCAL_EXTENSION, bytes_of(key->secret, sizeof key->secret));
    wr_close(w, mark);
    wr_close(w, contents);
    return wr_finish(w);
}

enum ech_status ech_local_config_list_write(const struct ech_local_key *key,
                                            struct bytes public_name, uint8_t maximum_name_length,
                                            struct writer *ech_config_list)
{
    struct wr_mark list = wr_open(ech_config_list, 2);
    enum ech_status status =
        ech_local_config_write(key, public_name, maximum_name_length, ech_config_list);
    wr_close(ech_config_list, list);
    return status == ECH_OK ? wr_finish(ech_config_list) : status;
}

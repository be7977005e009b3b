/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ECHConfigLists come from DNS and, before the server is authenticated, from EncryptedExtensions.
 */
#include <stdlib.h>

#include "ech/config.h"

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool lies_within(struct bytes part, struct bytes whole)
{
    return part.len <= whole.len && part.data >= whole.data &&
           part.data + part.len <= whole.data + whole.len;
}

/* The raw octets of a config, alone in a list, are a list with that config. */
static void check_raw(const struct ech_config *config)
{
    struct writer w;
    wr_init(&w, 0);
    struct wr_mark mark = wr_open(&w, 2);
    wr_bytes(&w, config->raw);
    wr_close(&w, mark);
    require(wr_finish(&w) == ECH_OK);
    struct reader configs;
    struct ech_config again;
    require(ech_config_list_begin(wr_view(&w), &configs) == ECH_OK);
    require(ech_config_list_next(&configs, &again) && rd_done(&configs));
    require(bytes_equal(again.raw, config->raw) &&
            bytes_equal(again.public_name, config->public_name));
    wr_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes list = bytes_of(data, size);
    struct reader configs;
    struct ech_config_choice choice;
    enum ech_status begun = ech_config_list_begin(list, &configs);
    enum ech_status selected = ech_config_list_select(list, NULL, &choice);
    require(ech_config_list_check(list) == begun);
    if (begun != ECH_OK) {
        require(begun == ECH_ERR_DECODE && selected == ECH_ERR_DECODE);
        return 0;
    }

    struct ech_config config;
    bool chosen = false;
    size_t octets = 2;
    while (ech_config_list_next(&configs, &config)) {
        struct ech_hpke_suite suite;
        require(lies_within(config.raw, list));
        octets += config.raw.len;
        check_raw(&config);
        if (!chosen && ech_config_check(&config, NULL, &suite) == ECH_CONFIG_USABLE) {
            chosen = true;
            require(selected == ECH_OK && choice.config.raw.data == config.raw.data);
            require(choice.suite.kem_id == suite.kem_id && choice.suite.kdf_id == suite.kdf_id &&
                    choice.suite.aead_id == suite.aead_id);
            require(ech_public_name_valid(config.public_name));
            require(config.public_key.len == ech_hpke_enc_size(config.kem_id));
        }
    }
    require(octets == size);
    require(chosen == (selected == ECH_OK));
    require(chosen || selected == ECH_ERR_UNSUPPORTED);
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ech/config.h"
#include "vectors.h"

/* The client that the verdicts of echconfig.json are for. */
static const uint16_t x25519_only[] = {ECH_KEM_X25519_SHA256};
static const struct ech_config_support vector_client = {x25519_only, 1};

/* The list of a vector; m-overflow-65538 is built here. */
static struct octets list_of(const json_t *vector)
{
    if (json_is_string(json_object_get(vector, "hex"))) {
        return octets_get(vector, "hex");
    }
    cr_assert_str_eq(vectors_text(vector, "id"), "m-overflow-65538");
    struct octets list = octets_new(65538);
    list.data[4] = 0xff;
    list.data[5] = 0xfc;
    return list;
}

/* Calls `check` with each vector whose id starts with `prefix`. */
static void for_each_list(const char *prefix,
                          void (*check)(const json_t *vector, struct bytes list))
{
    json_t *root = vectors_load("echconfig");
    size_t found = 0;
    size_t i;
    json_t *vector;
    json_array_foreach(vectors_get(root, "lists"), i, vector)
    {
        if (strncmp(vectors_text(vector, "id"), prefix, strlen(prefix)) == 0) {
            struct octets list = list_of(vector);
            check(vector, octets_view(&list));
            octets_free(&list);
            found++;
        }
    }
    cr_assert_gt(found, 0, "no vector %s", prefix);
    json_decref(root);
}

static bool says_ok(const json_t *vector)
{
    return strcmp(vectors_text(vector, "list_verdict"), "ok") == 0;
}

/* ---- the list and its fields ---- */

static void check_verdict(const json_t *vector, struct bytes list)
{
    /* m-every-prefix is a good list: its prefixes are malformed. */
    bool ok = says_ok(vector) || strcmp(vectors_text(vector, "id"), "m-every-prefix") == 0;
    struct reader configs;
    struct ech_config_choice choice;
    enum ech_status expected = ok ? ECH_OK : ECH_ERR_DECODE;
    cr_assert_eq(ech_config_list_check(list), expected, "%s", vectors_text(vector, "id"));
    cr_assert_eq(ech_config_list_begin(list, &configs), expected);
    if (!ok) {
        cr_assert_eq(ech_config_list_select(list, NULL, &choice), ECH_ERR_DECODE);
    }
}

Test(config, ech_1_list_fills_exactly)
{
    for_each_list("", check_verdict);
}

static void refuse_prefixes(struct bytes list, bool mend_length)
{
    for (size_t len = 0; len < list.len; len++) {
        struct octets prefix = octets_copy(bytes_of(list.data, len));
        if (mend_length && len >= 2) {
            prefix.data[0] = (uint8_t)((len - 2) >> 8);
            prefix.data[1] = (uint8_t)((len - 2) & 0xff);
        }
        cr_assert_eq(ech_config_list_check(octets_view(&prefix)), ECH_ERR_DECODE, "%zu octets",
                     len);
        octets_free(&prefix);
    }
}

static void check_truncation(const json_t *vector, struct bytes list)
{
    if (says_ok(vector)) {
        refuse_prefixes(list, false);
    }
}

Test(config, ech_1_every_proper_prefix_is_malformed)
{
    for_each_list("", check_truncation);
}

static void check_mended_truncation(const json_t *vector, struct bytes list)
{
    (void)vector;
    refuse_prefixes(list, false);
    refuse_prefixes(list, true);
}

Test(config, ech_1_every_prefix_with_its_own_length_is_malformed)
{
    for_each_list("m-every-prefix", check_mended_truncation);
}

static uint16_t hex_number(const char *text)
{
    return (uint16_t)strtoul(text, NULL, 16);
}

/* Vectors write UTF-8; name-bad-11 means one octet per character. */
static struct octets latin1_of(const char *utf8)
{
    struct octets name = octets_new(strlen(utf8));
    size_t len = 0;
    for (const unsigned char *c = (const unsigned char *)utf8; *c != 0; c++) {
        name.data[len++] = *c < 0x80 ? *c : (uint8_t)(*c << 6 | (c[1] & 0x3f));
        c += *c < 0x80 ? 0 : 1;
    }
    name.len = len;
    return name;
}

static void check_contents(const struct ech_config *config, const json_t *expected)
{
    cr_assert_eq(config->config_id, vectors_number(expected, "config_id"));
    cr_assert_eq(config->kem_id, hex_number(vectors_text(expected, "kem_id")));
    cr_assert_eq(config->maximum_name_length, vectors_number(expected, "maximum_name_length"));
    assert_hex(config->public_key, vectors_text(expected, "public_key"), "public_key");

    json_t *name_json = vectors_get(expected, "public_name");
    if (strlen(json_string_value(name_json)) == json_string_length(name_json)) {
        struct octets name = latin1_of(json_string_value(name_json));
        assert_octets(config->public_name, octets_view(&name), "public_name");
        octets_free(&name);
    } else {
        assert_octets(config->public_name,
                      bytes_of(json_string_value(name_json), json_string_length(name_json)),
                      "public_name with a zero octet");
    }

    struct reader suites = rd_of(config->cipher_suites);
    size_t i;
    json_t *item;
    json_array_foreach(vectors_get(expected, "cipher_suites"), i, item)
    {
        uint16_t kdf_id;
        uint16_t aead_id;
        cr_assert(rd_u16(&suites, &kdf_id) && rd_u16(&suites, &aead_id));
        char pair[12];
        snprintf(pair, sizeof pair, "%04x/%04x", kdf_id, aead_id);
        cr_assert_str_eq(pair, json_string_value(item));
    }
    cr_assert(rd_done(&suites));

    struct reader extensions = rd_of(config->extensions);
    json_array_foreach(vectors_get(expected, "extensions"), i, item)
    {
        uint16_t type;
        struct reader data;
        cr_assert(rd_u16(&extensions, &type) && rd_vec16(&extensions, &data));
        cr_assert_eq(type, hex_number(json_string_value(json_array_get(item, 0))));
        assert_hex(rd_rest(&data), json_string_value(json_array_get(item, 1)), "extension");
    }
    cr_assert(rd_done(&extensions));
}

static void check_fields(const json_t *vector, struct bytes list)
{
    if (!says_ok(vector)) {
        return;
    }
    struct reader configs;
    cr_assert_eq(ech_config_list_begin(list, &configs), ECH_OK);
    size_t i;
    json_t *expected;
    json_array_foreach(vectors_get(vector, "configs"), i, expected)
    {
        struct ech_config config;
        struct ech_hpke_suite suite;
        cr_assert(ech_config_list_next(&configs, &config));
        cr_assert_eq(config.version, hex_number(vectors_text(expected, "version")));
        cr_assert_eq((size_t)(config.raw.data - list.data), vectors_number(expected, "offset"));
        cr_assert_eq(config.raw.len, vectors_number(expected, "length"));
        if (config.version == ECH_VERSION) {
            check_contents(&config, expected);
        }
        cr_assert_eq(ech_config_check(&config, &vector_client, &suite) == ECH_CONFIG_USABLE,
                     json_is_true(vectors_get(expected, "usable")), "%s, config %zu",
                     vectors_text(vector, "id"), i);
    }
    struct ech_config config;
    cr_assert_not(ech_config_list_next(&configs, &config));
}

Test(config, ech_2_fields_of_every_config)
{
    for_each_list("", check_fields);
}

/* ---- choice ---- */

/* The index of a chosen config in its list. */
static size_t index_of(struct bytes list, const struct ech_config *chosen)
{
    struct reader configs;
    struct ech_config config;
    cr_assert_eq(ech_config_list_begin(list, &configs), ECH_OK);
    for (size_t i = 0; ech_config_list_next(&configs, &config); i++) {
        if (config.raw.data == chosen->raw.data) {
            return i;
        }
    }
    cr_assert_fail("chosen config is not of the list");
    return 0;
}

static void check_chosen(const json_t *vector, struct bytes list)
{
    if (!says_ok(vector)) {
        return;
    }
    struct ech_config_choice choice;
    enum ech_status status = ech_config_list_select(list, &vector_client, &choice);
    if (json_is_null(vectors_get(vector, "chosen"))) {
        cr_assert_eq(status, ECH_ERR_UNSUPPORTED, "%s", vectors_text(vector, "id"));
    } else {
        cr_assert_eq(status, ECH_OK, "%s", vectors_text(vector, "id"));
        cr_assert_eq(index_of(list, &choice.config), vectors_number(vector, "chosen"));
    }
}

Test(config, ech_12_first_suitable_config)
{
    for_each_list("", check_chosen);
}

static struct octets list_with_id(const char *id)
{
    json_t *root = vectors_load("echconfig");
    struct octets list = list_of(vectors_find(vectors_get(root, "lists"), id));
    json_decref(root);
    return list;
}

/* The result of select, and the index of the choice. */
static enum ech_status select_index(const char *id, const struct ech_config_support *support,
                                    size_t *index)
{
    struct octets list = list_with_id(id);
    struct ech_config_choice choice;
    enum ech_status status = ech_config_list_select(octets_view(&list), support, &choice);
    if (status == ECH_OK) {
        *index = index_of(octets_view(&list), &choice.config);
        cr_assert_eq(choice.suite.kem_id, choice.config.kem_id);
    }
    octets_free(&list);
    return status;
}

static struct ech_config_support none_supported(void)
{
    return (struct ech_config_support){NULL, 0};
}

/* The verdict on the config at `index`, for a client with this support. */
static enum ech_config_verdict verdict_at(const char *id, size_t index,
                                          const struct ech_config_support *support)
{
    struct octets list = list_with_id(id);
    struct reader configs;
    struct ech_config config;
    struct ech_hpke_suite suite;
    cr_assert_eq(ech_config_list_begin(octets_view(&list), &configs), ECH_OK);
    for (size_t i = 0; i <= index; i++) {
        cr_assert(ech_config_list_next(&configs, &config));
    }
    enum ech_config_verdict verdict = ech_config_check(&config, support, &suite);
    octets_free(&list);
    return verdict;
}

Test(config, ech_3_other_versions_are_skipped)
{
    size_t index;
    cr_assert_eq(verdict_at("wrong-version-only", 0, NULL), ECH_CONFIG_VERSION);
    cr_assert_eq(select_index("wrong-version-only", NULL, &index), ECH_ERR_UNSUPPORTED);
    cr_assert_eq(verdict_at("old-drafts-4-to-2", 1, NULL), ECH_CONFIG_VERSION);
    cr_assert_eq(select_index("old-drafts-4-to-2", NULL, &index), ECH_OK);
    cr_assert_eq(index, 0);
    cr_assert_eq(select_index("min-unknown", NULL, &index), ECH_ERR_UNSUPPORTED);
}

Test(config, ech_4_unsupported_kems_are_skipped)
{
    const struct ech_config_support none = none_supported();
    size_t index;
    cr_assert_eq(verdict_at("kem-unknown-first", 0, NULL), ECH_CONFIG_KEM);
    cr_assert_eq(select_index("kem-unknown-first", NULL, &index), ECH_OK);
    cr_assert_eq(index, 1);
    cr_assert_eq(verdict_at("kem-p256", 0, &vector_client), ECH_CONFIG_KEM);
    cr_assert_eq(select_index("basic-A", &none, &index), ECH_ERR_UNSUPPORTED);
}

Test(config, ech_4_a_client_with_p256_takes_its_configs)
{
    size_t index;
    cr_assert_eq(select_index("kem-p256", NULL, &index), ECH_OK);
    cr_assert_eq(index, 0);
    cr_assert_eq(select_index("multi-skip", NULL, &index), ECH_OK);
    cr_assert_eq(index, 1);
}

Test(config, ech_5_extensions_are_parsed_to_the_end)
{
    static const char *const cut[] = {"m-ext-len-long", "m-ext-header-cut", "m-ext-data-cut",
                                      "m-contents-trailing"};
    for (size_t i = 0; i < 4; i++) {
        struct octets list = list_with_id(cut[i]);
        cr_assert_eq(ech_config_list_check(octets_view(&list)), ECH_ERR_DECODE, "%s", cut[i]);
        octets_free(&list);
    }
}

Test(config, ech_6_unknown_mandatory_extension)
{
    size_t index;
    cr_assert_eq(verdict_at("ext-mandatory-unknown", 0, NULL), ECH_CONFIG_MANDATORY_EXTENSION);
    cr_assert_eq(select_index("ext-mandatory-then-good", NULL, &index), ECH_OK);
    cr_assert_eq(index, 1);
}

Test(config, ech_7_no_extension_type_twice)
{
    cr_assert_eq(verdict_at("ext-duplicate", 0, NULL), ECH_CONFIG_DUPLICATE_EXTENSION);
    cr_assert_eq(verdict_at("ext-any-order", 0, NULL), ECH_CONFIG_USABLE);
}

Test(config, ech_8_unknown_optional_extension_is_ignored)
{
    cr_assert_eq(verdict_at("ext-optional-unknown", 0, NULL), ECH_CONFIG_USABLE);
}

static void check_name(const json_t *vector, struct bytes list)
{
    bool good = strncmp(vectors_text(vector, "id"), "name-ok-", 8) == 0;
    struct reader configs;
    struct ech_config config;
    cr_assert_eq(ech_config_list_begin(list, &configs), ECH_OK);
    cr_assert(ech_config_list_next(&configs, &config));
    struct ech_hpke_suite suite;
    cr_assert_eq(ech_public_name_valid(config.public_name), good, "%s", vectors_text(vector, "id"));
    cr_assert_eq(ech_config_check(&config, NULL, &suite),
                 good ? ECH_CONFIG_USABLE : ECH_CONFIG_PUBLIC_NAME);
}

Test(config, ech_9_public_name_vectors)
{
    for_each_list("name-", check_name);
}

Test(config, ech_13_suitable_means_version_kem_and_one_pair)
{
    size_t index;
    cr_assert_eq(verdict_at("suite-second", 0, NULL), ECH_CONFIG_USABLE);
    cr_assert_eq(verdict_at("suite-export-only", 0, NULL), ECH_CONFIG_CIPHER_SUITE);
    cr_assert_eq(select_index("none-usable", NULL, &index), ECH_ERR_UNSUPPORTED);
    cr_assert_eq(verdict_at("none-usable", 0, NULL), ECH_CONFIG_VERSION);
    cr_assert_eq(verdict_at("none-usable", 1, NULL), ECH_CONFIG_KEM);
    cr_assert_eq(verdict_at("none-usable", 2, NULL), ECH_CONFIG_CIPHER_SUITE);
    cr_assert_eq(verdict_at("none-usable", 3, NULL), ECH_CONFIG_MANDATORY_EXTENSION);
}

static void check_listed_suite(const json_t *vector, struct bytes list)
{
    struct ech_config_choice choice;
    if (!says_ok(vector) || ech_config_list_select(list, NULL, &choice) != ECH_OK) {
        return;
    }
    struct reader suites = rd_of(choice.config.cipher_suites);
    uint16_t kdf_id;
    uint16_t aead_id;
    while (rd_u16(&suites, &kdf_id) && rd_u16(&suites, &aead_id)) {
        if (kdf_id == choice.suite.kdf_id && aead_id == choice.suite.aead_id) {
            return;
        }
    }
    cr_assert_fail("%s: a pair that is not listed", vectors_text(vector, "id"));
}

Test(config, ech_14_the_suite_is_a_listed_one)
{
    for_each_list("", check_listed_suite);
}

Test(config, ech_15_the_first_pair_that_we_do_both_halves_of_one)
{
    struct octets list = list_with_id("suite-second");
    struct ech_config_choice choice;
    cr_assert_eq(ech_config_list_select(octets_view(&list), NULL, &choice), ECH_OK);
    cr_assert_eq(choice.suite.kdf_id, ECH_KDF_SHA256);
    cr_assert_eq(choice.suite.aead_id, ECH_AEAD_CHACHA20_POLY1305);
    octets_free(&list);

    /* Pair 1 has an unknown AEAD, pair 2 an unknown KDF: neither is usable. Pair 3 is good. */
    static const uint8_t suites[] = {0, 1, 0x22, 0x22, 0x11, 0x11, 0, 3, 0, 2, 0, 1};
    list = list_with_id("basic-A");
    cr_assert_eq(ech_config_list_select(octets_view(&list), NULL, &choice), ECH_OK);
    struct ech_hpke_suite suite;
    choice.config.cipher_suites = bytes_of(suites, 8);
    cr_assert_eq(ech_config_check(&choice.config, NULL, &suite), ECH_CONFIG_CIPHER_SUITE);
    choice.config.cipher_suites = bytes_of(suites, 12);
    cr_assert_eq(ech_config_check(&choice.config, NULL, &suite), ECH_CONFIG_USABLE);
    cr_assert_eq(suite.kdf_id, ECH_KDF_SHA384);
    cr_assert_eq(suite.aead_id, ECH_AEAD_AES_128_GCM);
    octets_free(&list);
}

Test(config, ech_17_the_mandatory_suite_is_chosen_from_basic_a)
{
    struct octets list = list_with_id("basic-A");
    struct ech_config_choice choice;
    cr_assert_eq(ech_config_list_select(octets_view(&list), NULL, &choice), ECH_OK);
    cr_assert_eq(choice.suite.kem_id, ECH_KEM_X25519_SHA256);
    cr_assert_eq(choice.suite.kdf_id, ECH_KDF_SHA256);
    cr_assert_eq(choice.suite.aead_id, ECH_AEAD_AES_128_GCM);
    octets_free(&list);
}

Test(config, ech_18_raw_is_what_info_takes)
{
    json_t *root = vectors_load("echconfig");
    const json_t *info = vectors_get(root, "hpke_info");
    struct octets list = list_with_id(vectors_text(info, "list"));
    struct ech_config_choice choice;
    cr_assert_eq(ech_config_list_select(octets_view(&list), NULL, &choice), ECH_OK);
    struct writer w;
    wr_init(&w, 0);
    wr_bytes(&w, bytes_of("tls ech", 8));
    wr_bytes(&w, choice.config.raw);
    assert_hex(wr_view(&w), vectors_text(info, "info_hex"), "info");
    wr_free(&w);
    octets_free(&list);
    json_decref(root);
}

Test(config, ech_19_configs_with_a_bad_public_key_are_not_used)
{
    size_t index;
    cr_assert_eq(verdict_at("all-zero-public-key", 0, NULL), ECH_CONFIG_PUBLIC_KEY);
    cr_assert_eq(select_index("all-zero-public-key", NULL, &index), ECH_ERR_UNSUPPORTED);
    cr_assert_eq(verdict_at("key-wrong-length", 0, NULL), ECH_CONFIG_PUBLIC_KEY);
    cr_assert_eq(select_index("key-wrong-length", NULL, &index), ECH_OK);
    cr_assert_eq(index, 1);
    cr_assert_eq(verdict_at("p256-not-on-curve", 0, NULL), ECH_CONFIG_PUBLIC_KEY);
    cr_assert_eq(select_index("p256-not-on-curve", NULL, &index), ECH_OK);
    cr_assert_eq(index, 1);
}

Test(config, every_verdict_has_a_name_of_its_own)
{
    for (int i = ECH_CONFIG_USABLE; i <= ECH_CONFIG_DUPLICATE_EXTENSION; i++) {
        const char *name = ech_config_verdict_name((enum ech_config_verdict)i);
        cr_assert_str_neq(name, "unknown");
        for (int j = ECH_CONFIG_USABLE; j < i; j++) {
            cr_assert_str_neq(name, ech_config_verdict_name((enum ech_config_verdict)j));
        }
    }
}

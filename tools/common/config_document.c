/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/config_document.h"

#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/code_points.h"
#include "tools/common/json_fields.h"

/* Columns of the text up to the values: the longest label and a blank. */
enum { LABEL_WIDTH = 20 };

json_t *hex_document(struct bytes octets)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(2 * octets.len + 1);
    if (text == NULL) {
        return NULL;
    }
    struct reader r = rd_of(octets);
    uint8_t octet;
    size_t at = 0;
    while (rd_u8(&r, &octet)) {
        text[at++] = digits[octet >> 4];
        text[at++] = digits[octet & 15];
    }
    json_t *document = json_stringn(text, at);
    free(text);
    return document;
}

json_t *base64_document(struct bytes octets)
{
    gnutls_datum_t in = {.data = (unsigned char *)(uintptr_t)octets.data,
                         .size = (unsigned)octets.len};
    gnutls_datum_t out = {0};
    if (gnutls_base64_encode2(&in, &out) != GNUTLS_E_SUCCESS) {
        return NULL;
    }
    json_t *document = json_stringn((const char *)out.data, out.size);
    gnutls_free(out.data);
    return document;
}

static const char *verdict_sentence(const char *verdict)
{
    static const struct {
        const char *word;
        const char *sentence;
    } sentences[] = {
        {"version", "skipped: a version that is not RFC 9849's"},
        {"kem", "not usable: a KEM that libechshim does not support"},
        {"cipher_suite", "not usable: no pair of KDF and AEAD that libechshim supports"},
        {"public_key", "not usable: the public key does not fit its KEM"},
        {"public_name", "not usable: public_name is not a host name"},
        {"mandatory_extension", "not usable: a mandatory extension that libechshim does not know"},
        {"duplicate_extension", "not usable: it has an extension twice"},
    };
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        if (strcmp(sentences[i].word, verdict) == 0) {
            return sentences[i].sentence;
        }
    }
    return "";
}

/* ---- the document ---- */

static json_t *cipher_suites(struct bytes suites)
{
    json_t *array = json_array();
    struct reader r = rd_of(suites);
    uint16_t kdf_id;
    uint16_t aead_id;
    while (rd_u16(&r, &kdf_id) && rd_u16(&r, &aead_id)) {
        bool supported = ech_hpke_kdf_supported(kdf_id) && ech_hpke_aead_supported(aead_id);
        json_array_append_new(array, json_pack("{s:i,s:s,s:i,s:s,s:b}", "kdf_id", kdf_id, "kdf",
                                               kdf_name(kdf_id), "aead_id", aead_id, "aead",
                                               aead_name(aead_id), "supported", supported));
    }
    return array;
}

static json_t *extensions(struct bytes octets)
{
    json_t *array = json_array();
    struct reader r = rd_of(octets);
    uint16_t type;
    struct reader data;
    while (rd_u16(&r, &type) && rd_vec16(&r, &data)) {
        json_array_append_new(array, json_pack("{s:i,s:b,s:o}", "type", type, "mandatory",
                                               (type & 0x8000) != 0, "data",
                                               hex_document(rd_rest(&data))));
    }
    return array;
}

/* public_name may hold any octets; those that are not printable ASCII are escaped as in a zone file
 * (RFC 1035, 5.1), so that no terminal obeys them and every JSON reader accepts them. */
static json_t *public_name_text(struct bytes name)
{
    char text[4 * ECH_PUBLIC_NAME_MAX + 1] = "";
    struct reader r = rd_of(name);
    uint8_t octet;
    size_t at = 0;
    while (rd_u8(&r, &octet) && at + 4 < sizeof text) {
        bool plain = octet > ' ' && octet < 0x7f && octet != '\\';
        at += (size_t)snprintf(text + at, sizeof text - at, plain ? "%c" : "\\%03u", octet);
    }
    return json_stringn(text, at);
}

static json_t *config_entry(const struct ech_config *config, bool *found)
{
    struct ech_hpke_suite suite;
    enum ech_config_verdict verdict = ech_config_check(config, NULL, &suite);
    bool chosen = verdict == ECH_CONFIG_USABLE && !*found;
    *found = *found || chosen;
    json_t *object =
        json_pack("{s:s,s:b,s:i,s:i}", "verdict", ech_config_verdict_name(verdict), "chosen",
                  chosen, "version", config->version, "length", (int)config->raw.len);
    if (object != NULL && config->version == ECH_VERSION) {
        json_t *contents = json_pack(
            "{s:i,s:i,s:s,s:o,s:o,s:i,s:o,s:o}", "config_id", config->config_id, "kem_id",
            config->kem_id, "kem", kem_name(config->kem_id), "public_key",
            hex_document(config->public_key), "cipher_suites", cipher_suites(config->cipher_suites),
            "maximum_name_length", config->maximum_name_length, "public_name",
            public_name_text(config->public_name), "extensions", extensions(config->extensions));
        json_object_update_new(object, contents);
    }
    json_object_set_new(object, "raw", base64_document(config->raw));
    return object;
}

json_t *config_document(struct bytes ech_config_list)
{
    struct reader configs;
    if (ech_config_list_begin(ech_config_list, &configs) != ECH_OK) {
        return NULL;
    }
    json_t *array = json_array();
    struct ech_config config;
    bool found = false;
    while (ech_config_list_next(&configs, &config)) {
        json_array_append_new(array, config_entry(&config, &found));
    }
    return array;
}

int config_document_chosen(const json_t *configs)
{
    for (size_t i = 0; i < json_array_size(configs); i++) {
        if (json_is_true(json_object_get(json_array_get(configs, i), "chosen"))) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- the text ---- */

static void label(FILE *out, int indent, const char *name)
{
    fprintf(out, "%*s%-*s", indent, "", LABEL_WIDTH, name);
}

static void print_suites(FILE *out, const json_t *suites)
{
    const char *separator = "";
    size_t i;
    json_t *suite;
    json_array_foreach(suites, i, suite)
    {
        fprintf(out, "%s%s/%s", separator, text_of(suite, "kdf"), text_of(suite, "aead"));
        if (!json_is_true(json_object_get(suite, "supported"))) {
            fprintf(out, " (0x%04x/0x%04x, not ours)", (unsigned)number_of(suite, "kdf_id"),
                    (unsigned)number_of(suite, "aead_id"));
        }
        separator = ", ";
    }
    fputc('\n', out);
}

static void print_extensions(FILE *out, const json_t *list)
{
    const char *separator = "";
    size_t i;
    json_t *extension;
    json_array_foreach(list, i, extension)
    {
        fprintf(out, "%s0x%04x%s, %zu octets", separator, (unsigned)number_of(extension, "type"),
                json_is_true(json_object_get(extension, "mandatory")) ? " (mandatory)" : "",
                json_string_length(json_object_get(extension, "data")) / 2);
        separator = "; ";
    }
    fprintf(out, "%s\n", i == 0 ? "none" : "");
}

static void print_contents(FILE *out, const json_t *config, int indent)
{
    label(out, indent, "config_id");
    fprintf(out, "%d\n", number_of(config, "config_id"));
    label(out, indent, "kem");
    fprintf(out, "0x%04x %s\n", (unsigned)number_of(config, "kem_id"), text_of(config, "kem"));
    label(out, indent, "public_key");
    fprintf(out, "%s\n", text_of(config, "public_key"));
    label(out, indent, "cipher_suites");
    print_suites(out, json_object_get(config, "cipher_suites"));
    label(out, indent, "maximum_name_length");
    fprintf(out, "%d\n", number_of(config, "maximum_name_length"));
    label(out, indent, "public_name");
    fprintf(out, "%s\n", text_of(config, "public_name"));
    label(out, indent, "extensions");
    print_extensions(out, json_object_get(config, "extensions"));
}

void config_document_print(FILE *out, const json_t *configs, int indent)
{
    size_t i;
    json_t *config;
    json_array_foreach(configs, i, config)
    {
        const char *verdict = text_of(config, "verdict");
        const char *sentence = verdict_sentence(verdict);
        if (json_is_true(json_object_get(config, "chosen"))) {
            sentence = "chosen";
        } else if (*sentence == '\0') {
            sentence = "usable, but an earlier one is preferred";
        }
        fprintf(out, "%*sECHConfig %zu: %s\n", indent, "", i + 1, sentence);
        label(out, indent + 2, "version");
        fprintf(out, "0x%04x\n", (unsigned)number_of(config, "version"));
        if (json_object_get(config, "config_id") != NULL) {
            print_contents(out, config, indent + 2);
        } else {
            label(out, indent + 2, "length");
            fprintf(out, "%d octets\n", number_of(config, "length"));
        }
    }
}

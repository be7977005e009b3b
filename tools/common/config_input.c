/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/config_input.h"

#include <ctype.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ech/config.h"

static enum config_input read_stream(FILE *file, struct writer *content)
{
    uint8_t buffer[4096];
    size_t got;
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0) {
        wr_bytes(content, bytes_of(buffer, got));
    }
    if (ferror(file)) {
        return CONFIG_INPUT_UNREADABLE;
    }
    switch (wr_finish(content)) {
    case ECH_OK:
        return CONFIG_INPUT_OK;
    case ECH_ERR_SPACE:
        return CONFIG_INPUT_TOO_LARGE;
    default:
        return CONFIG_INPUT_NO_MEMORY;
    }
}

static enum config_input read_file(const char *name, struct writer *content)
{
    FILE *file = fopen(name, "re");
    if (file == NULL) {
        return CONFIG_INPUT_UNREADABLE;
    }
    enum config_input result = read_stream(file, content);
    int saved = errno;
    (void)fclose(file);
    errno = saved;
    return result;
}

/* Base64 as in zone files and on web pages: with blanks and newlines, perhaps in quotes, perhaps
 * after the name of its SvcParam. */
static enum config_input decode_base64(struct bytes text, struct writer *out)
{
    struct writer packed;
    wr_init(&packed, text.len + 1);
    struct reader r = rd_of(text);
    uint8_t c;
    while (rd_u8(&r, &c)) {
        if (!isspace(c) && c != '"') {
            wr_u8(&packed, c);
        }
    }
    struct reader rest = rd_of(wr_view(&packed));
    struct bytes key;
    if (rest.len > 4 && memcmp(rest.data, "ech=", 4) == 0 && !rd_bytes(&rest, 4, &key)) {
        rest.len = 0;
    }
    gnutls_datum_t encoded = {.data = (unsigned char *)(uintptr_t)rest.data,
                              .size = (unsigned)rest.len};
    gnutls_datum_t decoded = {0};
    enum config_input result = encoded.size > 0 ? CONFIG_INPUT_NOT_BASE64 : CONFIG_INPUT_EMPTY;
    if (encoded.size > 0 && gnutls_base64_decode2(&encoded, &decoded) == GNUTLS_E_SUCCESS) {
        wr_bytes(out, bytes_of(decoded.data, decoded.size));
        result = wr_finish(out) == ECH_OK ? CONFIG_INPUT_OK : CONFIG_INPUT_NO_MEMORY;
        gnutls_free(decoded.data);
    }
    wr_free(&packed);
    return result;
}

/* How many blocks of this label begin. */
static size_t count_blocks(struct bytes text)
{
    static const char begin[] = "-----BEGIN ECHCONFIG-----";
    size_t count = 0;
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.len;
    while ((at = memmem(at, (size_t)(end - at), begin, sizeof begin - 1)) != NULL) {
        at += sizeof begin - 1;
        count++;
    }
    return count;
}

static enum config_input decode_pem(struct bytes text, struct writer *out)
{
    size_t blocks = count_blocks(text);
    if (blocks != 1) {
        return blocks == 0 ? CONFIG_INPUT_NO_ECHCONFIG : CONFIG_INPUT_TWO_BLOCKS;
    }
    gnutls_datum_t encoded = {.data = (unsigned char *)(uintptr_t)text.data,
                              .size = (unsigned)text.len};
    gnutls_datum_t decoded = {0};
    switch (gnutls_pem_base64_decode2("ECHCONFIG", &encoded, &decoded)) {
    case GNUTLS_E_SUCCESS:
        wr_bytes(out, bytes_of(decoded.data, decoded.size));
        gnutls_free(decoded.data);
        return wr_finish(out) == ECH_OK ? CONFIG_INPUT_OK : CONFIG_INPUT_NO_MEMORY;
    case GNUTLS_E_MEMORY_ERROR:
        return CONFIG_INPUT_NO_MEMORY;
    default:
        return CONFIG_INPUT_BROKEN_PEM;
    }
}

/* Where an ECHConfig's version is: in a list, in a bare ECHConfig, and after two lengths. */
static bool holds_version(struct bytes octets)
{
    for (size_t before = 0; before <= 4; before += 2) {
        struct reader r = rd_of(octets);
        struct bytes skipped;
        uint16_t version;
        if (rd_bytes(&r, before, &skipped) && rd_u16(&r, &version) && version == ECH_VERSION) {
            return true;
        }
    }
    return false;
}

enum config_input config_input_decode(struct bytes content, struct writer *out)
{
    if (content.len == 0) {
        return CONFIG_INPUT_EMPTY;
    }
    if (memmem(content.data, content.len, "-----BEGIN ", 11) != NULL) {
        return decode_pem(content, out);
    }
    /* The octets themselves, even if something is wrong with them. */
    if (ech_config_list_check(content) == ECH_OK || holds_version(content)) {
        wr_bytes(out, content);
        return wr_finish(out) == ECH_OK ? CONFIG_INPUT_OK : CONFIG_INPUT_NO_MEMORY;
    }
    return decode_base64(content, out);
}

static bool looks_like_path(const char *text)
{
    const char *dot = strrchr(text, '.');
    return text[0] == '/' || strncmp(text, "./", 2) == 0 || strncmp(text, "../", 3) == 0 ||
           (dot != NULL && dot != text);
}

const char *config_input_problem(enum config_input problem)
{
    switch (problem) {
    case CONFIG_INPUT_OK:
        break;
    case CONFIG_INPUT_UNREADABLE:
        return strerror(errno);
    case CONFIG_INPUT_TOO_LARGE:
        return "it is larger than any ECHConfigList";
    case CONFIG_INPUT_MISSING:
        return "there is no such file, and it is not Base64";
    case CONFIG_INPUT_EMPTY:
        return "there is nothing in it";
    case CONFIG_INPUT_NOT_BASE64:
        return "it is neither a file nor Base64";
    case CONFIG_INPUT_FILE:
        return "the file holds neither PEM nor Base64 nor an ECHConfigList";
    case CONFIG_INPUT_NO_ECHCONFIG:
        return "it is PEM without an ECHCONFIG block";
    case CONFIG_INPUT_BROKEN_PEM:
        return "its ECHCONFIG block has no end, or is not Base64";
    case CONFIG_INPUT_TWO_BLOCKS:
        return "it has more than one ECHCONFIG block; all ECHConfigs belong in one";
    case CONFIG_INPUT_NO_MEMORY:
        return "out of memory";
    }
    return NULL;
}

/* The text is not a file: it is Base64, or the name of a missing file. Base64 uses "/" too, so many
 * names are also Base64. */
static enum config_input read_argument(const char *text, struct writer *out)
{
    struct bytes argument = bytes_of(text, strlen(text));
    if (argument.len > CONFIG_INPUT_MAX) {
        return CONFIG_INPUT_TOO_LARGE;
    }
    enum config_input result = config_input_decode(argument, out);
    bool other = result == CONFIG_INPUT_NOT_BASE64 ||
                 (result == CONFIG_INPUT_OK && !holds_version(wr_view(out)));
    return other && looks_like_path(text) ? CONFIG_INPUT_MISSING : result;
}

static enum config_input read_named(const char *text, struct writer *out)
{
    struct writer content;
    wr_init(&content, CONFIG_INPUT_MAX);
    enum config_input result =
        strcmp(text, "-") == 0 ? read_stream(stdin, &content) : read_file(text, &content);
    if (result == CONFIG_INPUT_OK) {
        result = config_input_decode(wr_view(&content), out);
    }
    wr_wipe(&content); /* a PEM file may have held a private key */
    return result == CONFIG_INPUT_NOT_BASE64 ? CONFIG_INPUT_FILE : result;
}

enum config_input config_input_read(const char *text, struct writer *out)
{
    bool named = strcmp(text, "-") == 0 || access(text, F_OK) == 0;
    return named ? read_named(text, out) : read_argument(text, out);
}

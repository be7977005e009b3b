/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/config_input.h"

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

/* Base64 as it stands in zone files and on web pages: with blanks and newlines, perhaps in quotes,
 * perhaps with the name of its SvcParam. */
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
    enum config_input result = CONFIG_INPUT_NOT_BASE64;
    if (encoded.size > 0 && gnutls_base64_decode2(&encoded, &decoded) == GNUTLS_E_SUCCESS) {
        wr_bytes(out, bytes_of(decoded.data, decoded.size));
        result = wr_finish(out) == ECH_OK ? CONFIG_INPUT_OK : CONFIG_INPUT_NO_MEMORY;
        gnutls_free(decoded.data);
    }
    wr_free(&packed);
    return result;
}

static enum config_input decode_pem(struct bytes text, struct writer *out)
{
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
    case GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR:
        return CONFIG_INPUT_NO_ECHCONFIG;
    default:
        return CONFIG_INPUT_NOT_BASE64;
    }
}

enum config_input config_input_decode(struct bytes content, struct writer *out)
{
    if (content.len == 0) {
        return CONFIG_INPUT_NOT_BASE64;
    }
    if (memmem(content.data, content.len, "-----BEGIN ", 11) != NULL) {
        return decode_pem(content, out);
    }
    if (ech_config_list_check(content) == ECH_OK) {
        wr_bytes(out, content);
        return wr_finish(out) == ECH_OK ? CONFIG_INPUT_OK : CONFIG_INPUT_NO_MEMORY;
    }
    return decode_base64(content, out);
}

enum config_input config_input_read(const char *text, struct writer *out)
{
    struct writer content;
    wr_init(&content, CONFIG_INPUT_MAX);
    enum config_input result = CONFIG_INPUT_OK;
    if (strcmp(text, "-") == 0) {
        result = read_stream(stdin, &content);
    } else if (access(text, F_OK) == 0) {
        result = read_file(text, &content);
    } else {
        wr_bytes(&content, bytes_of(text, strlen(text)));
        result = wr_finish(&content) == ECH_OK ? CONFIG_INPUT_OK : CONFIG_INPUT_TOO_LARGE;
    }
    if (result == CONFIG_INPUT_OK) {
        result = config_input_decode(wr_view(&content), out);
    }
    wr_wipe(&content); /* a PEM file may have held a private key */
    return result;
}

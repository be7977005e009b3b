/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/key_store.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>

enum { VERSION = 2, PRIVATE_KEY = 1, TRUSTED_CERTIFICATE = 2, DIGEST_SIZE = 20 };

#define MAGIC 0xfeedfeedU

static void put_text(struct writer *out, const char *text)
{
    wr_u16(out, (uint16_t)strlen(text));
    wr_bytes(out, bytes_of(text, strlen(text)));
}

/* The digest at the end begins with the password, which is "changeit" by custom. Java checks it
 * only if it is given one. */
static bool put_digest(struct writer *out)
{
    static const char start[] = "\0c\0h\0a\0n\0g\0e\0i\0tMighty Aphrodite";
    uint8_t digest[DIGEST_SIZE];
    gnutls_hash_hd_t hash;
    if (out->failed || gnutls_hash_init(&hash, GNUTLS_DIG_SHA1) != 0) {
        return false;
    }
    bool good = gnutls_hash(hash, start, sizeof start - 1) == 0 &&
                gnutls_hash(hash, out->data, out->len) == 0;
    gnutls_hash_deinit(hash, digest);
    if (good) {
        wr_bytes(out, bytes_of(digest, sizeof digest));
    }
    return good;
}

void relay_key_store_write(struct writer *out, const struct bytes *certificates, size_t count)
{
    char alias[32];
    wr_u32(out, MAGIC);
    wr_u32(out, VERSION);
    wr_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(alias, sizeof alias, "anchor%zu", i);
        wr_u32(out, TRUSTED_CERTIFICATE);
        put_text(out, alias);
        wr_u32(out, 0); /* the date of the entry, in 64 bits: 1970 */
        wr_u32(out, 0);
        put_text(out, "X.509");
        wr_u32(out, (uint32_t)certificates[i].len);
        wr_bytes(out, certificates[i]);
    }
    out->failed = !put_digest(out) || out->failed;
}

/* ---- reading ---- */

bool relay_key_store_is(struct bytes octets)
{
    struct reader in = rd_of(octets);
    uint32_t magic;
    return rd_u32(&in, &magic) && magic == MAGIC;
}

static bool read_text(struct reader *in, struct bytes *text)
{
    uint16_t length;
    return rd_u16(in, &length) && rd_bytes(in, length, text);
}

static bool read_long(struct reader *in, struct bytes *octets)
{
    uint32_t length;
    return rd_u32(in, &length) && rd_bytes(in, length, octets);
}

/* Version 1 names no type: all its certificates are X.509. */
static bool read_certificate(struct reader *in, uint32_t version, struct bytes *der)
{
    struct bytes type;
    return (version < VERSION || read_text(in, &type)) && read_long(in, der);
}

static bool pass_over_key(struct reader *in, uint32_t version)
{
    struct bytes skipped;
    uint32_t count;
    bool good = read_long(in, &skipped) && rd_u32(in, &count);
    for (uint32_t i = 0; good && i < count; i++) {
        good = read_certificate(in, version, &skipped);
    }
    return good;
}

bool relay_key_store_read(struct bytes octets, bool (*take)(void *context, struct bytes der),
                          void *context)
{
    struct reader in = rd_of(octets);
    struct bytes skipped;
    struct bytes der;
    uint32_t magic;
    uint32_t version;
    uint32_t count;
    uint32_t kind;
    bool good = rd_u32(&in, &magic) && magic == MAGIC && rd_u32(&in, &version) &&
                version <= VERSION && rd_u32(&in, &count);
    for (uint32_t i = 0; good && i < count; i++) {
        good = rd_u32(&in, &kind) && read_text(&in, &skipped) && rd_bytes(&in, 8, &skipped);
        if (good && kind == PRIVATE_KEY) {
            good = pass_over_key(&in, version);
        } else {
            good = good && kind == TRUSTED_CERTIFICATE && read_certificate(&in, version, &der) &&
                   take(context, der);
        }
    }
    return good;
}

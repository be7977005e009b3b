/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/key_store.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>

enum { VERSION = 2, TRUSTED_CERTIFICATE = 2, DIGEST_SIZE = 20 };

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

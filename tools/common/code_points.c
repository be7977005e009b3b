/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/code_points.h"

#include <stddef.h>

struct code_point {
    uint16_t value;
    const char *name;
};

static const char *find(const struct code_point *table, size_t count, uint16_t value)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].value == value) {
            return table[i].name;
        }
    }
    return "unknown";
}

#define FIND(table, value) find(table, sizeof(table) / sizeof *(table), value)

const char *kem_name(uint16_t kem_id)
{
    static const struct code_point kems[] = {
        {0x0010, "DHKEM(P-256, HKDF-SHA256)"},
        {0x0011, "DHKEM(P-384, HKDF-SHA384)"},
        {0x0012, "DHKEM(P-521, HKDF-SHA512)"},
        {0x0020, "DHKEM(X25519, HKDF-SHA256)"},
        {0x0021, "DHKEM(X448, HKDF-SHA512)"},
        {0x0030, "X25519Kyber768Draft00"},
        {0x0040, "ML-KEM-512"},
        {0x0041, "ML-KEM-768"},
        {0x0042, "ML-KEM-1024"},
        {0x647a, "X-Wing"},
    };
    return FIND(kems, kem_id);
}

const char *kdf_name(uint16_t kdf_id)
{
    static const struct code_point kdfs[] = {
        {0x0001, "HKDF-SHA256"},
        {0x0002, "HKDF-SHA384"},
        {0x0003, "HKDF-SHA512"},
    };
    return FIND(kdfs, kdf_id);
}

const char *aead_name(uint16_t aead_id)
{
    static const struct code_point aeads[] = {
        {0x0001, "AES-128-GCM"},
        {0x0002, "AES-256-GCM"},
        {0x0003, "ChaCha20Poly1305"},
        {0xffff, "export-only"},
    };
    return FIND(aeads, aead_id);
}

const char *rcode_name(uint16_t rcode)
{
    static const struct code_point rcodes[] = {
        {0, "NOERROR"}, {1, "FORMERR"},  {2, "SERVFAIL"}, {3, "NXDOMAIN"}, {4, "NOTIMP"},
        {5, "REFUSED"}, {6, "YXDOMAIN"}, {8, "NXRRSET"},  {9, "NOTAUTH"},  {16, "BADVERS"},
    };
    return FIND(rcodes, rcode);
}

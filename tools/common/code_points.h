/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of code points, for people, as in the registries. */
#ifndef TOOLS_COMMON_CODE_POINTS_H
#define TOOLS_COMMON_CODE_POINTS_H

#include <stdint.h>

/* HPKE's registries (RFC 9180, 7); "unknown" for others. Static storage. */
const char *kem_name(uint16_t kem_id);
const char *kdf_name(uint16_t kdf_id);
const char *aead_name(uint16_t aead_id);
/* DNS response codes (RFC 1035, 4.1.1; RFC 6895, 2.3) as dig and drill write them. */
const char *rcode_name(uint16_t rcode);

#endif

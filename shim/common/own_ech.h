/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For programs with ECH of their own: the ECHConfigs that they gave to their TLS library. A
 * ClientHelloOuter of such a program shows the public name of one of these configs. GREASE looks
 * alike, but carries the true name.
 */
#ifndef SHIM_COMMON_OWN_ECH_H
#define SHIM_COMMON_OWN_ECH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Notes the configs of an ECHConfigList (RFC 9849, 4) that a program gave to its library. Ignores
 * what is no such list: the library will refuse it. False: it has no config but local ones
 * (ech/local_config.h). Those are ours, so they say nothing about the program. */
bool shim_own_ech_note(const uint8_t *list, size_t length);
/* Was any config noted? Lock-free, as is the next. */
bool shim_own_ech_any(void);
/* Was a config with this identifier and this public name (with a NUL) noted? */
bool shim_own_ech_has(uint8_t config_id, const char *public_name);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's dns_ldns (dns/ldns.h). */
#ifndef SHIM_ENGINE_STATE_LDNS_H
#define SHIM_ENGINE_STATE_LDNS_H

/* Says that dns_ldns shall load libechshim-ldns.so, from the engine's folder, when it is first
 * asked. Called once, at the start. */
void shim_ldns_start(void);

#endif

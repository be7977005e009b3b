/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names and HTTPS records as in a zone file (RFC 1035, 5.1; RFC 9460, 2.1), by ldns. */
#ifndef TOOLS_COMMON_RECORD_TEXT_H
#define TOOLS_COMMON_RECORD_TEXT_H

#include <jansson.h>

#include "dns/name.h"

/* With the dot of the root. NULL: no memory. */
json_t *name_text(const struct dns_name *name);

/* The RDATA alone; if ldns cannot read it, it is written as unknown RDATA (RFC 3597, 5). NULL: no
 * memory. */
json_t *https_record_text(struct bytes rdata);

#endif

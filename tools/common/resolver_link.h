/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tools' connection to an encrypted resolver.
 */
#ifndef TOOLS_COMMON_RESOLVER_LINK_H
#define TOOLS_COMMON_RESOLVER_LINK_H

#include "dns/encrypted/channel.h"

/*
 * For a resolver of any kind, which is borrowed. The trust anchors come from the file (PEM), or
 * from the system if it is NULL; without any, the resolver cannot prove its identity. NULL for a
 * plain resolver, and if there is no memory; then the look-up reports that.
 */
struct dns_channel *resolver_link_new(const struct dns_resolver *resolver, const char *ca_file);
/* NULL is fine. */
void resolver_link_free(struct dns_channel *channel);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tools' connections to encrypted resolvers.
 */
#ifndef TOOLS_COMMON_RESOLVER_LINK_H
#define TOOLS_COMMON_RESOLVER_LINK_H

#include "dns/lookup.h"

/*
 * For a resolver of any kind, which is borrowed. The trust anchors come from the file (PEM), or
 * from the system if it is NULL; without any, no resolver can prove its identity. `through`:
 * ECHSHIM_RESOLVER_PROXY, or NULL. There are none for a plain resolver. If there is no memory, the
 * look-up reports that.
 */
struct dns_channels resolver_link_new(const struct dns_resolver *resolver, const char *ca_file,
                                      const char *through);
void resolver_link_free(const struct dns_channels *channels);

#endif

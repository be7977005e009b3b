/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A list of resolvers as text, as ECHSHIM_RESOLVER has it. The stub reads it too, so this part
 * stands alone. Pure.
 */
#ifndef DNS_RESOLVER_ITEMS_H
#define DNS_RESOLVER_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The next resolver of *rest, borrowed, without the blanks around it; false: there is none. Blanks
 * separate resolvers, and so does a comma before a blank, a scheme ("tls://") or `system`. Any
 * other comma belongs to the resolver: there it separates addresses. Empty items are skipped.
 */
bool dns_resolver_item_next(const char **rest, const char **item, size_t *length);

#endif

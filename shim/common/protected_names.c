/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/protected_names.h"

#include <stddef.h>
#include <string.h>

#include "dns/resolver_items.h"

static bool begins(const char *item, size_t length, const char *with)
{
    return length >= strlen(with) && memcmp(item, with, strlen(with)) == 0;
}

static bool is_plain(const char *item, size_t length)
{
    return (length == strlen("system") && begins(item, length, "system")) ||
           begins(item, length, "udp://") || begins(item, length, "tcp://");
}

bool shim_names_want_protection(const char *resolver)
{
    const char *item;
    size_t length;
    bool any = false;
    if (resolver == NULL || *resolver == '\0') {
        return false;
    }
    while (dns_resolver_item_next(&resolver, &item, &length)) {
        any = true;
        if (!is_plain(item, length)) {
            return true;
        }
    }
    return !any; /* nothing but blanks: a setting that cannot be used */
}

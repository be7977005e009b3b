/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ECHConfigLists by hand, as text: "BASE64" for every name, or "NAME=BASE64" items,
 * comma-separated. For the settings and for the tools, so that both say the same. What the Base64
 * holds is the caller's affair. Pure.
 */
#ifndef SHIM_COMMON_CONFIG_LIST_H
#define SHIM_COMMON_CONFIG_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "dns/host_name.h"

struct shim_config_item {
    const char *text; /* without blanks around it; borrowed, as is the next */
    size_t length;
    const char *base64;
    size_t base64_length;
    char name[DNS_HOST_SIZE]; /* in its normal form; "": for every name, or not known */
    /* Why the item can match nothing, or holds no Base64; NULL: nothing is wrong so far. Static
     * storage. */
    const char *problem;
};

/* The next item of *rest; false: there is none. Blank items are skipped. */
bool shim_config_list_next(const char **rest, struct shim_config_item *item);

#endif

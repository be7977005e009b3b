/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ECHConfigLists given by the user as text: "BASE64" for every name, or "NAME=BASE64" items,
 * comma-separated. The settings and the tools share this, so that both say the same. The caller
 * decodes the Base64. Pure.
 */
#ifndef SHIM_COMMON_CONFIG_LIST_H
#define SHIM_COMMON_CONFIG_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "dns/host_name.h"

struct shim_config_item {
    const char *text; /* without blanks around it; borrowed, like base64 */
    size_t length;
    const char *base64;
    size_t base64_length;
    char name[DNS_HOST_SIZE]; /* in its normal form; "": for every name, or not known */
    /* Why the item matches no name, or has no Base64; NULL: no problem so far. Static storage. */
    const char *problem;
};

/* The next item of *rest; false: there is none. Blank items are skipped. */
bool shim_config_list_next(const char **rest, struct shim_config_item *item);

#endif

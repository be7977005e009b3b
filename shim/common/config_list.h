/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ECHConfigLists given by the user as text: "LIST" for every name, or "NAME=LIST" items,
 * comma-separated. LIST is Base64, or "@FILE" with a list in it. NAME is a host's name, a pattern
 * ("*.example.org"), or "@FILE" with a name or pattern in each line. The settings and the tools
 * share this, so that both say the same. The caller decodes the Base64 and reads the files. Pure.
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
    const char *file; /* instead of Base64; NULL: it is Base64 */
    size_t file_length;
    const char *names_file; /* instead of one name; NULL: none */
    size_t names_file_length;
    char name[DNS_HOST_SIZE]; /* or a pattern, in its normal form; "": for every name, or not known
                               */
    /* Why the item matches no name, or has no Base64; NULL: no problem so far. Static storage. */
    const char *problem;
};

/* The next item of *rest; false: there is none. Blank items are skipped. */
bool shim_config_list_next(const char **rest, struct shim_config_item *item);

#endif

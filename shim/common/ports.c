/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/ports.h"

#include <stddef.h>
#include <string.h>

#include "dns/host_name.h"

/* A decimal number from 1 to 65535 and nothing else. */
static bool parse_port(const char *text, size_t length, uint16_t *port)
{
    unsigned value = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(text[i] - '0');
        if (value > UINT16_MAX) {
            return false;
        }
    }
    *port = (uint16_t)value;
    return value != 0;
}

bool shim_ports_parse(const char *list, shim_ports_add *add, void *context)
{
    if (list == NULL || *list == '\0') {
        return add(context, DNS_HTTPS_PORT);
    }
    for (const char *item = list;; item++) {
        size_t length = strcspn(item, ",");
        uint16_t port;
        if (!parse_port(item, length, &port) || !add(context, port)) {
            (void)add(context, DNS_HTTPS_PORT);
            return false;
        }
        item += length;
        if (*item == '\0') {
            return true;
        }
    }
}

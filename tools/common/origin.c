/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/origin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool parse_bounded(const char *text, unsigned max, unsigned *out)
{
    char *end;
    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || value == 0 || value > max) {
        return false;
    }
    *out = (unsigned)value;
    return true;
}

bool parse_origin(const char *text, char host[DNS_HOST_SIZE], unsigned *port)
{
    size_t len = strcspn(text, ":");
    *port = DNS_HTTPS_PORT;
    if (len == 0 || len >= DNS_HOST_SIZE ||
        (text[len] == ':' && !parse_bounded(text + len + 1, UINT16_MAX, port))) {
        return false;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    return true;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/resolver_items.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Does a resolver begin here? */
static bool begins_item(const char *text)
{
    static const char system[] = "system";
    size_t len = 0;
    while (is_letter(text[len])) {
        len++;
    }
    if (len == sizeof system - 1 && strncmp(text, system, len) == 0) {
        return text[len] == '\0' || text[len] == ',' || is_blank(text[len]);
    }
    return len > 0 && strncmp(text + len, "://", 3) == 0;
}

static bool ends_item(const char *at)
{
    return *at == '\0' || is_blank(*at) ||
           (*at == ',' &&
            (at[1] == '\0' || at[1] == ',' || is_blank(at[1]) || begins_item(at + 1)));
}

bool dns_resolver_item_next(const char **rest, const char **item, size_t *length)
{
    const char *at = *rest;
    while (is_blank(*at) || *at == ',') {
        at++;
    }
    *item = at;
    while (!ends_item(at)) {
        at++;
    }
    *length = (size_t)(at - *item);
    *rest = at;
    return *length > 0;
}

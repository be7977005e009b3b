/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/config_list.h"

#include <string.h>

#include "dns/name.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void trim(const char **text, size_t *length)
{
    while (*length > 0 && is_blank(**text)) {
        ++*text;
        --*length;
    }
    while (*length > 0 && is_blank((*text)[*length - 1])) {
        --*length;
    }
}

static bool begins(const char *text, size_t length, const char *with)
{
    return length >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

/* The query name for another port (RFC 9460, 2.3) is no host's name. */
static bool is_query_name(const char *name)
{
    size_t digits = name[0] == '_' ? strspn(name + 1, "0123456789") : 0;
    return digits > 0 && strncmp(name + 1 + digits, "._https.", strlen("._https.")) == 0;
}

/* "*" or "*.NAME", as in a [host] section. */
static const char *look_at_pattern(const char *pattern)
{
    bool good = pattern[0] == '*' && strchr(pattern + 1, '*') == NULL &&
                (pattern[1] == '\0' ||
                 (pattern[1] == '.' && dns_name_kind_of(pattern + 2) != DNS_NAME_NONE));
    return good ? NULL : "a pattern is *.NAME, or * for every name";
}

/* NULL: it is a host's name, which is now in `out`. */
static const char *read_name(const char *text, size_t length, char out[DNS_HOST_SIZE])
{
    char name[DNS_HOST_SIZE + 1];
    out[0] = '\0';
    if (length == 0) {
        return "the name is missing before the \"=\"";
    }
    if (dns_host_equal_octets(text, length, "ech", strlen("ech"))) {
        return "\"ech=\" is how a zone file writes it; leave it out";
    }
    if (length >= sizeof name) {
        return "the name is too long";
    }
    if (memchr(text, '\0', length) != NULL) {
        return "not the name of a host";
    }
    memcpy(name, text, length);
    name[length] = '\0';
    if (!dns_host_normal(name, out)) {
        return "the name is too long";
    }
    const char *problem = NULL;
    if (strchr(out, '/') != NULL || strchr(out, ':') != NULL) {
        problem = "a name has no scheme, port or path";
    } else if (strchr(out, '*') != NULL) {
        problem = look_at_pattern(out);
    } else if (dns_name_kind_of(out) == DNS_NAME_NONE) {
        problem = "not the name of a host (IDNs as xn--...)";
    } else if (is_query_name(out)) {
        problem = "give the name of the host, without _PORT._https";
    }
    if (problem != NULL) {
        out[0] = '\0';
    }
    return problem;
}

static const char *look_at_base64(const char *text, size_t length)
{
    if (length == 0) {
        return "the Base64 is missing";
    }
    if (text[0] == '"' || text[0] == '\'') {
        return "Base64 has no quotes";
    }
    if (begins(text, length, "-----BEGIN")) {
        return "this is PEM; give the Base64 of its ECHCONFIG alone, in one line";
    }
    return begins(text, length, "ech=") ? "\"ech=\" is how a zone file writes it; leave it out"
                                        : NULL;
}

/* Where the name ends in NAME=BASE64: at the first '='. Base64 may end in '=' too, but then nothing
 * follows, and Base64 has no dot. */
static const char *end_of_name(const struct shim_config_item *item)
{
    const char *equals = memchr(item->text, '=', item->length);
    if (equals == NULL) {
        return NULL;
    }
    size_t before = (size_t)(equals - item->text);
    size_t behind = item->length - before - 1;
    bool padding = item->text[0] != '@' && (behind == 0 || equals[1] == '=');
    return padding && before > 0 && memchr(item->text, '.', before) == NULL ? NULL : equals;
}

/* The list: Base64, or a file. */
static void read_list(struct shim_config_item *item, const char *text, size_t length)
{
    item->base64 = text;
    item->base64_length = length;
    if (length > 0 && text[0] == '@') {
        item->file = text + 1;
        item->file_length = length - 1;
        item->problem = length > 1 ? NULL : "the file is missing behind the \"@\"";
    } else {
        item->problem = look_at_base64(text, length);
    }
}

static void read_item(struct shim_config_item *item)
{
    item->name[0] = '\0';
    item->file = NULL;
    item->names_file = NULL;
    read_list(item, item->text, item->length);
    const char *equals = item->problem == NULL ? end_of_name(item) : NULL;
    if (equals == NULL) {
        return;
    }
    const char *name = item->text;
    size_t length = (size_t)(equals - name);
    const char *list = equals + 1;
    size_t list_length = item->length - length - 1;
    trim(&name, &length);
    trim(&list, &list_length);
    item->file = NULL;
    read_list(item, list, list_length);
    const char *problem = item->problem;
    if (name[0] == '@' && length > 0) {
        item->names_file = name + 1;
        item->names_file_length = length - 1;
        item->problem = length > 1 ? NULL : "the file is missing behind the \"@\"";
    } else {
        item->problem = read_name(name, length, item->name);
    }
    if (item->problem == NULL) {
        item->problem = problem;
    }
}

bool shim_config_list_next(const char **rest, struct shim_config_item *item)
{
    while (*rest != NULL) {
        item->text = *rest;
        item->length = strcspn(*rest, ",");
        *rest = item->text[item->length] == ',' ? item->text + item->length + 1 : NULL;
        trim(&item->text, &item->length);
        if (item->length > 0) {
            read_item(item);
            return true;
        }
    }
    return false;
}

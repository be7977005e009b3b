/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/names/nsswitch.h"

#include <string.h>

/* A string of limited size. */
struct line {
    char *text;
    size_t size;
    size_t length;
    bool full;
};

static void add(struct line *line, struct bytes words)
{
    size_t space = line->length > 0 ? 1 : 0;
    if (line->full || words.len + space >= line->size - line->length) {
        line->full = true;
        return;
    }
    if (space > 0) {
        line->text[line->length++] = ' ';
    }
    memcpy(line->text + line->length, words.data, words.len);
    line->length += words.len;
    line->text[line->length] = '\0';
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes skip_blanks(struct bytes text)
{
    while (text.len > 0 && is_blank(*text.data)) {
        text = bytes_of(text.data + 1, text.len - 1);
    }
    return text;
}

/* Takes the front of *text, up to and including `end`; gives it without `end`. */
static struct bytes cut(struct bytes *text, uint8_t end)
{
    const uint8_t *at = text->len > 0 ? memchr(text->data, end, text->len) : NULL;
    size_t length = at != NULL ? (size_t)(at - text->data) : text->len;
    struct bytes front = bytes_of(text->data, length);
    size_t gone = at != NULL ? length + 1 : length;
    *text = bytes_of(text->data + gone, text->len - gone);
    return front;
}

static bool starts_with(struct bytes text, const char *word)
{
    return text.len >= strlen(word) && memcmp(text.data, word, strlen(word)) == 0;
}

static bool is_word(struct bytes text, const char *word)
{
    return text.len == strlen(word) && starts_with(text, word);
}

static bool ends_with(struct bytes text, const char *word)
{
    size_t length = strlen(word);
    return text.len >= length && is_word(bytes_of(text.data + text.len - length, length), word);
}

/* The last "hosts" line counts. */
static struct bytes find_hosts(struct bytes conf)
{
    struct bytes found = bytes_of("files dns", 9);
    while (conf.len > 0) {
        struct bytes rest = cut(&conf, '\n');
        struct bytes text = skip_blanks(cut(&rest, '#'));
        if (starts_with(text, "hosts")) {
            text = skip_blanks(bytes_of(text.data + 5, text.len - 5));
            if (starts_with(text, ":")) {
                found = bytes_of(text.data + 1, text.len - 1);
            }
        }
    }
    return found;
}

/* Takes the next service off the line, with the actions in brackets that follow it. */
static bool service_next(struct bytes *line, struct bytes *name, struct bytes *whole)
{
    *line = skip_blanks(*line);
    if (line->len == 0) {
        return false;
    }
    const uint8_t *start = line->data;
    size_t length = 0;
    while (length < line->len && !is_blank(start[length]) && start[length] != '[') {
        length++;
    }
    *name = bytes_of(start, length);
    *whole = *name;
    *line = bytes_of(start + length, line->len - length);
    for (struct bytes rest = skip_blanks(*line); starts_with(rest, "["); rest = skip_blanks(rest)) {
        (void)cut(&rest, ']');
        *line = rest;
        *whole = bytes_of(start, (size_t)(rest.data - start));
    }
    return true;
}

/*
 * Services that do not ask the network about every name: files, names of this machine and its
 * containers, and mDNS that only takes ".local".
 */
static bool is_local(struct bytes service)
{
    static const char *const local[] = {"files", "db", "compat", "mymachines", "myhostname"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        if (is_word(service, local[i])) {
            return true;
        }
    }
    return starts_with(service, "mdns") && ends_with(service, "_minimal");
}

static void add_services(struct line *out, struct bytes services, bool local)
{
    struct bytes name;
    struct bytes whole;
    while (service_next(&services, &name, &whole)) {
        if (is_local(name) == local && !is_word(name, SHIM_NAMES_SERVICE)) {
            add(out, whole);
        }
    }
}

enum ech_status shim_names_services(struct bytes nsswitch_conf, bool local_only, char *line,
                                    size_t size)
{
    /* The services after ours see a name only if ours says that it is unavailable. */
    static const char ours[] = SHIM_NAMES_SERVICE " [!UNAVAIL=return]";
    struct line out = {.text = line, .size = size, .full = size == 0};
    struct bytes services = find_hosts(nsswitch_conf);
    if (size > 0) {
        line[0] = '\0';
    }
    add_services(&out, services, true);
    if (!local_only) {
        add(&out, bytes_of(ours, sizeof ours - 1));
        add_services(&out, services, false);
    } else if (out.length == 0) {
        add(&out, bytes_of("files", 5));
    }
    return out.full ? ECH_ERR_SPACE : ECH_OK;
}

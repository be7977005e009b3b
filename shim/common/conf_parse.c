/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parses the text of a configuration file. inih takes the lines apart. But it silently cuts long
 * lines and long names of sections, so it gets only lines that it can take. We parse the headers of
 * sections ourselves, and give it a long value as a line with continuations.
 */
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/conf.h"

enum { PROBLEM_SIZE = 200, QUOTED_MAX = 60, HOST_MAX = 253, NO_SECTION = -1 };

struct reading {
    struct shim_conf *conf;
    enum shim_conf_trust trust;
    const char *file; /* owned by the conf */
    const char *at;
    const char *end;
    unsigned line;
    const char *rest; /* what is left of a line that was too long, up to rest_end */
    const char *rest_end;
    int section;     /* index into conf->sections; NO_SECTION: before the first one, or a bad one */
    bool bad;        /* in a section that cannot be used, which was reported */
    bool expects;    /* inih was given a line that must be a key */
    bool indented;   /* the line continues the value before it */
    size_t appended; /* 1 + index of the entry that a continuation belongs to; 0: none */
    enum ech_status status;
};

static void problem(struct reading *reading, const char *text)
{
    shim_conf_problem(reading->conf, reading->file, reading->line, text);
}

static void problem_with(struct reading *reading, const char *format, const char *what,
                         size_t length)
{
    char text[PROBLEM_SIZE];
    int quoted = length < QUOTED_MAX ? (int)length : QUOTED_MAX;
    /* All formats are in this file, and have one "%.*s" each. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(text, sizeof text, format, quoted, what);
#pragma GCC diagnostic pop
    problem(reading, text);
}

/* ---- sections ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static void trim(const char **from, const char **to)
{
    while (*from < *to && is_blank(**from)) {
        (*from)++;
    }
    while (*to > *from && is_blank((*to)[-1])) {
        (*to)--;
    }
}

/* Cuts off a comment behind a value, by the rule of inih. */
static const char *without_comment(const char *from, const char *to)
{
    for (const char *c = from; c + 1 < to; c++) {
        if (is_blank(*c) && c[1] == ';') {
            return c;
        }
    }
    return to;
}

/* A host's name, also after "*.", or "*" alone. */
static bool is_host_pattern(const char *pattern)
{
    const char *name = pattern[0] == '*' && pattern[1] == '.' ? pattern + 2 : pattern;
    if (strcmp(pattern, "*") == 0) {
        return true;
    }
    size_t length = strlen(name);
    return length > 0 && length <= HOST_MAX && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               length &&
           strstr(name, "..") == NULL;
}

/* False after a problem. */
static bool check_pattern(struct reading *reading, struct shim_conf_section *section)
{
    char *pattern = section->pattern;
    size_t last = strlen(pattern) - 1;
    if (section->kind == SHIM_CONF_PROGRAM) {
        if (strchr(pattern, '/') != NULL && pattern[0] != '/') {
            problem(reading, "the path of a program begins with /, or has none");
            return false;
        }
        return true;
    }
    if (last > 0 && pattern[last] == '.') {
        pattern[last] = '\0';
    }
    if (!is_host_pattern(pattern)) {
        problem(reading,
                "not the name of a host (example.org, *.example.org or *; IDNs as xn--...)");
        return false;
    }
    return true;
}

/* Takes default, host "PATTERN" or program "PATTERN"; false after a problem. It never cuts a
 * pattern. */
static bool parse_header(struct reading *reading, const char *from, const char *to,
                         struct shim_conf_section *section)
{
    static const char *const kinds[] = {[SHIM_CONF_PROGRAM] = "program", [SHIM_CONF_HOST] = "host"};
    size_t length = (size_t)(to - from);
    if (length == strlen("default") && memcmp(from, "default", length) == 0) {
        section->kind = SHIM_CONF_DEFAULT;
        return true;
    }
    for (int kind = SHIM_CONF_PROGRAM; kind <= SHIM_CONF_HOST; kind++) {
        size_t word = strlen(kinds[kind]);
        if (length <= word || memcmp(from, kinds[kind], word) != 0) {
            continue;
        }
        const char *pattern = from + word;
        trim(&pattern, &to);
        if (to - pattern < 3 || *pattern != '"' || to[-1] != '"' ||
            memchr(pattern + 1, '"', (size_t)(to - pattern) - 2) != NULL) {
            continue;
        }
        section->kind = (enum shim_conf_kind)kind;
        section->pattern = strndup(pattern + 1, (size_t)(to - pattern) - 2);
        if (section->pattern == NULL) {
            reading->status = ECH_ERR_NOMEM;
            return false;
        }
        return check_pattern(reading, section);
    }
    problem_with(reading,
                 "cannot use [%.*s]: sections are [default], [host \"NAME\"] and [program "
                 "\"PATH\"]",
                 from, length);
    return false;
}

/* Takes a line that begins with '['. */
static void take_header(struct reading *reading, const char *from, const char *to)
{
    reading->section = NO_SECTION;
    reading->bad = true;
    reading->appended = 0;
    to = without_comment(from, to);
    const char *close = memrchr(from, ']', (size_t)(to - from));
    const char *behind = close != NULL ? close + 1 : to;
    trim(&behind, &to);
    if (close == NULL || (behind < to && *behind != '#')) {
        problem(reading, "a section's name ends with ] and nothing follows");
        return;
    }
    from++;
    trim(&from, &close);
    struct shim_conf_section *section = calloc(1, sizeof *section);
    struct shim_conf_section **grown =
        reallocarray(reading->conf->sections, reading->conf->section_count + 1,
                     sizeof(struct shim_conf_section *));
    if (grown != NULL) {
        reading->conf->sections = grown;
    }
    if (section == NULL || grown == NULL) {
        free(section);
        reading->status = ECH_ERR_NOMEM;
        return;
    }
    section->file = reading->file;
    section->line = reading->line;
    if (!parse_header(reading, from, close, section)) {
        free(section->pattern);
        free(section);
        return;
    }
    reading->section = (int)reading->conf->section_count;
    reading->bad = false;
    reading->conf->sections[reading->conf->section_count++] = section;
}

/* ---- lines, as inih asks for them ---- */

/* The length of a key with its '='; 0: there is none. */
static size_t key_length(const char *from, const char *to)
{
    for (const char *c = from; c < to; c++) {
        if (*c == '=' || *c == ':') {
            return (size_t)(c - from) + 1;
        }
    }
    return 0;
}

/* Copies as much as fits, and ends the line. The rest becomes a continuation, which must not look
 * like a comment. */
static void hand_over(struct reading *reading, char *out, size_t room, const char *from,
                      const char *to)
{
    size_t length = (size_t)(to - from);
    reading->rest = NULL;
    if (length > room - 2) {
        length = room - 2;
        while (length > 1 && (is_blank(from[length]) || is_blank(from[length - 1]) ||
                              from[length] == ';' || from[length] == '#')) {
            length--;
        }
        reading->rest = from + length;
        reading->rest_end = to;
    }
    memcpy(out, from, length);
    out[length] = '\n';
    out[length + 1] = '\0';
}

static void check_answered(struct reading *reading)
{
    if (reading->expects) {
        problem(reading, "not understood: neither [section] nor key = value");
    }
    reading->expects = false;
}

/* The rest of a line that was too long goes on with the value: it is indented. */
static void give_rest(struct reading *reading, char *out, size_t room)
{
    out[0] = ' ';
    reading->indented = true;
    hand_over(reading, out + 1, room - 1, reading->rest, reading->rest_end);
}

/* The next line of the file, without its end. */
static void cut_line(struct reading *reading, const char **from, const char **to)
{
    *from = reading->at;
    *to = memchr(*from, '\n', (size_t)(reading->end - *from));
    reading->at = *to != NULL ? *to + 1 : reading->end;
    *to = *to != NULL ? *to : reading->end;
    reading->line++;
}

/* Gives inih a line with a value: the whole key, and as much of the value as fits. */
static void give_value(struct reading *reading, char *out, size_t room, const char *from,
                       const char *to)
{
    reading->expects = true;
    to = without_comment(from, to);
    size_t key = reading->indented ? 1 : key_length(from, to);
    if (key >= room / 2) {
        return; /* no key of ours is so long */
    }
    memcpy(out, from, key);
    from += key;
    trim(&from, &to);
    hand_over(reading, out + key, room - key, from, to);
}

/* Gives inih the next line of the file, or an empty line if we take that line ourselves. */
static void give_line(struct reading *reading, char *out, size_t room)
{
    const char *from;
    const char *to;
    cut_line(reading, &from, &to);
    const char *first = from;
    trim(&first, &to);
    memcpy(out, "\n", sizeof "\n");
    if (first == to || *first == ';' || *first == '#') {
        return;
    }
    if (memchr(from, '\0', (size_t)(to - from)) != NULL) {
        problem(reading, "there is an octet 0 in this line");
        /* If it was a header, the keys that follow do not belong to the section before it. */
        reading->bad = reading->bad || *first == '[';
        return;
    }
    if (*first == '[' && first == from) {
        take_header(reading, from, to);
        return;
    }
    reading->indented = first > from;
    if (reading->indented && reading->appended == 0) {
        problem(reading, "an indented line continues the value before it, but there is none");
        return;
    }
    give_value(reading, out, room, from, to);
}

/* inih's reader: writes a line to `out`; NULL at the end. */
static char *next_line(char *out, int size, void *stream)
{
    struct reading *reading = stream;
    check_answered(reading);
    if (reading->status != ECH_OK) {
        return NULL;
    }
    if (reading->rest != NULL) {
        give_rest(reading, out, (size_t)size);
        return out;
    }
    if (reading->at == reading->end) {
        return NULL;
    }
    give_line(reading, out, (size_t)size);
    return out;
}

/* ---- keys ---- */

static void take_locked(struct reading *reading, struct shim_conf_section *section,
                        const char *value)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        problem(reading, "locked: it is yes or no");
    } else if (strcmp(value, "yes") == 0 && reading->trust == SHIM_CONF_USER) {
        problem(reading, "locked: only in /etc/echshim.conf, as root's own file");
    } else {
        section->locked = strcmp(value, "yes") == 0;
    }
}

static void append(struct reading *reading, const char *value)
{
    struct shim_conf_entry *entry = &reading->conf->entries[reading->appended - 1];
    size_t before = strlen(entry->value);
    size_t more = strlen(value);
    char *grown = realloc(entry->value, before + more + 1);
    if (grown == NULL) {
        reading->status = ECH_ERR_NOMEM;
        return;
    }
    memcpy(grown + before, value, more + 1);
    entry->value = grown;
}

static void add_entry(struct reading *reading, enum shim_conf_key key, const char *value)
{
    struct shim_conf *conf = reading->conf;
    struct shim_conf_entry *grown =
        reallocarray(conf->entries, conf->entry_count + 1, sizeof *grown);
    char *copy = strdup(value);
    if (grown != NULL) {
        conf->entries = grown;
    }
    if (grown == NULL || copy == NULL) {
        free(copy);
        reading->status = ECH_ERR_NOMEM;
        return;
    }
    conf->entries[conf->entry_count++] = (struct shim_conf_entry){
        .key = key,
        .value = copy,
        .section = conf->sections[reading->section],
        .line = reading->line,
    };
    reading->appended = conf->entry_count;
}

/* inih's handler. inih makes a line number of its result, which we do not need. */
static int take_key(void *user, const char *number, const char *name, const char *value)
{
    struct reading *reading = user;
    (void)number;
    reading->expects = false;
    if (reading->indented) {
        if (reading->appended > 0) {
            append(reading, value);
        }
        return 1;
    }
    reading->appended = 0;
    if (reading->bad) {
        return 1;
    }
    if (reading->section == NO_SECTION) {
        problem(reading,
                "a key stands in a section: [default], [host \"NAME\"] or [program \"PATH\"]");
        return 1;
    }
    struct shim_conf_section *section = reading->conf->sections[reading->section];
    enum shim_conf_key key = shim_conf_key_of(name);
    if (*value == '\0') {
        problem_with(reading, "%.*s: no value", name, strlen(name));
    } else if (strcmp(name, "locked") == 0) {
        take_locked(reading, section, value);
    } else if (key == SHIM_CONF_KEYS) {
        problem_with(reading, "there is no key \"%.*s\"", name, strlen(name));
    } else if (section->kind == SHIM_CONF_HOST && key > SHIM_CONF_PRIVATE) {
        problem_with(reading, "%.*s: not for single hosts", name, strlen(name));
    } else {
        add_entry(reading, key, value);
    }
    return 1;
}

/* ---- parsing a file ---- */

/* Drops the entries that are not locked. */
static void keep_locked(struct shim_conf *conf, size_t first)
{
    size_t kept = first;
    for (size_t i = first; i < conf->entry_count; i++) {
        if (conf->entries[i].section->locked) {
            conf->entries[kept++] = conf->entries[i];
        } else {
            free(conf->entries[i].value);
        }
    }
    conf->entry_count = kept;
}

/* Relative paths in a file would depend on the folder of each program: they are a problem. */
static void check_paths(struct shim_conf *conf, size_t first)
{
    for (size_t i = first; i < conf->entry_count; i++) {
        struct shim_conf_entry *entry = &conf->entries[i];
        if (shim_conf_is_path(entry->key, entry->value) && entry->value[0] != '/') {
            char text[PROBLEM_SIZE];
            (void)snprintf(text, sizeof text, "%s: \"%.*s\" is not an absolute path",
                           shim_conf_key_name(entry->key), QUOTED_MAX, entry->value);
            shim_conf_problem(conf, entry->section->file, entry->line, text);
        }
    }
}

enum ech_status shim_conf_add_file(struct shim_conf *conf, const char *path, struct bytes text,
                                   enum shim_conf_trust trust)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    const char *octets = text.len > 0 ? (const char *)text.data : "";
    size_t skip = text.len >= 3 && memcmp(octets, byte_order_mark, 3) == 0 ? 3 : 0;
    size_t first = conf->entry_count;
    struct reading reading = {
        .conf = conf,
        .trust = trust,
        .at = octets + skip,
        .end = octets + text.len,
        .section = NO_SECTION,
        .status = ECH_OK,
    };
    char *name = strdup(path);
    if (name == NULL || conf->file_count == SHIM_CONF_FILES) {
        free(name);
        conf->broken = true;
        return ECH_ERR_NOMEM;
    }
    conf->files[conf->file_count++] = name;
    reading.file = name;
    if (ini_parse_stream(next_line, &reading, take_key, &reading) == -2) {
        reading.status = ECH_ERR_NOMEM;
    }
    check_answered(&reading);
    if (reading.status != ECH_OK) {
        conf->broken = true;
    }
    if (trust == SHIM_CONF_LOCKED_ONLY) {
        keep_locked(conf, first);
    }
    check_paths(conf, first);
    return reading.status;
}

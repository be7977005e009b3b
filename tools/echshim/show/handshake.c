/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/show/handshake.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dns/host_name.h"
#include "shim/common/words.h"
#include "tools/common/code_points.h"

/* ---- fields ---- */

/* "-" where there is none. Octets outside printable ASCII become '?'. */
static void put_text(char *out, size_t size, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    if (text == NULL || length == 0) {
        text = "-";
        length = 1;
    }
    length = length < size ? length : size - 1;
    for (size_t i = 0; i < length; i++) {
        out[i] = '?';
        if (text[i] >= 0x20 && text[i] <= 0x7e) {
            out[i] = text[i];
        }
    }
    out[length] = '\0';
}

static bool number_of(const json_t *line, const char *key, long long *out)
{
    const json_t *value = json_object_get(line, key);
    *out = json_integer_value(value);
    return json_is_integer(value);
}

static void put_duration(char out[24], const json_t *line, const char *key)
{
    long long us;
    if (!number_of(line, key, &us)) {
        (void)snprintf(out, 24, "-");
    } else if (us < 10000) {
        (void)snprintf(out, 24, "%lld us", us);
    } else {
        (void)snprintf(out, 24, "%lld ms", us / 1000 + (us % 1000 >= 500 ? 1 : 0));
    }
}

/* Keeps the part in brackets alone: DHKEM(X25519, HKDF-SHA256). */
static void put_suite(char out[HANDSHAKE_TEXT], const json_t *line)
{
    long long kem;
    long long kdf;
    long long aead;
    (void)snprintf(out, HANDSHAKE_TEXT, "-");
    if (number_of(line, "kem", &kem) && number_of(line, "kdf", &kdf) &&
        number_of(line, "aead", &aead)) {
        const char *name = kem_name((uint16_t)kem);
        const char *group = strchr(name, '(');
        group = group != NULL ? group + 1 : name;
        const char *hash = strchr(kdf_name((uint16_t)kdf), '-');
        (void)snprintf(out, HANDSHAKE_TEXT, "%.*s/%s/%s", (int)strcspn(group, ",)"), group,
                       hash != NULL ? hash + 1 : kdf_name((uint16_t)kdf),
                       aead_name((uint16_t)aead));
    }
}

/* 2026-11-25T17:01:49.934Z */
static void put_time(struct handshake *out, const json_t *line)
{
    struct tm date = {0};
    char *end;
    const char *text = json_string_value(json_object_get(line, "time"));
    out->time_ms = -1;
    (void)snprintf(out->time, sizeof out->time, "-");
    if (text == NULL) {
        return;
    }
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &date);
    if (rest == NULL || rest[0] != '.') {
        return;
    }
    unsigned long ms = strtoul(rest + 1, &end, 10);
    if (end != rest + 4 || *end != 'Z' || ms > 999) {
        return;
    }
    out->time_ms = (int64_t)timegm(&date) * 1000 + (int64_t)ms;
    (void)snprintf(out->time, sizeof out->time, "%02u:%02u:%02u.%03lu", (unsigned)date.tm_hour % 24,
                   (unsigned)date.tm_min % 60, (unsigned)date.tm_sec % 61, ms);
}

static void put_host(struct handshake *out, const json_t *line)
{
    char host[HANDSHAKE_TEXT];
    long long port;
    put_text(host, sizeof host, json_object_get(line, "host"));
    bool usual = !number_of(line, "port", &port) || port == DNS_HTTPS_PORT;
    (void)snprintf(out->host, sizeof out->host, usual ? "%s" : "%.230s:%lld", host, port);
}

static void put_why(struct handshake *out, const json_t *line)
{
    put_text(out->why, sizeof out->why, json_object_get(line, "reason"));
    const char *words = shim_reason_in_words(out->outcome, out->why);
    if (words != out->why) {
        (void)snprintf(out->why, sizeof out->why, "%s", words);
    }
}

static void put_program(struct handshake *out, const json_t *line)
{
    char path[4096];
    put_text(path, sizeof path, json_object_get(line, "program"));
    const char *slash = strrchr(path, '/');
    (void)snprintf(out->program, sizeof out->program, "%.*s", HANDSHAKE_TEXT - 1,
                   slash != NULL && slash[1] != '\0' ? slash + 1 : path);
}

bool handshake_read(const char *text, struct handshake *out)
{
    long long octets;
    json_t *line = json_loads(text, JSON_ALLOW_NUL, NULL);
    bool ours = json_is_object(line);
    if (ours) {
        put_time(out, line);
        put_program(out, line);
        put_host(out, line);
        put_text(out->outcome, sizeof out->outcome, json_object_get(line, "outcome"));
        put_why(out, line);
        put_text(out->public_name, sizeof out->public_name, json_object_get(line, "public_name"));
        put_suite(out->suite, line);
        (void)snprintf(out->octets, sizeof out->octets, "-");
        if (number_of(line, "hello_bytes_outer", &octets)) {
            (void)snprintf(out->octets, sizeof out->octets, "%lld", octets);
        }
        put_duration(out->lookup, line, "lookup_us");
        put_duration(out->hello, line, "hello_us");
        out->pid = number_of(line, "pid", &out->pid) ? out->pid : -1;
        out->lost = number_of(line, "lost", &out->lost) ? out->lost : 0;
    }
    json_decref(line);
    return ours;
}

/* ---- the summary ---- */

static void note_loss(struct summary *summary, const struct handshake *handshake)
{
    size_t i = 0;
    while (i < summary->loss_count && summary->losses[i].pid != handshake->pid) {
        i++;
    }
    if (i == summary->loss_count) {
        struct loss *grown = reallocarray(summary->losses, i + 1, sizeof *grown);
        if (grown == NULL) {
            summary->unclean = true;
            return;
        }
        summary->losses = grown;
        summary->loss_count++;
        grown[i] = (struct loss){.pid = handshake->pid};
    }
    struct loss *loss = &summary->losses[i];
    loss->lines = handshake->lost > loss->lines ? handshake->lost : loss->lines;
}

void summary_add(struct summary *summary, const struct handshake *handshake)
{
    const char *word;
    summary->count++;
    for (size_t i = 0; i < HANDSHAKE_OUTCOMES && (word = shim_outcome(i)) != NULL; i++) {
        summary->outcomes[i] += strcmp(word, handshake->outcome) == 0;
    }
    if (handshake->lost != 0 && handshake->pid >= 0) {
        note_loss(summary, handshake);
    }
}

long long summary_lost(const struct summary *summary)
{
    long long lost = 0;
    for (size_t i = 0; i < summary->loss_count; i++) {
        lost += summary->losses[i].lines;
    }
    return lost;
}

void summary_write(const struct summary *summary, char *out, size_t size)
{
    int length =
        snprintf(out, size, "%zu handshake%s", summary->count, summary->count == 1 ? "" : "s");
    const char *between = ": ";
    const char *word;
    for (size_t i = 0; i < HANDSHAKE_OUTCOMES && (word = shim_outcome(i)) != NULL; i++) {
        if (summary->outcomes[i] > 0 && length >= 0 && (size_t)length < size) {
            length += snprintf(out + length, size - (size_t)length, "%s%zu %s", between,
                               summary->outcomes[i], word);
            between = ", ";
        }
    }
}

void summary_free(struct summary *summary)
{
    free(summary->losses);
    *summary = (struct summary){0};
}

/* ---- colours ---- */

enum colour handshake_colour(const char *outcome)
{
    if (strcmp(outcome, "accepted") == 0 || strcmp(outcome, "own_ech") == 0) {
        return COLOUR_GOOD;
    }
    bool clear = strcmp(outcome, "grease") == 0 || strcmp(outcome, "plain") == 0 ||
                 strcmp(outcome, "disabled") == 0;
    return clear ? COLOUR_CLEAR : COLOUR_BAD;
}

const char *colour_on(enum colour colour)
{
    static const char *const sequences[] = {
        [COLOUR_GOOD] = "\033[32m", [COLOUR_CLEAR] = "\033[33m", [COLOUR_BAD] = "\033[31m"};
    return sequences[colour];
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Async-signal-safe, for the stub's guard: it asks for no memory, and does not call gmtime_r, which
 * may take a lock. */
#include "shim/common/report.h"

#include <string.h>

/* ---- the fields ---- */

static const struct shim_field nothing = {.kind = SHIM_FIELD_NONE};

static struct shim_field octets(struct bytes text)
{
    return (struct shim_field){.kind = SHIM_FIELD_TEXT, .text = text};
}

/* NULL: nothing. */
static struct shim_field word(const char *text)
{
    return text != NULL ? octets(bytes_of(text, strlen(text))) : nothing;
}

static struct shim_field number(uint64_t value)
{
    return (struct shim_field){.kind = SHIM_FIELD_NUMBER, .number = value};
}

static struct shim_field number_unless_zero(uint64_t value)
{
    return value != 0 ? number(value) : nothing;
}

static struct shim_field truth(bool value)
{
    return (struct shim_field){.kind = SHIM_FIELD_TRUTH, .number = value ? 1 : 0};
}

/* With leading zeros up to `digits`. */
static char *put_digits(char *out, uint64_t value, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--) {
        out[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + digits;
}

size_t shim_decimal(char *out, uint64_t value)
{
    unsigned digits = 1;
    for (uint64_t rest = value / 10; rest > 0; rest /= 10) {
        digits++;
    }
    (void)put_digits(out, value, digits);
    return digits;
}

/* The civil date of a day since 1970, in a calendar whose years begin in March. */
static char *put_date(char *out, uint64_t days)
{
    uint64_t shifted = days + 719468; /* since 1 March of the year 0 */
    uint64_t era = shifted / 146097;
    uint64_t day_of_era = shifted % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month = (5 * day_of_year + 2) / 153; /* 0: March */
    uint64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    uint64_t year = year_of_era + era * 400 + (month >= 10 ? 1 : 0);
    out = put_digits(out, year, 4);
    *out++ = '-';
    out = put_digits(out, month < 10 ? month + 3 : month - 9, 2);
    *out++ = '-';
    return put_digits(out, day, 2);
}

/* 2026-08-01T00:00:00.123Z */
static void put_time(char *at, uint64_t time_ms)
{
    uint64_t seconds = time_ms / 1000;
    at = put_date(at, seconds / 86400);
    *at++ = 'T';
    at = put_digits(at, seconds / 3600 % 24, 2);
    *at++ = ':';
    at = put_digits(at, seconds / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, seconds % 60, 2);
    *at++ = '.';
    at = put_digits(at, time_ms % 1000, 3);
    *at++ = 'Z';
    *at = '\0';
}

void shim_report_collect(struct shim_report_fields *out, const struct shim_report *report,
                         const struct shim_report_origin *origin)
{
    put_time(out->time, origin->time_ms);
#define FIELD(name_of_field, value)                                                                \
    out->field[SHIM_REPORT_##name_of_field] = (value);                                             \
    out->field[SHIM_REPORT_##name_of_field].name = #name_of_field;
#include "shim/common/report_fields.def"
#undef FIELD
    out->count = origin->lost != 0 ? SHIM_REPORT_FIELDS : SHIM_REPORT_lost;
}

/* ---- printing ---- */

/* Writes to `out`. Once something did not fit, it writes nothing more. */
struct printer {
    char *out;
    size_t size;
    size_t length;
    bool full;
};

static void put_octets(struct printer *to, const void *octets, size_t length)
{
    to->full = to->full || length > to->size - to->length;
    if (!to->full && length > 0) {
        memcpy(to->out + to->length, octets, length);
        to->length += length;
    }
}

static void put_text(struct printer *to, const char *text)
{
    put_octets(to, text, strlen(text));
}

static void put_octet(struct printer *to, uint8_t octet)
{
    put_octets(to, &octet, 1);
}

static void put_number(struct printer *to, uint64_t number)
{
    char digits[SHIM_DECIMAL_MAX];
    put_octets(to, digits, shim_decimal(digits, number));
}

/* Octets that are not printable ASCII become \u00XX: valid JSON whatever a hostile name holds. */
static void put_string(struct printer *to, struct bytes octets)
{
    static const char hex[] = "0123456789abcdef";
    put_octet(to, '"');
    for (size_t i = 0; i < octets.len; i++) {
        uint8_t c = octets.data[i];
        if (c == '"' || c == '\\') {
            put_octet(to, '\\');
            put_octet(to, c);
        } else if (c < 0x20 || c > 0x7e) {
            put_text(to, "\\u00");
            put_octet(to, (uint8_t)hex[c >> 4]);
            put_octet(to, (uint8_t)hex[c & 15]);
        } else {
            put_octet(to, c);
        }
    }
    put_octet(to, '"');
}

size_t shim_report_json(const struct shim_report_fields *fields, char *out, size_t size)
{
    struct printer to = {.out = out, .size = size};
    for (size_t i = 0; i < fields->count; i++) {
        const struct shim_field *field = &fields->field[i];
        put_octet(&to, i == 0 ? '{' : ',');
        put_string(&to, bytes_of(field->name, strlen(field->name)));
        put_octet(&to, ':');
        switch (field->kind) {
        case SHIM_FIELD_NONE:
            put_text(&to, "null");
            break;
        case SHIM_FIELD_TEXT:
            put_string(&to, field->text);
            break;
        case SHIM_FIELD_NUMBER:
            put_number(&to, field->number);
            break;
        case SHIM_FIELD_TRUTH:
            put_text(&to, field->number != 0 ? "true" : "false");
            break;
        }
    }
    put_text(&to, "}\n");
    return to.full ? 0 : to.length;
}

/* ---- for the journal ---- */

/* Writes a plain line as it is, and any other text after its length (systemd.io, "Native Journal
 * Protocol"). So no octet of a value can begin another field. */
static void put_entry_text(struct printer *to, struct bytes text)
{
    bool plain = true;
    for (size_t i = 0; i < text.len; i++) {
        plain = plain && (text.data[i] >= 0x20 || text.data[i] == '\t');
    }
    put_octet(to, plain ? '=' : '\n');
    for (size_t i = 0; !plain && i < sizeof(uint64_t); i++) {
        put_octet(to, (uint8_t)((uint64_t)text.len >> (8 * i)));
    }
    put_octets(to, text.data, text.len);
    put_octet(to, '\n');
}

/* ECHSHIM_HELLO_BYTES_INNER. */
static void put_entry_name(struct printer *to, const char *name)
{
    put_text(to, "ECHSHIM");
    put_octet(to, '_');
    for (; *name != '\0'; name++) {
        put_octet(to, (uint8_t)(*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name));
    }
}

/* A field without a value is left out. */
static void put_entry_field(struct printer *to, const struct shim_field *field)
{
    if (field->kind == SHIM_FIELD_NONE) {
        return;
    }
    put_entry_name(to, field->name);
    if (field->kind == SHIM_FIELD_TEXT) {
        put_entry_text(to, field->text);
        return;
    }
    put_octet(to, '=');
    if (field->kind == SHIM_FIELD_NUMBER) {
        put_number(to, field->number);
    } else {
        put_text(to, field->number != 0 ? "true" : "false");
    }
    put_octet(to, '\n');
}

/* The text of a field; empty if it has none. */
static struct bytes text_of(const struct shim_report_fields *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (strcmp(fields->field[i].name, name) == 0 && fields->field[i].kind == SHIM_FIELD_TEXT) {
            return fields->field[i].text;
        }
    }
    return (struct bytes){0};
}

static bool is_word(struct bytes text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

/* For people to read: without octets that a terminal would act on. */
static void put_shown(struct printer *to, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        put_octet(to, text.data[i] >= 0x20 && text.data[i] <= 0x7e ? text.data[i] : '?');
    }
}

static struct bytes base_name(struct bytes path)
{
    size_t begin = path.len;
    while (begin > 0 && path.data[begin - 1] != '/') {
        begin--;
    }
    return bytes_of(path.data + begin, path.len - begin);
}

/* wget: secret.example.org: grease (nodata) */
static void put_message(struct printer *to, const struct shim_report_fields *fields)
{
    struct bytes program = text_of(fields, "program");
    struct bytes host = text_of(fields, "host");
    struct bytes reason = text_of(fields, "reason");
    put_text(to, "MESSAGE=");
    if (program.len > 0) {
        put_shown(to, base_name(program));
        put_text(to, ": ");
    }
    if (host.len > 0) {
        put_shown(to, host);
        put_text(to, ": ");
    }
    put_shown(to, text_of(fields, "outcome"));
    if (reason.len > 0) {
        put_text(to, " (");
        put_shown(to, reason);
        put_octet(to, ')');
    }
    put_octet(to, '\n');
}

/* The priority of syslog (RFC 5424, 6.2.1): ECH is informational (6), a name in the clear a notice
 * (5), a refused connection a warning (4). */
static char priority_of(struct bytes outcome)
{
    if (is_word(outcome, "accepted")) {
        return '6';
    }
    bool clear =
        is_word(outcome, "grease") || is_word(outcome, "plain") || is_word(outcome, "disabled");
    return clear ? '5' : '4';
}

size_t shim_report_journal(const struct shim_report_fields *fields, char *out, size_t size)
{
    struct printer to = {.out = out, .size = size};
    put_message(&to, fields);
    put_text(&to, "MESSAGE_ID=" SHIM_REPORT_MESSAGE_ID "\nPRIORITY=");
    put_octet(&to, (uint8_t)priority_of(text_of(fields, "outcome")));
    put_text(&to, "\nSYSLOG_IDENTIFIER=libechshim\n");
    for (size_t i = 0; i < fields->count; i++) {
        put_entry_field(&to, &fields->field[i]);
    }
    return to.full ? 0 : to.length;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints the report as a table. Its lines come from programs: a field may be missing, or harmful
 * for a terminal. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "dns/host_name.h"
#include "tools/common/code_points.h"
#include "tools/echshim/echshim.h"

enum { COLUMNS = 8, CELL = 256, LINE = 16384 };

static const char *const titles[COLUMNS] = {"HOST",  "OUTCOME", "WHY",     "PUBLIC NAME",
                                            "SUITE", "BYTES",   "LOOK-UP", "HELLO"};
/* Numbers are aligned to the right. */
static const bool right[COLUMNS] = {[5] = true, [6] = true, [7] = true};

struct row {
    char cells[COLUMNS][CELL];
};

struct table {
    struct row *rows;
    size_t count;
    bool clean; /* every line was one of ours */
    struct loss *losses;
    size_t loss_count;
};

/* How many lines a process could not write, by its own count, which only grows. */
struct loss {
    long long pid;
    long long lines;
};

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text != NULL ? text : "-";
}

static bool number_of(const json_t *line, const char *key, long long *out)
{
    const json_t *value = json_object_get(line, key);
    *out = json_integer_value(value);
    return json_is_integer(value);
}

static void put_time(char out[CELL], const json_t *line, const char *key)
{
    long long us;
    if (!number_of(line, key, &us)) {
        (void)snprintf(out, CELL, "-");
    } else if (us < 10000) {
        (void)snprintf(out, CELL, "%lld us", us);
    } else {
        (void)snprintf(out, CELL, "%lld ms", (us + 500) / 1000);
    }
}

/* Keeps the part in brackets alone: DHKEM(X25519, HKDF-SHA256). */
static void put_suite(char out[CELL], const json_t *line)
{
    long long kem;
    long long kdf;
    long long aead;
    (void)snprintf(out, CELL, "-");
    if (number_of(line, "kem", &kem) && number_of(line, "kdf", &kdf) &&
        number_of(line, "aead", &aead)) {
        const char *name = kem_name((uint16_t)kem);
        const char *group = strchr(name, '(');
        group = group != NULL ? group + 1 : name;
        const char *hash = strchr(kdf_name((uint16_t)kdf), '-');
        (void)snprintf(out, CELL, "%.*s/%s/%s", (int)strcspn(group, ",)"), group,
                       hash != NULL ? hash + 1 : kdf_name((uint16_t)kdf),
                       aead_name((uint16_t)aead));
    }
}

static void put_row(struct row *row, const json_t *line)
{
    long long port;
    long long octets;
    char host[CELL];
    say_printable(host, sizeof host, text_of(line, "host"));
    bool usual = !number_of(line, "port", &port) || port == DNS_HTTPS_PORT;
    (void)snprintf(row->cells[0], CELL, usual ? "%s" : "%.240s:%lld", host, port);
    say_printable(row->cells[1], CELL, text_of(line, "outcome"));
    say_printable(row->cells[2], CELL, text_of(line, "reason"));
    say_printable(row->cells[3], CELL, text_of(line, "public_name"));
    put_suite(row->cells[4], line);
    (void)snprintf(row->cells[5], CELL, "-");
    if (number_of(line, "hello_bytes_outer", &octets)) {
        (void)snprintf(row->cells[5], CELL, "%lld", octets);
    }
    put_time(row->cells[6], line, "lookup_us");
    put_time(row->cells[7], line, "hello_us");
}

static void note_loss(struct table *table, const json_t *line)
{
    struct loss loss;
    if (!number_of(line, "lost", &loss.lines) || !number_of(line, "pid", &loss.pid)) {
        return;
    }
    size_t i = 0;
    while (i < table->loss_count && table->losses[i].pid != loss.pid) {
        i++;
    }
    if (i == table->loss_count) {
        struct loss *grown = reallocarray(table->losses, i + 1, sizeof *grown);
        if (grown == NULL) {
            table->clean = false;
            return;
        }
        table->losses = grown;
        table->loss_count++;
        grown[i] = loss;
    }
    table->losses[i].lines =
        loss.lines > table->losses[i].lines ? loss.lines : table->losses[i].lines;
}

static void read_rows(struct table *table, FILE *report)
{
    static char text[LINE];
    table->clean = true;
    while (fgets(text, sizeof text, report) != NULL) {
        json_t *line = json_loads(text, 0, NULL);
        struct row *grown = json_is_object(line)
                                ? reallocarray(table->rows, table->count + 1, sizeof *table->rows)
                                : NULL;
        if (grown != NULL) {
            table->rows = grown;
            put_row(&grown[table->count++], line);
            note_loss(table, line);
        } else {
            table->clean = false;
        }
        json_decref(line);
    }
}

static void measure(const struct table *table, int widths[COLUMNS])
{
    for (size_t column = 0; column < COLUMNS; column++) {
        size_t width = strlen(titles[column]);
        for (size_t i = 0; i < table->count; i++) {
            size_t cell = strlen(table->rows[i].cells[column]);
            width = cell > width ? cell : width;
        }
        widths[column] = (int)width;
    }
}

static const char *color_of(const char *outcome)
{
    if (strcmp(outcome, "accepted") == 0) {
        return "\033[32m";
    }
    bool clear = strcmp(outcome, "grease") == 0 || strcmp(outcome, "plain") == 0 ||
                 strcmp(outcome, "disabled") == 0;
    return clear ? "\033[33m" : "\033[31m";
}

/* No blanks behind the last column. */
static void print_cell(FILE *out, size_t column, const char *text, int width, const char *color)
{
    int blanks = width - (int)strlen(text);
    (void)fprintf(out, "%s%*s%s%s%s%*s", column > 0 ? "  " : "", right[column] ? blanks : 0, "",
                  color, text, *color != '\0' ? "\033[0m" : "",
                  right[column] || column == COLUMNS - 1 ? 0 : blanks, "");
}

static void print_summary(FILE *out, const struct table *table)
{
    static const char *const outcomes[] = {"accepted", "grease",   "plain", "disabled",
                                           "refused",  "rejected", "failed"};
    (void)fprintf(out, "%zu handshake%s", table->count, table->count == 1 ? "" : "s");
    const char *between = ": ";
    for (size_t kind = 0; kind < sizeof outcomes / sizeof *outcomes; kind++) {
        size_t count = 0;
        for (size_t i = 0; i < table->count; i++) {
            count += strcmp(table->rows[i].cells[1], outcomes[kind]) == 0;
        }
        if (count > 0) {
            (void)fprintf(out, "%s%zu %s", between, count, outcomes[kind]);
            between = ", ";
        }
    }
    (void)fputc('\n', out);
    long long lost = 0;
    for (size_t i = 0; i < table->loss_count; i++) {
        lost += table->losses[i].lines;
    }
    if (lost > 0) {
        (void)fprintf(out, "%lld more could not be reported\n", lost);
    }
}

static void print_table(FILE *out, const struct table *table, bool color)
{
    int widths[COLUMNS];
    measure(table, widths);
    if (table->count > 0) {
        for (size_t column = 0; column < COLUMNS; column++) {
            print_cell(out, column, titles[column], widths[column], color ? "\033[1m" : "");
        }
        (void)fputc('\n', out);
    }
    for (size_t i = 0; i < table->count; i++) {
        for (size_t column = 0; column < COLUMNS; column++) {
            const char *text = table->rows[i].cells[column];
            print_cell(out, column, text, widths[column],
                       color && column == 1 ? color_of(text) : "");
        }
        (void)fputc('\n', out);
    }
    print_summary(out, table);
}

/* Ends with one object, so that a reader knows that the output is complete. */
static bool print_json(FILE *out, FILE *report)
{
    static char text[LINE];
    bool clean = true;
    json_t *lines = json_array();
    while (report != NULL && fgets(text, sizeof text, report) != NULL) {
        json_t *line = json_loads(text, 0, NULL);
        clean = json_is_object(line) && json_array_append(lines, line) == 0 && clean;
        json_decref(line);
    }
    json_t *all = json_pack("{s:o}", "handshakes", lines);
    clean = all != NULL && json_dumpf(all, out, JSON_ENSURE_ASCII) == 0 && clean;
    (void)fputc('\n', out);
    json_decref(all);
    return clean;
}

bool table_print(FILE *out, FILE *report, bool json, bool color)
{
    struct table table = {.clean = true};
    if (json) {
        return print_json(out, report);
    }
    if (report != NULL) {
        read_rows(&table, report);
    }
    print_table(out, &table, color);
    free(table.rows);
    free(table.losses);
    return table.clean;
}

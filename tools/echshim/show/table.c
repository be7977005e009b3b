/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints the report as a table. It reads the report once for the widths, and once more to print, so
 * that a large report needs no memory. */
#include "tools/echshim/show/table.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/echshim/show/handshake.h"

enum { COLUMNS = 8, OUTCOME_COLUMN = 1, SUMMARY = 512 };

static const char *const titles[COLUMNS] = {"HOST",  "OUTCOME", "WHY",     "PUBLIC NAME",
                                            "SUITE", "BYTES",   "LOOK-UP", "HELLO"};
/* Numbers are aligned to the right. */
static const bool right[COLUMNS] = {[5] = true, [6] = true, [7] = true};

static void cells_of(const struct handshake *handshake, const char *cells[COLUMNS])
{
    cells[0] = handshake->host;
    cells[1] = handshake->outcome;
    cells[2] = handshake->why;
    cells[3] = handshake->public_name;
    cells[4] = handshake->suite;
    cells[5] = handshake->octets;
    cells[6] = handshake->lookup;
    cells[7] = handshake->hello;
}

/* The widths of the columns, and what is counted. */
static void measure(FILE *report, int widths[COLUMNS], struct summary *summary)
{
    static char line[HANDSHAKE_LINE];
    static struct handshake handshake;
    const char *cells[COLUMNS];
    for (size_t column = 0; column < COLUMNS; column++) {
        widths[column] = (int)strlen(titles[column]);
    }
    while (report != NULL && fgets(line, sizeof line, report) != NULL) {
        if (!handshake_read(line, &handshake)) {
            summary->unclean = true;
            continue;
        }
        summary_add(summary, &handshake);
        cells_of(&handshake, cells);
        for (size_t column = 0; column < COLUMNS; column++) {
            int width = (int)strlen(cells[column]);
            widths[column] = width > widths[column] ? width : widths[column];
        }
    }
}

/* No blanks behind the last column. */
static void print_cell(FILE *out, size_t column, const char *text, int width, const char *color)
{
    int blanks = width > (int)strlen(text) ? width - (int)strlen(text) : 0;
    (void)fprintf(out, "%s%*s%s%s%s%*s", column > 0 ? "  " : "", right[column] ? blanks : 0, "",
                  color, text, *color != '\0' ? COLOUR_OFF : "",
                  right[column] || column == COLUMNS - 1 ? 0 : blanks, "");
}

static void print_row(FILE *out, const char *const cells[COLUMNS], const int widths[COLUMNS],
                      bool color)
{
    for (size_t column = 0; column < COLUMNS; column++) {
        const char *on = cells == titles            ? "\033[1m"
                         : column == OUTCOME_COLUMN ? colour_on(handshake_colour(cells[column]))
                                                    : "";
        print_cell(out, column, cells[column], widths[column], color ? on : "");
    }
    (void)fputc('\n', out);
}

/* No more than were measured: children of the program may live on and report. */
static void print_rows(FILE *out, FILE *report, size_t count, const int widths[COLUMNS], bool color)
{
    static char line[HANDSHAKE_LINE];
    static struct handshake handshake;
    const char *cells[COLUMNS];
    print_row(out, titles, widths, color);
    while (count > 0 && fgets(line, sizeof line, report) != NULL) {
        if (handshake_read(line, &handshake)) {
            count--;
            cells_of(&handshake, cells);
            print_row(out, cells, widths, color);
        }
    }
}

static void print_summary(FILE *out, const struct summary *summary)
{
    char text[SUMMARY];
    summary_write(summary, text, sizeof text);
    (void)fprintf(out, "%s\n", text);
    if (summary_lost(summary) > 0) {
        (void)fprintf(out, "%lld more could not be reported\n", summary_lost(summary));
    }
}

static bool print_table(FILE *out, FILE *report, bool color)
{
    int widths[COLUMNS];
    struct summary summary = {0};
    long begin = report != NULL ? ftell(report) : 0;
    measure(report, widths, &summary);
    if (summary.count > 0 && fseek(report, begin, SEEK_SET) == 0) {
        print_rows(out, report, summary.count, widths, color);
    }
    print_summary(out, &summary);
    bool clean = !summary.unclean;
    summary_free(&summary);
    return clean;
}

/* One object with all lines: a reader sees by its end that the output is complete. */
static bool print_json(FILE *out, FILE *report)
{
    static char text[HANDSHAKE_LINE];
    bool clean = true;
    const char *between = "";
    (void)fputs("{\"handshakes\": [", out);
    while (report != NULL && fgets(text, sizeof text, report) != NULL) {
        json_t *line = json_loads(text, JSON_ALLOW_NUL, NULL);
        if (json_is_object(line)) {
            (void)fputs(between, out);
            clean = json_dumpf(line, out, JSON_ENSURE_ASCII) == 0 && clean;
            between = ", ";
        } else {
            clean = false;
        }
        json_decref(line);
    }
    (void)fputs("]}\n", out);
    return clean;
}

bool table_print(FILE *out, FILE *report, bool json, bool color)
{
    return json ? print_json(out, report) : print_table(out, report, color);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/show/page.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dns/io.h"
#include "shim/common/words.h"
#include "tools/echshim/show/handshake.h"

enum {
    /* Rows in one part of the list. A closed part costs the browser no layout, so a large report
     * opens as fast as a small one. */
    PART = 1000,
    BARS = 240, /* of the time line */
    BAR_WIDTH = 4,
    BAR_HEIGHT = 80,
    KINDS = COLOUR_BAD + 1,
    SUMMARY = 512
};

/* ---- text ---- */

/* The texts of a handshake are printable ASCII already. */
static void put_escaped(FILE *out, const char *text)
{
    for (;;) {
        size_t plain = strcspn(text, "&<>\"'");
        (void)fwrite(text, 1, plain, out);
        text += plain;
        if (*text == '\0') {
            return;
        }
        (void)fprintf(out, "&#%d;", *text++);
    }
}

/* A class of the style sheet for each colour. */
static const char *const classes[KINDS] = {
    [COLOUR_GOOD] = "g", [COLOUR_CLEAR] = "c", [COLOUR_BAD] = "b"};

static const char style[] =
    ":root{color-scheme:light dark;--g:#1a7f37;--c:#9a6700;--b:#cf222e;--line:#8884}"
    "@media(prefers-color-scheme:dark){:root{--g:#3fb950;--c:#d29922;--b:#f85149}}"
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:90em;padding:0 1em}"
    "h1{font-size:1.5em}h2{font-size:1.1em;margin-top:2em}"
    "table{border-collapse:collapse}details{overflow-x:auto}.list{font-size:.87em;width:100%}"
    "th,td{text-align:left;padding:.25em .8em .25em 0;border-bottom:1px solid var(--line);"
    "vertical-align:top}th{font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".list td{white-space:nowrap}.list td:nth-child(3){white-space:normal;word-break:break-word;"
    "min-width:12em}"
    ".g .o{color:var(--g)}.c .o{color:var(--c)}.b .o{color:var(--b)}.o{font-weight:600}"
    "svg{width:100%;height:6em;border-bottom:1px solid}rect.g{fill:var(--g)}rect.c{fill:var(--c)}"
    "rect.b{fill:var(--b)}.ends{display:flex;justify-content:space-between}"
    "summary{cursor:pointer;padding:.4em 0}p.small{opacity:.75}";

/* `nonce` has hexadecimal digits alone. */
static void put_head(FILE *out, const char *title, const char *nonce)
{
    (void)fprintf(out,
                  "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "style-src 'nonce-%s'; base-uri 'none'; form-action 'none'\">\n"
                  "<meta name=\"referrer\" content=\"no-referrer\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width\">\n<title>",
                  nonce);
    put_escaped(out, title);
    (void)fprintf(out, " - echshim</title>\n<style nonce=\"%s\">%s</style>\n</head>\n<body>\n<h1>",
                  nonce, style);
    put_escaped(out, title);
    (void)fputs(": handshakes and Encrypted Client Hello</h1>\n", out);
}

/* ---- the parts ---- */

/* What one reading gathers. */
struct gathered {
    struct summary summary;
    int64_t first_ms; /* -1: no line has a time */
    int64_t last_ms;
    char first[16]; /* of the day */
    char last[16];
    size_t bars[BARS][KINDS];
    size_t highest;
};

/* Calls `take` for each handshake of the report, from its beginning. */
static bool for_each(FILE *report, bool (*take)(void *context, const struct handshake *handshake),
                     void *context)
{
    static char line[HANDSHAKE_LINE];
    static struct handshake handshake;
    if (report == NULL) {
        return true;
    }
    rewind(report);
    while (fgets(line, sizeof line, report) != NULL) {
        if (handshake_read(line, &handshake) && !take(context, &handshake)) {
            return false;
        }
    }
    return ferror(report) == 0;
}

static bool count(void *context, const struct handshake *handshake)
{
    struct gathered *all = context;
    int64_t time_ms = handshake->time_ms;
    summary_add(&all->summary, handshake);
    if (time_ms >= 0 && (all->first_ms < 0 || time_ms < all->first_ms)) {
        all->first_ms = time_ms;
        memcpy(all->first, handshake->time, sizeof all->first);
    }
    if (time_ms >= 0 && time_ms >= all->last_ms) {
        all->last_ms = time_ms;
        memcpy(all->last, handshake->time, sizeof all->last);
    }
    return true;
}

static bool place(void *context, const struct handshake *handshake)
{
    struct gathered *all = context;
    if (handshake->time_ms < 0) {
        return true;
    }
    /* Times of programs may be any, so the difference is taken without a sign. */
    uint64_t span = (uint64_t)all->last_ms - (uint64_t)all->first_ms + 1;
    double part = (double)((uint64_t)handshake->time_ms - (uint64_t)all->first_ms) / (double)span;
    size_t at = (size_t)(part * BARS);
    size_t *bar = all->bars[at < BARS ? at : BARS - 1];
    bar[handshake_colour(handshake->outcome)]++;
    size_t height = bar[COLOUR_GOOD] + bar[COLOUR_CLEAR] + bar[COLOUR_BAD];
    all->highest = height > all->highest ? height : all->highest;
    return true;
}

static void put_summary(FILE *out, const struct gathered *all)
{
    const char *word;
    (void)fprintf(out, "<p>%zu handshake%s.", all->summary.count,
                  all->summary.count == 1 ? "" : "s");
    if (summary_lost(&all->summary) > 0) {
        (void)fprintf(out, " %lld more could not be reported.", summary_lost(&all->summary));
    }
    (void)fputs("</p>\n<table class=\"counts\">\n", out);
    for (size_t i = 0; i < HANDSHAKE_OUTCOMES && (word = shim_outcome(i)) != NULL; i++) {
        if (all->summary.outcomes[i] > 0) {
            (void)fprintf(out, "<tr class=\"%s\"><td class=\"n\">%zu<td class=\"o\">%s<td>",
                          classes[handshake_colour(word)], all->summary.outcomes[i], word);
            put_escaped(out, shim_outcome_in_words(word));
            (void)fputc('\n', out);
        }
    }
    (void)fputs("</table>\n", out);
}

static double height_of(const struct gathered *all, size_t count_of_kind)
{
    return (double)count_of_kind * BAR_HEIGHT / (double)all->highest;
}

/* A bar for each part of the time, of the handshakes in it. */
static void put_time_line(FILE *out, const struct gathered *all)
{
    if (all->highest == 0) {
        return;
    }
    (void)fprintf(out,
                  "<h2>Time line</h2>\n<svg role=\"img\" aria-label=\"handshakes over time\" "
                  "viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\">\n",
                  BARS * BAR_WIDTH, BAR_HEIGHT);
    for (size_t i = 0; i < BARS; i++) {
        double bottom = BAR_HEIGHT;
        for (size_t kind = 0; kind < KINDS; kind++) {
            double height = height_of(all, all->bars[i][kind]);
            bottom -= height;
            if (all->bars[i][kind] > 0) {
                (void)fprintf(out,
                              "<rect class=\"%s\" x=\"%zu\" y=\"%.2f\" width=\"%d\" "
                              "height=\"%.2f\"/>\n",
                              classes[kind], i * BAR_WIDTH, bottom, BAR_WIDTH - 1, height);
            }
        }
    }
    (void)fprintf(
        out,
        "</svg>\n<div class=\"ends\"><span>%s UTC</span><span>%s</span></div>\n"
        "<p class=\"small\">Green: the name was hidden. Yellow: it went out in the clear. "
        "Red: the program got an error. The highest bar has %zu.</p>\n",
        all->first, all->last, all->highest);
}

struct list {
    FILE *out;
    size_t written;
    size_t count; /* of all handshakes */
};

static void begin_part(struct list *list)
{
    size_t last = list->written + PART < list->count ? list->written + PART : list->count;
    (void)fprintf(list->out,
                  "<details%s><summary>%zu to %zu</summary>\n<table class=\"list\">\n"
                  "<tr><th>Time (UTC)<th>Program<th>Host<th>Outcome<th>Why<th>Public "
                  "name<th>Suite<th class=\"n\">Octets<th class=\"n\">Look-up<th "
                  "class=\"n\">Hello\n",
                  list->written == 0 ? " open" : "", list->written + 1, last);
}

static bool put_row(void *context, const struct handshake *handshake)
{
    struct list *list = context;
    const char *const cells[] = {handshake->time, handshake->program,     handshake->host, NULL,
                                 handshake->why,  handshake->public_name, handshake->suite};
    const char *const numbers[] = {handshake->octets, handshake->lookup, handshake->hello};
    if (list->written == list->count) {
        return true; /* a child of the program that lives on has just reported it */
    }
    if (list->written % PART == 0) {
        begin_part(list);
    }
    (void)fprintf(list->out, "<tr class=\"%s\">", classes[handshake_colour(handshake->outcome)]);
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        (void)fputs(cells[i] != NULL ? "<td>" : "<td class=\"o\">", list->out);
        put_escaped(list->out, cells[i] != NULL ? cells[i] : handshake->outcome);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        (void)fprintf(list->out, "<td class=\"n\">%s", numbers[i]);
    }
    (void)fputc('\n', list->out);
    list->written++;
    if (list->written % PART == 0 || list->written == list->count) {
        (void)fputs("</table></details>\n", list->out);
    }
    return ferror(list->out) == 0;
}

static bool put_page(FILE *out, FILE *report, const char *title)
{
    static struct gathered all;
    uint64_t secret[2];
    char nonce[40];
    all = (struct gathered){.first_ms = -1, .last_ms = -1};
    if (!dns_io_random(secret, sizeof secret)) {
        return false;
    }
    (void)snprintf(nonce, sizeof nonce, "%016llx%016llx", (unsigned long long)secret[0],
                   (unsigned long long)secret[1]);
    put_head(out, title, nonce);
    bool done = for_each(report, count, &all) && for_each(report, place, &all);
    put_summary(out, &all);
    put_time_line(out, &all);
    struct list list = {.out = out, .count = all.summary.count};
    if (list.count > 0) {
        (void)fputs("<h2>Handshakes</h2>\n", out);
        done = done && for_each(report, put_row, &list);
    }
    (void)fputs("<p class=\"small\">Made by echshim " ECHSHIM_VERSION
                ". The names in this file are as secret as those of the connections.</p>\n"
                "</body>\n</html>\n",
                out);
    summary_free(&all.summary);
    return done;
}

/* ---- the file ---- */

/* The folder of an absolute path. */
static void folder_of(const char *file, char folder[PATH_MAX])
{
    size_t length = (size_t)(strrchr(file, '/') - file);
    (void)snprintf(folder, PATH_MAX, "%.*s", length > 0 ? (int)length : 1, file);
}

const char *page_obstacle(const char *file)
{
    char folder[PATH_MAX];
    struct stat status;
    if (strlen(file) + sizeof ".XXXXXX" > PATH_MAX) {
        return strerror(ENAMETOOLONG);
    }
    folder_of(file, folder);
    if (stat(file, &status) == 0 && S_ISDIR(status.st_mode)) {
        return "it is a folder";
    }
    return access(folder, W_OK | X_OK) != 0 ? strerror(errno) : NULL;
}

bool page_write(const char *file, FILE *report, const char *title)
{
    char fresh[PATH_MAX];
    char name[HANDSHAKE_TEXT];
    (void)snprintf(fresh, sizeof fresh, "%s.XXXXXX", file);
    int fd = mkostemp(fresh, O_CLOEXEC);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (out == NULL) {
        return false;
    }
    const char *slash = strrchr(title, '/');
    (void)snprintf(name, sizeof name, "%.*s", (int)sizeof name - 1,
                   slash != NULL ? slash + 1 : title);
    for (char *at = name; *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7e) {
            *at = '?';
        }
    }
    errno = 0;
    bool written = put_page(out, report, name) && ferror(out) == 0;
    int failure = errno;
    if (fclose(out) != 0) {
        written = false;
        failure = errno;
    }
    if (written && rename(fresh, file) == 0) {
        return true;
    }
    failure = written ? errno : failure;
    (void)unlink(fresh);
    errno = failure != 0 ? failure : EIO;
    return false;
}

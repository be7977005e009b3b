/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/show/live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "tools/echshim/show/handshake.h"
#include "tools/echshim/show/table.h"

enum {
    ROWS_KEPT = 256,  /* the newest; a screen with more lines stays empty below */
    COLUMNS_MIN = 20, /* narrower terminals count as so wide */
    COLUMNS_MAX = 400,
    COLUMNS_OF_FILES = 120, /* where the lines go to no terminal */
    LINES_AT_ONCE = 1000,   /* so that signals do not wait for us */
    WIDTH_OUTCOME = 8,
    WIDTH_CLOCK = 8,
    WIDTH_HELLO = 8,
    WIDTH_HOST_MAX = 40,
    SUMMARY = 512
};

/* What the view shows of a handshake. */
struct kept {
    char time[16];
    char outcome[24];
    char host[HANDSHAKE_TEXT];
    char detail[HANDSHAKE_TEXT]; /* why, or the public name */
    char hello[24];
};

struct live {
    bool screen;
    int fd;
    bool is_terminal; /* ours: /dev/tty, opened without blocking */
    bool color;
    bool entered; /* the alternate screen is shown */
    bool changed; /* since the last drawing */
    unsigned short rows;
    unsigned short columns;
    FILE *report;
    char title[64];
    struct summary summary;
    struct kept kept[ROWS_KEPT]; /* handshake n is at n % ROWS_KEPT */
    char *waiting;               /* what the terminal did not take yet */
    size_t waiting_length;
};

bool live_form_parse(const char *word, enum live_form *form)
{
    static const char *const words[] = {
        [LIVE_AUTO] = "auto", [LIVE_LINES] = "lines", [LIVE_SCREEN] = "screen"};
    for (enum live_form i = LIVE_AUTO; i <= LIVE_SCREEN; i++) {
        if (strcmp(word, words[i]) == 0) {
            *form = i;
            return true;
        }
    }
    return false;
}

/* ---- the terminal ---- */

/* Cursor and screen can be addressed. */
static bool has_screen(void)
{
    const char *term = getenv("TERM");
    return term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

static void measure(struct live *live)
{
    struct winsize size = {0};
    if (!live->is_terminal || ioctl(live->fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        size = (struct winsize){.ws_row = 24, .ws_col = live->is_terminal ? 80 : COLUMNS_OF_FILES};
    }
    unsigned short columns = size.ws_col < COLUMNS_MIN ? COLUMNS_MIN : size.ws_col;
    columns = columns > COLUMNS_MAX ? COLUMNS_MAX : columns;
    if (columns != live->columns || size.ws_row != live->rows) {
        live->columns = columns;
        live->rows = size.ws_row;
        live->changed = true;
    }
}

/* Sends what waits, as far as the terminal takes it. True: nothing waits any more. */
static bool flush(struct live *live)
{
    size_t sent = 0;
    while (sent < live->waiting_length) {
        ssize_t octets = write(live->fd, live->waiting + sent, live->waiting_length - sent);
        if (octets < 0 && errno == EAGAIN) {
            break;
        }
        if (octets <= 0) {
            sent = live->waiting_length; /* the terminal has gone */
            break;
        }
        sent += (size_t)octets;
    }
    live->waiting_length -= sent;
    if (live->waiting_length > 0) {
        memmove(live->waiting, live->waiting + sent, live->waiting_length);
        return false;
    }
    free(live->waiting);
    live->waiting = NULL;
    return true;
}

/* Takes the text, which it frees. */
static void send_text(struct live *live, char *text, size_t length)
{
    free(live->waiting);
    live->waiting = text;
    live->waiting_length = text != NULL ? length : 0;
    (void)flush(live);
}

/* A program may have put the terminal into raw mode. */
static const char *newline_of(const struct live *live)
{
    struct termios mode;
    bool raw = live->is_terminal && tcgetattr(live->fd, &mode) == 0 &&
               (mode.c_oflag & (OPOST | ONLCR)) != (OPOST | ONLCR);
    return raw ? "\r\n" : "\n";
}

/* Another job may have the terminal now. */
static bool is_in_foreground(const struct live *live)
{
    return tcgetpgrp(live->fd) == getpgrp();
}

/* ---- a handshake in a line ---- */

static void put_last_cell(FILE *out, const char *text, unsigned width)
{
    bool fits = strlen(text) <= width;
    (void)fprintf(out, "%.*s%s", (int)(fits ? width : width - 1), text, fits ? "" : "~");
}

static void put_cell(FILE *out, const char *text, unsigned width)
{
    put_last_cell(out, text, width);
    size_t length = strlen(text);
    (void)fprintf(out, "%*s", length < width ? (int)(width - length) : 0, "");
}

/*
 * As many columns as there is room for, in this order: outcome, host, time of the day, time of the
 * hello, and why or the public name. The last column of the terminal stays free: some terminals
 * begin a new line there.
 */
static void put_line(const struct live *live, FILE *out, const struct kept *row, const char *on)
{
    unsigned room = live->columns - 1u;
    bool with_clock = room >= WIDTH_OUTCOME + WIDTH_CLOCK + 4 + 20;
    bool with_hello = room >= 60;
    bool with_detail = room >= 72;
    unsigned used = WIDTH_OUTCOME + 2u + (with_clock ? WIDTH_CLOCK + 2u : 0u) +
                    (with_hello ? WIDTH_HELLO + 2u : 0u);
    unsigned host = room - used;
    if (with_detail) {
        host = (room - used - 2) / 2;
        host = host > WIDTH_HOST_MAX ? WIDTH_HOST_MAX : host;
    }
    if (with_clock) {
        (void)fprintf(out, "%-*.*s  ", WIDTH_CLOCK, WIDTH_CLOCK, row->time);
    }
    (void)fputs(on, out);
    put_cell(out, row->outcome, WIDTH_OUTCOME);
    (void)fprintf(out, "%s  ", *on != '\0' ? COLOUR_OFF : "");
    if (with_hello) {
        put_cell(out, row->host, host);
    } else {
        put_last_cell(out, row->host, host);
    }
    if (with_hello) {
        (void)fprintf(out, "  %*.*s", WIDTH_HELLO, WIDTH_HELLO, row->hello);
    }
    if (with_detail) {
        (void)fputs("  ", out);
        put_last_cell(out, row->detail, room - used - 2 - host);
    }
}

static void put_handshake(const struct live *live, FILE *out, const struct kept *row)
{
    put_line(live, out, row, live->color ? colour_on(handshake_colour(row->outcome)) : "");
}

/* ---- what is new ---- */

static void keep(struct live *live, const struct handshake *handshake)
{
    struct kept *row = &live->kept[live->summary.count % ROWS_KEPT];
    bool has_reason = strcmp(handshake->why, "-") != 0;
    (void)snprintf(row->time, sizeof row->time, "%s", handshake->time);
    (void)snprintf(row->outcome, sizeof row->outcome, "%.20s", handshake->outcome);
    (void)snprintf(row->host, sizeof row->host, "%s", handshake->host);
    (void)snprintf(row->detail, sizeof row->detail, "%s",
                   has_reason ? handshake->why : handshake->public_name);
    (void)snprintf(row->hello, sizeof row->hello, "%s", handshake->hello);
    summary_add(&live->summary, handshake);
    live->changed = true;
}

/* Reads the next handshake. A line that is not complete yet stays for the next time. */
static bool read_next(struct live *live)
{
    static char line[HANDSHAKE_LINE];
    static struct handshake handshake;
    for (;;) {
        long before = ftell(live->report);
        clearerr(live->report);
        if (fgets(line, sizeof line, live->report) == NULL) {
            return false;
        }
        /* Not strlen: the program may write anything there, also octets of 0. */
        long length = ftell(live->report) - before;
        bool whole = length > 0 && length < HANDSHAKE_LINE && line[length - 1] == '\n';
        if (!whole && length < HANDSHAKE_LINE - 1) {
            (void)fseek(live->report, before, SEEK_SET);
            return false;
        }
        if (handshake_read(line, &handshake)) {
            keep(live, &handshake);
            return true;
        }
    }
}

static void write_new_lines(struct live *live)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = flush(live) ? open_memstream(&text, &length) : NULL;
    if (out == NULL) {
        return; /* the terminal is slow: what is new waits in the report */
    }
    const char *newline = newline_of(live);
    for (size_t i = 0; i < LINES_AT_ONCE && read_next(live); i++) {
        put_handshake(live, out, &live->kept[(live->summary.count - 1) % ROWS_KEPT]);
        (void)fputs(newline, out);
    }
    if (fclose(out) == 0) {
        send_text(live, text, length);
    } else {
        free(text);
    }
}

static void draw(struct live *live)
{
    static const struct kept titles = {"TIME", "OUTCOME", "HOST", "WHY, OR PUBLIC NAME", "HELLO"};
    enum { HEAD_ROWS = 2 };
    char counts[SUMMARY];
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) {
        return;
    }
    const char *newline = newline_of(live);
    size_t room = live->rows > HEAD_ROWS ? live->rows - (size_t)HEAD_ROWS : 0;
    room = room > ROWS_KEPT ? ROWS_KEPT : room;
    size_t shown = live->summary.count < room ? live->summary.count : room;
    summary_write(&live->summary, counts, sizeof counts);
    (void)fputs(live->entered ? "\033[H" : "\033[?1049h\033[H", out);
    char head[SUMMARY + sizeof live->title + 2];
    (void)snprintf(head, sizeof head, "%s: %s", live->title, counts);
    put_last_cell(out, head, live->columns - 1u);
    (void)fprintf(out, "\033[K%s", newline);
    put_line(live, out, &titles, live->color ? "\033[1m" : "");
    (void)fputs("\033[K", out);
    for (size_t i = live->summary.count - shown; i < live->summary.count; i++) {
        (void)fputs(newline, out);
        put_handshake(live, out, &live->kept[i % ROWS_KEPT]);
        (void)fputs("\033[K", out);
    }
    (void)fputs("\033[J", out);
    if (fclose(out) == 0) {
        live->entered = true;
        live->changed = false;
        send_text(live, text, length);
    } else {
        free(text);
    }
}

void live_update(struct live *live)
{
    if (!live->screen) {
        measure(live);
        write_new_lines(live);
        return;
    }
    for (size_t i = 0; i < LINES_AT_ONCE && read_next(live); i++) {
    }
    measure(live);
    if (flush(live) && (live->changed || !live->entered) && is_in_foreground(live)) {
        draw(live);
    }
}

/* ---- beginning and end ---- */

struct live *live_start(enum live_form form, const char *report, const char *title,
                        enum say_color color)
{
    struct live *live = calloc(1, sizeof *live);
    if (live == NULL) {
        return NULL;
    }
    live->report = fopen(report, "re");
    if (live->report == NULL) {
        free(live);
        return NULL;
    }
    const char *name = strrchr(title, '/');
    say_printable(live->title, sizeof live->title, name != NULL ? name + 1 : title);
    live->fd = open("/dev/tty", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    live->is_terminal = live->fd >= 0;
    bool shared = isatty(STDOUT_FILENO) == 1 || isatty(STDERR_FILENO) == 1;
    live->screen = live->is_terminal && has_screen() &&
                   (form == LIVE_SCREEN || (form == LIVE_AUTO && !shared));
    if (!live->is_terminal) {
        live->fd = STDERR_FILENO;
    }
    live->color = say_colored(color, live->fd);
    return live;
}

void live_pause(struct live *live)
{
    static const char leave[] = "\033[?1049l";
    if (live->entered && is_in_foreground(live)) {
        (void)flush(live);
        ssize_t ignored = write(live->fd, leave, sizeof leave - 1);
        (void)ignored;
    }
    live->entered = false;
}

static void tell_summary(struct live *live)
{
    char counts[SUMMARY];
    int fd = fcntl(live->fd, F_DUPFD_CLOEXEC, 3);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (out == NULL) {
        return;
    }
    if (live->screen) {
        rewind(live->report);
        (void)table_print(out, live->report, false, live->color);
    } else {
        summary_write(&live->summary, counts, sizeof counts);
        (void)fprintf(out, "%s\n", counts);
        if (summary_lost(&live->summary) > 0) {
            (void)fprintf(out, "%lld more could not be reported\n", summary_lost(&live->summary));
        }
    }
    (void)fclose(out);
}

void live_end(struct live *live, bool summary)
{
    if (live == NULL) {
        return;
    }
    /* The program has ended: now wait for the terminal, as every program does with its output. */
    if (live->is_terminal) {
        (void)fcntl(live->fd, F_SETFL, fcntl(live->fd, F_GETFL) & ~O_NONBLOCK);
    }
    (void)flush(live);
    size_t before;
    do {
        before = live->summary.count;
        if (live->screen) {
            while (read_next(live)) {
            }
        } else {
            live_update(live);
        }
    } while (live->summary.count != before);
    live_pause(live);
    if (summary) {
        tell_summary(live);
    }
    (void)fclose(live->report);
    if (live->is_terminal) {
        (void)close(live->fd);
    }
    summary_free(&live->summary);
    free(live->waiting);
    free(live);
}

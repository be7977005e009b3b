/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* echshim --watch: the handshakes as they happen, at a terminal. */
#include "tests/tools/launcher/terminal.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

TestSuite(watch, .fini = tool_end, .timeout = 60);

#define LINE(host, outcome, reason)                                                                \
    "{\"time\":\"2026-11-30T10:20:30.456Z\",\"pid\":7,\"host\":\"" host                            \
    "\",\"port\":443,\"outcome\":\"" outcome "\",\"reason\":" reason                               \
    ",\"public_name\":\"public.example\",\"hello_us\":4321}"
#define ACCEPTED(host) LINE(host, "accepted", "null")
/* A program's shell code that reports a handshake. */
#define REPORT(line) "echo '" line "' >>\"$ECHSHIM_REPORT\"; "

/* What a terminal showed, and how much of it was expected so far. */
struct shown {
    struct terminal terminal;
    char text[1 << 16];
    size_t length;
    size_t at;
};

static void resize(const struct shown *shown, unsigned short columns, unsigned short rows)
{
    const struct winsize size = {.ws_col = columns, .ws_row = rows};
    cr_assert_eq(ioctl(shown->terminal.master, TIOCSWINSZ, &size), 0);
}

/* The terminal shows this, after all that was expected before. Gives the text from there. */
static const char *expect(struct shown *shown, const char *text)
{
    struct pollfd ready = {.fd = shown->terminal.master, .events = POLLIN};
    time_t end = time(NULL) + 20;
    const char *found;
    while ((found = strstr(shown->text + shown->at, text)) == NULL && time(NULL) < end) {
        if (poll(&ready, 1, 1000) != 1) {
            continue;
        }
        ssize_t octets = read(shown->terminal.master, shown->text + shown->length,
                              sizeof shown->text - 1 - shown->length);
        if (octets <= 0) {
            break;
        }
        shown->length += (size_t)octets;
    }
    cr_assert_not_null(found, "the terminal does not show %s, but\n%s", text,
                       shown->text + shown->at);
    shown->at = (size_t)(found - shown->text) + strlen(text);
    return found;
}

static void press(const struct shown *shown, const char *keys)
{
    terminal_press(&shown->terminal, keys);
}

static void expect_end(const struct shown *shown, const char *end)
{
    cr_assert_str_eq(terminal_line(shown->terminal.told, 20000), end);
}

/* A shell's script at a terminal of this width; the script waits for a newline first. The words
 * that it finds as $1 and $2 are the launcher and the code. */
static struct shown *start(const char *environment, const char *options, const char *redirection,
                           const char *code, unsigned short columns)
{
    char *script = NULL;
    cr_assert_gt(asprintf(&script, "read go; exec env %s \"$0\" --off %s sh -c \"$1\" %s",
                          environment, options, redirection),
                 0);
    struct shown *shown = calloc(1, sizeof *shown);
    cr_assert_not_null(shown);
    shown->terminal =
        terminal_start(ARGV("/bin/sh", "-c", script, tool_path("echshim"), (char *)(size_t)code));
    resize(shown, columns, 10);
    press(shown, "\n");
    return shown;
}

/* ---- lines: the program writes to the terminal too ---- */

Test(watch, a_line_for_each_handshake_while_the_program_runs)
{
    struct shown *shown = start(
        "NO_COLOR=1", "--watch", "",
        "echo begin; " REPORT(ACCEPTED("secret.example.org")) "read next; echo middle; " REPORT(
            LINE("plain.example.org", "grease", "\"nodata\"")) "read next; echo end",
        100);
    expect(shown, "10:20:30  accepted  secret.example.org");
    cr_assert_null(strstr(shown->text, "middle"));
    expect(shown, " 4321 us  public.example");
    press(shown, "\n");
    expect(shown, "no HTTPS record");
    press(shown, "\n");
    /* The program's own output is whole, and nothing moves the cursor. */
    expect(shown, "end\r\n");
    expect(shown, "2 handshakes: 1 accepted, 1 grease\r\n");
    cr_assert_not_null(strstr(shown->text, "begin\r\n"));
    cr_assert_not_null(strstr(shown->text, "middle\r\n"));
    cr_assert_null(strchr(shown->text, '\033'), "%s", shown->text);
    expect_end(shown, "exit 0");
}

/* No line is longer than the terminal is wide, also after its size has changed. */
static void expect_width(const struct shown *shown, const char *text, size_t width)
{
    const char *at = strstr(shown->text, text);
    cr_assert_not_null(at, "%s", shown->text);
    while (at > shown->text && at[-1] != '\n') {
        at--;
    }
    size_t length = strcspn(at, "\r\n");
    cr_assert_leq(length, width, "%zu: %.*s", length, (int)length, at);
}

Test(watch, forty_columns_and_a_new_size)
{
    struct shown *shown =
        start("NO_COLOR=1", "--watch=lines", "",
              REPORT(ACCEPTED(
                  "first.with-a-very-long-name.of-many-labels."
                  "example.org")) "read next; " REPORT(ACCEPTED("second.with-a-very-long-name.of-"
                                                                "many-labels.example.org")),
              40);
    expect(shown, "accepted  first.with-a");
    expect(shown, "~\r\n");
    expect_width(shown, "first", 39);
    resize(shown, 100, 10);
    press(shown, "\n");
    expect(shown, "second.with-a-very-long-name");
    expect(shown, "public.example");
    expect(shown, "2 handshakes: 2 accepted\r\n");
    expect_width(shown, "second", 99);
}

Test(watch, colours_and_hostile_names)
{
    struct shown *shown =
        start("TERM=xterm", "--watch", "", REPORT(ACCEPTED("\\u001b[2J\\u0007\\u009bevil")), 100);
    expect(shown, "\033[32maccepted\033[0m  ?[2J???evil");
    cr_assert_null(strstr(shown->text, "\033[2J"));
    cr_assert_null(strchr(shown->text, '\007'));
    shown = start("TERM=dumb", "--watch", "", REPORT(ACCEPTED("a.example")), 100);
    expect(shown, "accepted  a.example");
    expect(shown, "1 handshake: 1 accepted\r\n");
    cr_assert_null(strchr(shown->text, '\033'), "%s", shown->text);
}

/* The program may write anything into the report. */
Test(watch, a_line_that_begins_with_a_null)
{
    struct shown *shown =
        start("NO_COLOR=1", "--watch=lines", "",
              "printf '\\0\\0x\\n\\n' >>\"$ECHSHIM_REPORT\"; " REPORT(ACCEPTED("a.example")), 100);
    expect(shown, "accepted  a.example");
    expect(shown, "1 handshake: 1 accepted\r\n");
}

Test(watch, without_a_terminal_the_lines_go_to_standard_error)
{
    struct tool_result result =
        tool_run(NULL, ARGV("/usr/bin/setsid", "-w", tool_path("echshim"), "--off", "--watch", "sh",
                            "-c", "echo out; " REPORT(ACCEPTED("a.example")) "exit 3"));
    tool_expect_exit(&result, 3);
    cr_assert_str_eq(result.out, "out\n");
    tool_expect_err(&result, "10:20:30  accepted  a.example ");
    tool_expect_err(&result, "\n1 handshake: 1 accepted\n");
    result = tool_run(NULL, ARGV("echshim", "--watch=often", "true"));
    tool_expect_sentence(&result, 125, "it is auto, lines or screen");
}

/* ---- a screen: the program's output goes elsewhere ---- */

static struct shown *start_screen(const char *environment, const char *options, const char *code,
                                  unsigned short columns)
{
    char *variables = NULL;
    cr_assert_gt(asprintf(&variables, "%s HOME=%s", environment, tool_temporary()), 0);
    char *redirection = NULL;
    cr_assert_gt(asprintf(&redirection, ">%s/out 2>&1", tool_temporary()), 0);
    return start(variables, options, redirection, code, columns);
}

static void expect_output(const char *text)
{
    char path[512];
    char out[4096] = "";
    snprintf(path, sizeof path, "%s/out", tool_temporary());
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    size_t length = fread(out, 1, sizeof out - 1, file);
    out[length] = '\0';
    fclose(file);
    cr_assert_str_eq(out, text);
}

Test(watch, a_screen_of_its_own_and_the_table_at_the_end)
{
    struct shown *shown = start_screen(
        "NO_COLOR=1", "--watch",
        "echo out; echo err >&2; " REPORT(ACCEPTED("first.example")) "read next; " REPORT(
            ACCEPTED("second.example")) "read next; exit 5",
        80);
    expect(shown, "\033[?1049h\033[H");
    expect(shown, "sh: 1 handshake: 1 accepted");
    expect(shown, "accepted  first.example");
    press(shown, "\n");
    expect(shown, "sh: 2 handshakes: 2 accepted");
    expect(shown, "accepted  second.example");
    press(shown, "\n");
    expect(shown, "\033[?1049lHOST ");
    expect(shown, "\r\n2 handshakes: 2 accepted\r\n");
    expect_end(shown, "exit 5");
    expect_output("out\nerr\n");
}

/* The lines of the drawing that begins here. */
static unsigned lines_of(const char *drawing)
{
    const char *end = strstr(drawing, "\033[J");
    unsigned lines = 1;
    for (const char *at = drawing; end != NULL && at < end; at++) {
        lines += *at == '\n';
    }
    return lines;
}

Test(watch, the_screen_takes_the_size_that_the_terminal_gets)
{
    struct shown *shown = start_screen("NO_COLOR=1", "--watch",
                                       "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do " REPORT(ACCEPTED(
                                           "name-of-a-host.example.org")) "done; read next",
                                       80);
    const char *drawing = expect(shown, "12 accepted");
    expect(shown, "\033[J");
    cr_assert_eq(lines_of(drawing), 10, "%s", drawing);
    resize(shown, 40, 5);
    drawing = expect(shown, "\033[H");
    expect(shown, "\033[J");
    cr_assert_eq(lines_of(drawing), 5, "%s", drawing);
    const char *row = strstr(drawing, "accepted  name");
    cr_assert(row != NULL && strcspn(row, "\r\n") <= 39 + strlen("\033[K"), "%s", drawing);
    press(shown, "\n");
    expect(shown, "12 handshakes: 12 accepted\r\n");
}

/* The shell gets the terminal as it was at each stop. */
Test(watch, a_stop_gives_the_screen_back)
{
    struct shown *shown = start_screen("NO_COLOR=1", "--watch",
                                       REPORT(ACCEPTED("a.example")) "read next; read next", 80);
    expect(shown, "a.example");
    press(shown, "\032");
    expect_end(shown, "stopped 20");
    expect(shown, "\033[?1049l");
    expect(shown, "\033[?1049h\033[H");
    press(shown, "\n\n");
    expect(shown, "1 handshake: 1 accepted\r\n");
    expect_end(shown, "exit 0");
}

/* A terminal that cannot address its cursor has lines, whatever was asked for. */
Test(watch, no_screen_on_a_dumb_terminal)
{
    struct shown *shown =
        start_screen("TERM=dumb", "--watch=screen", REPORT(ACCEPTED("a.example")), 80);
    expect(shown, "accepted  a.example");
    expect(shown, "1 handshake: 1 accepted\r\n");
    cr_assert_null(strchr(shown->text, '\033'), "%s", shown->text);
}

/* A terminal that takes nothing (Ctrl-S) does not hold the program up. */
Test(watch, a_terminal_that_stands_still)
{
    struct shown *shown =
        start_screen("NO_COLOR=1", "--watch",
                     "read next; i=0; while [ $i -lt 300 ]; do " REPORT(
                         ACCEPTED("a.example")) "i=$((i + 1)); "
                                                "done; sleep 1; echo done; : >\"$HOME/ended\"",
                     80);
    expect(shown, "sh: 0 handshakes");
    press(shown, "\n\023");
    char path[512];
    snprintf(path, sizeof path, "%s/ended", tool_temporary());
    for (int i = 0; i < 100 && access(path, F_OK) != 0; i++) {
        usleep(100000);
    }
    expect_output("done\n");
    press(shown, "\021");
    expect(shown, "\033[?1049l");
    expect(shown, "300 handshakes: 300 accepted\r\n");
    expect_end(shown, "exit 0");
}

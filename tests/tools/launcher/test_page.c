/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* echshim --report=FILE.html, shown by a real browser where there is one. */
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(page, .fini = tool_end, .timeout = 120);

#define LINE(time, host, outcome, reason)                                                          \
    "{\"time\":\"2026-11-30T10:20:" time "Z\",\"pid\":7,\"program\":\"/usr/bin/curl\","            \
    "\"host\":\"" host "\",\"port\":443,\"outcome\":\"" outcome "\",\"reason\":" reason            \
    ",\"public_name\":\"public.example\",\"kem\":32,\"kdf\":1,\"aead\":1,"                         \
    "\"hello_bytes_outer\":517,\"lookup_us\":132,\"hello_us\":12345}\n"
#define HOSTILE                                                                                    \
    "</td></table><script>document.title='owned'</script><img src=http://192.0.2.1/ "              \
    "onerror=document.title='owned'>&amp;\\\"\\u001b[2J\\u0000"

static char *path_of(const char *name)
{
    char *path = NULL;
    cr_assert_gt(asprintf(&path, "%s/%s", tool_temporary(), name), 0);
    return path;
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 22);
    cr_assert(file != NULL && text != NULL, "%s", path);
    text[fread(text, 1, (1 << 22) - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* Runs a program that reports these lines; gives the page. */
static char *page_of(const char *file, const char *lines)
{
    char *option = NULL;
    cr_assert_gt(asprintf(&option, "--report=%s", file), 0);
    struct tool_result result =
        tool_run(NULL, ARGV("echshim", "--off", option, "sh", "-c",
                            "printf '%s' \"$0\" >>\"$ECHSHIM_REPORT\"", (char *)(size_t)lines));
    tool_expect_exit(&result, 0);
    cr_assert_str_empty(result.err);
    cr_assert_str_empty(result.out);
    return read_file(file);
}

static void expect(const char *page, const char *text)
{
    cr_assert_not_null(strstr(page, text), "\"%s\" is not in:\n%s", text, page);
}

Test(page, has_all_of_the_table_and_loads_nothing)
{
    char *page =
        page_of(path_of("report.html"),
                LINE("30.100", "secret.example.org", "accepted", "null")
                    LINE("31.200", "plain.example.org", "grease", "\"nodata\"") "no JSON\n");
    expect(page, "<p>2 handshakes.</p>");
    expect(page, "<td class=\"n\">1<td class=\"o\">grease<td>no ECH: the program&#39;s own hello");
    expect(page, "10:20:30.100 UTC</span><span>10:20:31.200");
    expect(page, "<rect class=\"g\" x=\"0\"");
    expect(page, "<td>10:20:31.200<td>curl<td>plain.example.org<td class=\"o\">grease<td>no HTTPS "
                 "record<td>public.example<td>X25519/SHA256/AES-128-GCM<td class=\"n\">517<td "
                 "class=\"n\">132 us<td class=\"n\">12 ms\n");
    expect(page, "content=\"default-src 'none'; style-src 'nonce-");
    cr_assert_null(strstr(page, "://"));
    cr_assert_null(strstr(page, "<script"));
    struct stat status;
    cr_assert_eq(stat(path_of("report.html"), &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0600);
}

Test(page, hostile_names_are_text)
{
    char *page =
        page_of(path_of("report.html"), LINE("30.100", HOSTILE, HOSTILE, "\"" HOSTILE "\""));
    cr_assert_null(strstr(page, "<script"));
    cr_assert_null(strstr(page, "<img"));
    cr_assert_null(strchr(page, '\033'));
    expect(page, "<td>&#60;/td&#62;&#60;/table&#62;&#60;script&#62;document.title=&#39;owned&#39;");
    expect(page, "&#38;amp;&#34;?[2J?");
}

Test(page, no_handshakes_and_times_that_are_none)
{
    char *page = page_of(path_of("empty.html"), "");
    expect(page, "<p>0 handshakes.</p>");
    cr_assert_null(strstr(page, "<svg"));
    page = page_of(path_of("odd.html"),
                   "{}\n{\"time\":\"9999-99-99T99:99:99.999Z\",\"host\":5}\n"
                   "{\"time\":\"1000-01-01T00:00:00.000Z\",\"lost\":3,\"pid\":1}\n"
                   "{\"time\":\"3000-01-01T00:00:00.000Z\",\"kem\":-1,\"kdf\":70000,\"aead\":0}\n");
    expect(page, "<p>4 handshakes. 3 more could not be reported.</p>");
    expect(page, "</html>\n");
}

/* It replaces the name, and never what a link points to. */
Test(page, comes_in_the_place_of_the_old_one)
{
    char *target = tool_file("precious", "precious\n", 0644);
    char *link = path_of("link.html");
    cr_assert_eq(symlink(target, link), 0);
    expect(page_of(link, ""), "0 handshakes");
    cr_assert_str_eq(read_file(target), "precious\n");
    expect(page_of(link, LINE("30.100", "a.example", "accepted", "null")), "1 handshake.");
    struct tool_result result = tool_run(NULL, ARGV("/bin/ls", (char *)(size_t)tool_temporary()));
    cr_assert_str_eq(result.out, "link.html\nprecious\n");
}

Test(page, a_place_that_cannot_be_used_is_said_before_the_program_runs)
{
    struct tool_result result =
        tool_run(NULL, ARGV("echshim", "--report=/nowhere/report.html", "echo", "ran"));
    tool_expect_sentence(&result, 125, "No such file or directory");
    cr_assert_str_empty(result.out);
    char *folder = path_of("folder.html");
    cr_assert_eq(mkdir(folder, 0700), 0);
    char *option = NULL;
    cr_assert_gt(asprintf(&option, "--report=%s", folder), 0);
    result = tool_run(NULL, ARGV("echshim", option, "echo", "ran"));
    tool_expect_sentence(&result, 125, "it is a folder");
}

/* Page, table and lines for scripts, all at once; the program's exit status passes. */
Test(page, beside_the_table_and_the_lines)
{
    char *lines = NULL;
    char *page = NULL;
    cr_assert_gt(asprintf(&lines, "--report=%s", path_of("report.jsonl")), 0);
    cr_assert_gt(asprintf(&page, "--report=%s", path_of("report.html")), 0);
    const char *line = LINE("30.100", "a.example", "grease", "\"nodata\"");
    struct tool_result result = tool_run(
        NULL, ARGV("echshim", "--off", "--report", page, lines, "sh", "-c",
                   "printf '%s' \"$0\" >>\"$ECHSHIM_REPORT\"; exit 7", (char *)(size_t)line));
    tool_expect_exit(&result, 7);
    tool_expect_err(&result, "\n1 handshake: 1 grease\n");
    expect(read_file(path_of("report.html")), "no HTTPS record");
    cr_assert_str_eq(read_file(path_of("report.jsonl")), line);
}

/* ---- in a browser ---- */

/* What the browser makes of a page, as HTML. */
static char *shown_by_browser(const char *file)
{
    if (access("/usr/bin/chromium", X_OK) != 0) {
        cr_skip_test("chromium is not installed");
    }
    char *profile = NULL;
    char *url = NULL;
    cr_assert_gt(asprintf(&profile, "--user-data-dir=%s", path_of("profile")), 0);
    cr_assert_gt(asprintf(&url, "file://%s", file), 0);
    struct tool_result result =
        tool_run(NULL, ARGV("/usr/bin/timeout", "60", "/usr/bin/chromium", "--headless",
                            "--no-sandbox", "--disable-gpu", "--dump-dom", profile, url));
    tool_expect_exit(&result, 0);
    return result.out;
}

Test(page, a_browser_shows_rows_and_no_more)
{
    char *file = path_of("report.html");
    (void)page_of(file, LINE("30.100", "secret.example.org", "accepted", "null")
                            LINE("31.200", HOSTILE, "grease", "\"nodata\""));
    char *shown = shown_by_browser(file);
    expect(shown, "<title>sh - echshim</title>");
    expect(shown, "<td>secret.example.org</td><td class=\"o\">accepted</td>");
    expect(shown, "<td>&lt;/td&gt;&lt;/table&gt;&lt;script&gt;document.title='owned'");
    cr_assert_null(strstr(shown, "<script"), "%s", shown);
    cr_assert_null(strstr(shown, "<img"), "%s", shown);
}

/* If an element of a stranger ever came into the page, its policy would stop it. */
Test(page, its_policy_stops_scripts_and_styles_of_others)
{
    char *file = path_of("report.html");
    char *page = page_of(file, LINE("30.100", "a.example", "accepted", "null"));
    FILE *changed = fopen(file, "w");
    char *end = strstr(page, "</body>");
    cr_assert(changed != NULL && end != NULL);
    fprintf(changed,
            "%.*s<script>document.title='owned'</script><img src=x.png onerror="
            "\"document.title='owned'\">%s",
            (int)(end - page), page, end);
    fclose(changed);
    char *shown = shown_by_browser(file);
    expect(shown, "<title>sh - echshim</title>");
    cr_assert_null(strstr(shown, "<title>owned"));
}

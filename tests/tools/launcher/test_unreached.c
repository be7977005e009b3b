/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that the shim cannot get into, and the proof that it is in the others. */
#include "tests/tools/launcher/nobody.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

TestSuite(unreached, .fini = tool_end, .timeout = 60);

enum { REFUSED = 121 };

static struct tool_result run(char *const argv[])
{
    return tool_run(NULL, argv);
}

/* ---- programs that a preload does not reach ---- */

static void expect_unreached(char *path, const char *why, int code)
{
    char sentence[512];
    struct tool_result result = run(ARGV("echshim", "--strict=refuse-program", path, "--version"));
    snprintf(sentence, sizeof sentence,
             "%s is not run, because the shim would not be in it: ", path);
    tool_expect_sentence(&result, REFUSED, sentence);
    tool_expect_err(&result, why);
    result = run(ARGV("echshim", "--strict", path, "--version"));
    tool_expect_exit(&result, code);
    snprintf(sentence, sizeof sentence,
             "%s runs without the shim, and strict mode refuses its TLS: ", path);
    tool_expect_err(&result, sentence);
    tool_expect_err(&result, why);
    result = run(ARGV("echshim", path, "--version"));
    tool_expect_exit(&result, code);
    snprintf(sentence, sizeof sentence, "%s runs without the shim: ", path);
    tool_expect_err(&result, sentence);
    tool_expect_err(&result, why);
    result = run(ARGV("echshim", "--quiet", path, "--version"));
    tool_expect_exit(&result, code);
    cr_assert_null(strstr(result.err, "without the shim"), "%s", result.err);
}

Test(unreached, static_programs)
{
    expect_unreached(tool_program("static"), "it is statically linked", 0);
}

Test(unreached, scripts_are_what_their_interpreter_is)
{
    char line[512];
    snprintf(line, sizeof line, "#!%s\n", tool_program("static"));
    char *script = tool_file("inner", line, 0755);
    expect_unreached(script, "static: it is statically linked", 0);
    snprintf(line, sizeof line, "#! %s an argument\n", script);
    expect_unreached(tool_file("outer", line, 0755), "static: it is statically linked", 0);
    snprintf(line, sizeof line, "#!/usr/bin/env %s\n", tool_program("static"));
    expect_unreached(tool_file("by-env", line, 0755), "static: it is statically linked", 0);
    snprintf(line, sizeof line, "#!/usr/bin/env -S A=1 %s -x\n", tool_program("static"));
    expect_unreached(tool_file("by-env-s", line, 0755), "static: it is statically linked", 0);
}

Test(unreached, scripts_that_work)
{
    struct tool_result result = run(
        ARGV("echshim", "--strict", tool_file("sh", "#!/bin/sh\necho ${LD_PRELOAD##*/}\n", 0755)));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "libechshim.so\n");
    result = run(ARGV("echshim", "--strict",
                      tool_file("env", "#!/usr/bin/env sh\necho ${LD_PRELOAD##*/}\n", 0755)));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "libechshim.so\n");
}

Test(unreached, a_first_line_that_cleans_the_environment)
{
    struct tool_result result =
        run(ARGV("echshim", "--strict=refuse-program",
                 tool_file("script", "#!/usr/bin/env -S -i sh\necho ran\n", 0755)));
    tool_expect_sentence(&result, REFUSED, "its first line cleans the environment");
}

Test(unreached, scripts_of_scripts_without_end)
{
    char line[512];
    snprintf(line, sizeof line, "#!%s/circle\n", tool_temporary());
    struct tool_result result = run(ARGV("echshim", "--strict", tool_file("circle", line, 0755)));
    tool_expect_sentence(&result, REFUSED, "its interpreter is a script, and so on without end");
}

/* ---- Go: the preload gets in, but does not see Go's TLS ---- */

Test(unreached, go_programs)
{
    expect_unreached(tool_program("go"), "it is a Go program, and Go's TLS uses no library", 0);
}

Test(unreached, real_go_programs)
{
    static char *const names[] = {"/usr/bin/gh", "/usr/bin/rclone", "/usr/bin/restic"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (access(names[i], X_OK) != 0) {
            fprintf(stderr, "unreached: skipped: %s is not installed\n", names[i]);
            continue;
        }
        struct tool_result result =
            run(ARGV("echshim", "--strict=refuse-program", names[i], "version"));
        tool_expect_exit(&result, REFUSED);
        tool_expect_err(&result, "it is a Go program, and Go's TLS uses no library");
        char command[64];
        snprintf(command, sizeof command, "%s version", names[i]);
        result = run(ARGV("echshim", "--strict=refuse-program", "/bin/sh", "-c", command));
        tool_expect_err(&result, "it is a Go program, and Go's TLS uses no library");
        cr_assert_str_eq(result.out, "");
    }
}

/* ---- programs started by way of the dynamic loader ---- */

static const char *loader(void)
{
    static const char *const places[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux.so.2",
                                         "/lib/ld-linux-aarch64.so.1"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (access(places[i], X_OK) == 0) {
            return places[i];
        }
    }
    return NULL;
}

/* Started by the launcher itself, and by a program under it. */
static void expect_loaded(const char *arguments, const char *said)
{
    char command[1024];
    snprintf(command, sizeof command, "exec %s --strict %s %s", "\"$0\"", loader(), arguments);
    char launcher[512];
    snprintf(launcher, sizeof launcher, "%s/echshim", tool_folder());
    struct tool_result result = run(ARGV("/bin/sh", "-c", command, launcher));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, said, "%s%s", result.out, result.err);
    snprintf(command, sizeof command, "%s %s", loader(), arguments);
    result = run(ARGV("echshim", "--strict", "/bin/sh", "-c", command));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, said, "%s%s", result.out, result.err);
}

static void expect_not_loaded(const char *program, const char *why)
{
    char command[1024];
    snprintf(command, sizeof command, "%s --library-path /lib %s", loader(), program);
    struct tool_result result = run(ARGV("echshim", "--strict=refuse-program",
                                         (char *)(size_t)loader(), (char *)(size_t)program));
    tool_expect_exit(&result, REFUSED);
    tool_expect_err(&result, why);
    result = run(ARGV("echshim", "--strict=refuse-program", "/bin/sh", "-c", command));
    tool_expect_err(&result, why);
    cr_assert_str_eq(result.out, "");
}

Test(unreached, programs_that_the_loader_loads)
{
    expect_loaded("/bin/echo loaded", "loaded\n");
    expect_loaded("--library-path /nowhere --inhibit-cache /bin/echo loaded", "loaded\n");
#if __GLIBC_PREREQ(2, 33)
    expect_loaded("--library-path /nowhere --argv0 other --inhibit-cache /bin/echo loaded",
                  "loaded\n");
#endif
    expect_loaded("--preload '' /bin/echo loaded", "loaded\n");
    expect_not_loaded(tool_program("go"), "it is a Go program");
    expect_not_loaded(tool_program("static"), "it is statically linked");
}

/* An AppImage, and what sharun makes: a copy of the loader, with its own libraries. */
Test(unreached, a_copy_of_the_loader)
{
    char command[1024];
    snprintf(command, sizeof command,
             "cp %s %s/ld-linux.so && %s/ld-linux.so --library-path /lib /bin/echo loaded",
             loader(), tool_temporary(), tool_temporary());
    struct tool_result result = run(ARGV("echshim", "--strict", "/bin/sh", "-c", command));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "loaded\n", "%s%s", result.out, result.err);
}

/* The loader only describes the program, which does not run. */
Test(unreached, the_loader_by_itself)
{
    char *path = (char *)(size_t)loader();
    struct tool_result result = run(ARGV("echshim", "--strict", path, "--list", "/bin/true"));
    tool_expect_exit(&result, 0);
#if __GLIBC_PREREQ(2, 33) /* earlier loaders have no --help */
    result = run(ARGV("echshim", "--strict", path, "--help"));
    tool_expect_exit(&result, 0);
#endif
}

/* ---- links ---- */

/* $ORIGIN is the folder of the real file: java is a link to a program with its libraries beside it.
 */
Test(unreached, a_link_to_a_program_with_libraries_of_its_own)
{
    char link[512];
    snprintf(link, sizeof link, "%s/link", tool_temporary());
    cr_assert_eq(symlink(tool_program("origin"), link), 0);
    struct tool_result result = run(ARGV("echshim", "--strict", link));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "found\n", "%s%s", result.out, result.err);
}

/* ---- programs that gain other rights: made as root, run as another user ---- */

static void expect_refused_for_nobody(char *launcher, char *path, const char *why)
{
    struct tool_result result =
        tool_run_before(nobody_become, NULL, NULL, ARGV(launcher, "--strict", path));
    tool_expect_sentence(&result, REFUSED, why);
    result = tool_run_before(nobody_become, NULL, NULL, ARGV(launcher, path));
    tool_expect_exit(&result, 0);
    tool_expect_err(&result, why);
    /* The same for a child of a program under the launcher. */
    result = tool_run_before(nobody_become, NULL, NULL,
                             ARGV(launcher, "--strict", "sh", "-c", "\"$0\"; echo $?", path));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "126\n");
    tool_expect_err(&result, why);
    /* Root has no other rights to gain. */
    result = run(ARGV(launcher, "--strict", path));
    tool_expect_exit(&result, 0);
}

Test(unreached, setuid_and_setgid_programs)
{
    char *launcher;
    char path[128];
    if (!nobody_launcher(&launcher)) {
        return;
    }
    snprintf(path, sizeof path, "%s/true", tool_temporary());
    cr_assert_eq(chmod(path, 04755), 0);
    expect_refused_for_nobody(launcher, path, "(setuid or setgid)");
    cr_assert_eq(chmod(path, 02755), 0);
    expect_refused_for_nobody(launcher, path, "(setuid or setgid)");
}

Test(unreached, programs_with_capabilities)
{
    char *launcher;
    char path[128];
    /* struct vfs_cap_data: revision 2, effective; CAP_NET_BIND_SERVICE. */
    static const unsigned char capabilities[20] = {1, 0, 0, 2, 0, 4};
    snprintf(path, sizeof path, "%s/true", tool_temporary());
    if (!nobody_launcher(&launcher)) {
        return;
    }
    if (setxattr(path, "security.capability", capabilities, sizeof capabilities, 0) != 0) {
        fprintf(stderr, "unreached: skipped: no file capabilities here\n");
        return;
    }
    expect_refused_for_nobody(launcher, path, "it has file capabilities");
}

/* ---- the proof ---- */

/* This program's loader promises the shim when asked, and then loads nothing (lying_loader.c). */
Test(unreached, strict_kills_what_the_shim_is_not_in)
{
    struct tool_result result =
        run(ARGV("echshim", "--strict", tool_program("liar"), "close-descriptors"));
    cr_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGKILL, "%#x",
              result.status);
    cr_assert_str_empty(result.out, "main ran");
    tool_expect_err(
        &result, "is killed, because the shim is not in it: it runs, but the shim sent no proof");
}

Test(unreached, strict_kills_what_says_nothing)
{
    struct tool_result result = run(ARGV("echshim", "--strict", tool_program("liar")));
    cr_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGKILL, "%#x",
              result.status);
    cr_assert_str_empty(result.out, "main ran");
    tool_expect_err(&result,
                    "is killed, because the shim is not in it: the shim sent no proof in time");
}

Test(unreached, otherwise_it_is_said)
{
    struct tool_result result =
        run(ARGV("/bin/sh", "-c", "timeout 2 \"$0\" \"$1\" close-descriptors; sleep 0.2",
                 tool_path("echshim"), tool_program("liar")));
    tool_expect_err(&result, "liar runs without the shim: it runs, but the shim sent no proof");
}

/* The rehearsal: a loader that itself says that it cannot load the library. */
Test(unreached, a_library_that_cannot_be_loaded)
{
    char script[] = "cp \"$1/echshim\" \"$0\" && echo text >\"$0/libechshim.so\" && "
                    "exec \"$0/echshim\" $2 echo ran";
    char *folder = (char *)(size_t)tool_temporary();
    char *tools = (char *)(size_t)tool_folder();
    struct tool_result result = run(ARGV("/bin/sh", "-c", script, folder, tools, "--strict"));
    tool_expect_sentence(&result, REFUSED, "the dynamic loader says: ");
    tool_expect_err(&result, "cannot be preloaded");
    result = run(ARGV("/bin/sh", "-c", script, folder, tools, "--mode=opportunistic"));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "ran\n");
    tool_expect_err(&result, "cannot be preloaded");
}

/* ECHSHIM_LAUNCHER names a descriptor. The stub must not write to another file that now has the
 * number. */
Test(unreached, the_stub_writes_to_nobody_elses_descriptor)
{
    char script[] =
        "exec 64>\"$0/file\"; LD_PRELOAD=\"$1/libechshim.so\" "
        "ECHSHIM_LAUNCHER=warn:64:1:nonce true; "
        "LD_PRELOAD=\"$1/libechshim.so\" ECHSHIM_LAUNCHER=warn:::: true; "
        "LD_PRELOAD=\"$1/libechshim.so\" ECHSHIM_LAUNCHER=strict:99999999999999999999:1:n "
        "sh -c 'echo $ECHSHIM_LAUNCHER'; cat \"$0/file\"";
    struct tool_result result =
        run(ARGV("/bin/bash", "-c", script, (char *)(size_t)tool_temporary(),
                 (char *)(size_t)tool_folder()));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "strict\n");
    cr_assert_str_empty(result.err);
}

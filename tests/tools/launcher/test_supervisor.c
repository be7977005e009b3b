/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that the shim cannot be in, held by the supervisor: what they try, and what the wire
 * shows. */
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(supervisor, .fini = world_end, .timeout = 120);

/* Every way of programs/connects.c that must be refused. */
#define WAYS                                                                                       \
    "connect nonblocking mapped fastopen-sendto fastopen-sendmsg fastopen-sendmmsg "               \
    "datagram-connect datagram-sendto datagram-unspecified datagram-sendmsg datagram-sendmmsg "    \
    "thread fork shared-memory double-fork exec"
#define WAYS_INTO_32 "int80-connect int80-socketcall int80-sendmsg"

static char line[4096];

/* The program `name` of tests/tools/launcher/programs with arguments, as a shell's command. */
static char *command_of(const char *name, const char *arguments)
{
    char *command;
    cr_assert_gt(asprintf(&command, "'%s' %s", tool_program(name), arguments), 0);
    return command;
}

/* Every line of the output ends in this number. */
static void expect_each(const struct run_result *result, const char *ways, int number)
{
    char *all = strdup(ways);
    char *rest = all;
    for (char *way = strsep(&rest, " "); way != NULL; way = strsep(&rest, " ")) {
        snprintf(line, sizeof line, "%s %d\n", way, number);
        const char *found = strstr(result->out, line);
        cr_assert(found != NULL && (found == result->out || found[-1] == '\n'),
                  "%s should give %d:\n%s%s", way, number, result->out, result->err);
    }
    free(all);
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;
    while ((text = strstr(text, part)) != NULL) {
        count++;
        text += strlen(part);
    }
    return count;
}

/* ---- what is refused, and what is not ---- */

/* Without this the tests below could not fail. */
Test(supervisor, the_wire_shows_what_is_not_held)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--mode=opportunistic",
               command_of("connects-static", "443 connect fastopen-sendmsg"));
    expect_each(&result, "connect fastopen-sendmsg", 0);
    result = launch(world, "--mode=opportunistic", command_of("connects", "443 double-fork"));
    expect_each(&result, "double-fork", 0);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 3);
}

static void expect_all_refused(struct world *world, const char *program)
{
    struct run_result result =
        launch(world, "--strict --report=lines", command_of(program, "443 " WAYS));
    expect_exit(&result, 0, NULL);
    expect_each(&result, WAYS, EACCES);
#if defined(__x86_64__)
    result = launch(world, "--strict", command_of(program, "443 " WAYS_INTO_32));
    expect_each(&result, WAYS_INTO_32, EACCES);
    result = launch(world, "--strict", command_of(program, "443 x32"));
    expect_each(&result, "x32", ENOSYS);
#endif
    world_expect_hidden(world);
    const char *report = world_read(world, "lines", NULL);
    cr_assert_eq(count_of(report, "\"host\":\"127.0.0.1\",\"port\":443,\"mode\":\"strict\","
                                  "\"outcome\":\"refused\",\"reason\":\"unreachable_tls\""),
                 15, "%s", report);
    cr_assert_eq(count_of(report, "\"host\":\"::ffff:127.0.0.1\""), 1, "%s", report);
    snprintf(line, sizeof line, "\"program\":\"%s\"", tool_program(program));
    cr_assert_eq(count_of(report, line), 16, "%s", report);
}

Test(supervisor, a_static_program_is_held)
{
    expect_all_refused(world_start(NULL), "connects-static");
}

/* The stub lives in it, but these calls are instructions of the program itself, as in Go. */
Test(supervisor, calls_beside_the_stub_are_held)
{
    expect_all_refused(world_start(NULL), "connects");
}

Test(supervisor, what_is_no_tls_passes)
{
    static const char *const programs[] = {"connects-static", "connects"};
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < 2; i++) {
        struct run_result result =
            launch(world, "--strict",
                   command_of(programs[i], "9 unix unix-sendmsg bad-pointer io_uring connect "
                                           "datagram-connect datagram-sendmsg"));
        expect_each(&result, "unix", ENOENT);
        expect_each(&result, "bad-pointer", EFAULT);
        expect_each(&result, "io_uring", ENOSYS);
        expect_each(&result, "connect", ECONNREFUSED);
        expect_each(&result, "unix-sendmsg datagram-connect datagram-sendmsg", 0);
    }
}

/* The guard of the stub judges what follows. */
Test(supervisor, calls_of_the_stub_pass)
{
    struct world *world = world_start(NULL);
    struct run_result result = launch(world, "--strict", command_of("connects", "443 libc"));
    expect_each(&result, "libc", 0);
    world_expect_hidden(world);
    result = launch(world, "--strict", command_of("connects-static", "443 libc"));
    expect_each(&result, "libc", EACCES);
}

Test(supervisor, hooked_programs_work_as_before)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict --report",
               "sh -c 'wget -qO- --ca-certificate=\"$CA\" https://" INNER_NAME
               "/; curl -sS --cacert \"$CA\" https://" INNER_NAME "/'");
    expect_exit(&result, 0, "2 handshakes: 2 accepted");
    world_expect_hidden(world);
}

/* The shim makes these calls itself; they do what libc's do, also behind the program's own filter.
 */
Test(supervisor, hooked_calls_are_those_of_the_c_library)
{
    static const char *const ways[] = {"datagrams", "locked", "cancelled"};
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        snprintf(line, sizeof line, "%s well\n", ways[i]);
        struct run_result result = launch(world, "--strict", command_of("hooked", ways[i]));
        cr_assert_str_eq(result.out, line, "%s%s", result.out, result.err);
        result = launch(world, "--mode=opportunistic", command_of("hooked", ways[i]));
        cr_assert_str_eq(result.out, line, "%s%s", result.out, result.err);
    }
}

/* getaddrinfo sorts addresses by connecting datagram sockets to the port that it was asked for. */
Test(supervisor, calls_of_the_c_library_pass)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict --report=lines",
               "/usr/bin/python3 -c 'import socket\n"
               "print(len(socket.getaddrinfo(\"localhost\", \"443\", type=socket.SOCK_STREAM)))'");
    expect_exit(&result, 0, NULL);
    cr_assert_str_empty(world_read(world, "lines", NULL));
}

Test(supervisor, programs_of_32_bits)
{
    static const char *const ways[] = {"connect", "socketcall", "unix"};
    if (access(tool_program("connects32"), X_OK) != 0) {
        fprintf(stderr, "supervisor: skipped: this machine has no such programs\n");
        return;
    }
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct run_result result = launch(world, "--strict", command_of("connects32", ways[i]));
        expect_exit(&result, strcmp(ways[i], "unix") == 0 ? ENOENT : EACCES, NULL);
    }
}

Test(supervisor, other_ports)
{
    struct world *world = world_start(NULL);
    struct run_result result = launch(world, "--strict --ports=9,10",
                                      command_of("connects-static", "9 connect datagram-sendmmsg"));
    expect_each(&result, "connect datagram-sendmmsg", EACCES);
    result = launch(world, "--strict --ports=9,10", command_of("connects-static", "11 connect"));
    expect_each(&result, "connect", ECONNREFUSED);
}

/* With an encrypted resolver no question for names may go out by itself. */
Test(supervisor, names_in_the_clear)
{
    struct world *world = world_start(NULL);
    static const char dns[] = "datagram-connect datagram-sendto datagram-sendmmsg";
    snprintf(line, sizeof line, "--strict --resolver=%s", DNS_TLS);
    char *options = strdup(line);
    struct run_result result =
        launch(world, options,
               command_of("connects-static", "53 datagram-connect datagram-sendto "
                                             "datagram-sendmmsg"));
    expect_each(&result, dns, EACCES);
    result = launch(world, options, command_of("connects-static", "853 connect"));
    expect_each(&result, "connect", EACCES);
    result = launch(world, "--strict",
                    command_of("connects-static", "53 datagram-connect datagram-sendto"));
    expect_each(&result, "datagram-connect datagram-sendto", 0);
}

/* ---- children ---- */

/* curl without the stub, or with a stub that does not know that it should be strict. */
Test(supervisor, a_child_that_lost_the_preload)
{
    static const char *const ways[] = {"env -u LD_PRELOAD",
                                       "env -i PATH=\"$PATH\"",
                                       "env -u ECHSHIM_MODE -u ECHSHIM_LAUNCHER",
                                       "env -u ECHSHIM_MODE -u ECHSHIM_SUPERVISOR",
                                       "env ECHSHIM_MODE=opportunistic",
                                       "env ECHSHIM_MODE=off"};
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        snprintf(line, sizeof line,
                 "sh -c '%s curl -sS --cacert \"$CA\" https://" INNER_NAME "/; echo $?'", ways[i]);
        struct run_result result = launch(world, "--strict -q", line);
        cr_assert_null(strstr(result.out, "hello"), "%s: %s", ways[i], result.out);
        world_expect_hidden(world);
    }
    struct run_result result =
        launch(world, "--mode=opportunistic -q",
               "env -u LD_PRELOAD curl -sS --cacert \"$CA\" https://" INNER_NAME "/");
    expect_exit(&result, 0, "hello");
    world_expect_visible(world, 1);
}

/* A warning says why connections will fail; --quiet does not. */
Test(supervisor, what_the_user_reads)
{
    static const char said[] = "runs without the shim, and strict mode refuses its TLS";
    struct tool_result result = tool_run(NULL, ARGV("echshim", "--strict", tool_program("static")));
    tool_expect_exit(&result, 0);
    tool_expect_err(&result, said);
    tool_expect_err(&result, "it is statically linked");
    result =
        tool_run(NULL, ARGV("echshim", "--strict", "sh", "-c", "\"$0\"", tool_program("static")));
    tool_expect_exit(&result, 0);
    tool_expect_err(&result, said);
    result = tool_run(
        NULL, ARGV("echshim", "--strict", "-q", "sh", "-c", "\"$0\"", tool_program("static")));
    tool_expect_exit(&result, 0);
    cr_assert_str_empty(result.err);
    result = tool_run(NULL, ARGV("echshim", "--strict=nonsense", "true"));
    tool_expect_sentence(&result, 125, "--strict: cannot use \"nonsense\": it is refuse-program");
}

Test(supervisor, what_the_table_shows)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict -q --report", command_of("connects-static", "443 connect mapped"));
    expect_exit(&result, 0, "2 handshakes: 2 refused\n");
    cr_assert_not_null(strstr(result.err, "\n127.0.0.1         refused  unreachable_tls"), "%s",
                       result.err);
    cr_assert_not_null(strstr(result.err, "\n::ffff:127.0.0.1  refused  unreachable_tls"), "%s",
                       result.err);
}

/* Namespaces of a child, in which it has another process id and is root. */
Test(supervisor, children_in_namespaces_of_their_own)
{
    struct world *world = world_start(NULL);
    snprintf(line, sizeof line,
             "unshare --user --map-root-user --pid --fork '%s' 443 connect thread",
             tool_program("connects-static"));
    struct run_result result = launch(world, "--strict -q --report=lines", line);
    if (result.exit_code != 0 && result.out[0] == '\0') {
        fprintf(stderr, "supervisor: skipped: no namespaces here: %s\n", result.err);
        return;
    }
    expect_each(&result, "connect thread", EACCES);
    cr_assert_eq(count_of(world_read(world, "lines", NULL), "\"host\":\"127.0.0.1\""), 2);
    world_expect_hidden(world);
}

Test(supervisor, many_children)
{
    struct world *world = world_start(NULL);
    snprintf(
        line, sizeof line,
        "sh -c 'for i in $(seq 100); do \"%s\" 443 connect nonblocking datagram-sendto & done; "
        "wait' | sort | uniq -c | tr -s \" \"",
        tool_program("connects-static"));
    struct run_result result = launch(world, "--strict -q --report=lines", line);
    expect_exit(&result, 0, NULL);
    cr_assert_str_eq(result.out, " 100 connect 13\n 100 datagram-sendto 13\n 100 nonblocking 13\n",
                     "%s%s", result.out, result.err);
    cr_assert_eq(count_of(world_read(world, "lines", NULL), "unreachable_tls"), 300);
    world_expect_hidden(world);
}

/* ---- the process and its supervisor ---- */

#define SUPERVISOR_PID "pid=${ECHSHIM_SUPERVISOR#*:}; pid=${pid%%:*}; "

Test(supervisor, the_program_keeps_its_process_and_finds_no_child)
{
    struct tool_result result = tool_run(
        NULL,
        ARGV("/bin/sh", "-c",
             "echo $$; exec \"$0\" --strict sh -c 'echo $$; read x </proc/$$/task/$$/children; "
             "echo \"children: $x\"; exit 7'",
             tool_path("echshim")));
    tool_expect_exit(&result, 7);
    char *second = strchr(result.out, '\n') + 1;
    cr_assert_eq(atoi(result.out), atoi(second), "%s", result.out);
    tool_expect_out(&result, "children: \n");
}

/* As the first process of a container, and one that takes in orphans (PR_SET_CHILD_SUBREAPER): a
 * wait for all children must not find ours. */
Test(supervisor, a_program_that_takes_in_orphans)
{
    struct tool_result result = tool_run(
        NULL, ARGV("/usr/bin/python3", "-c",
                   "import ctypes, os, sys\n"
                   "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
                   "os.execv(sys.argv[1], [sys.argv[1], '--strict', '/usr/bin/python3', '-c',\n"
                   "  'import os\\ntry: os.wait()\\nexcept ChildProcessError: print(\"none\")'])",
                   tool_path("echshim")));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "none\n");
}

Test(supervisor, without_its_supervisor_nothing_connects)
{
    struct world *world = world_start(NULL);
    snprintf(line, sizeof line,
             "sh -c '" SUPERVISOR_PID
             "kill -9 $pid; sleep 0.2; \"%s\" 443 connect datagram-sendto; "
             "\"%s\" 443 connect; echo status $?'",
             tool_program("connects"), tool_program("connects-static"));
    struct run_result result = launch(world, "--strict", line);
    expect_each(&result, "connect datagram-sendto", ENOSYS);
    cr_assert_not_null(strstr(result.out, "status 126\n"), "%s", result.out);
    world_expect_hidden(world);
}

/* It lives as long as anything that it holds. */
Test(supervisor, it_ends_with_the_last_process)
{
    static const char script[] =
        "pid=$(\"$0\" --strict sh -c '" SUPERVISOR_PID
        "setsid sleep 1 >/dev/null 2>&1 & echo $pid'); "
        "state() { sed -n 's/^State:.\\(.\\).*/\\1/p' /proc/$1/status 2>/dev/null; }; "
        "state $pid; "
        "for i in $(seq 50); do s=$(state $pid); case $s in ''|Z|X) echo ended; break;; esac; "
        "sleep 0.1; done";
    struct tool_result result =
        tool_run(NULL, ARGV("/bin/sh", "-c", (char *)(size_t)script, tool_path("echshim")));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "S\nended\n");
}

/* The user may wait for the end of the output, although something goes on in the background. */
Test(supervisor, it_keeps_no_descriptor_of_the_program)
{
    struct tool_result result =
        tool_run(NULL, ARGV("/bin/sh", "-c",
                            "\"$0\" --strict sh -c 'setsid sleep 30 >/dev/null 2>&1 </dev/null & "
                            "echo $!' | { read p; cat; kill $p; }",
                            tool_path("echshim")));
    tool_expect_exit(&result, 0);
}

/* Has the program a filter? Only strict mode may set no_new_privs for it. */
static bool seccomp_is(const char *option, const char *mode)
{
    struct tool_result result =
        tool_run(NULL, ARGV("echshim", (char *)(size_t)option, "grep", "-e", "^Seccomp:", "-e",
                            "^NoNewPrivs:", "/proc/self/status"));
    tool_expect_exit(&result, 0);
    cr_assert(strcmp(option, "--strict") == 0 || strstr(result.out, "NoNewPrivs:\t0") != NULL, "%s",
              result.out);
    snprintf(line, sizeof line, "Seccomp:\t%s\n", mode);
    return strstr(result.out, line) != NULL;
}

Test(supervisor, only_strict_mode_has_a_filter)
{
    if (!seccomp_is("--off", "0")) {
        fprintf(stderr, "supervisor: skipped: everything has a filter here\n");
        return;
    }
    cr_assert(seccomp_is("--mode=opportunistic", "0"));
    cr_assert(seccomp_is("--grease", "0"));
    cr_assert(seccomp_is("--strict=refuse-program", "0"));
    cr_assert(seccomp_is("--strict", "2"));
}

Test(supervisor, an_echshim_under_another)
{
    struct world *world = world_start(NULL);
    snprintf(line, sizeof line, "'%s' --strict '%s' 443 connect", tool_path("echshim"),
             tool_program("connects-static"));
    struct run_result result = launch(world, "--strict", line);
    expect_each(&result, "connect", EACCES);
    expect_exit(&result, 0, "is held by the supervisor of another echshim already");
    /* The outer one does not watch the inner one's port, and there can be no second filter. */
    snprintf(line, sizeof line, "'%s' --strict --ports=9 '%s' 9 connect", tool_path("echshim"),
             tool_program("connects-static"));
    result = launch(world, "--strict", line);
    expect_exit(&result, 121, "cannot be held here, so strict mode does not run them: another");
    cr_assert_str_empty(result.out);
}

/* Then strict mode is what it was without the supervisor. */
Test(supervisor, where_the_filter_cannot_be_installed)
{
    static const char said[] = "cannot be held here, so strict mode does not run them: ";
    char *forbidden = tool_program("forbidden");
    char *echshim = tool_path("echshim");
    struct tool_result result =
        tool_run(NULL, ARGV(forbidden, echshim, "--strict", "/bin/echo", "ran"));
    if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 99) {
        fprintf(stderr, "supervisor: skipped: no filters here\n");
        return;
    }
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "ran\n");
    tool_expect_err(&result, said);
    tool_expect_err(&result, "Operation not permitted");
    result = tool_run(NULL, ARGV(forbidden, echshim, "--strict", tool_program("static")));
    tool_expect_exit(&result, 121);
    tool_expect_err(&result, said);
    tool_expect_err(&result, "static is not run, because the shim would not be in it");
    result = tool_run(NULL, ARGV(forbidden, echshim, "--strict", "sh", "-c", "\"$0\"; echo $?",
                                 tool_program("static")));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "126\n");
    result =
        tool_run(NULL, ARGV(forbidden, echshim, "--inspect", "--strict", tool_program("static")));
    tool_expect_out(&result, "held (mode strict): strict mode does not run it");
}

/* Tracers stop calls, too: of the program, and of echshim itself. */
Test(supervisor, programs_that_are_traced)
{
    static const char *const tracers[] = {"/usr/bin/strace -f -o /dev/null",
                                          "/usr/bin/gdb -q -batch -ex run -ex quit --args"};
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < sizeof tracers / sizeof *tracers; i++) {
        char *path = strndup(tracers[i], strcspn(tracers[i], " "));
        if (access(path, X_OK) != 0) {
            fprintf(stderr, "supervisor: skipped: %s is not installed\n", path);
            continue;
        }
        snprintf(line, sizeof line, "%s '%s' 443 connect thread", tracers[i],
                 tool_program("connects-static"));
        struct run_result result = launch(world, "--strict -q", line);
        expect_each(&result, "connect thread", EACCES);
        snprintf(line, sizeof line, "%s '%s' 443 libc", tracers[i], tool_program("connects"));
        result = launch(world, "--strict -q", line);
        expect_each(&result, "libc", 0);
        snprintf(line, sizeof line, "%s '%s' --strict -q '%s' 443 connect", tracers[i],
                 tool_path("echshim"), tool_program("connects-static"));
        result = world_shell(world, RUN_PLAIN, NULL, line);
        expect_each(&result, "connect", EACCES);
        world_expect_hidden(world);
        free(path);
    }
}

/* Where strict mode holds for some hosts only, the supervisor cannot tell which one it is. */
Test(supervisor, strict_for_one_host)
{
    struct world *world = world_start(NULL);
    snprintf(line, sizeof line, "%s/strict.conf", world->folder);
    FILE *file = fopen(line, "w");
    cr_assert_not_null(file);
    fputs("[host \"other.example\"]\nmode = strict\n", file);
    fclose(file);
    char *options;
    cr_assert_gt(asprintf(&options, "--conf='%s'", line), 0);
    struct run_result result = launch(world, options, command_of("connects-static", "443 connect"));
    expect_each(&result, "connect", EACCES);
    world_expect_hidden(world);
}

/* ---- real programs ---- */

/* Debian's, which are Go and dynamic; each beside itself in opportunistic mode. */
Test(supervisor, go_programs_of_debian)
{
    static const struct {
        const char *path;
        const char *arguments;
    } programs[] = {
        {"/usr/bin/rclone", "lsf --contimeout 5s --retries 1 --low-level-retries 1 --http-url "
                            "https://" INNER_NAME "/ :http:"},
        {"/usr/bin/restic", "-r rest:https://" INNER_NAME "/ --no-cache cat config"},
        {"/usr/bin/gh", "api --hostname " INNER_NAME " user"},
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (access(programs[i].path, X_OK) != 0) {
            fprintf(stderr, "supervisor: skipped: %s is not installed\n", programs[i].path);
            continue;
        }
        struct world *world = world_start(NULL);
        snprintf(
            line, sizeof line,
            "env RESTIC_PASSWORD=x GH_ENTERPRISE_TOKEN=x SSL_CERT_FILE=\"$CA\" timeout 20 %s %s",
            programs[i].path, programs[i].arguments);
        struct run_result result = launch(world, "--strict -q --report=lines", line);
        cr_assert_neq(result.exit_code, 0, "%s", result.out);
        world_expect_hidden(world);
        cr_assert_gt(count_of(world_read(world, "lines", NULL), "unreachable_tls"), 0, "%s",
                     result.err);
        (void)launch(world, "--mode=opportunistic -q", line);
        cr_assert_gt(world_wire_count(world, INNER_NAME), 0, "%s says nothing by itself",
                     programs[i].path);
        world_end();
    }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a handshake may cost, and what is done to make it cheap. tests/bench has the figures. */
#include "../../shim/common/handlers.h"
#include "../facts.h"
#include "checks.h"
#include "require.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(cost, .fini = world_end, .timeout = 120);

enum {
    WARM_UP = 20, /* handshakes that tests/bench/loop.c makes first */
    COUNT = 10,
};

/* ---- system calls ---- */

/*
 * What the shim adds to a handshake whose record is in the cache, in a program without signal
 * handlers: is it a stream socket, which one (three times), to whom, has it carried octets; and for
 * libssl's writes: can their memory be read.
 */
enum { MORE_CALLS_OPENSSL = 4, MORE_CALLS_GNUTLS = 4 };

/* The lines of strace's record. */
static unsigned lines_of(struct world *world, enum run_mode mode, const char *library, int count)
{
    char command[400];
    size_t length;
    unsigned lines = 0;
    snprintf(command, sizeof command,
             "strace -f -qq -o \"$HOME/strace\" \"$CLIENTS/loop_%s\" " INNER_NAME
             " 127.0.0.1 443 \"$CA\" %d",
             library, count);
    struct run_result result =
        world_shell(world, mode, (char *[]){"ECHSHIM_LOG=off", "ECHSHIM_REPORT=", NULL}, command);
    expect_exit(&result, 0, NULL);
    char *text = world_read(world, "strace", &length);
    for (size_t i = 0; i < length; i++) {
        lines += text[i] == '\n';
    }
    free(text);
    return lines;
}

/* The least of some turns: libcrypto makes a call more now and then, for its random octets. */
static void check_calls(const char *library, unsigned more)
{
    enum { TURNS = 3 };
    unsigned calls[2];
    if (system("command -v strace >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no strace here, or a sanitizer makes calls of its own");
    }
    struct world *world = world_start(&(struct world_options){.direct = true});
    for (int shim = 0; shim < 2; shim++) {
        enum run_mode mode = shim ? RUN_SHIM : RUN_PLAIN;
        calls[shim] = UINT_MAX;
        for (int turn = 0; turn < TURNS; turn++) {
            unsigned fewer = lines_of(world, mode, library, COUNT);
            unsigned more = lines_of(world, mode, library, 2 * COUNT) - fewer;
            calls[shim] = more < calls[shim] ? more : calls[shim];
        }
    }
    printf("%s: %u calls without, %u with\n", library, calls[0], calls[1]);
    cr_assert_leq(calls[1], calls[0] + more * COUNT + COUNT / 2);
}

Test(cost, system_calls_of_openssl)
{
    check_calls("openssl", MORE_CALLS_OPENSSL);
}

Test(cost, system_calls_of_gnutls)
{
    check_calls("gnutls", MORE_CALLS_GNUTLS);
}

/* ---- signals ---- */

/* How often a program that sets a handler in this way has its signals blocked. */
static unsigned blocked_with(struct world *world, const char *way, int count)
{
    char command[400];
    char setting[40];
    unsigned blocked = 0;
    size_t length;
    snprintf(setting, sizeof setting, "LOOP_HANDLER=%s", way);
    snprintf(command, sizeof command,
             "strace -qq -e trace=rt_sigprocmask -o \"$HOME/strace\" "
             "\"$CLIENTS/loop_openssl\" " INNER_NAME " 127.0.0.1 443 \"$CA\" %d",
             count);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){"ECHSHIM_LOG=off", "ECHSHIM_REPORT=", setting, NULL}, command);
    expect_exit(&result, 0, NULL);
    const char *text = world_read(world, "strace", &length);
    for (const char *at = text; (at = strstr(at, "SIG_BLOCK, ~[")) != NULL; at++) {
        blocked++;
    }
    return blocked;
}

/* A handler might jump out of our code, however it was set. */
Test(cost, signals_are_blocked_if_there_is_a_handler)
{
    enum { AT_LEAST = 3 * (WARM_UP + COUNT), MANY = 3 * SHIM_HANDLERS_LOOK / 4 };
    static const char *const ways[] = {"sigaction",   "signal", "ssignal", "bsd_signal",
                                       "sysv_signal", "sigset", "syscall", "kernel"};
    if (system("command -v strace >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no strace here, or a sanitizer makes calls of its own");
    }
    struct world *world = world_start(&(struct world_options){.direct = true});
    unsigned without = blocked_with(world, "none", COUNT);
    cr_assert_lt(without, COUNT, "%u without a handler", without);
    cr_assert_eq(blocked_with(world, "fault", COUNT), without, "a handler for faults");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        unsigned blocked = blocked_with(world, ways[i], COUNT);
        cr_assert_geq(blocked, without + AT_LEAST, "%s: %u", ways[i], blocked);
    }
    /* Past the hooks, and after the first question: the kernel is asked again. */
    cr_assert_gt(blocked_with(world, "late", MANY), without);
}

/* ---- the search for a hidden descriptor ---- */

/* The questions about sockets of a program that keeps `count` connections open, and hides their
 * descriptors from its TLS library. */
static unsigned questions_of(struct world *world, int count)
{
    char command[1400];
    size_t length;
    unsigned questions = 0;
    snprintf(command, sizeof command,
             "strace -f -qq -o \"$HOME/strace\" -e trace=getsockopt,getpeername python3 -c '"
             "import os, socket, ssl\n"
             "context = ssl.create_default_context(cafile=os.environ[\"CA\"])\n"
             "kept = []\n"
             "for i in range(%d):\n"
             "    connection = socket.create_connection((\"127.0.0.1\", 443))\n"
             "    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()\n"
             "    tls = context.wrap_bio(incoming, outgoing, server_hostname=\"" INNER_NAME "\")\n"
             "    while True:\n"
             "        try:\n"
             "            tls.do_handshake()\n"
             "        except ssl.SSLWantReadError:\n"
             "            connection.sendall(outgoing.read())\n"
             "            incoming.write(connection.recv(16384))\n"
             "            continue\n"
             "        connection.sendall(outgoing.read())\n"
             "        break\n"
             "    kept.append((connection, tls))\n'",
             count);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, NULL);
    char *text = world_read(world, "strace", &length);
    for (size_t i = 0; i < length; i++) {
        questions += text[i] == '\n';
    }
    free(text);
    return questions;
}

/* Twice as many connections take twice as many questions, not four times. */
Test(cost, a_hidden_descriptor_is_found_among_many)
{
    enum { FEW = 10, MANY = 20, ONCE = 20 };
    if (system("command -v strace >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no strace here, or a sanitizer makes calls of its own");
    }
    struct world *world = world_start(&(struct world_options){.direct = true});
    unsigned few = questions_of(world, FEW);
    unsigned many = questions_of(world, MANY);
    cr_assert_eq(world_report_count(world, "accepted"), FEW + MANY);
    printf("%u questions for %d connections, %u for %d\n", few, FEW, many, MANY);
    cr_assert_leq(many, MANY / FEW * few + ONCE);
}

/* ---- allocations ---- */

enum { ALLOCATIONS = 10 };

static unsigned allocations_of(struct world *world, const char *library, int count)
{
    char command[400];
    unsigned counted = 0;
    snprintf(
        command, sizeof command,
        "LD_PRELOAD=\"$LD_PRELOAD:$CLIENTS/liballocations.so\" \"$CLIENTS/loop_%s\" " INNER_NAME
        " 127.0.0.1 443 \"$CA\" %d",
        library, count);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){"ECHSHIM_LOG=off", "ECHSHIM_REPORT=", NULL}, command);
    expect_exit(&result, 0, "allocations: ");
    cr_assert_eq(sscanf(strstr(result.err, "allocations: "), "allocations: %u", &counted), 1);
    return counted;
}

static void check_allocations(const char *library, unsigned fewer_than)
{
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("the sanitizer has an allocator of its own");
    }
    struct world *world = world_start(&(struct world_options){.direct = true});
    unsigned fewer = allocations_of(world, library, COUNT);
    unsigned all = allocations_of(world, library, 2 * COUNT) - fewer;
    printf("%s: %u allocations in %d handshakes\n", library, all, COUNT);
    cr_assert_lt(all, fewer_than * COUNT);
}

Test(cost, allocations_with_openssl)
{
    check_allocations("openssl", ALLOCATIONS);
}

Test(cost, allocations_with_gnutls)
{
    check_allocations("gnutls", ALLOCATIONS);
}

/* ---- instructions ---- */

/* In our objects alone: so the number depends on neither the libraries, nor the processor, nor the
 * load. And none of them calls dladdr, which looks through every symbol of an object. */
enum { INSTRUCTIONS = 150000 };

struct spent {
    unsigned long instructions;
    unsigned long searches; /* calls of dladdr */
};

/* Adds up what callgrind has written without compression. */
static struct spent spent_in(char *text)
{
    struct spent spent = {.instructions = 0};
    bool ours = false;
    bool calls = false; /* the line after "calls=" has what the callee cost */
    bool search = false;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        unsigned long number = 0;
        if (strncmp(line, "ob=", 3) == 0) {
            ours = strstr(line, "libechshim") != NULL;
        } else if (strncmp(line, "cfn=", 4) == 0) {
            search = strstr(line, "dladdr") != NULL;
        } else if (sscanf(line, "calls=%lu", &number) == 1) {
            spent.searches += ours && search ? number : 0;
            calls = true;
        } else if (strchr("+-*0123456789", *line) != NULL &&
                   sscanf(line, "%*s %lu", &number) == 1) {
            spent.instructions += ours && !calls ? number : 0;
            calls = false;
        }
    }
    return spent;
}

static struct spent spent_by(struct world *world, const char *library, int count)
{
    char command[500];
    size_t length;
    snprintf(command, sizeof command,
             "valgrind -q --tool=callgrind --compress-strings=no --compress-pos=no "
             "--callgrind-out-file=\"$HOME/callgrind\" \"$CLIENTS/loop_%s\" " INNER_NAME
             " 127.0.0.1 443 \"$CA\" %d",
             library, count);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){"ECHSHIM_LOG=off", "ECHSHIM_REPORT=", NULL}, command);
    expect_exit(&result, 0, NULL);
    char *text = world_read(world, "callgrind", &length);
    struct spent spent = spent_in(text);
    free(text);
    return spent;
}

static void check_instructions(const char *library)
{
    if (system("command -v valgrind >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no valgrind here, or the build is a sanitized one");
    }
    struct world *world = world_start(&(struct world_options){.direct = true});
    struct spent fewer = spent_by(world, library, COUNT);
    struct spent more = spent_by(world, library, 2 * COUNT);
    unsigned long each = (more.instructions - fewer.instructions) / COUNT;
    printf("%s: %lu instructions a handshake\n", library, each);
    cr_assert_gt(each, 10000);
    cr_assert_lt(each, INSTRUCTIONS);
    cr_assert_eq(more.searches, fewer.searches);
}

Test(cost, instructions_with_openssl)
{
    check_instructions("openssl");
}

Test(cost, instructions_with_gnutls)
{
    check_instructions("gnutls");
}

/* ---- libraries ---- */

/* Which of the libraries that one handshake maps are called ldns? */
static void check_ldns(const char *setting, bool mapped)
{
    char list[1200];
    struct world *world = world_start(&(struct world_options){.direct = true});
    snprintf(list, sizeof list, "%s%s", setting, *setting != '\0' ? world->configs : "NONE=");
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){list, NULL},
                    "python3 -c 'import os, socket, ssl\n"
                    "name = \"" INNER_NAME "\"\n"
                    "context = ssl.create_default_context(cafile=os.environ[\"CA\"])\n"
                    "connection = socket.create_connection((name, 443))\n"
                    "context.wrap_socket(connection, server_hostname=name)\n"
                    "print(open(\"/proc/self/maps\").read())'");
    expect_exit(&result, 0, NULL);
    cr_assert_eq(world_report_count(world, "accepted"), 1);
    cr_assert_not_null(strstr(result.out, "libechshim-engine.so"), "%s", result.out);
    cr_assert_eq(strstr(result.out, "ldns") != NULL, mapped, "%s", result.out);
}

Test(cost, a_config_at_hand_needs_no_ldns)
{
    check_ldns("ECHSHIM_CONFIG_LIST=", false);
}

Test(cost, a_question_needs_ldns)
{
    check_ldns("", true);
}

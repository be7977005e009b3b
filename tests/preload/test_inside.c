/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that contain OpenSSL and export it, as Node.js does: the shim puts detours into them, or
 * refuses to and says so. */
#include "checks.h"
#include "openssl_ways.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(inside, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"
#define OPPORTUNISTIC "ECHSHIM_MODE=opportunistic"
#define CLIENT(program, mode)                                                                      \
    "\"$CLIENTS/" program "\" " INNER_NAME " 443 \"$CA\" " mode " \"$PKI\""
#define INSIDE(mode) CLIENT("openssl_inside", mode)

/* Makes `count` handshakes, all with ECH. */
static void check_accepted(const struct world_options *options, char *setting, const char *command,
                           const char *says, unsigned count)
{
    struct world *world = world_start(options);
#if defined(__x86_64__)
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(setting), command);
    expect_exit(&result, 0, says);
    world_expect_accepted(world, count);
#else
    (void)world, (void)setting, (void)command, (void)says, (void)count;
    world_end();
    cr_skip_test("there are no detours on this machine");
#endif
}

/* The program's TLS is as without the shim, and strict mode stops it; `reason` is why. */
static void check_unreached(char *setting, const char *command, const char *reason, const char *log)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(OPPORTUNISTIC, setting), command);
    size_t length;
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, "plain", reason);
    cr_assert_not_null(strstr(world_read(world, "shim.log", &length), log));
    world_end();
    world = world_start(NULL);
    result = world_shell(world, RUN_SHIM, EXTRA(STRICT, setting), command);
    cr_assert_neq(result.exit_code, 0);
    expect_report(world, 1, "refused", reason);
    world_expect_hidden(world);
}

/* ---- detours ---- */

#define WAY(name, count, text, mode)                                                               \
    Test(inside, name)                                                                             \
    {                                                                                              \
        check_accepted(NULL, OPPORTUNISTIC, INSIDE(mode), text, count);                            \
    }
OPENSSL_WAYS(WAY)
#undef WAY

#define FIXED(mode) CLIENT("openssl_inside_fixed", mode)

Test(inside, at_a_fixed_address)
{
    check_accepted(NULL, STRICT, FIXED("threads"), WELL, 400);
}

Test(inside, a_stale_key)
{
    check_accepted(&(struct world_options){.stale_config = true}, STRICT, FIXED("direct"), WELL, 1);
    world_end();
    check_accepted(&(struct world_options){.stale_config = true}, STRICT, INSIDE("memory"), WELL,
                   1);
}

Test(inside, a_second_hello)
{
    check_accepted(&(struct world_options){.hello_retry = true}, STRICT, INSIDE("bio-ssl"), WELL,
                   1);
}

#if defined(__x86_64__)
Test(inside, a_server_without_ech)
{
    static const struct world_options options = {.server_without_ech = true};
    struct world *world = world_start(&options);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), INSIDE("direct"));
    cr_assert_neq(result.exit_code, 0);
    expect_report(world, 1, "rejected", "disabled");
    world_expect_hidden(world);
}

/* Compilers let callers keep values where a function changes nothing. */
Test(inside, registers_stay)
{
    check_accepted(NULL, STRICT, CLIENT("inside_registers", "direct"), WELL, 1);
}

Test(inside, a_function_with_two_names)
{
    check_accepted(NULL, STRICT, CLIENT("inside_alias", "direct"), WELL, 1);
}

Test(inside, a_short_function_before_padding)
{
    check_accepted(NULL, STRICT, CLIENT("inside_padded", "direct"), WELL, 1);
}

/* ---- no detours ---- */

#define REFUSED(name, odd, why)                                                                    \
    Test(inside, name)                                                                             \
    {                                                                                              \
        check_unreached("X=", CLIENT("inside_" odd, "direct"), "detour_refused",                   \
                        " info: " why " (detour_refused)\n");                                      \
    }
#define ODD "SSL_set_quic_method: "

REFUSED(a_function_that_is_data, "data", ODD "is no function")
REFUSED(a_function_chosen_at_load_time, "ifunc", ODD "is no function")
REFUSED(a_function_too_short_for_a_jump, "short", ODD "is too short")
REFUSED(a_function_with_a_loop_at_its_beginning, "loop", ODD "has a jump back to its beginning")
REFUSED(a_function_that_begins_oddly, "start",
        ODD "begins with an instruction that the shim does not move")
REFUSED(a_function_with_a_breakpoint, "breakpoint",
        ODD "begins with an instruction that the shim does not move")
REFUSED(a_thread_before_all_constructors, "thread", "detours: another thread is running")

#define FORBIDDEN(call, why)                                                                       \
    Test(inside, a_system_that_forbids_##call)                                                     \
    {                                                                                              \
        check_unreached("X=", "\"$CLIENTS/forbid\" " #call " " INSIDE("direct"), "detour_refused", \
                        " info: detours: " why " (detour_refused)\n");                             \
    }
FORBIDDEN(mprotect, "the system forbids new code")
FORBIDDEN(mremap, "the system forbids to change code")

/* The first pages are changed, and then the system forbids to change the last: all or none. */
Test(inside, a_system_that_forbids_the_last_page)
{
    check_unreached("X=",
                    "last=$(nm -D \"$CLIENTS/openssl_inside_fixed\" | "
                    "sed -n 's/^0*\\([0-9a-f]*\\)... T SSL_CTX_add_custom_ext$/\\1000/p'); "
                    "\"$CLIENTS/forbid\" mremap:$last " FIXED("direct"),
                    "detour_refused",
                    " info: detours: the system forbids to change code (detour_refused)\n");
}

/* A debugger has put a breakpoint there before the program began, and removes it later. */
Test(inside, under_a_debugger)
{
    static const char debugger[] =
        "LD_PRELOAD= gdb -q -batch -ex \"set env LD_PRELOAD=$LD_PRELOAD\" -ex \"break %s\" -ex run "
        "-ex delete -ex continue --args " INSIDE("direct");
    char command[1024];
    struct world *world = world_start(NULL);
    if (system("command -v gdb >/dev/null") != 0) {
        world_end();
        cr_skip_test("gdb is not installed");
    }
    snprintf(command, sizeof command, debugger, "*SSL_connect");
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(OPPORTUNISTIC), command);
    expect_exit(&result, 0, WELL);
    snprintf(command, sizeof command, debugger, "main");
    result = world_shell(world, RUN_SHIM, EXTRA(OPPORTUNISTIC), command);
    expect_exit(&result, 0, WELL);
    cr_assert_geq(world_report_count(world, "accepted"), 1);
}

/* A BIO_f_ssl within the program pushes again, and its reference must not be lost. */
Test(inside, under_valgrind)
{
    if (system("command -v valgrind >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no valgrind here");
    }
    check_accepted(NULL, STRICT,
                   "valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite "
                   "--errors-for-leak-kinds=definite " INSIDE("pushed-again"),
                   WELL, 1);
}

Test(inside, boringssl_is_left_alone)
{
    check_unreached("X=", CLIENT("inside_boringssl", "direct"), "unhooked_tls", "");
}
#endif

/* For make check-arm64, whose programs are not of this machine. */
Test(inside, another_processor)
{
    unsigned char header[20] = {0};
    enum { MACHINE = 18, X86_64 = 62 };
    char path[512];
    struct world *world = world_start(NULL);
    snprintf(path, sizeof path, "%s/openssl_inside", world->clients);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file);
    cr_assert_eq(fread(header, sizeof header, 1, file), 1);
    fclose(file);
    if (header[MACHINE] == X86_64) {
        world_end();
        cr_skip_test("this processor has detours");
    }
    size_t length;
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(OPPORTUNISTIC), INSIDE("direct"));
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, "plain", "detour_refused");
    cr_assert_not_null(
        strstr(world_read(world, "shim.log", &length),
               " info: detours: there are none for this processor (detour_refused)"));
    result = world_shell(world, RUN_SHIM, EXTRA(STRICT), INSIDE("direct"));
    cr_assert_neq(result.exit_code, 0);
    cr_assert_eq(world_report_count(world, "refused"), 1);
}

Test(inside, switched_off)
{
    check_unreached("ECHSHIM_DETOURS=off", INSIDE("direct"), "unhooked_tls", "");
}

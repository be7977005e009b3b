/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interposers of every kind before and after ours; allocators that call hooks in their first
 * malloc; programs that export what we hook; namespaces of dlmopen; and where the stub finds its
 * own files. */
#include "../facts.h"
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(interposers, .fini = world_end, .timeout = 120);
TestSuite(namespaces, .fini = world_end, .timeout = 120);
TestSuite(own_files, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"
#define WELL "all is well"
#define PROGRAM(program, mode) "\"$CLIENTS/" program "\" " INNER_NAME " 443 \"$CA\" " mode
#define LOADER(mode) PROGRAM("loader_client", mode)

/* ---- interposers ---- */

static void check_interposer(const char *library, const char *how, const char *says)
{
    static const char *const programs[] = {CURL, WGET, URLLIB};
    struct world *world = world_start(NULL);
    char setting[64];
    unsigned count = 0;
    snprintf(setting, sizeof setting, "INTERPOSER=%s", how);
    for (enum preload_order order = BEFORE; order <= AFTER; order++) {
        for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
            struct run_result result =
                world_shell(world, RUN_SHIM, EXTRA(STRICT, setting, preload(world, library, order)),
                            programs[i]);
            expect_exit(&result, 0, HELLO);
            if (says != NULL) {
                const char *said = strstr(result.err, says);
                cr_assert_not_null(said, "%s", result.err);
                cr_assert_null(strstr(said + 1, says), "twice: %s", result.err);
            }
            count++;
        }
    }
    world_expect_accepted(world, count);
}

#define INTERPOSER(how)                                                                            \
    Test(interposers, finds_by_##how)                                                              \
    {                                                                                              \
        check_interposer("libinterposer.so", #how, "connect was interposed\n");                    \
    }
INTERPOSER(next)
INTERPOSER(version)
INTERPOSER(handle)
INTERPOSER(handle_version)
INTERPOSER(helper)
INTERPOSER(syscall)

Test(interposers, has_a_dlsym_of_its_own)
{
    check_interposer("libdlsym_hook.so", "", NULL);
}

Test(interposers, handles_beside_a_dlsym_of_somebody_else)
{
    struct world *world = world_start(NULL);
    for (enum preload_order order = BEFORE; order <= AFTER; order++) {
        struct run_result result = world_shell(
            world, RUN_SHIM,
            EXTRA(STRICT, "SECOND=" FACT_LIBSSL, preload(world, "libdlsym_hook.so", order)),
            LOADER("other"));
        expect_exit(&result, 0, WELL);
    }
    world_expect_accepted(world, 2);
}

/* Interposers of TLS functions: the one before us runs first; we call past the one after us. */
static void check_tls_interposer(const char *program, const char *says)
{
    struct world *world = world_start(NULL);
    for (enum preload_order order = BEFORE; order <= AFTER; order++) {
        struct run_result result = world_shell(
            world, RUN_SHIM, EXTRA(STRICT, preload(world, "libtls_interposer.so", order)), program);
        expect_exit(&result, 0, HELLO);
        cr_assert(order == AFTER || strstr(result.err, says) != NULL, "%s", result.err);
    }
    world_expect_accepted(world, 2);
}

Test(interposers, of_openssl)
{
    check_tls_interposer(CURL, "SSL_connect was interposed");
}

Test(interposers, of_gnutls)
{
    check_tls_interposer(WGET, "gnutls_handshake was interposed");
}

/* ---- allocators ---- */

static void check_allocator(char *more)
{
    struct world *world = world_start(NULL);
    char *conf = conf_setting(world, "[default]\nmode = strict\n[host \"other.example\"]\n"
                                     "mode = grease\n[program \"/usr/bin/none\"]\nmode = off\n");
    unsigned count = 0;
    for (enum preload_order order = BEFORE; order <= AFTER; order++) {
        struct run_result result = world_shell(
            world, RUN_SHIM, EXTRA(conf, more, preload(world, "liballocator.so", order)), CURL);
        expect_exit(&result, 0, HELLO);
        cr_assert_not_null(strstr(result.err, "allocator\nallocator\n"), "%s", result.err);
        count++;
    }
    world_expect_accepted(world, count);
}

Test(interposers, an_allocator_that_writes_in_its_first_malloc)
{
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("a sanitizer has an allocator of its own");
    }
    check_allocator("NOTHING=");
}

/* jemalloc prints its settings in its first malloc, and tcmalloc prints that it profiles. */
static void check_real_allocator(const char *library, char *setting, const char *says)
{
    struct world *world = world_start(NULL);
    char command[600];
    unsigned count = 0;
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("a sanitizer has an allocator of its own");
    }
    for (enum preload_order order = BEFORE; order <= AFTER; order++) {
        snprintf(command, sizeof command, "set -e; other=$(ls %s); LD_PRELOAD=\"%s\" " CURL,
                 library, order == BEFORE ? "$other $LD_PRELOAD" : "$LD_PRELOAD $other");
        struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT, setting), command);
        expect_exit(&result, 0, HELLO);
        cr_assert_not_null(strstr(result.err, says), "%s", result.err);
        count++;
    }
    world_expect_accepted(world, count);
}

Test(interposers, jemalloc_tells_its_settings)
{
    check_real_allocator("/usr/lib/*/libjemalloc.so.2", "MALLOC_CONF=confirm_conf:true",
                         "jemalloc");
}

Test(interposers, tcmalloc_profiles)
{
    check_real_allocator("/usr/lib/*/libtcmalloc.so.4", "HEAPPROFILE=heap", "heap profile");
}

/* ---- programs that export what we hook ---- */

static void check_accepted(char *setting, const char *command, unsigned count)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT, setting), command);
    expect_exit(&result, 0, WELL);
    world_expect_accepted(world, count);
}

Test(interposers, a_program_that_exports_openssl_and_opens_another)
{
    check_accepted("SECOND=" FACT_LIBSSL, PROGRAM("loader_exports", "other"), 1);
}

/* RTLD_DEEPBIND would hide a plug-in's hellos from the guard, so we clear it: the plug-in gets the
 * program's functions, as without the flag. These have detours, or strict mode stops what they
 * write. */
Test(interposers, a_deep_binding_plugin_of_a_program_that_exports_openssl)
{
#if defined(__x86_64__)
    check_accepted("X=", PROGRAM("loader_exports", "deepbind"), 1);
#else
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT), PROGRAM("loader_exports", "deepbind"));
    expect_exit(&result, 1, "SSL_connect failed");
    expect_report(world, 1, "refused", "detour_refused");
    world_expect_hidden(world);
#endif
}

Test(interposers, a_hello_by_any_pointer_to_send_is_seen)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), LOADER("raw"));
    expect_exit(&result, 0, WELL);
    expect_silence(world);
}

/* ---- namespaces ---- */

Test(namespaces, openssl)
{
    check_accepted("SECOND=" FACT_LIBSSL, LOADER("apart"), 1);
}

Test(namespaces, a_library_that_carries_tls)
{
    check_accepted("NOTHING=", LOADER("plugin_apart"), 1);
}

Test(namespaces, tls_that_comes_later)
{
    check_accepted("NOTHING=", LOADER("later_apart"), 1);
}

static void check_curl_apart(char *setting)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT, setting), LOADER("curl_apart"));
    expect_exit(&result, 0, NULL);
    world_expect_accepted(world, 1);
}

Test(namespaces, curl_with_openssl)
{
    check_curl_apart("SECOND=libcurl.so.4");
}

Test(namespaces, curl_with_gnutls)
{
    check_curl_apart("SECOND=libcurl-gnutls.so.4");
}

Test(namespaces, threads_that_resolve)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), LOADER("threads_apart"));
    expect_exit(&result, 0, WELL);
}

Test(namespaces, what_has_no_tls)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT), LOADER("harmless_apart"));
    expect_exit(&result, 0, WELL);
}

/* The file of the stub is gone, so no copy can be made. */
#define COPY_STUB                                                                                  \
    "folder=$(dirname \"${LD_PRELOAD##* }\") && cp \"${LD_PRELOAD##* }\" "                         \
    "\"$folder/libechshim-engine.so\" \"$folder/libechshim-ldns.so\" . && "
#define STUB_GONE                                                                                  \
    COPY_STUB                                                                                      \
    "cat >run.sh <<'END'\nrm libechshim.so\nexec \"$@\"\nEND\n"                                    \
    "rm -rf gone && mkdir gone && mv libechshim.so gone/ && cp libechshim-engine.so gone/ && "

Test(namespaces, strict_refuses_what_cannot_be_seen)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT, "SECOND=" FACT_LIBSSL),
                    STUB_GONE "(LD_PRELOAD=$PWD/gone/libechshim.so exec /usr/bin/python3 -c '\n"
                              "import os, ctypes\n"
                              "os.remove(\"gone/libechshim.so\")\n"
                              "libc = ctypes.CDLL(None)\n"
                              "libc.dlmopen.restype = ctypes.c_void_p\n"
                              "libc.dlerror.restype = ctypes.c_char_p\n"
                              "print(libc.dlmopen(-1, b\"" FACT_LIBSSL "\", 2), libc.dlerror())')");
    expect_exit(&result, 0, "None");
    cr_assert_not_null(strstr(result.out, "namespace of its own"), "%s", result.out);
}

/* ---- where the stub finds its own files ---- */

/* The folder there/ has the stub and its engine, elsewhere/ has a foreign engine. */
#define FOREIGN                                                                                    \
    COPY_STUB "rm -rf there elsewhere && mkdir there elsewhere && mv libechshim*.so there/ && "    \
              "cp \"$CLIENTS/libforeign.so\" elsewhere/libechshim-engine.so && "                   \
              "cp elsewhere/libechshim-engine.so elsewhere/libechshim-ldns.so && "
#define LEAVE_AND_FETCH                                                                            \
    "/usr/bin/python3 -c 'import os, urllib.request as r\n"                                        \
    "os.chdir(os.environ[\"WORLD\"] + \"/elsewhere\")\n"                                           \
    "print(r.urlopen(\"" URL "\").read().decode())'"

static void check_own_files(const char *command)
{
    struct world *world = world_start(NULL);
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("LD_PRELOAD has no place for a sanitizer's runtime");
    }
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), command);
    expect_exit(&result, 0, HELLO);
    cr_assert_null(strstr(result.err, "foreign"), "%s", result.err);
    world_expect_accepted(world, 1);
}

Test(own_files, a_relative_preload)
{
    check_own_files(FOREIGN "cd there && LD_PRELOAD=./libechshim.so " LEAVE_AND_FETCH);
}

Test(own_files, a_relative_library_path)
{
    check_own_files(FOREIGN "LD_LIBRARY_PATH=there LD_PRELOAD=libechshim.so " LEAVE_AND_FETCH);
}

Test(own_files, an_empty_library_path_is_the_current_folder)
{
    check_own_files(FOREIGN
                    "cd there && LD_LIBRARY_PATH=: LD_PRELOAD=libechshim.so " LEAVE_AND_FETCH);
}

/* The engine is found where the stub was, even if the stub's file has gone. */
Test(own_files, a_stub_that_was_removed)
{
    check_own_files(FOREIGN "cd there && LD_PRELOAD=./libechshim.so /usr/bin/python3 -c '\n"
                            "import os, urllib.request as r\n"
                            "os.remove(\"libechshim.so\")\n"
                            "os.chdir(\"../elsewhere\")\n"
                            "print(r.urlopen(\"" URL "\").read().decode())'");
}

/* After chroot the name may lead to a foreign file: the shim does not use it. */
Test(own_files, another_root)
{
    struct world *world = world_start(NULL);
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("LD_PRELOAD has no place for a sanitizer's runtime");
    }
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA("SECOND=elsewhere"),
                    FOREIGN "mkdir -p elsewhere/$WORLD/there elsewhere/usr/local/lib && "
                            "cp elsewhere/libechshim-engine.so elsewhere/$WORLD/there/ && "
                            "cp elsewhere/libechshim-engine.so elsewhere/usr/local/lib/ && "
                            "LD_PRELOAD=$WORLD/there/libechshim.so " LOADER("root"));
    expect_exit(&result, 0, "a context");
    cr_assert_null(strstr(result.err, "foreign"), "%s", result.err);
    cr_assert_not_null(strstr(result.err, "not in the folder that the stub was loaded from"), "%s",
                       result.err);
}

Test(own_files, another_root_after_the_engine)
{
    struct world *world = world_start(NULL);
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("LD_PRELOAD has no place for a sanitizer's runtime");
    }
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA("SECOND=elsewhere"),
                    FOREIGN "mkdir -p elsewhere/$WORLD/there elsewhere/etc && "
                            "cp elsewhere/libechshim-ldns.so elsewhere/$WORLD/there/ && "
                            "cp /etc/resolv.conf elsewhere/etc/ && "
                            "LD_PRELOAD=$WORLD/there/libechshim.so " LOADER("root_after_engine"));
    expect_exit(&result, 0, "asked");
    cr_assert_null(strstr(result.err, "foreign"), "%s", result.err);
}

/* Relative names of report, log and trust anchors count from the folder in which the program began.
 */
Test(own_files, relative_settings)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_SHIM,
        EXTRA(STRICT, "ECHSHIM_REPORT=report", "ECHSHIM_LOG_FILE=shim.log", "ECHSHIM_CACHE=cache"),
        "mkdir -p elsewhere && cp \"$CA\" ca.pem && ECHSHIM_CA_FILE=ca.pem " LEAVE_AND_FETCH);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    result = world_shell(world, RUN_PLAIN, NULL, "ls elsewhere; ls -d cache shim.log");
    expect_exit(&result, 0, "shim.log");
    cr_assert_str_eq(result.out, "cache\nshim.log\n");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS libraries that applications ship, as build/copies has them (clients/make-copies.sh): other
 * names, linked with -Bsymbolic, without versions, several in one process, opened and closed. */
#include "../facts.h"
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void begin(void)
{
    if (access("build/copies/made", F_OK) != 0) {
        cr_skip_test("build/copies is not made: patchelf is not installed");
    }
}

TestSuite(copies, .init = begin, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"
#define CLIENT(mode) "\"$CLIENTS/copies\" " INNER_NAME " 443 \"$CA\" " mode
/* The folder of the copies. */
#define COPIES "$CLIENTS/../copies"
#define WITH(copies) "COPIES=" copies " "

static void check_accepted(const char *command, unsigned count)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), command);
    if (OPENSSL_VERSION_NUMBER < 0x30000000L && result.exit_code != 0 &&
        world_shell(world, RUN_PLAIN, NULL, command).exit_code != 0) {
        /* Its libssl calls its own functions by their names. So the system's is initialized instead
         * of a renamed copy. */
        cr_skip_test("this copy of OpenSSL 1.1.1 does not work without the shim either");
    }
    expect_exit(&result, 0, NULL);
    world_expect_accepted(world, count);
}

#define OPENSSL_COPY(name, file)                                                                   \
    Test(copies, openssl_##name)                                                                   \
    {                                                                                              \
        check_accepted(WITH(COPIES "/" file) CLIENT("in_turn"), 1);                                \
    }                                                                                              \
    Test(copies, openssl_##name##_reopened)                                                        \
    {                                                                                              \
        check_accepted(WITH(COPIES "/" file) CLIENT("reopened"), 20);                              \
    }                                                                                              \
    Test(copies, openssl_##name##_with_the_systems)                                                \
    {                                                                                              \
        check_accepted(WITH(COPIES "/" file) CLIENT("with_linked"), 5);                            \
    }                                                                                              \
    Test(copies, openssl_##name##_before_the_systems)                                              \
    {                                                                                              \
        check_accepted(WITH(COPIES "/" file) CLIENT("before_linked"), 4);                          \
    }                                                                                              \
    Test(copies, openssl_##name##_in_a_namespace)                                                  \
    {                                                                                              \
        check_accepted(WITH(COPIES "/" file) CLIENT("in_namespace"), 1);                           \
    }

#define GNUTLS_COPY(name, file)                                                                    \
    Test(copies, gnutls_##name)                                                                    \
    {                                                                                              \
        check_accepted("GNUTLS=1 " WITH(COPIES "/" file) CLIENT("in_turn"), 1);                    \
    }                                                                                              \
    Test(copies, gnutls_##name##_reopened)                                                         \
    {                                                                                              \
        check_accepted("GNUTLS=1 " WITH(COPIES "/" file) CLIENT("reopened"), 20);                  \
    }                                                                                              \
    Test(copies, gnutls_##name##_with_the_systems)                                                 \
    {                                                                                              \
        check_accepted("GNUTLS=1 " WITH(COPIES "/" file) CLIENT("with_linked"), 5);                \
    }                                                                                              \
    Test(copies, gnutls_##name##_before_the_systems)                                               \
    {                                                                                              \
        check_accepted("GNUTLS=1 " WITH(COPIES "/" file) CLIENT("before_linked"), 4);              \
    }                                                                                              \
    Test(copies, gnutls_##name##_in_a_namespace)                                                   \
    {                                                                                              \
        check_accepted("GNUTLS=1 " WITH(COPIES "/" file) CLIENT("in_namespace"), 1);               \
    }

OPENSSL_COPY(of_a_wheel, "libssl-3aab12cd.so.3")
OPENSSL_COPY(with_a_dash, "libssl-1_1.so")
OPENSSL_COPY(with_another_name, "libtlscore.so")
OPENSSL_COPY(bundle, "libbundle_openssl.so")
OPENSSL_COPY(bundle_with_versions, "libbundle_versioned.so")
GNUTLS_COPY(of_a_wheel, "libgnutls-aa11bb22.so.30")
GNUTLS_COPY(with_another_name, "libnetsecurity.so")
GNUTLS_COPY(symbolic, "libsymbolic_gnutls.so.30")

/* ---- several in one process ---- */

Test(copies, three_of_openssl_at_the_same_time)
{
    check_accepted(WITH(COPIES "/libssl-3aab12cd.so.3:" COPIES "/libbundle_openssl.so:" COPIES
                               "/libssl-1_1.so") CLIENT("together"),
                   3);
}

Test(copies, three_of_openssl_and_the_systems)
{
    check_accepted(WITH(COPIES "/libssl-3aab12cd.so.3:" COPIES "/libbundle_versioned.so:" COPIES
                               "/libtlscore.so") CLIENT("with_linked"),
                   9);
}

Test(copies, three_of_gnutls_at_the_same_time)
{
    check_accepted("GNUTLS=1 " WITH(COPIES "/libgnutls-aa11bb22.so.30:" COPIES
                                           "/libsymbolic_gnutls.so.30:" COPIES "/libnetsecurity.so")
                       CLIENT("together"),
                   3);
}

Test(copies, three_of_gnutls_and_the_systems)
{
    check_accepted("GNUTLS=1 " WITH(COPIES "/libgnutls-aa11bb22.so.30:" COPIES
                                           "/libsymbolic_gnutls.so.30:" COPIES "/libnetsecurity.so")
                       CLIENT("with_linked"),
                   9);
}

Test(copies, opened_and_closed_in_turn)
{
    check_accepted(WITH(COPIES "/libssl-3aab12cd.so.3:" COPIES "/libbundle_openssl.so:" COPIES
                               "/libtlscore.so") CLIENT("reopened"),
                   20);
}

/* ---- real programs that bring a copy ---- */

/* renamed FILE OLD NEW...: gives a file that needs OLD its copy NEW, which lies in $ORIGIN/PLACE.
 */
#define RENAMED                                                                                    \
    "set -e; renamed() { file=$1; place=$2; shift 2; "                                             \
    "while [ $# -gt 0 ]; do patchelf --replace-needed $1 $2 $file; shift 2; done; "                \
    "patchelf --set-rpath \"\\$ORIGIN$place\" $file; }; "
/* Makes ./lib: a program's libcurl and its TLS library under other names. */
#define SHIP(libcurl, copies)                                                                      \
    RENAMED "mkdir -p lib; cp \"$(ldconfig -p | sed -n 's/.*" libcurl " .*=> //p' | head -n 1)\" " \
            "lib/libcurl-copy.so; cp " COPIES "/lib* lib/; "                                       \
            "patchelf --set-soname libcurl-copy.so lib/libcurl-copy.so; "                          \
            "renamed lib/libcurl-copy.so / " copies "; "
#define OPENSSL_COPIES                                                                             \
    FACT_LIBSSL " libssl-3aab12cd.so.3 " FACT_LIBCRYPTO " libcrypto-77ec41f0.so.3"
#define SHIP_OPENSSL SHIP("libcurl\\.so\\.4", OPENSSL_COPIES)
#define SHIP_GNUTLS SHIP("libcurl-gnutls\\.so\\.4", "libgnutls.so.30 libgnutls-aa11bb22.so.30")

Test(copies, a_curl_with_its_own_openssl)
{
    check_accepted(SHIP_OPENSSL
                   "cp /usr/bin/curl curl; "
                   "renamed curl /lib libcurl.so.4 libcurl-copy.so; "
                   "LD_PRELOAD= ldd ./curl | grep -q libssl-3aab12cd; "
                   "patchelf --print-needed lib/libcurl-copy.so | grep libssl.so.3 && exit 1; "
                   "./curl -sS --cacert \"$CA\" " URL,
                   1);
}

/* As a package for Python that was made by auditwheel: the extension module and its libraries. */
#define PYTHON_SHIPS                                                                               \
    RENAMED "mkdir -p wheel; cp " COPIES "/lib* wheel/; "                                          \
            "cp \"$(/usr/bin/python3 -c 'import _ssl; print(_ssl.__file__)')\" wheel/_ssl.so; "    \
            "renamed wheel/_ssl.so / " OPENSSL_COPIES "; "
#define FETCH "import urllib.request as r; print(r.urlopen('" URL "').read().decode())\n"

Test(copies, python_with_its_own_openssl)
{
    check_accepted(PYTHON_SHIPS "PYTHONPATH=wheel /usr/bin/python3 -c \"" FETCH
                                "assert 'libssl-3aab12cd' in open('/proc/self/maps').read()\"",
                   1);
}

#define BY_COPY                                                                                    \
    "import ctypes, os\n"                                                                          \
    "c = ctypes.CDLL('lib/libcurl-copy.so')\n"                                                     \
    "c.curl_easy_init.restype = ctypes.c_void_p\n"                                                 \
    "def fetch():\n"                                                                               \
    "    h = ctypes.c_void_p(c.curl_easy_init())\n"                                                \
    "    c.curl_easy_setopt(h, 10002, b'" URL "')\n"                                               \
    "    c.curl_easy_setopt(h, 10065, os.environ['CA'].encode())\n"                                \
    "    result = c.curl_easy_perform(h)\n"                                                        \
    "    c.curl_easy_cleanup(h)\n"                                                                 \
    "    assert result == 0, result\n"

/* Python's own OpenSSL and that of a library which it opens, in turn. */
Test(copies, python_and_a_library_with_its_own_openssl)
{
    check_accepted(
        SHIP_OPENSSL "/usr/bin/python3 -c \"" BY_COPY FETCH "fetch()\n" FETCH "fetch()\"", 4);
}

Test(copies, a_library_with_its_own_openssl_and_python)
{
    check_accepted(SHIP_OPENSSL "/usr/bin/python3 -c \"" BY_COPY "fetch()\n" FETCH "fetch()\"", 3);
}

/* The system's GnuTLS, by wget's library or the system's libcurl, and that of another copy. */
Test(copies, two_libcurls_with_a_gnutls_each)
{
    check_accepted(SHIP_GNUTLS "/usr/bin/python3 -c \"" BY_COPY "fetch()\n"
                               "c = ctypes.CDLL('libcurl-gnutls.so.4')\n"
                               "c.curl_easy_init.restype = ctypes.c_void_p\n"
                               "fetch()\n"
                               "c = ctypes.CDLL('lib/libcurl-copy.so')\n"
                               "c.curl_easy_init.restype = ctypes.c_void_p\n"
                               "fetch()\"",
                   3);
}

/* ---- copies that the shim cannot make ECH with ---- */

/* Goes on, with one report and its reason; in strict mode it is refused before any octet. */
static void check_unsupported(const char *command, const char *library)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, NULL);
    expect_report(world, 1, "plain", "library");
    expect_report_text(world, "library", library);
    world_expect_visible(world, 1);
}

static void check_unsupported_strict(const char *command, char *setting, const char *text)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(setting), command);
    expect_exit(&result, 1, text);
    expect_report(world, 1, "refused", "library");
    expect_silence(world);
}

static void check_unsupported_strict_host(const char *command, const char *text)
{
    struct world *world = world_start(NULL);
    char *conf = conf_setting(world, "[host \"" INNER_NAME "\"]\nmode = strict\n");
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(conf), command);
    expect_exit(&result, 1, text);
    expect_report(world, 1, "refused", "library");
    expect_silence(world);
}

#define UNSUPPORTED(name, family, command, text)                                                   \
    Test(copies, unsupported_##name)                                                               \
    {                                                                                              \
        check_unsupported(command, family);                                                        \
    }                                                                                              \
    Test(copies, unsupported_##name##_strict)                                                      \
    {                                                                                              \
        check_unsupported_strict(command, STRICT, text);                                           \
    }                                                                                              \
    Test(copies, unsupported_##name##_strict_host)                                                 \
    {                                                                                              \
        check_unsupported_strict_host(command, text);                                              \
    }

UNSUPPORTED(without_add_custom_ext, "openssl", WITH(COPIES "/libmissing_ext.so") CLIENT("in_turn"),
            "SSL_connect: error 1")
UNSUPPORTED(bundle_without_libcrypto, "openssl",
            WITH(COPIES "/libbundle_ssl_alone.so") CLIENT("in_turn"), "SSL_connect: error 1")
UNSUPPORTED(gnutls_without_get_random, "gnutls",
            "GNUTLS=1 " WITH(COPIES "/libmissing_gnutls.so.30") CLIENT("in_turn"),
            "gnutls_handshake")

/* Without this function only the wire shows the name. */
Test(copies, unsupported_without_get_servername)
{
    check_unsupported(WITH(COPIES "/libmissing_hostname.so") CLIENT("in_turn"), "openssl");
}

Test(copies, unsupported_without_get_servername_strict)
{
    check_unsupported_strict(WITH(COPIES "/libmissing_hostname.so") CLIENT("in_turn"), STRICT,
                             "SSL_connect: error 1");
}

/* The supported copy beside it has ECH as ever. */
Test(copies, supported_beside_unsupported)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_SHIM, NULL,
        WITH(COPIES "/libmissing_ext.so:" COPIES "/libbundle_openssl.so") CLIENT("with_linked"));
    expect_exit(&result, 0, NULL);
    cr_assert_eq(world_report_count(world, "accepted"), 5u);
    cr_assert_eq(world_report_count(world, "plain"), 2u);
}

/* Goes by what a library exports, whatever version it claims to be. */
Test(copies, claims_to_be_openssl_4)
{
    check_accepted(WITH(COPIES "/liblies_new.so") CLIENT("in_turn"), 1);
}

Test(copies, claims_to_be_openssl_1_0)
{
    check_accepted(WITH(COPIES "/liblies_old.so") CLIENT("in_turn"), 1);
}

/* Hides each function that the shim looks for once; with ECHSHIM_TEST_STEPS_EACH=N every Nth one.
 * The program may need it itself, or the library may not load without it. */
#define HIDE_EACH(header, library, settings)                                                       \
    "sed -n 's/^    F(\\([A-Za-z_0-9]*\\)).*/\\1/p' \"$CLIENTS/../../" header "\" >names; "        \
    "test $(wc -l <names) -gt 20; "                                                                \
    "for name in $(awk \"NR % ${ECHSHIM_TEST_STEPS_EACH:-1} == 0\" names); do "                    \
    "cp " library " hidden.so; "                                                                   \
    "\"$CLIENTS/../../tests/preload/clients/change_elf.py\" hidden.so hide $name 2>out || "        \
    "continue; " settings " COPIES=$PWD/hidden.so " CLIENT(                                        \
        "in_turn") " >out 2>&1 || "                                                                \
                   "grep -q 'undefined symbol' out || { echo $name; cat out; exit 1; }; done"

static void check_any_may_be_missing(const char *command)
{
    struct world *world = world_start(NULL);
    world->run_seconds = 900; /* with sanitizers */
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, NULL);
    cr_assert_gt(world_report_count(world, "plain"), 5u);
    cr_assert_eq(world_report_count(world, "refused"), 0u);
}

Test(copies, any_function_of_openssl_may_be_missing, .timeout = 1000)
{
    check_any_may_be_missing(
        HIDE_EACH("shim/engine/openssl/openssl.h", COPIES "/libbundle_openssl.so", ""));
}

Test(copies, any_function_of_gnutls_may_be_missing, .timeout = 1000)
{
    check_any_may_be_missing(
        HIDE_EACH("shim/engine/gnutls/gnutls.h", COPIES "/libgnutls-aa11bb22.so.30", "GNUTLS=1"));
}

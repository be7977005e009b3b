/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* echshim --inspect: how a program does TLS. */
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(inspect, .fini = tool_end, .timeout = 60);

static json_t *inspect(char *program, int code)
{
    struct tool_result result = tool_run(NULL, ARGV("echshim", "--inspect", "--json", program));
    tool_expect_exit(&result, code);
    cr_assert_str_empty(result.err);
    json_t *document = json_loads(result.out, 0, NULL);
    cr_assert_not_null(document, "%s", result.out);
    return document;
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : "";
}

/* The entry for the TLS of this name; NULL if there is none. */
/* The first library whose name begins so. */
static const json_t *tls_of(const json_t *document, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(document, "tls"), i, entry)
    {
        if (strncmp(text(entry, "tls"), name, strlen(name)) == 0) {
            return entry;
        }
    }
    return NULL;
}

static void expect_tls(const json_t *document, const char *name, const char *how, bool hooked)
{
    const json_t *entry = tls_of(document, name);
    char *all = json_dumps(document, 0);
    cr_assert_not_null(entry, "no %s in %s", name, all);
    cr_assert_str_eq(text(entry, "how"), how);
    cr_assert_eq(json_is_true(json_object_get(entry, "hooked")), hooked);
    free(all);
}

static char *client(const char *name)
{
    char *path = NULL;
    cr_assert_gt(asprintf(&path, "build/clients/%s", name), 0);
    return path;
}

Test(inspect, linked)
{
    json_t *document = inspect("wget", 0);
    expect_tls(document, "GnuTLS", "linked", true);
    cr_assert_str_eq(text(document, "expected"), "ech");
    document = inspect(client("openssl_client"), 0);
    expect_tls(document, "OpenSSL ", "linked", true);
}

Test(inspect, through_a_library)
{
    expect_tls(inspect("curl", 0), "OpenSSL ", "through a library", true);
}

Test(inspect, opened_by_name)
{
    json_t *document = inspect(client("gnutls_dlopen"), 0);
    expect_tls(document, "GnuTLS", "dlopen", true);
    cr_assert_str_eq(text(document, "expected"), "ech");
    expect_tls(inspect(client("openssl_dlopen"), 0), "OpenSSL ", "dlopen", true);
}

Test(inspect, inside)
{
    json_t *document = inspect(client("openssl_static"), 0);
    expect_tls(document, "OpenSSL, linked into it", "inside", false);
    cr_assert_str_eq(text(document, "expected"), "unhooked");
}

#if defined(__x86_64__)
Test(inspect, inside_and_exported)
{
    json_t *document = inspect(client("openssl_inside"), 0);
    expect_tls(document, "OpenSSL, linked into it", "detours", true);
    cr_assert_str_eq(text(document, "expected"), "ech");
    struct tool_result result = tool_run(
        NULL, ARGV("echshim", "--inspect", "--json", "--detours=off", client("openssl_inside")));
    tool_expect_exit(&result, 0);
    document = json_loads(result.out, 0, NULL);
    expect_tls(document, "OpenSSL, linked into it", "inside", false);
    cr_assert_str_eq(text(document, "expected"), "unhooked");
}
#endif

/* A copy of that program that contains these marks. */
static char *program_of(const char *name, const char *marks)
{
    char script[] = "cp \"$(command -v \"$2\")\" \"$0/marked\" && printf \"$1\" >>\"$0/marked\" "
                    "&& echo \"$0/marked\"";
    struct tool_result result =
        tool_run(NULL, ARGV("/bin/sh", "-c", script, (char *)(size_t)tool_temporary(),
                            (char *)(size_t)marks, (char *)(size_t)name));
    tool_expect_exit(&result, 0);
    result.out[strcspn(result.out, "\n")] = '\0';
    return result.out;
}

/* An executable that contains these marks, where no real one is at hand. */
static char *program_with(const char *marks)
{
    return program_of("/bin/true", marks);
}

Test(inspect, other_kinds_of_tls_inside)
{
    static const struct {
        const char *marks;
        const char *name;
    } kinds[] = {
        {"\\377 Go buildinf:...crypto/tls.(*Conn).Handshake", "Go's crypto/tls"},
        {"/registry/src/rustls-0.23.37/src/conn.rs", "rustls"},
        {"../../ssl/handshake_client.cc", "BoringSSL, linked into it"},
        {"../ssl/statem/statem_clnt.c", "OpenSSL, linked into it"},
        {"/mbedtls/library/ssl_tls13_client.c", "Mbed TLS, linked into it"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        expect_tls(inspect(program_with(kinds[i].marks), 0), kinds[i].name, "inside", false);
    }
    /* Go without TLS, and a name that is only a part of another. */
    json_t *document = inspect(program_with("\\377 Go buildinf:...xlibgnutls.so.30\\0"), 0);
    cr_assert_eq(json_array_size(json_object_get(document, "tls")), 0);
    cr_assert_str_eq(text(document, "expected"), "nothing");
}

Test(inspect, what_the_shim_cannot_be_in)
{
    json_t *document = inspect(tool_program("static"), 121);
    cr_assert_not_null(strstr(text(document, "obstacle"), "it is statically linked"));
    cr_assert_str_eq(text(document, "expected"), "impossible");
}

Test(inspect, scripts_and_wrappers)
{
    char script[] =
        "printf '#!/usr/bin/env sh\\nA=1\\n  exec \"/usr/bin/wget\" \"$@\"\\n' >\"$0/w\"; "
        "chmod 755 \"$0/w\"";
    char *path = NULL;
    struct tool_result made =
        tool_run(NULL, ARGV("/bin/sh", "-c", script, (char *)(size_t)tool_temporary()));
    tool_expect_exit(&made, 0);
    cr_assert_gt(asprintf(&path, "%s/w", tool_temporary()), 0);
    json_t *document = inspect(path, 0);
    const json_t *files = json_object_get(document, "files");
    cr_assert_eq(json_array_size(files), 3);
    cr_assert_str_eq(text(json_array_get(files, 0), "kind"), "script");
    cr_assert_str_eq(text(json_array_get(files, 1), "path"), "/usr/bin/env");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(document, "runs"), 0)),
                     "/usr/bin/wget");
    cr_assert_not_null(strstr(text(document, "hint"), "what it runs is followed"));
    cr_assert_str_eq(text(document, "expected"), "depends");
}

/* The word, in the mode that the options say. */
static void expect_verdict(const char *option, char *program, const char *word, const char *why)
{
    struct tool_result result =
        tool_run(NULL, ARGV("echshim", "--inspect", "--json", (char *)(size_t)option, program));
    json_t *document = json_loads(result.out, 0, NULL);
    cr_assert_str_eq(text(document, "verdict"), word, "%s %s: %s", option, program, result.out);
    cr_assert_not_null(strstr(text(document, "why"), why), "%s", result.out);
    json_decref(document);
}

Test(inspect, protected_held_or_open)
{
    char *rustls = program_with("/registry/src/rustls-0.23.37/src/conn.rs");
    expect_verdict("--strict", "wget", "protected", "without ECH");
    expect_verdict("--mode=opportunistic", "wget", "protected", "has published a key");
    expect_verdict("--off", "wget", "open", "the mode is off");
    expect_verdict("--grease", "wget", "open", "hides no names");
    expect_verdict("--strict", rustls, "held", "does not hook its TLS");
    expect_verdict("--mode=opportunistic", rustls, "open", "does not hook its TLS");
    char *const unreached[] = {tool_program("static"), tool_program("go")};
    for (size_t i = 0; i < 2; i++) {
        expect_verdict("--strict", unreached[i], "held", "the shim cannot be in it");
        expect_verdict("--strict=refuse-program", unreached[i], "held", "does not run it");
        expect_verdict("--mode=opportunistic", unreached[i], "open", "the shim cannot be in it");
    }
    expect_verdict("--relay", rustls, "relay", "connects on with ECH");
    expect_verdict("--relay", tool_program("static"), "relay", "connects on with ECH");
    expect_verdict("--relay", "wget", "protected", "has published a key");
    struct tool_result result =
        tool_run(NULL, ARGV("echshim", "--inspect", tool_program("static")));
    tool_expect_out(&result, "verdict   open (mode opportunistic): the shim cannot be in it");
    tool_expect_out(&result, "advice    run it by echshim --strict: that refuses its TLS\n");
}

static void expect_way(const char *option, char *program, const char *way)
{
    struct tool_result result =
        tool_run(NULL, ARGV("echshim", (char *)(uintptr_t)option, "--inspect", "--json", program));
    json_t *document = json_loads(result.out, 0, NULL);
    cr_assert_str_eq(text(document, "way"), way, "%s %s: %s", option, program, result.out);
    json_decref(document);
}

Test(inspect, the_way_in_a_word)
{
    char *rustls = program_with("/registry/src/rustls-0.23.37/src/conn.rs");
    expect_way("--strict", "wget", "hooks");
    expect_way("--relay", "wget", "hooks");
    expect_way("--off", "wget", "open");
    expect_way("--strict", rustls, "held");
    expect_way("--relay", rustls, "relay");
    expect_way("--mode=opportunistic", rustls, "open");
    expect_way("--strict", "true", ""); /* no TLS */
    /* OpenSSL, and rustls beside it: what is not hooked counts. */
    expect_way("--strict", program_of("wget", "/registry/src/rustls-0.23.37/src/conn.rs"), "held");
#if defined(__x86_64__)
    expect_way("--strict", client("openssl_inside"), "detours");
    expect_way("--detours=off", client("openssl_inside"), "open");
#endif
}

/* ---- modules that a program loads later ---- */

static char *put_file(const char *folder, const char *name, const char *octets, mode_t mode)
{
    char *path = NULL;
    cr_assert_gt(asprintf(&path, "%s/%s", folder, name), 0);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(octets, file);
    fclose(file);
    cr_assert_eq(chmod(path, mode), 0);
    return path;
}

#define RUSTLS "x/git/checkouts/rustls-1/2/rustls/src/client/hs.rs"
#define BORINGSSL "external/boringssl TLS 1.3, server CertificateVerify"

static char *new_folder(void)
{
    char *folder = strdup("/tmp/echshim-inspect.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    return folder;
}

static void remove_folder(char *folder)
{
    (void)tool_run(NULL, ARGV("/bin/rm", "-r", folder));
    free(folder);
}

Test(inspect, a_module_by_its_path)
{
    static const char *const names[] = {"a.node", "b.so", "c.so.1"};
    char *folder = new_folder();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = put_file(folder, names[i], i == 1 ? BORINGSSL : RUSTLS, 0644);
        json_t *document = inspect(path, 0);
        expect_tls(document, i == 1 ? "BoringSSL" : "rustls", "inside", false);
        cr_assert_str_eq(text(json_array_get(json_object_get(document, "files"), 0), "kind"),
                         "module");
        expect_way("--strict", path, "held");
        json_decref(document);
        free(path);
    }
    remove_folder(folder);
}

/* The script's own package, one that it depends on, and none that it does not. */
Test(inspect, modules_of_a_package)
{
    char *folder = new_folder();
    char *script =
        put_file(folder, "lib/node_modules/tool/bin/tool.js", "#!/usr/bin/env -S sh\n", 0755);
    free(put_file(folder, "lib/node_modules/tool/package.json",
                  "{\"optionalDependencies\": {\"@scope/addon\": \"1\", \"none\": \"1\"}}", 0644));
    free(put_file(folder, "lib/node_modules/other/other.node", BORINGSSL, 0644));
    json_t *document = inspect(script, 0);
    cr_assert_null(tls_of(document, "BoringSSL"));
    json_decref(document);
    free(put_file(folder, "lib/node_modules/@scope/addon/addon.node", RUSTLS, 0644));
    free(put_file(folder, "lib/node_modules/tool/build/Release/x.node", BORINGSSL, 0644));
    document = inspect(script, 0);
    expect_tls(document, "rustls", "module", false);
    expect_tls(document, "BoringSSL", "module", false);
    json_decref(document);
    free(script);
    remove_folder(folder);
}

Test(inspect, modules_of_an_environment_of_python)
{
    char *folder = new_folder();
    char *script = put_file(folder, "venv/bin/tool", "#!/bin/sh\n", 0755);
    free(put_file(folder, "venv/lib/python3/site-packages/p/_rust.abi3.so", RUSTLS, 0644));
    json_t *document = inspect(script, 0);
    cr_assert_null(tls_of(document, "rustls")); /* it is no environment */
    json_decref(document);
    free(put_file(folder, "venv/pyvenv.cfg", "", 0644));
    document = inspect(script, 0);
    expect_tls(document, "rustls", "module", false);
    json_decref(document);
    free(script);
    remove_folder(folder);
}

/* As copilot has its runtime.node. */
Test(inspect, a_module_beside_the_program)
{
    char *folder = new_folder();
    char *program = NULL;
    cr_assert_gt(asprintf(&program, "%s/program", folder), 0);
    (void)tool_run(NULL, ARGV("/bin/cp", "/bin/true", program));
    free(put_file(folder, "runtime.node", RUSTLS, 0644));
    json_t *document = inspect(program, 0);
    expect_tls(document, "rustls", "module", false);
    json_decref(document);
    free(program);
    remove_folder(folder);
}

Test(inspect, as_text)
{
    struct tool_result result = tool_run(NULL, ARGV("echshim", "--inspect", "wget"));
    tool_expect_exit(&result, 0);
    tool_expect_out(&result, "program   /usr/bin/wget\n");
    tool_expect_out(&result, "preload   works\n");
    tool_expect_out(&result, "TLS       GnuTLS, libgnutls.so.30: linked to it");
    cr_assert_null(strchr(result.out, '\033'));
    result = tool_run(NULL, ARGV("echshim", "--inspect", "--color=always", "wget"));
    tool_expect_out(&result, "\033[32mworks\033[0m");
}

/* Neither the program nor its loader runs. */
Test(inspect, nothing_is_run)
{
    struct tool_result result = tool_run(NULL, ARGV("echshim", "--inspect", tool_program("liar")));
    cr_assert_null(strstr(result.out, "main ran"));
    tool_expect_exit(&result, 0);
    result = tool_run(NULL, ARGV("echshim", "--inspect", "no-such-program"));
    tool_expect_sentence(&result, 127, "there is no such program");
}

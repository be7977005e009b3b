/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* By which variable a program learns of the relay's authority: the table in docs/relay.md. Hooks
 * reach most of these programs, so env takes LD_PRELOAD out of their environment. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

TestSuite(relay_variables, .fini = world_end, .timeout = 240);

#define PAGE "https://" INNER_NAME "/"
#define UNREACHED "env -u LD_PRELOAD "
#define GOOD "hello from " INNER_NAME

static const char *const variables[] = {
    "SSL_CERT_FILE",       "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
    "AWS_CA_BUNDLE",       "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO",
    "NODE_EXTRA_CA_CERTS", "DENO_CERT",      "JAVA_TOOL_OPTIONS",
};

enum { VARIABLES = sizeof variables / sizeof *variables };

static const struct measured {
    const char *variable;
    const char *needs; /* a file */
    const char *program;
    const char *good; /* what it prints if it trusts the server */
} programs[] = {
    {"SSL_CERT_FILE", "/usr/bin/curl", "curl -sS " PAGE, GOOD},
    {"SSL_CERT_FILE", "/usr/bin/python3",
     "/usr/bin/python3 -c 'import urllib.request as r; print(r.urlopen(\"" PAGE "\").read())'",
     GOOD},
    {"SSL_CERT_FILE", "/usr/bin/ruby",
     "ruby -e 'require \"net/http\"; puts Net::HTTP.get(URI(\"" PAGE "\"))'", GOOD},
    {"SSL_CERT_FILE", "/usr/bin/php", "php -r 'echo file_get_contents(\"" PAGE "\");'", GOOD},
    {"SSL_CERT_FILE", "/usr/bin/rclone",
     "rclone cat --contimeout 5s --retries 1 --low-level-retries 1 --http-url " PAGE " :http:x",
     "content type \"text/plain\""},
    {"CURL_CA_BUNDLE", "/usr/bin/curl", "curl -sS " PAGE, GOOD},
    {"REQUESTS_CA_BUNDLE", "/usr/lib/python3/dist-packages/requests/api.py",
     "/usr/bin/python3 -c 'import requests; print(requests.get(\"" PAGE "\").text)'", GOOD},
    {"CURL_CA_BUNDLE", "/usr/lib/python3/dist-packages/requests/api.py",
     "/usr/bin/python3 -c 'import requests; print(requests.get(\"" PAGE "\").text)'", GOOD},
    {"GIT_SSL_CAINFO", "/usr/bin/git", "git ls-remote " PAGE "a.git", "not found"},
    {"CARGO_HTTP_CAINFO", "/usr/bin/cargo",
     "env HOME=\"$WORLD\" RUSTC_BOOTSTRAP=1 /usr/bin/cargo -Z sparse-registry search --index "
     "sparse+" PAGE " x",
     "expected value"},
    {"AWS_CA_BUNDLE", "/usr/bin/aws",
     "env AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_MAX_ATTEMPTS=1 /usr/bin/aws s3 ls "
     "--region x --endpoint-url " PAGE,
     GOOD},
    {"NODE_EXTRA_CA_CERTS", "/usr/bin/node",
     "node -e 'require(\"https\").get(\"" PAGE "\", r => r.pipe(process.stdout))'", GOOD},
    {"JAVA_TOOL_OPTIONS", "/usr/bin/javac", "java \"$WORLD/Get.java\"", GOOD},
};

static const char java[] =
    "class Get {\n"
    "    public static void main(String[] a) throws Exception {\n"
    "        System.out.write(new java.net.URL(\"" PAGE "\").openStream().readAllBytes());\n"
    "        System.out.flush();\n"
    "        var factory = javax.net.ssl.TrustManagerFactory.getInstance(\"PKIX\");\n"
    "        factory.init((java.security.KeyStore) null);\n"
    "        System.out.println(\"anchors \" + ((javax.net.ssl.X509TrustManager)\n"
    "            factory.getTrustManagers()[0]).getAcceptedIssuers().length);\n"
    "    }\n"
    "}\n";

static void write_java(const struct world *world)
{
    char path[512];
    snprintf(path, sizeof path, "%s/Get.java", world->folder);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(java, file);
    fclose(file);
}

/* Runs the program with this variable alone; NULL: with none. */
static bool trusts(struct world *world, const struct measured *measured, const char *variable)
{
    char taken[512] = "";
    char command[1500];
    size_t length = 0;
    for (size_t i = 0; i < VARIABLES; i++) {
        if (variable == NULL || strcmp(variables[i], variable) != 0) {
            length +=
                (size_t)snprintf(taken + length, sizeof taken - length, " -u %s", variables[i]);
        }
    }
    /* The shim gives a program's children what the first env took: the second one has no shim. */
    snprintf(command, sizeof command, "env -u LD_PRELOAD env%s timeout 40 %s", taken,
             measured->program);
    struct run_result result = launch(world, "--strict -q --relay", command);
    bool good =
        strstr(result.out, measured->good) != NULL || strstr(result.err, measured->good) != NULL;
    if (!good && variable != NULL) {
        fprintf(stderr, "%s: %s%s\n", measured->program, result.out, result.err);
    }
    return good;
}

Test(relay_variables, each_serves_its_programs)
{
    unsigned count = 0;
    struct world *world = world_start(NULL);
    write_java(world);
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (access(programs[i].needs, R_OK) != 0) {
            continue;
        }
        cr_expect(trusts(world, &programs[i], programs[i].variable), "%s: %s", programs[i].variable,
                  programs[i].program);
        cr_expect_not(trusts(world, &programs[i], NULL), "%s: %s", programs[i].variable,
                      programs[i].program);
        count++;
    }
    cr_assert_gt(count, 1);
    world_expect_hidden(world);
}

/* The user's own trust store stays in force: options with spaces and quotes, a password, and the
 * format that keytool writes. */
Test(relay_variables, the_users_store_of_java)
{
    if (access("/usr/bin/javac", X_OK) != 0) {
        cr_skip_test("there is no javac");
    }
    struct world *world = world_start(NULL);
    write_java(world);
    struct run_result result =
        world_shell(world, RUN_PLAIN, NULL,
                    "keytool -importcert -noprompt -alias mine -file \"$CA\" "
                    "-keystore \"$WORLD/my store\" -storetype PKCS12 -storepass 'a word' 2>&1");
    expect_exit(&result, 0, NULL);
    char command[2048];
    const char *runtime = getenv("ECHSHIM_TEST_PRELOAD");
    snprintf(
        command, sizeof command,
        "export JAVA_TOOL_OPTIONS=\"-Da=\\\"b c\\\" '-Djavax.net.ssl.trustStore=$WORLD/my store' "
        "-Djavax.net.ssl.trustStorePassword='a word' -Djavax.net.ssl.trustStoreType=PKCS12\"; "
        "LD_PRELOAD='%s' ASAN_OPTIONS=detect_leaks=0 '%s' --resolver=system "
        "--ca-file=\"$CA\" --private --strict -q --relay -- " UNREACHED "java \"$WORLD/Get.java\"",
        runtime != NULL ? runtime : "", tool_path("echshim"));
    result = world_shell(world, RUN_PLAIN, NULL, command);
    cr_assert_not_null(strstr(result.out, GOOD), "%s%s", result.out, result.err);
    cr_assert_not_null(strstr(result.out, "anchors 2\n"), "%s", result.out);
}

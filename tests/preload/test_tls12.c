/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A server, or a middlebox, that speaks TLS 1.2 alone behind a record with ECH. It is authenticated
 * for public_name on the first connection; the program gets one error, and its next attempt is its
 * ordinary hello. In strict mode both fail, and the name stays hidden.
 */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

TestSuite(tls12, .fini = world_end, .timeout = 120);

#define STRICT "ECHSHIM_MODE=strict"
#define OPPORTUNISTIC "ECHSHIM_MODE=opportunistic"

#define TWICE_CURL "curl -sS --cacert \"$CA\" " URL " " URL
#define TWICE_WGET "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " URL " " URL
#define TWICE_URLLIB                                                                               \
    "/usr/bin/python3 -c 'import urllib.request as r\n"                                            \
    "for i in (1, 2):\n"                                                                           \
    "    try:\n"                                                                                   \
    "        print(r.urlopen(\"" URL "\").read().decode())\n"                                      \
    "    except OSError as e:\n"                                                                   \
    "        print(\"error\", e)'"
static const char *const programs[] = {TWICE_CURL, TWICE_WGET, TWICE_URLLIB};
enum { PROGRAMS = sizeof programs / sizeof programs[0] };

/* An ECHConfigList with public.example, and a key that no server has. */
#define SOME_CONFIGS                                                                               \
    "AEH+DQA9CQAgACAJAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAEAAQAOcHVibGljLmV4YW1wbGUAAA=="

/* ---- servers ---- */

/* Starts a server by a shell, with $PKI, and $PUBLIC as the name of the public certificate. */
static void start_by_shell(struct world *world, const struct world_options *options)
{
    const char *public_certificate =
        options->public_certificate != NULL ? options->public_certificate : "public";
    char command[2048];
    snprintf(command, sizeof command, "PKI='%s'; PUBLIC='%s'; cd '%s' && %s", world->pki,
             public_certificate, world->folder, (const char *)options->peer);
    snprintf(world->server_address, sizeof world->server_address, "127.0.0.1:4433");
    world_spawn(world, "server12", "ready", (char *[]){"sh", "-c", command, NULL});
    snprintf(world->configs, sizeof world->configs, "%s", SOME_CONFIGS);
}

/* The shell becomes the server, so that the world ends it; "ready" is what the world waits for. */
#define SAYS_READY(pattern)                                                                        \
    "mkfifo said && { sed -u 's/" pattern "/ready/' <said & } && exec >said 2>&1; exec "

#define S_SERVER(suites, more)                                                                     \
    SAYS_READY("ACCEPT")                                                                           \
    "openssl s_server " more " -accept 127.0.0.1:4433 -tls1_2 -cert $PKI/$PUBLIC.pem -cert_chain " \
    "$PKI/$PUBLIC.pem "                                                                            \
    "-key $PKI/$PUBLIC.key -servername " INNER_NAME " -cert2 $PKI/inner.pem -key2 $PKI/inner.key " \
    "-cipher " suites ":@SECLEVEL=0"
#define GNUTLS_SERV(priority)                                                                      \
    SAYS_READY("HTTP Server listening.*done")                                                      \
    "gnutls-serv --http --port 4433 --priority '" priority "' "                                    \
    "--x509certfile $PKI/$PUBLIC.pem --x509keyfile $PKI/$PUBLIC.key "                              \
    "--x509certfile $PKI/inner.pem --x509keyfile $PKI/inner.key"
#define NGINX                                                                                      \
    "for name in $PUBLIC inner; do echo \"server { listen 127.0.0.1:4433 ssl; "                    \
    "server_name $([ $name = inner ] && echo " INNER_NAME " || echo " PUBLIC_NAME "); "            \
    "ssl_protocols TLSv1.2; ssl_certificate $PKI/$name.pem; ssl_certificate_key $PKI/$name.key; "  \
    "ssl_session_tickets on; location / { return 200 hello; } }\"; done >servers; "                \
    "echo 'daemon off; pid nginx.pid; error_log stderr; events {} http { access_log off; "         \
    "client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; "         \
    "scgi_temp_path s; include servers; }' >nginx.conf; echo ready; "                              \
    "exec nginx -p \"$PWD\" -c nginx.conf"

/* ---- two attempts of one process ---- */

/* `attempts`: in one process. The first one finds out that ECH is disabled. */
static void check_disabled(const struct world_options *options, unsigned from, unsigned to)
{
    struct world *world = world_start(options);
    for (unsigned i = from; i < to; i++) {
        unsigned before = world_report_count(world, "rejected");
        struct run_result result =
            world_shell(world, RUN_SHIM, (char *[]){OPPORTUNISTIC, NULL}, programs[i]);
        cr_assert_not(result.timed_out);
        cr_assert_gt(strlen(result.out), 0, "%s: %s", programs[i], result.err);
        cr_assert_eq(world_report_count(world, "rejected"), before + 1, "%s\n%s", programs[i],
                     world_read(world, "report", NULL));
        cr_assert_eq(world_wire_count(world, INNER_NAME), before + 1, "one ordinary hello each");
        cr_assert_eq(world_wire_count(world, PUBLIC_NAME), before + 1);
    }
    expect_report_text(world, "reason", "disabled");
}

#define DISABLED(name, command)                                                                    \
    Test(tls12, ech_86_##name)                                                                     \
    {                                                                                              \
        check_disabled(&(struct world_options){.start_server = start_by_shell, .peer = (command)}, \
                       0, PROGRAMS);                                                               \
    }
DISABLED(openssl, S_SERVER("ALL", "-www"))
DISABLED(openssl_asks_for_a_certificate, S_SERVER("ALL", "-www -verify 1"))
DISABLED(gnutls, GNUTLS_SERV("NORMAL:-VERS-ALL:+VERS-TLS1.2"))
DISABLED(gnutls_cbc, GNUTLS_SERV("NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC"))

Test(tls12, ech_86_boringssl)
{
    check_disabled(&(struct world_options){.tls12 = true, .server_without_ech = true}, 0, PROGRAMS);
}

Test(tls12, ech_86_nginx)
{
    if (access("/usr/sbin/nginx", X_OK) != 0) {
        cr_skip_test("nginx is not installed");
    }
    check_disabled(&(struct world_options){.start_server = start_by_shell, .peer = NGINX}, 0,
                   PROGRAMS);
}

/* Libraries with an ECH client of their own: it is the engine that authenticates the server. The
 * clients print how each of their two attempts ends. */

#define NSS "\"$CLIENTS/nss_client\" " INNER_NAME " 443 \"$CA\" attempts"
#define BORINGSSL "\"$CLIENTS/boringssl_client\" " INNER_NAME " 443 \"$CA\" attempts"

static void check_own_ech(const char *command, char *mode, const char *peer)
{
    struct world *world =
        world_start(&(struct world_options){.start_server = start_by_shell, .peer = peer});
    bool strict = strcmp(mode, STRICT) == 0;
    struct run_result result = world_shell(world, RUN_SHIM, (char *[]){mode, NULL}, command);
    expect_exit(&result, 0, NULL);
    cr_assert_eq(strstr(result.out, "\ndone\n") == NULL, strict, "%s", result.out);
    cr_assert_eq(world_report_count(world, "rejected"), strict ? 2 : 1);
    expect_report_text(world, "reason", "disabled");
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), strict ? 2 : 1);
    cr_assert_eq(world_wire_count(world, INNER_NAME), strict ? 0 : 1, "one ordinary hello");
}

#define OWN_ECH(need, name, command, mode, peer)                                                   \
    Test(tls12, ech_86_##name)                                                                     \
    {                                                                                              \
        need();                                                                                    \
        check_own_ech((command), (mode), (peer));                                                  \
    }                                                                                              \
    struct world
OWN_ECH(need_nss, nss, NSS, OPPORTUNISTIC, S_SERVER("ALL", ""));
OWN_ECH(need_nss, nss_cbc, NSS, OPPORTUNISTIC, S_SERVER("ECDHE-ECDSA-AES128-SHA", ""));
OWN_ECH(need_nss, nss_strict, NSS, STRICT, S_SERVER("ALL", ""));
OWN_ECH(need_boringssl_with_ech, boringssl_client, BORINGSSL, OPPORTUNISTIC, S_SERVER("ALL", ""));
OWN_ECH(need_boringssl_with_ech, boringssl_client_cbc, BORINGSSL, OPPORTUNISTIC,
        S_SERVER("ECDHE-ECDSA-AES128-SHA", ""));
OWN_ECH(need_boringssl_with_ech, boringssl_client_strict, BORINGSSL, STRICT, S_SERVER("ALL", ""));

/* ---- one attempt ---- */

/* Runs a program that tries once: it gets an ordinary TLS error, and the name stays hidden. */
static struct world *check_once(const struct world_options *options, const struct program *program,
                                char *mode)
{
    struct world *world = world_start(options);
    world->run_seconds = 20;
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){mode, NULL}, program->command);
    expect_exit(&result, program->failure_exit, program->failure_text);
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), 1);
    expect_report(world, 1, "rejected", "disabled");
    world_expect_hidden(world);
    return world;
}

static const struct program a_git = {"GIT_SSL_CAINFO=\"$CA\" git ls-remote " URL, 128,
                                     "unable to access"};

static const struct world_options s_server = {.start_server = start_by_shell,
                                              .peer = S_SERVER("ALL", "-www")};

#define ONCE(name, program)                                                                        \
    Test(tls12, once_##name)                                                                       \
    {                                                                                              \
        check_once(&s_server, &(program), OPPORTUNISTIC);                                          \
    }                                                                                              \
    Test(tls12, once_strict_##name)                                                                \
    {                                                                                              \
        check_once(&s_server, &(program), STRICT);                                                 \
    }                                                                                              \
    struct world
ONCE(wget, a_wget);
ONCE(curl, a_curl);
ONCE(s_client, an_s_client);
ONCE(gnutls_cli, a_gnutls_cli);
ONCE(asyncio, an_asyncio);
ONCE(epoll, an_openssl_epoll);
ONCE(gnutls_nonblocking, a_gnutls_nonblocking);
ONCE(git, a_git);

/* The server has read ech_required, protected as the suite wants it. */
static void expect_ech_required(const struct world *world)
{
    bool read = false;
    for (int tries = 0; tries < 400 && !read; tries++) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        char *said = world_read(world, "server12.out", NULL);
        read = strstr(said, "alert number 121") != NULL;
        free(said);
    }
    cr_assert(read, "the server has read no ech_required");
}

#define SUITE(name, suite, certificate)                                                            \
    Test(tls12, ech_79_##name)                                                                     \
    {                                                                                              \
        struct world *world =                                                                      \
            check_once(&(struct world_options){.start_server = start_by_shell,                     \
                                               .public_certificate = certificate,                  \
                                               .peer = S_SERVER(suite, "")},                       \
                       &a_curl, OPPORTUNISTIC);                                                    \
        expect_ech_required(world);                                                                \
    }                                                                                              \
    struct world
#define ECDSA_AND_RSA(name, suite)                                                                 \
    SUITE(ecdsa_##name, "ECDHE-ECDSA-" suite, "public");                                           \
    SUITE(rsa_##name, "ECDHE-RSA-" suite, "public-rsa4096")
ECDSA_AND_RSA(aes128_gcm, "AES128-GCM-SHA256");
ECDSA_AND_RSA(aes256_gcm, "AES256-GCM-SHA384");
ECDSA_AND_RSA(chacha20, "CHACHA20-POLY1305");
ECDSA_AND_RSA(aes128_sha, "AES128-SHA");
ECDSA_AND_RSA(aes256_sha, "AES256-SHA");
ECDSA_AND_RSA(aes128_sha256, "AES128-SHA256");
ECDSA_AND_RSA(aes256_sha384, "AES256-SHA384");

/* ---- what does not count ---- */

/* The name never leaves, in any attempt. */
static void check_hidden(const struct world_options *options, char *mode, const char *reason)
{
    struct world *world = world_start(options);
    for (unsigned i = 0; i < PROGRAMS; i++) {
        struct run_result result =
            world_shell(world, RUN_SHIM, (char *[]){mode, NULL}, programs[i]);
        cr_assert_not(result.timed_out);
    }
    expect_report_text(world, "reason", reason);
    world_expect_hidden(world);
}

Test(tls12, ech_76_a_wrong_certificate_disables_nothing)
{
    check_hidden(&(struct world_options){.start_server = start_by_shell,
                                         .public_certificate = "public-stranger",
                                         .peer = S_SERVER("ALL", "-www")},
                 OPPORTUNISTIC, "outer_certificate");
}

Test(tls12, ech_112_rsa_key_exchange_disables_nothing)
{
    check_hidden(&(struct world_options){.start_server = start_by_shell,
                                         .public_certificate = "public-rsa4096",
                                         .peer = S_SERVER("AES256-GCM-SHA384", "-www")},
                 OPPORTUNISTIC, "outer_suite");
}

Test(tls12, strict_refuses)
{
    check_hidden(&s_server, STRICT, "disabled");
}

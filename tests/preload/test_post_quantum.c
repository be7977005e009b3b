/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * OpenSSL 3.5 and later offers X25519MLKEM768 first. A server that rejects ECH and asks for a
 * second hello, with a share of a post-quantum group or of another one, is finished on the same
 * connection, and gets ech_required there (RFC 9849, 6.1.6). The client and the server are this
 * machine's OpenSSL, or that of the root of Debian 13 (make suites).
 */
#include "../facts.h"
#include "checks.h"
#include "cursor.h"
#include "wire.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void need_openssl_35(void);
TestSuite(post_quantum, .init = need_openssl_35, .fini = world_end, .timeout = 120);

#define TRIXIE "build/suites/trixie"
#define STRICT "ECHSHIM_MODE=strict"

/* An ECHConfigList with public.example, and a key that no server has. */
#define SOME_CONFIGS                                                                               \
    "AEH+DQA9CQAgACAJAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAEAAQAOcHVibGljLmV4YW1wbGUAAA=="

enum group {
    NO_GROUP,
    P_256 = 23,
    P_384 = 24,
    P_521 = 25,
    X25519 = 29,
    X448 = 30,
    FFDHE2048 = 256,
    FFDHE3072 = 257,
    MLKEM768 = 0x0201,
    SECP256R1MLKEM768 = 0x11eb,
    X25519MLKEM768 = 0x11ec,
};

static void need_openssl_35(void)
{
    if (FACT_OPENSSL_POST_QUANTUM) {
        return;
    }
    if (access(TRIXIE "/.suite", R_OK) != 0) {
        cr_skip_test("no OpenSSL 3.5 (make suites makes a root that has it)");
    }
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("the sanitizer's runtime is for this machine's C library");
    }
}

/* The groups of key_share, in order; no more than two. */
struct shares {
    size_t count;
    unsigned groups[2];
};

struct rejection {
    bool here;          /* the client and the server are this machine's, whatever its version */
    const char *client; /* a whole command, or NULL: s_client with these groups */
    const char *client_groups;
    struct shares first;
    const char *server_groups;
    enum group asked; /* NO_GROUP: there is no HelloRetryRequest */
};

/* The shell's words that run the program openssl of OpenSSL 3.5, or of this machine. */
static const char *openssl(bool here)
{
    static char command[2 * PATH_MAX + 200];
    char root[PATH_MAX];
    if (here || FACT_OPENSSL_POST_QUANTUM) {
        return "openssl";
    }
    if (realpath(TRIXIE, root) == NULL) {
        cr_skip_test("no root");
    }
    snprintf(command, sizeof command,
             "LD=$(ls \"%s\"/usr/lib/*/ld-linux*.so.*); exec \"$LD\" --library-path "
             "\"${LD%%/*}\" \"%s/usr/bin/openssl\"",
             root, root);
    return command;
}

/* `groups`: NULL: the library's default. */
static const char *s_client(bool here, const char *groups)
{
    static char command[3 * PATH_MAX];
    snprintf(command, sizeof command,
             SEND_REQUEST
             "{ %s s_client -quiet -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME
             " -connect " INNER_NAME ":443 %s%s; }",
             openssl(here), groups != NULL ? "-groups " : "", groups != NULL ? groups : "");
    return command;
}

/* It has no ECH, and writes which alerts it reads. The peer of the options is the rejection. */
static void start_s_server(struct world *world, const struct world_options *options)
{
    const struct rejection *rejection = options->peer;
    char command[3 * PATH_MAX];
    snprintf(command, sizeof command,
             "%s s_server -accept 127.0.0.1:4433 -groups '%s' -cert '%s/public.pem' "
             "-key '%s/public.key' 2>&1",
             openssl(rejection->here), rejection->server_groups, world->pki, world->pki);
    snprintf(world->server_address, sizeof world->server_address, "127.0.0.1:4433");
    world_spawn(world, "s_server", "ACCEPT", (char *[]){"sh", "-c", command, NULL});
    snprintf(world->configs, sizeof world->configs, SOME_CONFIGS);
}

static bool server_read_ech_required(const struct world *world)
{
    char *said = world_read(world, "s_server.out", NULL);
    bool read = strstr(said, "alert number 121") != NULL;
    free(said);
    return read;
}

static struct shares shares_of(const struct wire_hello *hello)
{
    enum { KEY_SHARE = 51 };
    struct shares shares = {0};
    struct cursor message = {hello->message, hello->length};
    (void)take(&message, 4 + 2 + 32);
    (void)take_vector(&message, 1);
    (void)take_vector(&message, 2);
    (void)take_vector(&message, 1);
    for (struct cursor list = take_vector(&message, 2); list.left > 0;) {
        size_t type = take_number(&list, 2);
        struct cursor data = take_vector(&list, 2);
        if (type != KEY_SHARE) {
            continue;
        }
        for (struct cursor entries = take_vector(&data, 2); entries.left > 0;) {
            cr_assert_lt(shares.count, 2u);
            shares.groups[shares.count++] = (unsigned)take_number(&entries, 2);
            (void)take_vector(&entries, 2);
        }
    }
    return shares;
}

/* The only connection had these hellos. */
static void expect_hellos(const struct world *world, struct shares first, enum group asked)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    cr_assert_eq(wire_hellos(world, hellos), asked != NO_GROUP ? 2u : 1u);
    struct shares seen = shares_of(&hellos[0]);
    cr_assert_eq(hellos[0].connection, 1u);
    cr_assert_eq(seen.count, first.count);
    cr_assert_eq(memcmp(seen.groups, first.groups, sizeof seen.groups), 0, "%x %x", seen.groups[0],
                 seen.groups[1]);
    if (asked != NO_GROUP) {
        seen = shares_of(&hellos[1]);
        cr_assert_eq(hellos[1].connection, 1u);
        cr_assert_eq(seen.count, 1u);
        cr_assert_eq(seen.groups[0], asked, "%x", seen.groups[0]);
    }
}

static void check(const struct rejection *rejection)
{
    struct world *world =
        world_start(&(struct world_options){.start_server = start_s_server, .peer = rejection});
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){STRICT, NULL},
        rejection->client != NULL ? rejection->client
                                  : s_client(rejection->here, rejection->client_groups));
    cr_assert_neq(result.exit_code, 0);
    expect_report(world, 1, "rejected", "disabled");
    for (int tries = 0; tries < 400 && !server_read_ech_required(world); tries++) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    cr_assert(server_read_ech_required(world), "%s", world_read(world, "s_server.out", NULL));
    expect_hellos(world, rejection->first, rejection->asked);
    world_expect_hidden(world);
}

#define REJECTED(name, ...)                                                                        \
    Test(post_quantum, ech_79_##name)                                                              \
    {                                                                                              \
        check(&(const struct rejection){__VA_ARGS__});                                             \
    }                                                                                              \
    struct world
#define DEFAULT .client_groups = NULL, .first = {2, {X25519MLKEM768, X25519}}

/* ---- the library's default groups ---- */

REJECTED(default_taken, DEFAULT, .server_groups = "X25519MLKEM768");
REJECTED(default_taken_second, DEFAULT, .server_groups = "X25519");
REJECTED(default_to_p_256, DEFAULT, .server_groups = "P-256", .asked = P_256);
REJECTED(default_to_p_384, DEFAULT, .server_groups = "P-384", .asked = P_384);
REJECTED(default_to_p_521, DEFAULT, .server_groups = "P-521", .asked = P_521);
REJECTED(default_to_x448, DEFAULT, .server_groups = "X448", .asked = X448);
REJECTED(default_to_finite_field, DEFAULT, .server_groups = "ffdhe2048", .asked = FFDHE2048);

/* ---- other groups: back to X25519, and to a post-quantum group ---- */

REJECTED(post_quantum_to_x25519, .client_groups = "X25519MLKEM768:X25519",
         .first = {1, {X25519MLKEM768}}, .server_groups = "X25519", .asked = X25519);
REJECTED(x25519_to_post_quantum, .client_groups = "X25519:X25519MLKEM768", .first = {1, {X25519}},
         .server_groups = "X25519MLKEM768", .asked = X25519MLKEM768);
REJECTED(post_quantum_to_another, .client_groups = "X25519MLKEM768:SecP256r1MLKEM768",
         .first = {1, {X25519MLKEM768}}, .server_groups = "SecP256r1MLKEM768",
         .asked = SECP256R1MLKEM768);
REJECTED(to_post_quantum_alone, .client_groups = "X25519MLKEM768:MLKEM768",
         .first = {1, {X25519MLKEM768}}, .server_groups = "MLKEM768", .asked = MLKEM768);

/* ---- other programs, where that OpenSSL is this machine's ---- */

#define OTHER(name, command, asks, ...)                                                            \
    Test(post_quantum, ech_79_##name)                                                              \
    {                                                                                              \
        if (!FACT_OPENSSL_POST_QUANTUM) {                                                          \
            cr_skip_test("it has this machine's OpenSSL, which is older");                         \
        }                                                                                          \
        check(&(const struct rejection){.client = (command),                                       \
                                        .first = {2, {X25519MLKEM768, X25519}},                    \
                                        .asked = (asks),                                           \
                                        __VA_ARGS__});                                             \
    }                                                                                              \
    struct world
OTHER(curl_to_p_384, CURL, P_384, .server_groups = "P-384");
OTHER(urllib_to_p_384, URLLIB, P_384, .server_groups = "P-384");
OTHER(curl_to_finite_field, CURL, FFDHE2048, .server_groups = "ffdhe2048");

/* ---- finite fields, with OpenSSL 3.0 too ---- */

static void need_finite_fields(void)
{
    const char *why = fact_cannot("ffdhe2048");
    if (why != NULL) {
        cr_skip_test("%s", why);
    }
}
TestSuite(finite_field, .init = need_finite_fields, .fini = world_end, .timeout = 120);

static void check_finite_field(const char *groups, enum group first, const char *asks,
                               enum group asked)
{
    check(&(const struct rejection){.here = true,
                                    .client_groups = groups,
                                    .first = {1, {first}},
                                    .server_groups = asks,
                                    .asked = asked});
}

Test(finite_field, ech_79_x25519_to_finite_field)
{
    check_finite_field("X25519:ffdhe2048", X25519, "ffdhe2048", FFDHE2048);
}

Test(finite_field, ech_79_finite_field_to_another)
{
    check_finite_field("ffdhe2048:ffdhe3072", FFDHE2048, "ffdhe3072", FFDHE3072);
}

Test(finite_field, ech_79_finite_field_taken)
{
    check_finite_field("ffdhe3072:X25519", FFDHE3072, "ffdhe3072", NO_GROUP);
}

/* ---- the server has a newer key: the retry is accepted ---- */

static void check_retry(const char *client_groups, const char *server_groups)
{
    struct world *world = world_start(&(struct world_options){
        .stale_config = true,
        .server_arguments = {server_groups != NULL ? "--groups" : NULL, server_groups}});
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){STRICT, NULL}, s_client(false, client_groups));
    expect_exit(&result, 0, NULL);
    cr_assert_eq(world_log_count(world, "ech_required", 1), 1u);
    cr_assert_eq(connections_ended(world), 2u);
    world_expect_accepted(world, 1);
}

#define RETRIED(name, client_groups, server_groups)                                                \
    Test(post_quantum, ech_83_##name)                                                              \
    {                                                                                              \
        check_retry(client_groups, server_groups);                                                 \
    }                                                                                              \
    struct world
RETRIED(default_taken_second, NULL, NULL);
RETRIED(default_to_p_256, NULL, "P-256");
RETRIED(default_to_p_384, NULL, "P-384");
RETRIED(post_quantum_to_x25519, "X25519MLKEM768:X25519", "X25519");

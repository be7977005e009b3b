/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The servers of OpenSSL 4.0 and of NSS: s_server and selfserv, from the root that
 * ECHSHIM_TEST_SERVERS names. They answer with what they know of the connection, or print it. */
#include "tests/interop/servers.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- starting a server ---- */

static void start(struct world *world, const struct world_options *options)
{
    const struct server_peer *peer = options->peer;
    char root[PATH_MAX];
    char script[PATH_MAX];
    char *argv[12] = {"chroot",
                      root,
                      script,
                      (char *)(size_t)peer->stack,
                      world->folder,
                      world->pki,
                      (char *)(size_t)peer->suite};
    size_t argc = 7;
    const char *where = getenv("ECHSHIM_TEST_SERVERS");
    cr_assert(where != NULL && realpath(where, root) != NULL, "ECHSHIM_TEST_SERVERS is no folder");
    cr_assert_not_null(realpath("tests/interop/serve.sh", script));
    world_enter_root(world, root);
    if (options->hello_retry) {
        argv[argc++] = "hello-retry";
    }
    if (options->stale_config) {
        argv[argc++] = "stale";
    }
    if (options->server_without_ech) {
        argv[argc++] = "without-ech";
    }
    if (peer->no_retry_configs) {
        argv[argc++] = "no-retry";
    }
    argv[argc] = NULL;
    world_spawn(world, "server", peer->ready, argv);
    snprintf(world->server_address, sizeof world->server_address, "127.0.0.2:4433");
    /* selfserv prints the list that it has made. */
    char *text = world_read(world, "configs", NULL);
    if (*text == '\0') {
        text = world_read(world, "server.out", NULL);
        text = strstr(text, "\nAE") != NULL ? strstr(text, "\nAE") + 1 : text;
    }
    snprintf(world->configs, sizeof world->configs, "%.*s", (int)strcspn(text, "\n"), text);
}

struct world_options server_options(const struct server_peer *peer, struct world_options options)
{
    options.start_server = start;
    options.peer = peer;
    return options;
}

/* ---- what the servers tell ---- */

static unsigned count_text(const char *hay, const char *needle)
{
    unsigned count = 0;
    while ((hay = strstr(hay, needle)) != NULL) {
        hay += strlen(needle);
        count++;
    }
    return count;
}

static void expect_told(const char *told, const char *text, unsigned count)
{
    cr_assert_eq(count_text(told, text), count, "\"%s\" stands there %u times, not %u:\n%.9000s",
                 text, count_text(told, text), count, told);
}

static void expect_accepted_by_openssl(struct world *world, unsigned count, const char *out)
{
    /* gnutls-cli --resume asks for nothing the first time, and gets no page. */
    unsigned pages = count_text(out, "TLS Session details");
    cr_assert(pages >= 1 && pages <= count, "%u pages:\n%.9000s", pages, out);
    expect_told(out, "ECH success: outer sni: " PUBLIC_NAME ", inner sni: " INNER_NAME, pages);
    world_expect_sealed(world, count);
}

static void expect_resumed_by_openssl(struct world *world, const char *out)
{
    (void)world;
    expect_told(out, "\nReused, TLSv1.3", 1);
}

static void expect_plain_by_openssl(struct world *world, const char *out)
{
    expect_told(out, "ECH success", 0);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 1);
}

const struct interop_server openssl_server = {"2-openssl", "s_server -accept",
                                              expect_accepted_by_openssl, expect_resumed_by_openssl,
                                              expect_plain_by_openssl};

/* If the name was in no octet sent to the server, it can know the name from the inner hello alone.
 */
static void expect_accepted_by_nss(struct world *world, unsigned count, const char *out)
{
    (void)out;
    /* selfserv prints this for each request. */
    unsigned told = count_text(world_read(world, "server.out", NULL),
                               "selfserv: Negotiated server name: " INNER_NAME);
    cr_assert(told >= 1 && told <= count, "%s", world_read(world, "server.out", NULL));
    world_expect_sealed(world, count);
}

static void expect_resumed_by_nss(struct world *world, const char *out)
{
    (void)out;
    expect_told(world_read(world, "server.out", NULL), " 1 stateless resumes", 1);
}

static void expect_plain_by_nss(struct world *world, const char *out)
{
    (void)out;
    expect_told(world_read(world, "server.out", NULL),
                "selfserv: Negotiated server name: " INNER_NAME, 1);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 1);
}

/* selfserv sends the request back. */
const struct interop_server nss_server = {"3-nss", "\nEOF", expect_accepted_by_nss,
                                          expect_resumed_by_nss, expect_plain_by_nss};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Against the BoringSSL server of the other tests, on loopback. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tools/run.h"
#include "tests/unit/vectors.h"

enum { OPTIONS_MAX = 24 };

static struct run run;
static pid_t server;
static char folder[] = "/tmp/echshim-test.XXXXXX";
static char configs[64];
static char origin[64];
static char closed_origin[64];

#define PKI "build/pki/"

/* Starts the server with more options; `origin` is its name and port. */
static void start(const char *const *more)
{
    const char *arguments[OPTIONS_MAX] = {"ech_server",
                                          "--listen",
                                          "127.0.0.1:0",
                                          "--cert",
                                          "public.example=" PKI "public.pem=" PKI "public.key",
                                          "--cert",
                                          "secret.example.org=" PKI "inner.pem=" PKI "inner.key",
                                          "--public-name",
                                          "public.example",
                                          "--configs",
                                          configs};
    size_t count = 11;
    while (more != NULL && *more != NULL && count + 1 < OPTIONS_MAX) {
        arguments[count++] = *more++;
    }
    cr_assert_not_null(mkdtemp(folder));
    snprintf(configs, sizeof configs, "%s/configs", folder);
    int out[2];
    cr_assert_eq(pipe(out), 0);
    server = fork();
    if (server == 0) {
        dup2(out[1], 1);
        close(out[0]);
        execv("build/peers/ech_server", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    close(out[1]);
    char line[128] = "";
    FILE *file = fdopen(out[0], "r");
    unsigned port = 0;
    cr_assert_not_null(fgets(line, sizeof line, file));
    cr_assert_eq(sscanf(line, "listening 127.0.0.1:%u", &port), 1, "%s", line);
    fclose(file);
    snprintf(origin, sizeof origin, "secret.example.org:%u", port);
    snprintf(closed_origin, sizeof closed_origin, "secret.example.org:1");
}

static void stop(void)
{
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
    unlink(configs);
    rmdir(folder);
}

#define PROBE(...)                                                                                 \
    RUN(&run, "echprobe", "-c", configs, "-C", "127.0.0.1", "-A", PKI "ca.pem", __VA_ARGS__)

Test(echprobe, shows_an_accepted_handshake, .fini = stop)
{
    start(NULL);
    PROBE(origin);
    cr_assert_eq(run.status, 0, "%d\n%s%s", run.status, run.out, run.err);
    assert_printed(run.out, "connected to 127.0.0.1");
    assert_printed(run.out, "server_name public.example, ECH with config_id");
    assert_printed(run.out, "ServerHello received");
    assert_printed(run.out, "handshake complete");
    assert_printed(run.out, "accepted: an observer reads public.example");
}

Test(echprobe, shows_rejection_and_retry, .fini = stop)
{
    start(NULL);
    PROBE("--stale", origin);
    cr_assert_eq(run.status, 0, "%d\n%s%s", run.status, run.out, run.err);
    assert_printed(run.out, "rejected: connected once more to 127.0.0.1");
    assert_printed(run.out, "accepted, with the key that the server sent after the rejection");
}

Test(echprobe, shows_a_second_hello, .fini = stop)
{
    start((const char *const[]){"--groups", "P-384", NULL});
    PROBE(origin);
    cr_assert_eq(run.status, 0, "%d\n%s%s", run.status, run.out, run.err);
    assert_printed(run.out, "HelloRetryRequest received");
    assert_printed(run.out, "second ClientHello sent");
}

/* A server without ECH: strict mode ends there; opportunistic mode goes on in the clear, and says
 * so. */
Test(echprobe, explains_secure_disablement, .fini = stop)
{
    start((const char *const[]){"--forget", "1", NULL});
    PROBE(origin);
    PROBE(origin);
    cr_assert_eq(run.status, 2, "%d\n%s%s", run.status, run.out, run.err);
    assert_printed(run.out,
                   "rejected (disabled): ECH is securely disabled, and the mode is strict");
    assert_printed(run.out, "The operator has withdrawn ECH");
    PROBE("-m", "opportunistic", origin);
    cr_assert_eq(run.status, 2, "%d\n%s%s", run.status, run.out, run.err);
    assert_printed(run.out, "in the clear, as an inner hello");
}

Test(echprobe, explains_a_certificate_that_is_not_the_public_names, .fini = stop)
{
    start(NULL);
    RUN(&run, "echprobe", "-c", configs, "-C", "127.0.0.1", "-A", PKI "stranger-ca.pem", "--stale",
        origin);
    cr_assert_eq(run.status, 2, "%d\n%s%s", run.status, run.out, run.err);
    assert_printed(run.out, "rejected (outer_certificate)");
    assert_printed(run.out, "--ca-file sets other trust anchors");
}

Test(echprobe, json_has_the_report_and_the_events, .fini = stop)
{
    start(NULL);
    PROBE("--json", origin);
    json_t *document = json_loads(run.out, 0, NULL);
    cr_assert_not_null(document, "%s", run.out);
    const json_t *journal = json_array_get(vectors_get(document, "tries"), 0);
    cr_assert_str_eq(vectors_text(vectors_get(journal, "report"), "outcome"), "accepted");
    cr_assert_geq(json_array_size(vectors_get(journal, "events")), 4);
    json_decref(document);
}

Test(echprobe, complains_in_one_sentence, .fini = stop)
{
    start(NULL);
    PROBE(closed_origin);
    cr_assert_eq(run.status, 5, "%d\n%s", run.status, run.out);
    assert_printed(run.out, "cannot connect: Connection refused");
    RUN(&run, "echprobe");
    cr_assert_eq(run.status, 64);
    assert_printed(run.err, "echprobe: give one NAME[:PORT]");
    RUN(&run, "echprobe", "-m", "off", origin);
    cr_assert_eq(run.status, 64);
    RUN(&run, "echprobe", "-c", "%%%", origin);
    cr_assert_eq(run.status, 4);
    assert_printed(run.err, "echprobe: %%% holds no ECHConfigList");
}

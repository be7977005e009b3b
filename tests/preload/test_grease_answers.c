/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ECH-102: the client checks the syntax of an answer to GREASE ECH, and nothing else. */
#include "world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(grease_answers, .fini = world_end, .timeout = 120);

#define S_CLIENT                                                                                   \
    "openssl s_client -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME                \
    " -connect 127.0.0.3:443 </dev/null"
#define GNUTLS_CLI                                                                                 \
    "gnutls-cli --x509cafile \"$CA\" --sni-hostname " INNER_NAME " --verify-hostname " INNER_NAME  \
    " 127.0.0.3 </dev/null"

/* A list with one config of an unknown version: that is correct syntax. */
#define SOME_LIST "0005fe0a000109"

/* What the server says about the only handshake. */
static char *server_says(struct world *world)
{
    char *text = NULL;
    for (int tries = 0; tries < 400; tries++) {
        free(text);
        text = world_read(world, "answers.out", NULL);
        char *line = strchr(text, '\n');
        if (line != NULL && strchr(line + 1, '\n') != NULL) {
            memmove(text, line + 1, strlen(line));
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000}, NULL);
    }
    return text;
}

static void check(const char *command, char *retry_request, char *encrypted_extensions,
                  const char *end)
{
    char program[300];
    char certificate[300];
    char key[300];
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    snprintf(program, sizeof program, "%s/../peers/answer_server", world->pki);
    snprintf(certificate, sizeof certificate, "%s/inner.pem", world->pki);
    snprintf(key, sizeof key, "%s/inner.key", world->pki);
    char *const server[] = {program,       "127.0.0.3:443",      certificate, key,
                            retry_request, encrypted_extensions, NULL};
    world_spawn(world, "answers", "listening ", server);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    char *says = server_says(world);
    cr_assert_str_eq(says, end, "the server says: %s\nout: %s\nerr: %s", says, result.out,
                     result.err);
    cr_assert_eq(result.exit_code == 0, strcmp(end, "done\n") == 0, "exit code %d",
                 result.exit_code);
    cr_assert_eq(world_report_count(world, "grease"), 1u);
    free(says);
}

#define ANSWER(name, retry_request, encrypted_extensions, end)                                     \
    Test(grease_answers, ech_102_##name##_openssl)                                                 \
    {                                                                                              \
        check(S_CLIENT, (retry_request), (encrypted_extensions), (end));                           \
    }                                                                                              \
    Test(grease_answers, ech_102_##name##_gnutls)                                                  \
    {                                                                                              \
        check(GNUTLS_CLI, (retry_request), (encrypted_extensions), (end));                         \
    }                                                                                              \
    struct world
#define DONE "done\n"
#define DECODE_ERROR "alert 50\n"

ANSWER(none, "none", "none", DONE);
ANSWER(a_list, "none", SOME_LIST, DONE);
ANSWER(eight_octets, "0011223344556677", "none", DONE);
ANSWER(eight_octets_and_a_list, "0011223344556677", SOME_LIST, DONE);
ANSWER(seven_octets, "00112233445566", "none", DECODE_ERROR);
ANSWER(nine_octets, "001122334455667788", "none", DECODE_ERROR);
ANSWER(no_octets, "", "none", DECODE_ERROR);
ANSWER(an_empty_list, "none", "0000", DECODE_ERROR);
ANSWER(no_list, "none", "", DECODE_ERROR);
ANSWER(a_list_cut_short, "none", "0005fe0a0001", DECODE_ERROR);
ANSWER(a_list_with_something_after, "none", SOME_LIST "00", DECODE_ERROR);
ANSWER(broken_contents, "none", "0005fe0d000109", DECODE_ERROR);
ANSWER(eight_octets_and_no_list, "0011223344556677", "0000", DECODE_ERROR);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program still checks the certificate of the inner name by itself. With a bad certificate it
 * fails as without the shim: same exit code, same words. */
#include "world.h"

#include <criterion/criterion.h>
#include <string.h>

#define URL "https://" INNER_NAME "/"
#define WGET "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " URL
#define CURL "curl -sS --cacert \"$CA\" " URL
#define S_CLIENT                                                                                   \
    "openssl s_client -verify_return_error -CAfile \"$CA\" -verify_hostname " INNER_NAME           \
    " -servername " INNER_NAME " -connect " INNER_NAME ":443 </dev/null"
#define GNUTLS_CLI "gnutls-cli --x509cafile \"$CA\" " INNER_NAME " </dev/null"
#define PYTHON                                                                                     \
    "/usr/bin/python3 -c 'import urllib.request as r; "                                            \
    "print(r.urlopen(\"" URL "\").read().decode())'"
#define PERL                                                                                       \
    "perl -MLWP::UserAgent -e 'my $r = LWP::UserAgent->new->get(\"" URL "\"); "                    \
    "print $r->status_line, \"\\n\", $r->content; exit !$r->is_success'"
#define GIT "git clone " URL "repo.git"

TestSuite(certificates, .fini = world_end, .timeout = 120);
TestSuite(baseline_certificates, .fini = world_end, .timeout = 120);

struct failure {
    const char *certificate;
    const char *command;
    int exit_code;
    const char *says;
};

static void check(const struct failure *failure, enum run_mode mode)
{
    struct world *world =
        world_start(&(struct world_options){.inner_certificate = failure->certificate});
    struct run_result result = world_shell(world, mode, NULL, failure->command);
    expect_exit(&result, failure->exit_code, failure->says);
    cr_assert_null(strstr(result.out, "hello from"), "the program believed the certificate");
    if (mode == RUN_SHIM) {
        world_expect_hidden(world);
        cr_assert_gt(world_wire_await(world, PUBLIC_NAME, 1), 0, "no ECH was tried");
    }
}

#define FAILS(name, certificate, command, exit_code, says)                                         \
    static const struct failure failure_##name = {certificate, command, exit_code, says};          \
    Test(certificates, name)                                                                       \
    {                                                                                              \
        check(&failure_##name, RUN_SHIM);                                                          \
    }                                                                                              \
    Test(baseline_certificates, name)                                                              \
    {                                                                                              \
        check(&failure_##name, RUN_PLAIN);                                                         \
    }                                                                                              \
    struct failure

FAILS(wget_wrong_host, "other", WGET, 5, "does not match hostname");
FAILS(wget_expired, "expired", WGET, 5, "has expired");
FAILS(wget_stranger, "stranger", WGET, 5, "is not trusted");

FAILS(curl_wrong_host, "other", CURL, 60, "no alternative certificate subject name matches");
FAILS(curl_expired, "expired", CURL, 60, "certificate has expired");
FAILS(curl_stranger, "stranger", CURL, 60, "unable to get local issuer certificate");

FAILS(s_client_wrong_host, "other", S_CLIENT, 1, "ostname mismatch");
FAILS(s_client_expired, "expired", S_CLIENT, 1, "certificate has expired");
FAILS(s_client_stranger, "stranger", S_CLIENT, 1, "unable to get local issuer certificate");

FAILS(gnutls_cli_wrong_host, "other", GNUTLS_CLI, 1, "does not match");
FAILS(gnutls_cli_expired, "expired", GNUTLS_CLI, 1, "expired");
FAILS(gnutls_cli_stranger, "stranger", GNUTLS_CLI, 1, "issuer is unknown");

FAILS(python_wrong_host, "other", PYTHON, 1, "Hostname mismatch");
FAILS(python_expired, "expired", PYTHON, 1, "certificate has expired");
FAILS(python_stranger, "stranger", PYTHON, 1, "unable to get local issuer certificate");

FAILS(perl_wrong_host, "other", PERL, 1, "hostname verification failed");
FAILS(perl_expired, "expired", PERL, 1, "certificate verify failed");
FAILS(perl_stranger, "stranger", PERL, 1, "certificate verify failed");

FAILS(git_wrong_host, "other", GIT, 128, "does not match target host");
FAILS(git_expired, "expired", GIT, 128, "verification failed");
FAILS(git_stranger, "stranger", GIT, 128, "verification failed");

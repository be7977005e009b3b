/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program whose OpenSSL has the providers `fips` and `base` alone: the algorithms that FIPS 140
 * leaves out are missing there. The engine uses another library for its own cryptography, so with
 * OpenSSL 3 ECH is made all the same. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(fips, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"

/* The folder of the providers, as the program `openssl` says it. */
#define MODULES "$(openssl version -m 2>/dev/null | cut -d '\"' -f 2)"

/* Makes the settings of such a program. X25519 is not there, so the first group is another. */
#define SETTINGS                                                                                   \
    "openssl fipsinstall -quiet -out fips.cnf -module \"" MODULES "/fips.so\" && "                 \
    "printf '%s\\n' 'openssl_conf = start' \".include $PWD/fips.cnf\" '[start]' "                  \
    "'providers = all' 'alg_section = algorithms' '[all]' 'fips = fips_sect' 'base = base_sect' "  \
    "'[base_sect]' 'activate = 1' '[algorithms]' 'default_properties = fips=yes' >openssl.cnf && " \
    "export OPENSSL_CONF=\"$PWD/openssl.cnf\" && "                                                 \
    "! openssl list -providers | grep -q '^  default' && "                                         \
    "! openssl genpkey -algorithm X25519 -out key.pem 2>/dev/null && "

#define CLIENT                                                                                     \
    SETTINGS "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 20 openssl s_client -quiet "           \
             "-verify_return_error -CAfile \"$CA\" -connect " INNER_NAME                           \
             ":443 -servername " INNER_NAME

static void need_provider(void)
{
    if (system("[ -f \"" MODULES "/fips.so\" ]") != 0) {
        cr_skip_test("no provider `fips` here (openssl-provider-fips, from Debian 13 on)");
    }
}

/* OpenSSL 4 uses its own ECH client for a hello with ECH, and HPKE of X25519, which is not there.
 */
static bool cannot_seal(void)
{
    return system("openssl version | grep -q '^OpenSSL [4-9]'") == 0;
}

static void check(const struct world_options *options)
{
    need_provider();
    if (cannot_seal()) {
        cr_skip_test("the ECH client of this OpenSSL does not work with these providers");
    }
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), CLIENT);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    world_expect_hidden(world);
}

Test(fips, accepted)
{
    check(NULL);
}

Test(fips, stale_config)
{
    check(&(struct world_options){.stale_config = true});
}

Test(fips, second_hello)
{
    check(&(struct world_options){.hello_retry = true});
}

/* GREASE, which the engine makes too. Where ECH cannot be made, nothing changes. */
static void check_plain(const struct world_options *options, const char *outcome,
                        const char *reason)
{
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CLIENT);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, outcome, reason);
    world_end();
}

Test(fips, without_ech)
{
    const struct world_options none = {.no_https_record = true};
    need_provider();
    if (cannot_seal()) {
        check_plain(NULL, "plain", "library");
        check_plain(&none, "plain", "library");
    } else {
        check_plain(&none, "grease", "nodata");
    }
}

Test(fips, refused)
{
    need_provider();
    bool none = !cannot_seal();
    struct world *world = world_start(&(struct world_options){.no_https_record = none});
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), CLIENT);
    expect_exit(&result, 1, NULL);
    expect_report(world, 1, "refused", none ? "nodata" : "library");
    expect_silence(world);
}

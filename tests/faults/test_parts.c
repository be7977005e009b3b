/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of ech/ and shim/ by themselves; memory runs out at each call in turn. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ech/grease.h"
#include "shim/engine/base/verify.h"
#include "shim/engine/config/rejection_cache.h"
#include "shim/engine/policy/downgrade.h"
#include "shim/engine/settings/settings.h"
#include "tests/faults/faults.h"
#include "tests/unit/certificates.h"
#include "tests/unit/sizes.h"

/* ---- ech/ ---- */

static void config_and_seal(const void *context)
{
    static const uint8_t plaintext[300];
    uint8_t enc[ECH_HPKE_ENC_MAX];
    uint8_t sealed[sizeof plaintext + ECH_AEAD_TAG];
    struct test_source source = {.state = 5};
    struct ech_random random = faults_random(&source);
    struct test_server server;
    struct ech_config_choice choice;
    struct ech_hpke hpke;
    (void)context;
    test_server_init(&server, 0);
    enum ech_status status =
        FAULTY(ech_config_list_select(octets_view(&server.list), NULL, &choice));
    if (status == ECH_OK) {
        status = FAULTY(ech_hpke_setup_sender(&hpke, choice.suite, choice.config.public_key,
                                              choice.config.raw, NULL, &random, enc));
    }
    if (status == ECH_OK) {
        status = FAULTY(ech_hpke_seal(&hpke, bytes_of("aad", 3),
                                      bytes_of(plaintext, sizeof plaintext), sealed));
        ech_hpke_wipe(&hpke);
    }
    cr_assert_eq(status != ECH_OK, faults_injected());
    test_server_free(&server);
}

static void grease(const void *context)
{
    const struct ech_grease_shape shape = {.sizes = OPENSSL_SIZES, .parts.host_name = 18};
    struct test_source source = {.state = 6};
    struct ech_random random = faults_random(&source);
    struct writer w;
    (void)context;
    wr_init(&w, 0);
    enum ech_status status = FAULTY(ech_grease_make(&shape, &random, &w));
    cr_assert_eq(status != ECH_OK, faults_injected());
    wr_free(&w);
}

Test(part_faults, ech)
{
    faults_run("config and HPKE", FAULT_MEMORY, 0, config_and_seal, NULL);
    faults_run("config and HPKE", FAULT_RANDOM, 1, config_and_seal, NULL);
    faults_run("GREASE", FAULT_MEMORY, 1, grease, NULL);
    faults_run("GREASE", FAULT_RANDOM, 1, grease, NULL);
}

/* ---- shim/engine/base/verify.c ---- */

struct verify_context {
    char ca_file[64];
    struct octets leaf;
    struct octets content;
    struct octets signature;
};

static void verify(const void *context)
{
    const struct verify_context *given = context;
    struct shim_verifier *verifier;
    enum ech_status status = FAULTY(shim_verifier_new(&verifier, given->ca_file));
    cr_assert_eq(status, faults_injected() ? ECH_ERR_NOMEM : ECH_OK);
    cr_assert_eq(verifier == NULL, status != ECH_OK);
    if (status == ECH_OK) {
        struct ech_outer_verifier callbacks = shim_verifier_callbacks(verifier);
        struct bytes leaf = octets_view(&given->leaf);
        enum ech_alert alert = FAULTY(
            callbacks.verify_chain(callbacks.context, &leaf, 1, bytes_of("public.example", 14)));
        cr_assert_eq(alert, faults_injected() ? ECH_ALERT_INTERNAL_ERROR : ECH_ALERT_NONE);
        alert = FAULTY(callbacks.verify_signature(callbacks.context, ECH_TLS13, 0x0403, leaf,
                                                  octets_view(&given->content),
                                                  octets_view(&given->signature)));
        cr_assert(alert == ECH_ALERT_NONE || faults_injected());
        shim_verifier_free(verifier);
    }
}

Test(part_faults, verify)
{
    struct test_certificate authority;
    struct test_certificate leaf;
    struct verify_context context;
    (void)snprintf(context.ca_file, sizeof context.ca_file, "build/fault-ca-%d.pem", (int)getpid());
    test_certificate_make(&authority, &(struct test_certificate_options){
                                          .authority = true, .common_name = "an authority"});
    test_certificate_make(
        &leaf, &(struct test_certificate_options){.dns = {"public.example"}, .issuer = &authority});
    test_certificate_save(&authority, context.ca_file, NULL);
    context.leaf = test_certificate_der(&leaf);
    context.content = octets_copy(bytes_of("content", 7));
    context.signature = test_certificate_sign(&leaf, 0x0403, octets_view(&context.content));
    faults_run("verify", FAULT_MEMORY, 1, verify, &context);
    (void)unlink(context.ca_file);
    octets_free(&context.leaf);
    octets_free(&context.content);
    octets_free(&context.signature);
    test_certificate_free(&leaf);
    test_certificate_free(&authority);
}

/* ---- shim/engine/settings/settings.c ---- */

static const char *get(void *context, const char *variable)
{
    static const char *const items[][2] = {
        /* two lists, each with one config of another version */
        {"ECHSHIM_CONFIG_LIST", "secret.example.org=AAj+CgAEAAAAAA==,AAj+CgAEAAAAAA=="},
        {"ECHSHIM_CA_FILE", "/etc/passwd"},
        {"ECHSHIM_CACHE", "/var/cache/ech/"},
        {"ECHSHIM_LOG_FILE", "log"},
        {"ECHSHIM_REPORT", "report"},
        {"ECHSHIM_RESOLVER", "udp://192.0.2.1"},
        {"ECHSHIM_PORTS", "443,8443"},
    };
    (void)context;
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        if (strcmp(items[i][0], variable) == 0) {
            return items[i][1];
        }
    }
    return NULL;
}

static void no_problem(void *context, const char *text)
{
    (void)context;
    cr_assert_fail("nothing is wrong with the setting: %s", text);
}

static void settings(const void *context)
{
    const struct shim_settings_problems problems = {.tell = no_problem};
    struct shim_conf conf = {0};
    struct shim_settings parsed;
    (void)context;
    cr_assert_eq(shim_conf_add_environment(&conf, get, NULL), ECH_OK);
    enum ech_status status = FAULTY(shim_settings_parse(&parsed, &conf, &problems));
    cr_assert_eq(status, faults_injected() ? ECH_ERR_NOMEM : ECH_OK);
    /* The guard must work with what could be parsed. */
    cr_assert_eq(parsed.mode, SHIM_MODE_OPPORTUNISTIC);
    cr_assert(parsed.config_list_given && shim_settings_watches(&parsed, 8443));
    if (status == ECH_OK) {
        struct shim_host_settings own;
        shim_settings_of_host(&parsed, "secret.example.org", &own);
        cr_assert_eq(own.config_list.len, 10);
    }
    shim_settings_free(&parsed);
    shim_conf_free(&conf);
}

/* ---- shim/common/conf.c, conf_parse.c ---- */

static const char configuration_file[] = "[default]\n"
                                         "mode = opportunistic\n"
                                         "[host \"*.example.org\"]\n"
                                         "mode = strict\n"
                                         "resolver = udp://192.0.2.1\n"
                                         "config_list = AAj+CgAEAAAAAA\n"
                                         "    ==\n"
                                         "[program \"/usr/bin/git\"]\n"
                                         "mode = off\n";

/* A setting that cannot be stored may have asked for strict mode. */
static void configuration(const void *context)
{
    struct shim_conf conf = {0};
    const struct bytes text = bytes_of(configuration_file, sizeof configuration_file - 1);
    (void)context;
    enum ech_status status = FAULTY(shim_conf_add_environment(&conf, get, NULL));
    if (status == ECH_OK) {
        status = FAULTY(shim_conf_add_file(&conf, "/etc/echshim.conf", text, SHIM_CONF_SYSTEM));
    }
    cr_assert_eq(status, faults_injected() ? ECH_ERR_NOMEM : ECH_OK);
    cr_assert_eq(conf.broken, status != ECH_OK);
    cr_assert_str_eq(shim_conf_value(&conf, SHIM_CONF_MODE, "a.example.org"), "strict");
    cr_assert_str_eq(shim_conf_value(&conf, SHIM_CONF_MODE, NULL),
                     status == ECH_OK ? "opportunistic" : "strict");
    shim_conf_free(&conf);
}

static void settings_of_hosts(const void *context)
{
    const struct shim_settings_problems problems = {.tell = no_problem};
    static const char file[] = "[host \"*.example.org\"]\n"
                               "mode = strict\n"
                               "resolver = udp://192.0.2.1\n"
                               "config_list = AAj+CgAEAAAAAA==\n";
    struct shim_conf conf = {0};
    struct shim_settings parsed;
    (void)context;
    cr_assert_eq(shim_conf_add_file(&conf, "/etc/echshim.conf", bytes_of(file, sizeof file - 1),
                                    SHIM_CONF_SYSTEM),
                 ECH_OK);
    enum ech_status status = FAULTY(shim_settings_parse(&parsed, &conf, &problems));
    cr_assert_eq(status, faults_injected() ? ECH_ERR_NOMEM : ECH_OK);
    shim_settings_free(&parsed);
    shim_conf_free(&conf);
}

/* ---- shim/engine/config/rejection_cache.c, downgrade.c ---- */

enum { LIFETIME = 1000 };

static void kept(const void *context)
{
    const struct bytes *retry_configs = context;
    const struct shim_rejection_source source = {.host = "secret.example.org",
                                                 .port = 443,
                                                 .endpoint = "",
                                                 .ech_config_list = bytes_of("list", 4)};
    uint8_t *copy = NULL;
    size_t length = 0;
    faults_enter();
    shim_rejection_cache_put(&source, *retry_configs, 1, LIFETIME);
    enum shim_cached_rejection kind = shim_rejection_cache_get(&source, 2, &copy, &length);
    faults_leave();
    if (kind == SHIM_CACHED_RETRY_CONFIGS) {
        cr_assert(bytes_equal(bytes_of(copy, length), *retry_configs));
        faults_free(copy);
    } else {
        cr_assert_null(copy);
        cr_assert_eq(kind == SHIM_CACHED_NOTHING, faults_injected());
        cr_assert(kind == SHIM_CACHED_NOTHING || retry_configs->len == 0, "disabled by nobody");
    }
    /* The entry is forgotten when its time is over. */
    cr_assert_eq(shim_rejection_cache_get(&source, LIFETIME + 2, &copy, &length),
                 SHIM_CACHED_NOTHING);
}

static bool drop(struct shim_table_node *node, void *context)
{
    (void)context;
    faults_free(node); /* an entry begins with its node */
    return true;
}

/* Without memory to note the name, the cache forbids all names. */
static void downgrade(const void *context)
{
    struct shim_downgrade table = SHIM_DOWNGRADE_INIT;
    (void)context;
    faults_enter();
    shim_downgrade_note(&table, "secret.example.org", NULL, 300, 1);
    bool forbids = shim_downgrade_forbids(&table, "secret.example.org", NULL, 2);
    faults_leave();
    cr_assert(forbids);
    cr_assert_eq(shim_downgrade_forbids(&table, "other.example.org", NULL, 2), faults_injected());
    shim_table_sweep(&table.table, drop, NULL);
}

Test(part_faults, shim)
{
    const struct bytes configs = bytes_of("retry_configs", 13);
    const struct bytes disabled = bytes_of(NULL, 0);
    faults_run("settings", FAULT_MEMORY, 7, settings, NULL);
    faults_run("configuration", FAULT_MEMORY, 20, configuration, NULL);
    faults_run("settings of hosts", FAULT_MEMORY, 4, settings_of_hosts, NULL);
    faults_run("kept retry_configs", FAULT_MEMORY, 3, kept, &configs);
    faults_run("kept disablement", FAULT_MEMORY, 1, kept, &disabled);
    faults_run("downgrade", FAULT_MEMORY, 1, downgrade, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/run.h"
#include "tests/unit/dns_responder.h"
#include "tests/unit/vectors.h"

static struct run run;

static const char *const not_echdig = "echdig: ";

/* One sentence on standard error, nothing on standard output. */
static void assert_complaint(int status, const char *text)
{
    cr_assert_eq(run.status, status, "exit status %d\n%s", run.status, run.err);
    assert_printed(run.err, text);
    cr_assert_str_empty(run.out);
    cr_assert(strncmp(run.err, not_echdig, strlen(not_echdig)) == 0);
}

/* ---- --decode ---- */

static json_t *decode_json(const char *input, int status)
{
    RUN(&run, "echdig", "--json", "--decode", input);
    cr_assert_eq(run.status, status, "exit status %d of %s: %s", run.status, input, run.err);
    json_t *document = json_loads(run.out, 0, NULL);
    cr_assert_not_null(document, "no JSON: %s", run.out);
    return document;
}

/* For each sample list: we find what a second parser found in it, and refuse what it refused. */
Test(echdig, decodes_every_sample)
{
    json_t *vectors = vectors_load("echconfig");
    json_t *lists = vectors_get(vectors, "lists");
    size_t i;
    size_t seen = 0;
    json_t *list;
    json_array_foreach(lists, i, list)
    {
        const char *base64 = json_string_value(json_object_get(list, "base64"));
        /* One list is longer than an argument may be, and one stands for all its prefixes. */
        if (base64 == NULL || strlen(base64) > 100000 ||
            strcmp(vectors_text(list, "id"), "m-every-prefix") == 0) {
            continue;
        }
        seen++;
        if (strcmp(vectors_text(list, "list_verdict"), "ok") != 0) {
            RUN(&run, "echdig", "--decode", base64);
            assert_complaint(4, *base64 != '\0' ? "this is no ECHConfigList: " : "nothing in it");
            continue;
        }
        RUN(&run, "echdig", "--json", "--decode", base64);
        json_t *document = json_loads(run.out, 0, NULL);
        cr_assert_not_null(document, "%s: %s", vectors_text(list, "id"), run.err);
        json_t *found = vectors_get(document, "configs");
        json_t *configs = vectors_get(list, "configs");
        cr_assert_eq(json_array_size(found), json_array_size(configs));
        size_t at;
        json_t *config;
        json_array_foreach(configs, at, config)
        {
            json_t *mine = json_array_get(found, at);
            json_t *config_id = json_object_get(config, "config_id");
            if (config_id != NULL && json_is_integer(config_id)) {
                cr_assert_eq(json_integer_value(json_object_get(mine, "config_id")),
                             json_integer_value(config_id));
            }
        }
        json_decref(document);
    }
    cr_assert_gt(seen, 60, "only %zu lists", seen);
    json_decref(vectors);
}

static const char figure1[] = "AD7+DQA65wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEA\n"
                              "AQALZXhhbXBsZS5jb20AAA==\n";
static const char figure1_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VuBCIEICjd4yGRdsoP9gU7YT7My8DHx1Tjme8GYDXrOMCi8v1V\n"
    "-----END PRIVATE KEY-----\n"
    "-----BEGIN ECHCONFIG-----\n"
    "AD7+DQA65wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEA\n"
    "AQALZXhhbXBsZS5jb20AAA==\n"
    "-----END ECHCONFIG-----\n";

static void assert_figure1(void)
{
    cr_assert_eq(run.status, 0, "%s", run.err);
    assert_printed(run.out, "ECHConfig 1: chosen");
    assert_printed(run.out, "config_id           231");
    assert_printed(run.out, "0x0020 DHKEM(X25519, HKDF-SHA256)");
    assert_printed(run.out, "HKDF-SHA256/AES-128-GCM");
    assert_printed(run.out, "public_name         example.com");
    assert_printed(run.out, "extensions          none");
}

/* RFC 9934, figure 1, from every kind of input. */
Test(echdig, reads_pem_base64_and_octets)
{
    run_tool(&run, figure1_pem, (const char *const[]){"echdig", "-d", "-", NULL});
    assert_figure1();
    run_tool(&run, figure1, (const char *const[]){"echdig", "-d", "-", NULL});
    assert_figure1();
    RUN(&run, "echdig", "-d", figure1);
    assert_figure1();

    char name[] = "/tmp/echshim-test.XXXXXX";
    int fd = mkstemp(name);
    cr_assert_geq(fd, 0);
    struct octets octets = octets_of_hex(
        "003efe0d003ae7002000203cc1537606db1c3a5def421794cc778891598a222c9d5210c29620388b24110b"
        "00040001000100"
        "0b6578616d706c652e636f6d0000");
    cr_assert_eq(write(fd, octets.data, octets.len), (ssize_t)octets.len);
    close(fd);
    RUN(&run, "echdig", "-d", name);
    unlink(name);
    octets_free(&octets);
    assert_figure1();
}

Test(echdig, says_why_a_config_is_not_used)
{
    static const struct {
        const char *id;
        const char *sentence;
        int status;
    } cases[] = {
        {"ext-duplicate", "it has an extension twice", 2},
        {"multi-skip", "skipped: a version that is not RFC 9849's", 0},
        {"none-usable", "not usable", 2},
    };
    json_t *vectors = vectors_load("echconfig");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const json_t *list = vectors_find(vectors_get(vectors, "lists"), cases[i].id);
        RUN(&run, "echdig", "-d", vectors_text(list, "base64"));
        cr_assert_eq(run.status, cases[i].status, "%s: %d", cases[i].id, run.status);
        assert_printed(run.out, cases[i].sentence);
    }
    json_decref(vectors);
}

/* A stranger wrote public_name: none of its control octets may reach the terminal. */
Test(echdig, prints_nothing_that_a_terminal_would_obey)
{
    /* public_name ESC ] 0 ; x BEL */
    json_t *document = decode_json(
        "ADX+DQAxBwAgACBPOEhlbKduND/KcVTSNXBTJrC6jLHLBAdtg00bQcrJQwAEAAEAAQACGwcAAA==", 2);
    json_decref(document);
    RUN(&run, "echdig", "-d",
        "ADX+DQAxBwAgACBPOEhlbKduND/KcVTSNXBTJrC6jLHLBAdtg00bQcrJQwAEAAEAAQACGwcAAA==");
    cr_assert_null(strchr(run.out, 0x1b));
    cr_assert_null(strchr(run.out, 0x07));
    assert_printed(run.out, "public_name         \\027\\007");
}

/* ---- look-ups ---- */

/* ECHConfigList "basic" with key A, as a SvcParam. */
#define ECH_PARAM                                                                                  \
    "00050040003efe0d003a0700200020"                                                               \
    "4f3848656ca76e343fca7154d235705326b8ba8cb1cb04076d834d1b41cac943"                             \
    "00040001000100"                                                                               \
    "0b7075626c69632e74657374"                                                                     \
    "0000"

static enum responder_act answer(const struct dns_query *q, unsigned round, struct message *m)
{
    (void)round;
    bool none = strncmp(q->name, "none.", 5) == 0;
    bool fail = strncmp(q->name, "fail.", 5) == 0;
    message_begin(m, q->id, (uint16_t)(MSG_QR | MSG_RA_RD | (fail ? 2 : 0)), q->name, TYPE_HTTPS);
    if (strncmp(q->name, "alias.", 6) == 0) {
        message_https(m, NULL, 60, 0, "good.example", "");
    } else if (strncmp(q->name, "plain.", 6) == 0) {
        message_https(m, NULL, 60, 1, ".",
                      "0001000302"
                      "6832");
    } else if (strncmp(q->name, "mixed.", 6) == 0) {
        message_https(m, NULL, 60, 1, ".",
                      "00000002ffdc"
                      "ffdc0000");
        message_https(m, NULL, 60, 2, ".", ECH_PARAM);
    } else if (strncmp(q->name, "broken.", 7) == 0) {
        message_https(m, NULL, 60, 1, ".", "000500020000");
        message_https(m, NULL, 60, 2, ".", ECH_PARAM);
    } else if (!none && !fail) {
        message_https(m, NULL, 60, 1, ".", ECH_PARAM);
    } else if (none) {
        message_soa(m, "example", 60, 60);
    }
    return RESPONDER_SEND;
}

static struct responder responder;
static char resolver[64];

static void start(void)
{
    responder_start(&responder, answer);
    snprintf(resolver, sizeof resolver, "udp://127.0.0.1:%u", responder.port);
}

static void stop(void)
{
    responder_stop(&responder);
}

Test(echdig, shows_records_configs_and_the_choice, .init = start, .fini = stop)
{
    RUN(&run, "echdig", "-r", resolver, "good.example");
    cr_assert_eq(run.status, 0, "%s", run.err);
    assert_printed(run.out, "good.example. HTTPS: NOERROR");
    /* ldns before 1.8 writes the record as that of an unknown type (RFC 3597). */
    bool unknown = strstr(run.out, "\\# 71 0001") != NULL;
    assert_printed(run.out, unknown ? "\\# 71 0001" : "1 . ech=");
    assert_printed(run.out, "Endpoint 1: good.example port 443 (chosen)");
    assert_printed(run.out, "ECH: config_id 7, public_name public.test, at good.example port 443");
    assert_printed(run.out, resolver);

    RUN(&run, "echdig", "-r", resolver, "alias.example");
    cr_assert_eq(run.status, 0, "%s", run.out);
    assert_printed(run.out, "alias.example. HTTPS: NOERROR");
    assert_printed(run.out, "followed");
    assert_printed(run.out, "Endpoint 1: good.example port 443 (chosen)");

    RUN(&run, "echdig", "-r", resolver, "port.example:8443");
    cr_assert_eq(run.status, 0, "%s", run.out);
    assert_printed(run.out, "_8443._https.port.example. HTTPS: NOERROR");

    RUN(&run, "echdig", "-r", resolver, "mixed.example");
    cr_assert_eq(run.status, 0, "%s", run.out);
    assert_printed(run.out, "ignored: a mandatory key that libechshim does not know");
}

Test(echdig, tells_failures_apart, .init = start, .fini = stop)
{
    static const struct {
        const char *name;
        int status;
        const char *text;
    } cases[] = {
        {"none.example", 1, "No ECH: nodata"},
        {"plain.example", 1, "No ECH: the records have no ech"},
        {"broken.example", 1, "malformed: none of the set is used (RFC 9460, 2.2)"},
        {"fail.example", 3, "The look-up failed: servfail"},
        {"192.0.2.1", 1, "No ECH: no_query"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        RUN(&run, "echdig", "--resolver", resolver, "--timeout", "1000", cases[i].name);
        cr_assert_eq(run.status, cases[i].status, "%s: %d\n%s", cases[i].name, run.status, run.out);
        assert_printed(run.out, cases[i].text);
    }
}

Test(echdig, json_has_all_of_it, .init = start, .fini = stop)
{
    RUN(&run, "echdig", "-j", "-r", resolver, "alias.example");
    json_t *document = json_loads(run.out, 0, NULL);
    cr_assert_not_null(document, "%s", run.out);
    cr_assert_str_eq(vectors_text(document, "summary"), "ech");
    cr_assert_eq(json_array_size(vectors_get(document, "steps")), 2);
    const json_t *endpoint = json_array_get(vectors_get(document, "endpoints"), 0);
    cr_assert_str_eq(vectors_text(endpoint, "target"), "good.example");
    const json_t *config = json_array_get(vectors_get(endpoint, "configs"), 0);
    cr_assert_str_eq(vectors_text(config, "public_name"), "public.test");
    cr_assert_str_eq(vectors_text(config, "verdict"), "usable");
    json_decref(document);
}

/* ---- wrong use ---- */

Test(echdig, complains_in_one_sentence)
{
    RUN(&run, "echdig");
    assert_complaint(64, "give one NAME[:PORT]");
    RUN(&run, "echdig", "a.example", "b.example");
    assert_complaint(64, "give one NAME[:PORT]");
    RUN(&run, "echdig", "a.example:0");
    assert_complaint(64, "a.example:0 is no NAME[:PORT]");
    RUN(&run, "echdig", "-r", "ftp://x", "a.example");
    assert_complaint(64, "cannot use the resolver ftp://x");
    RUN(&run, "echdig", "-t", "0", "a.example");
    assert_complaint(64, "--timeout takes 1 to 60000 milliseconds");
    RUN(&run, "echdig", "-d", "%%%");
    assert_complaint(4, "neither a file nor Base64");
    RUN(&run, "echdig", "-d", "/");
    assert_complaint(4, "cannot read /: Is a directory");
    run_tool(&run, "-----BEGIN X-----\nAAAA\n-----END X-----\n",
             (const char *const[]){"echdig", "-d", "-", NULL});
    assert_complaint(4, "PEM without an ECHCONFIG block");
    RUN(&run, "echdig", "-d", "AAAA");
    assert_complaint(4, "this is no ECHConfigList: 1 octets follow behind the list");
}

/* The list of figure 1, each time with one mistake: as Base64, as a file's octets, and for
 * echprobe. */
Test(echdig, names_what_is_wrong_with_a_list)
{
    static const struct {
        const char *base64;
        const char *problem;
    } cases[] = {
        {"/g0AOucAIAAgPMFTdgbbHDpd70IXlMx3iJFZiiIsnVIQwpYgOIskEQsABAABAAEAC2V4YW1wbGUuY29tAAA=",
         "it is a bare ECHConfig"},
        {"AEAAPv4NADrnACAAIDzBU3YG2xw6Xe9CF5TMd4iRWYoiLJ1SEMKWIDiLJBELAAQAAQABAAtleGFtcGxlLmNvbQAA",
         "the length of the list stands before it twice"},
        {"AD7+DQA65wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEAAQALZXhhbXBsZS5jb20A",
         "it is cut: the list says that it has 62 octets, and 61 are there"},
        {"AD7+"
         "DQA65wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEAAQALZXhhbXBsZS5jb20AAAAAAA==",
         "3 octets follow behind the list"},
        {"ADP+DQAv5wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEAAQAAAAA=",
         "the public_name of ECHConfig 1 is empty"},
        {"AHH+"
         "DQA65wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEAAQALZXhhbXBsZS5jb20AAP4NAC/"
         "nACAAIDzBU3YG2xw6Xe9CF5TMd4iRWYoiLJ1SEMKWIDiLJBELAAQAAQABAAAAAA==",
         "the public_name of ECHConfig 2 is empty"},
        {"AB7+DQAa5wAgAAAABAABAAEAC2V4YW1wbGUuY29tAAA=", "the public_key of ECHConfig 1 is empty"},
        {"ADr+DQA25wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAAAAtleGFtcGxlLmNvbQAA",
         "the cipher_suites of ECHConfig 1 have 0 octets"},
        {"AD/+DQA75wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAFAAEAAQAAC2V4YW1wbGUuY29tAAA=",
         "the cipher_suites of ECHConfig 1 have 5 octets"},
        {"AEP+DQA/"
         "5wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEAAQALZXhhbXBsZS5jb20ABQABAAVh",
         "ECHConfig 1 ends within one of its extensions"},
        {"AED+DQA85wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEAAQALZXhhbXBsZS5jb20AAHh5",
         "2 octets follow behind the extensions of ECHConfig 1"},
        {"ADv+DQA35wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEAAQALZXhhbXBsZS5jbw==",
         "ECHConfig 1 ends within its public_name"},
        {"AED+DQA65wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEAAQALZXhhbXBsZS5jb20AAP4N",
         "ECHConfig 2 has no more than"},
        {"AET+"
         "DQA65wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEAAQALZXhhbXBsZS5jb20AAP4NABBhY"
         "g==",
         "ECHConfig 2 says that it has 16 octets, and 2 are there"},
        {"AAA=", "it is an empty list"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        RUN(&run, "echdig", "--decode", cases[i].base64);
        assert_complaint(4, cases[i].problem);
        RUN(&run, "echprobe", "--config-list", cases[i].base64, "a.example");
        assert_printed(run.err, cases[i].problem);
    }
}

Test(echdig, names_what_is_wrong_with_a_file)
{
    char two[2 * sizeof figure1_pem];
    (void)snprintf(two, sizeof two, "%s%s", figure1_pem, strstr(figure1_pem, "-----BEGIN ECH"));
    const struct {
        const char *content;
        const char *problem;
    } cases[] = {
        {two, "it has more than one ECHCONFIG block"},
        {"-----BEGIN ECHCONFIG-----\nAD7+DQA6\n", "its ECHCONFIG block has no end"},
        {"-----BEGIN ECHCONFIG-----\n%%%\n-----END ECHCONFIG-----\n",
         "its ECHCONFIG block has no end, or is not Base64"},
        {"", "there is nothing in it"},
        {" \n\n", "there is nothing in it"},
        {"root:x:0:0\n", "the file holds neither PEM nor Base64 nor an ECHConfigList"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_tool(&run, cases[i].content, (const char *const[]){"echdig", "-d", "-", NULL});
        assert_complaint(4, cases[i].problem);
    }
    static const char *const missing[] = {"/no/such/file", "./no-such-list", "../a", "ech.pem"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        RUN(&run, "echdig", "-d", missing[i]);
        assert_complaint(4, "there is no such file, and it is not Base64");
    }
    RUN(&run, "echdig", "-d", "/etc/passwd");
    assert_complaint(4, "the file holds neither PEM nor Base64 nor an ECHConfigList");
}

/* Without -r echdig asks the resolver that the settings name for that host. */
Test(echdig, goes_by_the_configuration_file, .init = start, .fini = stop)
{
    char name[] = "/tmp/echshim-echdig.XXXXXX";
    int fd = mkstemp(name);
    cr_assert_geq(fd, 0);
    cr_assert_gt(dprintf(fd,
                         "[default]\nresolver = udp://127.0.0.1:1\n"
                         "[host \"*.example\"]\nresolver = %s\n",
                         resolver),
                 0);
    setenv("ECHSHIM_CONF", name, 1);
    RUN(&run, "echdig", "--timeout", "500", "good.example");
    cr_expect_eq(run.status, 0, "exit status %d\n%s", run.status, run.err);
    assert_printed(run.out, resolver);
    RUN(&run, "echdig", "--timeout", "500", "good.example.org");
    cr_expect_neq(run.status, 0, "nobody is there");
    cr_assert_gt(dprintf(fd, "mdoe = off\n"), 0);
    RUN(&run, "echdig", "good.example");
    assert_printed(run.err, ":5: there is no key \"mdoe\"");
    unlink(name);
    close(fd);
}

Test(echdig, help_says_what_it_does)
{
    RUN(&run, "echdig", "--version");
    cr_assert_eq(run.status, 0);
    assert_printed(run.out, "echdig ");
    RUN(&run, "echdig", "--help");
    cr_assert_eq(run.status, 0);
    assert_printed(run.out, "usage: echdig");
}

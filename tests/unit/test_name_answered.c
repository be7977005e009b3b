/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A server that answers server_name (RFC 6066, 3), to a hello with the extension and to one without
 * it. An answer that no hello asked for gets unsupported_extension (RFC 8446, 4.2; RFC 5246,
 * 7.4.1.4). After a rejection the outer hello counts, which names public_name also where the inner
 * one names nothing; after acceptance the inner one does.
 */
#include <criterion/criterion.h>

#include "ech/tls12_messages.h"
#include "ech/tls13_messages.h"
#include "tests/unit/exchange_rig.h"
#include "tests/unit/hellos.h"
#include "tests/unit/outer_rig.h"
#include "tests/unit/tls12_rig.h"

#define PROTOCOL ECH_OUTER_FAILURE_PROTOCOL
#define ANSWERED 0, 0, 0, 0
#define SHARE_P256 0, 51, 0, 2, 0, 23 /* of a HelloRetryRequest */
#define SHARE_X25519 0, 51, 0, 5, 0, 29, 0, 1, 9

/* ---- the messages, and any hello ---- */

/* What the engine says to this message, which answers `offered`. */
typedef enum ech_alert reader(struct bytes message, const struct ech_client_hello *offered);

static struct ech_server_hello parse(struct bytes message)
{
    struct ech_server_hello hello;
    cr_assert_eq(ech_server_hello_parse(message, &hello), ECH_OK);
    return hello;
}

static enum ech_alert read_hello(struct bytes message, const struct ech_client_hello *offered)
{
    struct ech_key_share_entry share;
    struct ech_server_hello hello = parse(message);
    return ech_tls13_server_hello_read(&hello, offered, &share);
}

static enum ech_alert read_retry(struct bytes message, const struct ech_client_hello *offered)
{
    struct ech_tls13_retry retry;
    struct ech_server_hello hello = parse(message);
    return ech_tls13_retry_read(&hello, offered, &retry);
}

static enum ech_alert read_tls12(struct bytes message, const struct ech_client_hello *offered)
{
    struct ech_tls12_settled settled;
    struct ech_server_hello hello = parse(message);
    return ech_tls12_server_hello_read(&hello, offered, &settled);
}

static enum ech_alert read_extensions(struct bytes message, const struct ech_client_hello *offered)
{
    struct ech_tls13_encrypted_extensions found;
    return ech_tls13_encrypted_extensions_read(message, offered, &found);
}

static void expect_alert(reader *read, struct bytes message, struct bytes client_hello,
                         enum ech_alert alert)
{
    struct ech_client_hello offered;
    cr_assert_eq(ech_client_hello_parse(client_hello, &offered), ECH_OK);
    cr_assert_eq(read(message, &offered), alert);
}

/* With these alerts for a hello with server_name, and for one without it. */
static void check(reader *read, struct bytes message, struct bytes named, enum ech_alert alert)
{
    struct octets nameless = hello_without(named, ECH_EXT_SERVER_NAME);
    expect_alert(read, message, named, alert);
    expect_alert(read, message, octets_view(&nameless), ECH_ALERT_UNSUPPORTED_EXTENSION);
    octets_free(&nameless);
}

static void check_hello(reader *read, struct test_answer answer, struct bytes named,
                        enum ech_alert alert)
{
    answer.no_ech = true;
    struct octets message = test_server_answer(&answer, NULL);
    check(read, octets_view(&message), named, alert);
    octets_free(&message);
}

Test(name_answered, ech_111_only_where_the_hello_asked)
{
    struct octets tls12 = tls12_hello_make(&(const struct tls12_hello_options){.no_tls12 = false});
    check(read_extensions, BYTES(0, 4, ANSWERED), hello_openssl, ECH_ALERT_NONE);
    check_hello(read_tls12, (struct test_answer){.cipher_suite = 0xc02b, .more = BYTES(ANSWERED)},
                octets_view(&tls12), ECH_ALERT_NONE);
    octets_free(&tls12);
}

/* RFC 8446, 4.2: there is no place for it, even if the hello has the extension. */
Test(name_answered, ech_111_in_other_messages)
{
    check_hello(read_hello,
                (struct test_answer){.cipher_suite = 0x1301,
                                     .version = ECH_TLS13,
                                     .more = BYTES(SHARE_X25519, ANSWERED)},
                hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER);
    check_hello(read_retry,
                (struct test_answer){.cipher_suite = 0x1301,
                                     .version = ECH_TLS13,
                                     .hello_retry_request = true,
                                     .more = BYTES(SHARE_P256, ANSWERED)},
                hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER);
}

/* ---- rejected, by a server of TLS 1.3 and of TLS 1.2 ---- */

static void check_rejected(struct bytes inner, bool retry)
{
    struct tls13_options options = {.retry = retry, .extensions_more = BYTES(ANSWERED)};
    outer_rig_succeeds(inner, &options, ECH_OUTER_DISABLED);
    options.extensions_more = BYTES(0, 0, 0, 3, 0, 1, 0);
    outer_rig_fails(inner, &options, PROTOCOL, ECH_ALERT_DECODE_ERROR);
    options.extensions_more = BYTES(ANSWERED, ANSWERED);
    outer_rig_fails(inner, &options, PROTOCOL, ECH_ALERT_ILLEGAL_PARAMETER);
    options.extensions_more = bytes_of(NULL, 0);
    options.hello_more = BYTES(ANSWERED);
    outer_rig_fails(inner, &options, PROTOCOL, ECH_ALERT_ILLEGAL_PARAMETER);
}

Test(name_answered, ech_111_rejected)
{
    const struct tls13_options in_retry = {.retry = true, .retry_more = BYTES(ANSWERED)};
    const struct bytes inner[] = {hello_openssl, hello_openssl_ip};
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        check_rejected(inner[i], false);
        check_rejected(inner[i], true);
        outer_rig_fails(inner[i], &in_retry, PROTOCOL, ECH_ALERT_ILLEGAL_PARAMETER);
    }
}

Test(name_answered, ech_111_rejected_by_tls12)
{
    static const struct tls12_hello_options usual;
    struct tls12_options options = {.hello_more = BYTES(ANSWERED)};
    tls12_rig_succeeds(&usual, &options);
    options.hello_more = BYTES(0, 0, 0, 1, 0);
    tls12_rig_fails(&usual, &options, PROTOCOL, ECH_ALERT_DECODE_ERROR);
    options.hello_more = BYTES(ANSWERED, ANSWERED);
    tls12_rig_fails(&usual, &options, PROTOCOL, ECH_ALERT_ILLEGAL_PARAMETER);
}

/* ---- accepted: the library sees all but HelloRetryRequest first ---- */

static struct rig *after_retry(struct bytes inner)
{
    struct rig *rig = rig_new(0);
    rig_begin(rig, inner);
    struct test_answer answer = rig_answer(rig);
    answer.hello_retry_request = true;
    answer.more = BYTES(SHARE_P256, ANSWERED);
    rig_send(rig, &answer);
    return rig;
}

Test(name_answered, ech_63_accepted_retry)
{
    struct rig *rig = after_retry(hello_openssl_ip);
    rig_failed(rig, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_UNSUPPORTED_EXTENSION);
    rig_free(rig);
    /* The library knows the extension, and its place. */
    rig = after_retry(hello_openssl);
    cr_assert_not(ech_exchange_done(rig->exchange));
    rig_free(rig);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/answer.h"

static void fail(struct ech_answer *answer, enum ech_failure failure, enum ech_alert alert)
{
    answer->kind = ECH_ANSWER_FAILED;
    answer->failure = failure;
    answer->alert = alert;
}

static bool version_offered(const struct ech_client_hello *inner, uint16_t version)
{
    struct reader versions;
    uint16_t offered;
    if (version < ECH_TLS13 || ech_client_hello_versions(inner, &versions) != ECH_OK) {
        return false;
    }
    while (rd_u16(&versions, &offered)) {
        if (offered == version) {
            return true;
        }
    }
    return false;
}

/*
 * The rules of RFC 8446, 4.1.3, that hold whichever hello the server took: the outer one has the
 * inner's session id, cipher suites and versions.
 */
static bool fields_allowed(const struct ech_client_hello *inner,
                           const struct ech_server_hello *hello)
{
    enum ech_hash hash;
    return hello->legacy_version == ECH_TLS12 && hello->legacy_compression_method == 0 &&
           bytes_equal(hello->legacy_session_id_echo, inner->legacy_session_id) &&
           version_offered(inner, hello->selected_version) &&
           ech_client_hello_offers_suite(inner, hello->cipher_suite) &&
           ech_suite_hash(hello->cipher_suite, &hash) == ECH_OK;
}

/* RFC 9849, 6.1.4, for a HelloRetryRequest. */
static void judge_retry(struct ech_answer *answer, bool accepted)
{
    if (answer->hello.has_encrypted_client_hello &&
        answer->hello.encrypted_client_hello.len != ECH_CONFIRMATION_SIZE) {
        fail(answer, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_DECODE_ERROR);
    } else if (accepted) {
        answer->kind = ECH_ANSWER_RETRY_ACCEPTED;
    } else {
        fail(answer, ECH_FAILURE_REJECTED, ECH_ALERT_NONE);
    }
}

static void judge_server_hello(const struct ech_answer_context *context, struct ech_answer *answer,
                               bool accepted)
{
    bool after_retry = context->transcript.hello_retry_request.len > 0;
    /* RFC 8446, 4.1.4: the suite of the HelloRetryRequest stays. */
    bool other_suite = after_retry && answer->hello.cipher_suite != context->retry_cipher_suite;
    if (accepted && !other_suite) {
        answer->kind = ECH_ANSWER_ACCEPTED;
    } else if (after_retry && !other_suite) {
        /* RFC 9849, 6.1.5: ECH was accepted, and has to stay so. */
        fail(answer, ECH_FAILURE_CONFIRMATION, ECH_ALERT_ILLEGAL_PARAMETER);
    } else if (other_suite || answer->hello.has_pre_shared_key) {
        /* RFC 9849, 6.1.2: the outer hello offered no PSK but a GREASE one, if any. */
        fail(answer, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_ILLEGAL_PARAMETER);
    } else {
        fail(answer, ECH_FAILURE_REJECTED, ECH_ALERT_NONE);
    }
}

static void judge_older_version(const struct ech_answer_context *context, struct ech_answer *answer)
{
    if (answer->hello.is_hello_retry_request) {
        fail(answer, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_ILLEGAL_PARAMETER);
    } else if (context->transcript.hello_retry_request.len > 0) {
        fail(answer, ECH_FAILURE_CONFIRMATION, ECH_ALERT_ILLEGAL_PARAMETER);
    } else {
        /* RFC 9849, 6.1.4: what does not negotiate TLS 1.3 has rejected ECH. */
        fail(answer, ECH_FAILURE_TLS12, ECH_ALERT_NONE);
    }
}

void ech_answer_judge(const struct ech_answer_context *context, struct bytes message, bool excess,
                      struct ech_answer *answer)
{
    bool accepted = false;
    *answer = (struct ech_answer){.kind = ECH_ANSWER_FAILED};
    struct ech_server_hello *hello = &answer->hello;
    enum ech_status status = ech_server_hello_parse(message, hello);
    if (status != ECH_OK) {
        fail(answer, ECH_FAILURE_SERVER_HELLO,
             status == ECH_ERR_ILLEGAL ? ECH_ALERT_ILLEGAL_PARAMETER : ECH_ALERT_DECODE_ERROR);
        return;
    }
    if (!hello->has_supported_versions) {
        judge_older_version(context, answer);
        return;
    }
    /* RFC 8446, 5.1: nothing follows before a change of keys; nor after a HelloRetryRequest, of
     * which there is one. */
    if (excess ||
        (hello->is_hello_retry_request && context->transcript.hello_retry_request.len > 0)) {
        fail(answer, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
        return;
    }
    if (!fields_allowed(context->transcript.client_hello_inner, hello)) {
        fail(answer, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_ILLEGAL_PARAMETER);
        return;
    }
    if (ech_accept_check(&context->transcript, hello, &accepted) != ECH_OK) {
        fail(answer, ECH_FAILURE_INTERNAL, ECH_ALERT_INTERNAL_ERROR);
        return;
    }
    if (hello->is_hello_retry_request) {
        judge_retry(answer, accepted);
    } else {
        judge_server_hello(context, answer, accepted);
    }
}

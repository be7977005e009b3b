/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/answer.h"

static void fail(struct ech_answer *answer, enum ech_failure failure, enum ech_alert alert)
{
    answer->kind = ECH_ANSWER_FAILED;
    answer->failure = failure;
    answer->alert = alert;
}

/* RFC 8446, 4.1.4: a HelloRetryRequest has extensions that the client offered, and cookie. OpenSSL
 * ignores others if it does not know them. */
static bool has_unsolicited(const struct ech_server_hello *hello,
                            const struct ech_client_hello *offered)
{
    struct reader extensions = rd_of(hello->extensions);
    struct ech_extension extension;
    while (ech_extension_read(&extensions, &extension)) {
        if (extension.type != ECH_EXT_COOKIE &&
            ech_client_hello_find(offered, extension.type) == NULL) {
            return true;
        }
    }
    return false;
}

/* RFC 9849, 6.1.4, for a HelloRetryRequest. */
static void judge_retry(const struct ech_answer_context *context, struct ech_answer *answer,
                        bool accepted)
{
    if (answer->hello.has_encrypted_client_hello &&
        answer->hello.encrypted_client_hello.len != ECH_CONFIRMATION_SIZE) {
        fail(answer, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_DECODE_ERROR);
    } else if (accepted &&
               has_unsolicited(&answer->hello, context->transcript.client_hello_inner)) {
        fail(answer, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_UNSUPPORTED_EXTENSION);
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
        /* RFC 9849, 6.1.2: the outer hello offered no PSK except perhaps a GREASE one. */
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
        /* RFC 9849, 6.1.4: a server that does not negotiate TLS 1.3 has rejected ECH. */
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
    /* RFC 8446, 5.1: nothing follows before a change of keys; nor after a HelloRetryRequest, and
     * there is only one. */
    if (excess ||
        (hello->is_hello_retry_request && context->transcript.hello_retry_request.len > 0)) {
        fail(answer, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
        return;
    }
    if (!ech_server_hello_fits(hello, context->transcript.client_hello_inner)) {
        fail(answer, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_ILLEGAL_PARAMETER);
        return;
    }
    if (ech_accept_check(&context->transcript, hello, &accepted) != ECH_OK) {
        fail(answer, ECH_FAILURE_INTERNAL, ECH_ALERT_INTERNAL_ERROR);
        return;
    }
    if (hello->is_hello_retry_request) {
        judge_retry(context, answer, accepted);
    } else {
        judge_server_hello(context, answer, accepted);
    }
}

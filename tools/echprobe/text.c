/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echprobe/text.h"

#include <stdbool.h>
#include <string.h>

#include "tools/common/json_fields.h"
#include "tools/echprobe/reason_table.h"

enum { EVENT_INDENT = 13 }; /* the column of an event, after its time */

static bool is(const json_t *event, const char *name)
{
    return strcmp(text_of(event, "event"), name) == 0;
}

/* ---- sentences ---- */

const char *reason_sentence(const char *outcome, const char *reason)
{
    for (size_t i = 0; i < reason_count; i++) {
        if (strcmp(reasons[i].word, reason) == 0 && strstr(reasons[i].outcomes, outcome) != NULL) {
            return reasons[i].sentence;
        }
    }
    return "";
}

const char *reason_advice(const char *outcome, const char *reason)
{
    static const struct {
        const char *outcome;
        const char *reason;
        const char *advice;
    } table[] = {
        {"rejected", "outer_certificate",
         "The server at this address has no valid certificate for the public name: the ECHConfig "
         "in DNS is another operator's, or an attacker is in between. --ca-file sets other trust "
         "anchors."},
        {"rejected", "rejected_again",
         "The server's own new key was rejected as well: its machines "
         "do not agree on their keys."},
        {"rejected", "no_usable_config", "libechshim cannot use what the server offers now."},
        {"rejected", "tls12",
         "The ECHConfig leads to a server without TLS 1.3, which cannot do ECH."},
        {"rejected", "disabled",
         "The operator has withdrawn ECH, but DNS still says otherwise. Mode opportunistic would "
         "go on in the clear."},
        {"failed", "alert",
         "The server refused the outer hello; `openssl s_client -connect` shows whether it "
         "speaks TLS 1.3 at all."},
        {"failed", "closed",
         "Something between here and the server may drop hellos that it does not know."},
        {"failed", "abandoned", "The server did not answer in time."},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].outcome, outcome) == 0 && strcmp(table[i].reason, reason) == 0) {
            return table[i].advice;
        }
    }
    return "";
}

/* ---- the time line ---- */

static void print_client_hello(FILE *out, const json_t *event)
{
    const json_t *ech = json_object_get(event, "ech");
    const char *name = text_of(event, "server_name");
    fprintf(out, "%sClientHello sent: %d octets, server_name %s",
            json_is_true(json_object_get(event, "second")) ? "second " : "",
            number_of(event, "octets"), *name != '\0' ? name : "none");
    if (json_is_object(ech)) {
        fprintf(out, ", ECH with config_id %d and %d sealed octets\n", number_of(ech, "config_id"),
                number_of(ech, "payload"));
    } else {
        fputs(ech != NULL ? ", in the clear, as an inner hello\n" : ", without ECH\n", out);
    }
}

static void print_certificate(FILE *out, const json_t *certificate)
{
    if (json_is_object(certificate)) {
        fprintf(out, "%*scertificate of %s, by %s, until %s\n", EVENT_INDENT, "",
                text_of(certificate, "subject"), text_of(certificate, "issuer"),
                text_of(certificate, "expires"));
    }
}

static void print_complete(FILE *out, const json_t *event)
{
    const char *alpn = text_of(event, "alpn");
    fprintf(out, "handshake complete: %s%s%s\n", text_of(event, "session"),
            *alpn != '\0' ? ", ALPN " : "", alpn);
    print_certificate(out, json_object_get(event, "certificate"));
}

static void print_tls_error(FILE *out, const json_t *event)
{
    const char *why = text_of(event, "certificate_error");
    fprintf(out, "TLS error: %s\n", text_of(event, "text"));
    if (*why != '\0') {
        fprintf(out, "%*s%s\n", EVENT_INDENT, "", why);
    }
    print_certificate(out, json_object_get(event, "certificate"));
}

static void print_event(FILE *out, const json_t *event)
{
    fprintf(out, "  %7.1f ms ", (double)json_integer_value(json_object_get(event, "us")) / 1000);
    if (is(event, "connected") || is(event, "reconnected")) {
        fprintf(out, "%s to %s port %s\n",
                is(event, "connected") ? "connected" : "rejected: connected once more",
                text_of(event, "address"), text_of(event, "port"));
    } else if (is(event, "client_hello")) {
        print_client_hello(out, event);
    } else if (is(event, "server_hello") || is(event, "hello_retry_request")) {
        fprintf(out, "%s received: %d octets\n",
                is(event, "server_hello") ? "ServerHello" : "HelloRetryRequest",
                number_of(event, "octets"));
    } else if (is(event, "alert")) {
        fprintf(out, "alert %d from the %s\n", number_of(event, "description"),
                text_of(event, "from"));
    } else if (is(event, "complete")) {
        print_complete(out, event);
    } else if (is(event, "tls_error")) {
        print_tls_error(out, event);
    } else {
        fprintf(out, "cannot connect: %s\n", text_of(event, "text"));
    }
}

static void print_outcome(FILE *out, const json_t *report)
{
    const char *outcome = text_of(report, "outcome");
    const char *reason = text_of(report, "reason");
    const char *advice = reason_advice(outcome, reason);
    if (strcmp(outcome, "accepted") == 0) {
        fprintf(out, "  accepted%s: an observer reads %s\n",
                number_of(report, "retries") > 0 ? ", with the key that the server sent after the "
                                                   "rejection"
                                                 : "",
                text_of(report, "public_name"));
        return;
    }
    fprintf(out, "  %s", outcome);
    if (*reason != '\0') {
        fprintf(out, " (%s): %s", reason, reason_sentence(outcome, reason));
    }
    fputc('\n', out);
    if (*advice != '\0') {
        fprintf(out, "  %s\n", advice);
    }
}

void probe_text_print(FILE *out, const json_t *journal)
{
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(journal, "events"), i, event)
    {
        print_event(out, event);
    }
    const json_t *report = json_object_get(journal, "report");
    if (report != NULL) {
        print_outcome(out, report);
    }
}

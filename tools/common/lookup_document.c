/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/lookup_document.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "ech/config.h"
#include "tools/common/code_points.h"
#include "tools/common/config_document.h"
#include "tools/common/json_fields.h"
#include "tools/common/record_text.h"

/* ---- the questions and their records ---- */

static const char *record_verdict(struct bytes rdata, struct https_rr *rr)
{
    switch (https_rr_parse(rdata, rr)) {
    case HTTPS_RR_MALFORMED:
        return "malformed";
    case HTTPS_RR_INCOMPATIBLE:
        return "incompatible";
    case HTTPS_RR_REJECTED:
        return "inconsistent";
    case HTTPS_RR_OK:
        break;
    }
    if (rr->priority == 0) {
        return "alias";
    }
    return https_rr_usable_over_tcp(rr) ? "usable" : "not_over_tcp";
}

/* RFC 9460, 2.2 and 2.4.1: one malformed record rejects all records; one AliasMode record rules out
 * all of ServiceMode. */
static void apply_set_rules(json_t *records)
{
    bool malformed = false;
    bool alias = false;
    size_t i;
    json_t *record;
    json_array_foreach(records, i, record)
    {
        const char *verdict = json_string_value(json_object_get(record, "verdict"));
        malformed = malformed || strcmp(verdict, "malformed") == 0;
        alias = alias || strcmp(verdict, "alias") == 0;
    }
    json_array_foreach(records, i, record)
    {
        const char *verdict = json_string_value(json_object_get(record, "verdict"));
        if (malformed && strcmp(verdict, "malformed") != 0) {
            json_object_set_new(record, "verdict", json_string("rejected_with_set"));
        } else if (alias && !malformed && strcmp(verdict, "usable") == 0) {
            json_object_set_new(record, "verdict", json_string("alias_wins"));
        }
    }
}

static json_t *records_seen(const struct dns_answer *answer)
{
    json_t *records = json_array();
    for (size_t i = 0; i < answer->rdata_count; i++) {
        struct https_rr rr = {0};
        const char *verdict = record_verdict(answer->rdata[i], &rr);
        json_t *record =
            json_pack("{s:s,s:o}", "verdict", verdict, "text", https_record_text(answer->rdata[i]));
        json_array_append_new(records, record);
    }
    apply_set_rules(records);
    return records;
}

static void saw(void *context, const struct dns_question *question, enum dns_reason reason,
                const struct dns_answer *answer)
{
    json_t *steps = context;
    json_t *step = json_pack("{s:o,s:s}", "query", name_text(&question->qname), "reason",
                             dns_reason_name(reason));
    if (answer != NULL) {
        json_object_set_new(step, "rcode", json_string(rcode_name(answer->rcode)));
        json_object_set_new(step, "ttl", json_integer(answer->ttl));
        if (answer->cnames > 0) {
            json_object_set_new(step, "cname", name_text(&answer->owner));
        }
        json_object_set_new(step, "records", records_seen(answer));
    }
    json_array_append_new(steps, step);
}

/* ---- the result ---- */

static json_t *hints(int family, struct bytes octets)
{
    json_t *array = json_array();
    struct reader r = rd_of(octets);
    struct bytes address;
    char text[INET6_ADDRSTRLEN];
    while (rd_bytes(&r, family == AF_INET ? 4 : 16, &address)) {
        if (inet_ntop(family, address.data, text, sizeof text) != NULL) {
            json_array_append_new(array, json_string(text));
        }
    }
    return array;
}

static json_t *alpn_ids(struct bytes alpn)
{
    json_t *array = json_array();
    struct reader r = rd_of(alpn);
    struct reader id;
    while (rd_vec8(&r, &id)) {
        json_t *text = json_stringn((const char *)id.data, id.len);
        json_array_append_new(array, text != NULL ? text : hex_document(rd_rest(&id)));
    }
    return array;
}

static json_t *endpoint_document(const struct dns_endpoint *endpoint)
{
    json_t *object = json_pack(
        "{s:s,s:i,s:i,s:o,s:o,s:o}", "target", endpoint->target, "port", endpoint->port, "priority",
        endpoint->priority, "alpn", alpn_ids(endpoint->alpn), "ipv4hint",
        hints(AF_INET, endpoint->ipv4hint), "ipv6hint", hints(AF_INET6, endpoint->ipv6hint));
    if (endpoint->ech_config_list.len > 0) {
        json_object_set_new(object, "configs", config_document(endpoint->ech_config_list));
        json_object_set_new(object, "ech_config_list", base64_document(endpoint->ech_config_list));
    }
    return object;
}

/* Chooses the first endpoint with a usable config. In the other endpoints no config is chosen. */
static void choose(json_t *document, json_t *endpoints)
{
    bool found = false;
    bool has_ech = false;
    size_t i;
    json_t *endpoint;
    json_array_foreach(endpoints, i, endpoint)
    {
        json_t *configs = json_object_get(endpoint, "configs");
        int at = config_document_chosen(configs);
        has_ech = has_ech || configs != NULL;
        json_object_set_new(endpoint, "chosen", json_boolean(at >= 0 && !found));
        if (at >= 0 && !found) {
            json_object_set_new(document, "chosen",
                                json_pack("{s:i,s:i}", "endpoint", (int)i, "config", at));
        }
        found = found || at >= 0;
    }
    const char *none = has_ech ? "unusable" : "no_ech";
    json_object_set_new(document, "summary", json_string(found ? "ech" : none));
}

/* ---- each resolver of a list ---- */

static bool has_ech(const struct dns_endpoints *answer)
{
    struct ech_config_choice choice;
    for (size_t i = 0; i < answer->count; i++) {
        struct bytes list = answer->endpoints[i].ech_config_list;
        if (list.len > 0 && ech_config_list_select(list, NULL, &choice) == ECH_OK) {
            return true;
        }
    }
    return false;
}

static void add_one(json_t *resolvers, const struct dns_lookup *lookup, const char *host,
                    uint16_t port)
{
    struct dns_lookup_report report = {0};
    struct dns_endpoints *answer = dns_lookup_https(lookup, host, port, &report);
    if (answer != NULL) {
        json_array_append_new(resolvers,
                              json_pack("{s:s,s:I,s:s,s:b}", "resolver", report.resolver,
                                        "lookup_us", (json_int_t)report.lookup_us, "reason",
                                        dns_reason_name(answer->reason), "ech", has_ech(answer)));
        dns_endpoints_free(answer);
    }
}

void lookup_document_each(json_t *document, const struct dns_lookup *lookup, const char *host,
                          uint16_t port)
{
    const struct dns_resolver *all = lookup->resolver;
    struct dns_resolver *one = malloc(sizeof *one);
    json_t *resolvers = json_array();
    for (size_t i = 0; one != NULL && i < all->secure_count; i++) {
        struct dns_lookup alone = *lookup;
        *one = (struct dns_resolver){.kind = DNS_RESOLVER_ENCRYPTED, .secure_count = 1};
        one->secure[0] = all->secure[i];
        alone.resolver = one;
        alone.channels = (struct dns_channels){.each = {lookup->channels.each[i]}, .count = 1};
        add_one(resolvers, &alone, host, port);
    }
    struct dns_servers servers = {.count = 0};
    char id[DNS_RESOLVER_ID];
    if (all->kind == DNS_RESOLVER_FIXED) {
        dns_resolver_servers(all, "/etc/resolv.conf", &servers, id);
    }
    for (size_t i = 0; one != NULL && i < servers.count; i++) {
        struct dns_lookup alone = *lookup;
        *one = (struct dns_resolver){.kind = DNS_RESOLVER_FIXED, .fixed = servers};
        one->fixed.count = 1;
        one->fixed.server[0] = servers.server[i];
        alone.resolver = one;
        add_one(resolvers, &alone, host, port);
    }
    if (json_array_size(resolvers) > 1) {
        json_object_set(document, "resolvers", resolvers);
    }
    json_decref(resolvers);
    free(one);
}

json_t *lookup_document(const struct dns_lookup *lookup, const char *host, uint16_t port)
{
    static const char *const results[] = {
        [DNS_FOUND] = "found", [DNS_NONE] = "none", [DNS_FAILED] = "failed"};
    json_t *steps = json_array();
    struct dns_lookup_observer observer = {.saw = saw, .context = steps};
    struct dns_lookup observed = *lookup;
    observed.observer = &observer;
    struct dns_lookup_report report = {0};
    struct dns_endpoints *answer = dns_lookup_https(&observed, host, port, &report);
    if (answer == NULL) {
        json_decref(steps);
        return NULL;
    }
    json_t *document = json_pack("{s:s,s:i,s:s,s:I,s:s,s:s,s:o}", "host", host, "port", port,
                                 "resolver", report.resolver, "lookup_us",
                                 (json_int_t)report.lookup_us, "result", results[answer->result],
                                 "reason", dns_reason_name(answer->reason), "steps", steps);
    json_t *endpoints = json_array();
    for (size_t i = 0; i < answer->count; i++) {
        json_array_append_new(endpoints, endpoint_document(&answer->endpoints[i]));
    }
    choose(document, endpoints);
    json_object_set_new(document, "endpoints", endpoints);
    json_object_set_new(document, "svcb_reliant", json_boolean(answer->all_have_ech));
    json_object_set_new(document, "ttl", json_integer(answer->ttl));
    if (answer->result == DNS_FAILED) {
        json_object_set_new(document, "summary", json_string("failed"));
    }
    dns_endpoints_free(answer);
    return document;
}

enum lookup_summary lookup_document_summary(const json_t *document)
{
    static const char *const words[] = {
        [LOOKUP_ECH] = "ech", [LOOKUP_NO_ECH] = "no_ech", [LOOKUP_UNUSABLE] = "unusable"};
    const char *summary = json_string_value(json_object_get(document, "summary"));
    for (size_t i = 0; summary != NULL && i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i], summary) == 0) {
            return (enum lookup_summary)i;
        }
    }
    return LOOKUP_FAILED;
}

/* ---- the text ---- */

static const char *record_sentence(const char *verdict)
{
    static const struct {
        const char *word;
        const char *sentence;
    } sentences[] = {
        {"alias", "followed"},
        {"malformed", "malformed: none of the set is used (RFC 9460, 2.2)"},
        {"rejected_with_set", "not used: another record of the set is malformed"},
        {"incompatible", "ignored: a mandatory key that libechshim does not know"},
        {"inconsistent", "rejected: its parameters contradict each other"},
        {"not_over_tcp", "ignored: none of its protocols runs over TCP"},
        {"alias_wins", "ignored: there is an AliasMode record"},
    };
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        if (strcmp(sentences[i].word, verdict) == 0) {
            return sentences[i].sentence;
        }
    }
    return "";
}

static void print_step(FILE *out, const json_t *step)
{
    const char *rcode = text_of(step, "rcode");
    fprintf(out, "%s HTTPS: %s", text_of(step, "query"),
            *rcode != '\0' ? rcode : text_of(step, "reason"));
    if (json_object_get(step, "cname") != NULL) {
        fprintf(out, ", CNAME to %s", text_of(step, "cname"));
    }
    const json_t *records = json_object_get(step, "records");
    if (records != NULL && json_array_size(records) == 0) {
        fputs(", no record", out);
    }
    fputc('\n', out);
    size_t i;
    json_t *record;
    json_array_foreach(records, i, record)
    {
        const char *sentence = record_sentence(text_of(record, "verdict"));
        fprintf(out, "    %s\n", text_of(record, "text"));
        if (*sentence != '\0') {
            fprintf(out, "        %s\n", sentence);
        }
    }
}

static void print_endpoint(FILE *out, const json_t *endpoint, size_t number)
{
    const json_t *configs = json_object_get(endpoint, "configs");
    fprintf(out, "\nEndpoint %zu: %s port %d%s\n", number, text_of(endpoint, "target"),
            number_of(endpoint, "port"),
            json_is_true(json_object_get(endpoint, "chosen")) ? " (chosen)" : "");
    if (configs == NULL) {
        fputs("    no ech\n", out);
    }
    config_document_print(out, configs, 4);
}

static void print_resolvers(FILE *out, const json_t *resolvers)
{
    size_t i;
    json_t *one;
    fputs("\nEach resolver by itself:\n", out);
    json_array_foreach(resolvers, i, one)
    {
        fprintf(out, "    %s: %s%s, %.1f ms\n", text_of(one, "resolver"), text_of(one, "reason"),
                json_is_true(json_object_get(one, "ech")) ? ", ECH" : "",
                (double)json_integer_value(json_object_get(one, "lookup_us")) / 1000);
    }
}

static void print_conclusion(FILE *out, const json_t *document)
{
    const json_t *chosen = json_object_get(document, "chosen");
    if (chosen != NULL) {
        const json_t *endpoint = json_array_get(json_object_get(document, "endpoints"),
                                                (size_t)number_of(chosen, "endpoint"));
        const json_t *config = json_array_get(json_object_get(endpoint, "configs"),
                                              (size_t)number_of(chosen, "config"));
        fprintf(out, "ECH: config_id %d, public_name %s, at %s port %d\n",
                number_of(config, "config_id"), text_of(config, "public_name"),
                text_of(endpoint, "target"), number_of(endpoint, "port"));
        return;
    }
    switch (lookup_document_summary(document)) {
    case LOOKUP_UNUSABLE:
        fputs("No ECH: there are ECHConfigs, but none that libechshim would use\n", out);
        break;
    case LOOKUP_FAILED:
        fprintf(out, "The look-up failed: %s\n", text_of(document, "reason"));
        break;
    default:
        fprintf(out, "No ECH: %s\n",
                json_array_size(json_object_get(document, "endpoints")) > 0
                    ? "the records have no ech"
                    : text_of(document, "reason"));
        break;
    }
}

void lookup_document_print(FILE *out, const json_t *document)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(document, "steps"), i, item)
    {
        print_step(out, item);
    }
    json_array_foreach(json_object_get(document, "endpoints"), i, item)
    {
        print_endpoint(out, item, i + 1);
    }
    if (json_object_get(document, "resolvers") != NULL) {
        print_resolvers(out, json_object_get(document, "resolvers"));
    }
    fputc('\n', out);
    print_conclusion(out, document);
    if (*text_of(document, "resolver") != '\0') {
        fprintf(out, "(%s, %.1f ms)\n", text_of(document, "resolver"),
                (double)json_integer_value(json_object_get(document, "lookup_us")) / 1000);
    }
}

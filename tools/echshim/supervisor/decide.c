/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/decide.h"

#include "shim/common/mode.h"
#include "shim/common/ports.h"
#include "shim/common/protected_names.h"

/* DNS, and DNS over TLS (RFC 7858). */
enum { PORT_DNS = 53, PORT_DNS_TLS = 853 };

/* ---- the settings ---- */

/* context: the policy. */
static bool add_port(void *context, uint16_t port)
{
    struct supervisor_policy *policy = context;
    if (supervisor_policy_watches(policy, port)) {
        return true;
    }
    if (policy->port_count == SUPERVISOR_PORTS_MAX) {
        policy->every_port = true;
        return false;
    }
    policy->ports[policy->port_count++] = port;
    return true;
}

/* A value for no host, or of one host. */
static void take(struct supervisor_policy *policy, enum shim_conf_key key, const char *value,
                 bool *protects)
{
    enum shim_mode mode;
    if (key == SHIM_CONF_MODE) {
        (void)shim_mode_parse(value, &mode); /* an unknown word means strict */
        policy->strict = policy->strict || mode == SHIM_MODE_STRICT;
    } else if (key == SHIM_CONF_PORTS) {
        (void)shim_ports_parse(value, add_port, policy);
    } else {
        *protects = *protects || shim_names_want_protection(value);
    }
}

void supervisor_policy_read(struct supervisor_policy *policy, const struct shim_conf *conf)
{
    static const enum shim_conf_key keys[] = {SHIM_CONF_MODE, SHIM_CONF_PORTS, SHIM_CONF_RESOLVER};
    bool protects = false;
    *policy = (struct supervisor_policy){.strict = false};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        take(policy, keys[k], shim_conf_value(conf, keys[k], NULL), &protects);
        size_t count = shim_conf_has_hosts(conf, keys[k]) ? conf->entry_count : 0;
        for (size_t i = 0; i < count; i++) {
            const struct shim_conf_entry *entry = &conf->entries[i];
            if (entry->key == keys[k] && entry->section != NULL &&
                entry->section->kind == SHIM_CONF_HOST) {
                take(policy, keys[k], entry->value, &protects);
            }
        }
    }
    policy->led_count = policy->port_count;
    policy->names_protected = protects;
    if (protects) {
        (void)add_port(policy, PORT_DNS);
    }
    if (policy->strict && protects) {
        (void)add_port(policy, PORT_DNS_TLS);
    }
}

bool supervisor_policy_watches(const void *policy, uint16_t port)
{
    const struct supervisor_policy *known = policy;
    if (known->every_port) {
        return true;
    }
    for (size_t i = 0; i < known->port_count; i++) {
        if (known->ports[i] == port) {
            return true;
        }
    }
    return false;
}

bool supervisor_policy_leads(const struct supervisor_policy *policy, uint16_t port)
{
    for (size_t i = 0; policy->relay && i < policy->led_count; i++) {
        if (policy->ports[i] == port) {
            return true;
        }
    }
    return false;
}

/* ---- the decision ---- */

static bool is_dns(uint16_t port)
{
    return port == PORT_DNS || port == PORT_DNS_TLS;
}

/* A detour asks for each handshake over a connection. Nobody knows what goes out in datagrams that
 * carry their address with them, or to a resolver. */
static bool is_guarded(const struct supervisor_policy *policy, const struct supervisor_facts *facts)
{
    bool resolver = policy->names_protected && is_dns(facts->port);
    return facts->answers || (facts->asks && facts->connects && !resolver);
}

enum supervisor_decision supervisor_decide(const struct supervisor_policy *policy,
                                           const struct supervisor_facts *facts)
{
    bool watched = facts->look == SUPERVISOR_LOOK_WATCHED;
    if (facts->look == SUPERVISOR_LOOK_NOTHING || (watched && is_guarded(policy, facts))) {
        return SUPERVISOR_PASS;
    }
    if (watched && policy->names_protected && facts->port == PORT_DNS) {
        return facts->connects ? SUPERVISOR_ANSWER_NAMES : supervisor_decide_unled(policy);
    }
    if (policy->relay && watched && facts->can_be_led) {
        return SUPERVISOR_LEAD;
    }
    return policy->strict ? SUPERVISOR_REFUSE : SUPERVISOR_PASS_AND_TELL;
}

/* The line of a report is about TLS, so it does not tell of a question for a name that passes. */
enum supervisor_decision supervisor_decide_unled(const struct supervisor_policy *policy)
{
    return policy->strict ? SUPERVISOR_REFUSE : SUPERVISOR_PASS;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/relay_variables.h"

#include <string.h>

#define PEM(name, contents)                                                                        \
    {                                                                                              \
        name, name ".pem", contents                                                                \
    }

const struct shim_relay_variable shim_relay_variables[SHIM_RELAY_VARIABLES] = {
    PEM("SSL_CERT_FILE", SHIM_RELAY_ANCHORS),
    PEM("CURL_CA_BUNDLE", SHIM_RELAY_ANCHORS),
    PEM("REQUESTS_CA_BUNDLE", SHIM_RELAY_ANCHORS),
    PEM("AWS_CA_BUNDLE", SHIM_RELAY_ANCHORS),
    PEM("GIT_SSL_CAINFO", SHIM_RELAY_ANCHORS),
    PEM("CARGO_HTTP_CAINFO", SHIM_RELAY_ANCHORS),
    PEM("NODE_EXTRA_CA_CERTS", SHIM_RELAY_EXTRA),
    PEM("DENO_CERT", SHIM_RELAY_EXTRA),
    {"JAVA_TOOL_OPTIONS", "java.jks", SHIM_RELAY_JAVA},
};

struct text {
    char *out;
    size_t size;
    size_t length; /* also of what did not fit */
};

static void add(struct text *text, const char *part)
{
    for (; *part != '\0'; part++, text->length++) {
        if (text->length + 1 < text->size) {
            text->out[text->length] = *part;
            text->out[text->length + 1] = '\0';
        }
    }
}

/* In double quotes, as Java's options are; a double quote itself stands in single ones. */
static void add_quoted(struct text *text, const char *part)
{
    char one[] = "x";
    add(text, "\"");
    for (; *part != '\0'; part++) {
        one[0] = *part;
        add(text, *part == '"' ? "\"'\"'\"" : one);
    }
    add(text, "\"");
}

static void add_file(struct text *text, const struct shim_relay_variable *variable,
                     const char *folder)
{
    add(text, folder);
    add(text, "/");
    add(text, variable->file);
}

size_t shim_relay_variable_write(const struct shim_relay_variable *variable, const char *folder,
                                 const char *replaced, char *out, size_t size)
{
    struct text text = {.out = out, .size = size};
    add(&text, variable->name);
    add(&text, "=");
    if (variable->contents != SHIM_RELAY_JAVA) {
        add_file(&text, variable, folder);
        return text.length;
    }
    if (replaced != NULL && replaced[0] != '\0') {
        add(&text, replaced);
        add(&text, " ");
    }
    /* The last one of a property counts. What the user set beside his store is not for ours. */
    add(&text, "-Djavax.net.ssl.trustStore=");
    add_quoted(&text, folder);
    add(&text, "/");
    add(&text, variable->file);
    add(&text, " -Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword="
               " -Djavax.net.ssl.trustStoreProvider=");
    return text.length;
}

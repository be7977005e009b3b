/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes of the hellos, as seen on the wire. */
#include "../facts.h"
#include "bench.h"

#include "ech/client_hello.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_HANDSHAKE = 22 };

struct kind {
    const char *name;
    const char *command;
    /* Octets of the ECH extension. */
    size_t goal;
};

#define S_CLIENT                                                                                   \
    "openssl s_client -brief -servername " INNER_NAME " -connect 127.0.0.1:443 </dev/null "
static const struct kind kinds[] = {
    {"OpenSSL", "\"$CLIENTS/openssl_client\" " INNER_NAME " 443 \"$CA\" direct \"$PKI\"",
     FACT_OPENSSL_POST_QUANTUM ? 318 : 254},
    {"GnuTLS", "\"$CLIENTS/gnutls_client\" " INNER_NAME " 443 \"$CA\" default", 222},
    {"OpenSSL, TLS 1.3 alone", S_CLIENT "-tls1_3", 190},
};

struct bench_hello bench_wire_hello(struct world *world, unsigned number)
{
    char name[64];
    size_t len;
    struct ech_client_hello hello;
    struct reader body;
    uint8_t type;
    uint16_t version;
    snprintf(name, sizeof name, "wire/%04u.c2s", number);
    char *octets = world_read(world, name, &len);
    struct reader r = rd_of(bytes_of(octets, len));
    cr_assert(rd_u8(&r, &type) && type == RECORD_HANDSHAKE && rd_u16(&r, &version) &&
              rd_vec16(&r, &body));
    cr_assert_eq(ech_client_hello_parse(rd_rest(&body), &hello), ECH_OK);
    const struct ech_extension *extension =
        ech_client_hello_find(&hello, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    struct bench_hello result = {.octets = hello.message.len,
                                 .ech = extension != NULL ? extension->raw.len : 0};
    free(octets);
    return result;
}

/* A number in line `number` of the report, counted from 1. */
static unsigned reported(const struct world *world, unsigned number, const char *key)
{
    char *text = world_read(world, "report", NULL);
    char *rest = text;
    char *line = NULL;
    for (unsigned i = 0; i < number; i++) {
        line = strsep(&rest, "\n");
    }
    json_error_t error;
    json_t *parsed = line != NULL ? json_loads(line, 0, &error) : NULL;
    cr_assert_not_null(parsed, "no report line %u", number);
    unsigned value = (unsigned)json_integer_value(json_object_get(parsed, key));
    json_decref(parsed);
    free(text);
    return value;
}

Test(bench, hellos)
{
    struct world *world = world_start(NULL);
    FILE *out = bench_table("4-hellos", "Octets of the hellos",
                            "Handshake messages with their headers; the ECH extension with its "
                            "header, from the wire.");
    fprintf(out,
            "| kind                   | inner | outer | ECH extension |        goal |        |\n"
            "| ---------------------- | ----: | ----: | ------------: | ----------: | ------ |\n");
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *kind = &kinds[i];
        struct run_result result = world_shell(world, RUN_SHIM, NULL, kind->command);
        expect_exit(&result, 0, NULL);
        size_t extension = bench_wire_hello(world, i + 1).ech;
        cr_assert_gt(extension, 0, "no ECH in connection %u", i + 1);
        bool met = extension <= kind->goal;
        fprintf(out, "| %-22s | %5u | %5u | %13zu | %3zu at most | %-6s |\n", kind->name,
                reported(world, i + 1, "hello_bytes_inner"),
                reported(world, i + 1, "hello_bytes_outer"), extension, kind->goal,
                bench_goal(met));
        cr_expect(met, "%s: the extension has %zu octets", kind->name, extension);
    }
    fclose(out);
}

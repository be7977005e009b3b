/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/demo/observer.h"

#include <stdio.h>
#include <string.h>

#include "ech/client_hello.h"
#include "ech/records.h"

/* The first handshake message, out of as many records as it takes. */
static bool first_message(struct reader *in, struct writer *assembled, struct bytes *message)
{
    struct ech_record_reader records;
    enum ech_assembly assembly = ECH_ASSEMBLY_MORE;
    ech_record_reader_init(&records);
    while (assembly == ECH_ASSEMBLY_MORE) {
        struct ech_record record;
        bool whole;
        if (ech_record_take(&records, in, &record, &whole) != ECH_OK || !whole ||
            record.type != ECH_RECORD_HANDSHAKE) {
            break;
        }
        assembly =
            ech_handshake_add(assembled, record.fragment, ECH_HANDSHAKE_CLIENT_HELLO, message);
        ech_record_drop(&records);
    }
    ech_record_reader_wipe(&records);
    return assembly == ECH_ASSEMBLY_WHOLE;
}

static void read_hello(const struct ech_client_hello *hello, struct observation *observation)
{
    struct bytes name;
    if (ech_client_hello_server_name(hello, &name) == ECH_OK && name.len > 0) {
        snprintf(observation->server_name, sizeof observation->server_name, "%.*s", (int)name.len,
                 (const char *)name.data);
    }
    const struct ech_extension *extension =
        ech_client_hello_find(hello, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    struct ech_ech_client_hello ech;
    if (extension != NULL && ech_ech_client_hello_parse(extension->data, &ech) == ECH_OK &&
        ech.type == ECH_CLIENT_HELLO_OUTER) {
        observation->ech = true;
        observation->config_id = ech.config_id;
        observation->payload_len = ech.payload.len;
    }
}

void observe(const char *octets, size_t len, const char *name, struct observation *observation)
{
    *observation = (struct observation){.server_name = "none"};
    struct reader in = rd_of(bytes_of(octets, len));
    struct writer assembled;
    struct bytes message;
    struct ech_client_hello hello;
    wr_init(&assembled, ECH_HELLO_MAX);
    if (first_message(&in, &assembled, &message) &&
        ech_client_hello_parse(message, &hello) == ECH_OK) {
        observation->parsed = true;
        read_hello(&hello, observation);
    }
    wr_wipe(&assembled);
    const char *end = octets + len;
    for (const char *at = octets; (at = memmem(at, (size_t)(end - at), name, strlen(name))) != NULL;
         at++) {
        observation->found++;
    }
}

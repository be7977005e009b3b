/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/inner.h"

/* RFC 9849, 6.1 rule 1: TLS 1.3 is offered, and nothing below it. Values of RFC 8701 (GREASE) are
 * not versions. */
static enum ech_status check_versions(const struct ech_client_hello *inner)
{
    struct reader versions;
    uint16_t version;
    bool tls13 = false;
    enum ech_status status = ech_client_hello_versions(inner, &versions);
    if (status != ECH_OK) {
        return status;
    }
    while (rd_u16(&versions, &version)) {
        if (ech_is_grease(version)) {
            continue;
        }
        /* All TLS versions are 0x03XX. DTLS and drafts have larger numbers, but are older. */
        if (version < ECH_TLS13 || version > 0x03ff) {
            return ECH_ERR_ILLEGAL;
        }
        tls13 = true;
    }
    return tls13 ? ECH_OK : ECH_ERR_ILLEGAL;
}

/* RFC 9849, 5 and 6.1 rule 4: the inner variant, which is one octet. */
static enum ech_status check_encrypted_client_hello(const struct ech_client_hello *inner)
{
    const struct ech_extension *extension =
        ech_client_hello_find(inner, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    struct ech_ech_client_hello ech;
    if (extension == NULL) {
        return ECH_ERR_ILLEGAL;
    }
    enum ech_status status = ech_ech_client_hello_parse(extension->data, &ech);
    if (status != ECH_OK) {
        return status;
    }
    return ech.type == ECH_CLIENT_HELLO_INNER ? ECH_OK : ECH_ERR_ILLEGAL;
}

/* RFC 9849, 6.1 rule 2: no session of TLS 1.2. Its session id looks like a random one, so the
 * adapters must prevent it. */
static enum ech_status check_sessions(const struct ech_client_hello *inner)
{
    const struct ech_extension *ticket = ech_client_hello_find(inner, ECH_EXT_SESSION_TICKET);
    const struct ech_extension *psk = ech_client_hello_find(inner, ECH_EXT_PRE_SHARED_KEY);
    struct ech_offered_psks psks;
    if (ticket != NULL && ticket->data.len > 0) {
        return ECH_ERR_ILLEGAL;
    }
    return psk == NULL ? ECH_OK : ech_offered_psks_parse(psk->data, &psks);
}

enum ech_status ech_inner_check(const struct ech_client_hello *inner)
{
    static const uint8_t null_compression[] = {0};
    struct bytes host_name;
    struct reader entries;
    if (inner->legacy_version != ECH_TLS12 ||
        !bytes_equal(inner->legacy_compression_methods,
                     bytes_of(null_compression, sizeof null_compression))) {
        return ECH_ERR_ILLEGAL;
    }
    /* RFC 9849, 5.1: it occurs in EncodedClientHelloInner only. */
    if (ech_client_hello_find(inner, ECH_EXT_ECH_OUTER_EXTENSIONS) != NULL) {
        return ECH_ERR_ILLEGAL;
    }
    enum ech_status status = check_versions(inner);
    if (status == ECH_OK) {
        status = check_encrypted_client_hello(inner);
    }
    if (status == ECH_OK) {
        status = check_sessions(inner);
    }
    if (status == ECH_OK) {
        status = ech_client_hello_server_name(inner, &host_name);
    }
    return status == ECH_OK ? ech_client_hello_key_shares(inner, &entries) : status;
}

enum ech_status ech_inner_check_second(const struct ech_client_hello *first,
                                       const struct ech_client_hello *second)
{
    struct bytes first_name;
    struct bytes second_name;
    enum ech_status status = ech_inner_check(second);
    if (status == ECH_OK) {
        status = ech_client_hello_server_name(first, &first_name);
    }
    if (status == ECH_OK) {
        status = ech_client_hello_server_name(second, &second_name);
    }
    if (status != ECH_OK) {
        return status;
    }
    if (!bytes_equal(first->random, second->random) ||
        !bytes_equal(first->legacy_session_id, second->legacy_session_id) ||
        !bytes_equal(first_name, second_name)) {
        return ECH_ERR_ILLEGAL;
    }
    return ECH_OK;
}

size_t ech_name_padding(size_t host_name_length, uint8_t maximum_name_length)
{
    enum { SERVER_NAME_OVERHEAD = 9 }; /* of a server_name extension beside the name itself */
    if (host_name_length == 0) {
        return (size_t)maximum_name_length + SERVER_NAME_OVERHEAD;
    }
    return host_name_length < maximum_name_length ? maximum_name_length - host_name_length : 0;
}

size_t ech_padded_length(size_t unpadded, size_t name_padding, size_t floor)
{
    size_t length = unpadded + name_padding;
    if (length < floor) {
        length = floor;
    }
    return (length + 31) / 32 * 32;
}

size_t ech_hello_floor(const struct ech_hello_size *size, const struct ech_hello_parts *parts)
{
    enum { FOUR_SUITES = 8, BROWSERS_ALPN = 12 };
    /* RFC 9849, 6.1.3: a client with GREASE knows no maximum_name_length. The largest server
     * publishes 0. */
    size_t length = size->unpadded + parts->host_name + ech_name_padding(parts->host_name, 0) +
                    parts->pre_shared_key;
    if (parts->cipher_suites > FOUR_SUITES) {
        length += parts->cipher_suites - FOUR_SUITES;
    }
    if (parts->alpn > BROWSERS_ALPN) {
        length += parts->alpn - BROWSERS_ALPN;
    }
    return size->floor == 0 || length < size->floor ? size->floor : length;
}

/* RFC 9849, 5.1: one extension lists the types of the run, at the place of the run. */
static void write_outer_extensions(const struct ech_client_hello *inner, struct ech_run run,
                                   struct writer *w)
{
    wr_u16(w, ECH_EXT_ECH_OUTER_EXTENSIONS);
    struct wr_mark data = wr_open(w, 2);
    struct wr_mark types = wr_open(w, 1);
    for (size_t i = 0; i < run.count; i++) {
        wr_u16(w, inner->extensions[run.first + i].type);
    }
    wr_close(w, types);
    wr_close(w, data);
}

static void write_client_hello(const struct ech_client_hello *inner, struct ech_run run,
                               struct writer *w)
{
    wr_u16(w, inner->legacy_version);
    wr_bytes(w, inner->random);
    /* RFC 9849, 5.1: legacy_session_id is empty here; the server takes the outer hello's. */
    wr_u8(w, 0);
    struct wr_mark mark = wr_open(w, 2);
    wr_bytes(w, inner->cipher_suites);
    wr_close(w, mark);
    mark = wr_open(w, 1);
    wr_bytes(w, inner->legacy_compression_methods);
    wr_close(w, mark);
    mark = wr_open(w, 2);
    for (size_t i = 0; i < inner->extension_count; i++) {
        if (run.count > 0 && i == run.first) {
            write_outer_extensions(inner, run, w);
        }
        if (i < run.first || i >= run.first + run.count) {
            wr_bytes(w, inner->extensions[i].raw);
        }
    }
    wr_close(w, mark);
}

enum ech_status ech_encode_inner(const struct ech_client_hello *inner, struct ech_run run,
                                 const struct ech_padding *padding,
                                 struct writer *encoded_client_hello_inner)
{
    write_client_hello(inner, run, encoded_client_hello_inner);
    return ech_pad_inner(inner, padding, encoded_client_hello_inner);
}

enum ech_status ech_pad_inner(const struct ech_client_hello *inner,
                              const struct ech_padding *padding,
                              struct writer *encoded_client_hello_inner)
{
    struct writer *w = encoded_client_hello_inner;
    struct bytes host_name;
    enum ech_status status = ech_client_hello_server_name(inner, &host_name);
    if (status != ECH_OK) {
        return status;
    }
    size_t unpadded = wr_view(w).len;
    size_t name_padding = ech_name_padding(host_name.len, padding->maximum_name_length);
    size_t short_of = (32 - padding->beside) % 32;
    size_t length =
        ech_padded_length(unpadded + short_of, name_padding, padding->floor + short_of) - short_of;
    wr_zeros(w, length - unpadded);
    return wr_finish(w);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/outer.h"

#include "ech/records.h"

/* Octets on the stack for most payloads, and the most that a hello has outside its extensions and
 * payload: a few fields and 64 cipher suites. More only costs another allocation. */
enum { PAYLOAD_ROOM = 512 };

static bool is_one_zero_octet(struct bytes data)
{
    static const uint8_t zero[] = {0};
    return bytes_equal(data, bytes_of(zero, sizeof zero));
}

bool ech_outer_copies(const struct ech_extension *extension, struct ech_outer_plan plan)
{
    switch (extension->type) {
    case ECH_EXT_MAX_FRAGMENT_LENGTH:
    case ECH_EXT_STATUS_REQUEST:
    case ECH_EXT_SUPPORTED_GROUPS:
    case ECH_EXT_EC_POINT_FORMATS:
    case ECH_EXT_SIGNATURE_ALGORITHMS:
    case ECH_EXT_USE_SRTP:
    case ECH_EXT_HEARTBEAT:
    case ECH_EXT_ALPN:
    case ECH_EXT_SIGNED_CERTIFICATE_TIMESTAMP:
    case ECH_EXT_COMPRESS_CERTIFICATE:
    case ECH_EXT_ENCRYPT_THEN_MAC:
    case ECH_EXT_EXTENDED_MASTER_SECRET:
    case ECH_EXT_RECORD_SIZE_LIMIT:
    case ECH_EXT_EARLY_DATA:
    case ECH_EXT_COOKIE:
    case ECH_EXT_PSK_KEY_EXCHANGE_MODES:
    case ECH_EXT_POST_HANDSHAKE_AUTH:
    case ECH_EXT_SIGNATURE_ALGORITHMS_CERT:
    case ECH_EXT_APPLICATION_SETTINGS:
        return true;
    case ECH_EXT_SUPPORTED_VERSIONS:
        return !plan.ordinary;
    case ECH_EXT_SESSION_TICKET:
        /* A ticket would link the outer hello to an earlier session. */
        return extension->data.len == 0;
    case ECH_EXT_RENEGOTIATION_INFO:
        /* Anything but an empty renegotiated_connection (RFC 5746, 3.2) comes from an earlier
         * handshake. */
        return is_one_zero_octet(extension->data);
    case ECH_EXT_KEY_SHARE:
        return plan.share != ECH_OUTER_SHARE_OWN;
    default:
        return ech_is_grease(extension->type);
    }
}

/* The place in the pattern, from `from` on, of an extension that the outer hello has just as the
 * inner one; extension_count: there is none. */
static size_t place_of(const struct ech_extension *extension,
                       const struct ech_client_hello *pattern, size_t from,
                       struct ech_outer_plan plan)
{
    size_t i = from;
    if (!ech_outer_copies(extension, plan)) {
        return pattern->extension_count;
    }
    while (i < pattern->extension_count && pattern->extensions[i].type != extension->type) {
        i++;
    }
    bool same =
        i < pattern->extension_count && bytes_equal(pattern->extensions[i].raw, extension->raw);
    return same ? i : pattern->extension_count;
}

/* The copied extensions from this one on, and how many octets they have. */
static struct ech_run run_from(const struct ech_client_hello *inner, size_t first,
                               const struct ech_client_hello *pattern, struct ech_outer_plan plan,
                               size_t *octets)
{
    struct ech_run run = {.first = first};
    size_t place = 0;
    *octets = 0;
    for (size_t i = first; i < inner->extension_count && run.count < ECH_RUN_MAX; i++) {
        place = place_of(&inner->extensions[i], pattern, place, plan);
        if (place == pattern->extension_count) {
            break;
        }
        place++;
        run.count++;
        *octets += inner->extensions[i].raw.len;
    }
    return run;
}

struct ech_run ech_outer_run(const struct ech_client_hello *inner,
                             const struct ech_client_hello *pattern, struct ech_outer_plan plan)
{
    /* ech_outer_extensions: type, two lengths, and the types that it stands for. */
    enum { HEADER = 2 + 2 + 1, TYPE = 2 };
    struct ech_run best = {.count = 0};
    size_t saved = 0;
    for (size_t i = 0; i < inner->extension_count; i++) {
        size_t octets;
        struct ech_run run = run_from(inner, i, pattern, plan, &octets);
        size_t cost = HEADER + TYPE * run.count;
        if (octets > cost + saved) {
            best = run;
            saved = octets - cost;
        }
        i += run.count > 0 ? run.count - 1 : 0;
    }
    return best;
}

/* What only older versions use, and a library may leave out of a hello of TLS 1.3. */
static void write_point_formats(const struct ech_client_hello *inner,
                                const struct ech_outer_fields *fields, struct writer *w)
{
    static const uint8_t uncompressed_alone[] = {1, 0};
    if (fields->plan.ordinary && fields->ordinary->point_formats &&
        ech_client_hello_find(inner, ECH_EXT_EC_POINT_FORMATS) == NULL) {
        ech_extension_write(w, ECH_EXT_EC_POINT_FORMATS,
                            bytes_of(uncompressed_alone, sizeof uncompressed_alone));
    }
}

static void mirror_extension(const struct ech_extension *extension,
                             const struct ech_outer_fields *fields, struct writer *w)
{
    if (ech_outer_copies(extension, fields->plan)) {
        wr_bytes(w, extension->raw);
    } else if (extension->type == ECH_EXT_SERVER_NAME) {
        ech_server_name_write(w, fields->server_name);
    } else if (extension->type == ECH_EXT_KEY_SHARE) {
        ech_extension_write(w, ECH_EXT_KEY_SHARE, fields->key_share);
    } else if (extension->type == ECH_EXT_SUPPORTED_VERSIONS) {
        wr_u16(w, ECH_EXT_SUPPORTED_VERSIONS);
        struct wr_mark data = wr_open(w, 2);
        ech_ordinary_versions_write(fields->ordinary, w);
        wr_close(w, data);
    } else if (extension->type == ECH_EXT_PRE_SHARED_KEY && fields->pre_shared_key.len > 0) {
        ech_extension_write(w, ECH_EXT_PRE_SHARED_KEY, fields->pre_shared_key);
    }
}

enum ech_status ech_outer_mirror(const struct ech_client_hello *inner,
                                 const struct ech_outer_fields *fields, struct writer *before,
                                 struct writer *after)
{
    bool named = ech_client_hello_find(inner, ECH_EXT_SERVER_NAME) != NULL;
    struct writer *w = before;
    for (size_t i = 0; i < inner->extension_count; i++) {
        if (inner->extensions[i].type != ECH_EXT_ENCRYPTED_CLIENT_HELLO) {
            if (inner->extensions[i].type == ECH_EXT_SUPPORTED_GROUPS) {
                write_point_formats(inner, fields, w);
            }
            mirror_extension(&inner->extensions[i], fields, w);
            continue;
        }
        w = after;
        if (!named) {
            ech_server_name_write(w, fields->server_name);
        }
    }
    enum ech_status status = wr_finish(before);
    return status == ECH_OK ? wr_finish(after) : status;
}

/* Would an empty extension be the last one? */
static bool ends_empty(const struct ech_client_hello *pattern,
                       const struct ech_outer_fields *fields)
{
    bool empty = false;
    for (size_t i = 0; i < pattern->extension_count; i++) {
        const struct ech_extension *extension = &pattern->extensions[i];
        if (ech_outer_copies(extension, fields->plan)) {
            empty = extension->data.len == 0;
        } else if (extension->type != ECH_EXT_PADDING) {
            empty = false;
        }
    }
    return empty;
}

/* Octets of the padding extension with its header; 0: none. */
static size_t padding_octets(const struct ech_client_hello *pattern,
                             const struct ech_outer_fields *fields, size_t octets)
{
    enum { HEADER = 4, LEAST = 256, ENOUGH = 512, SHORTEST = HEADER + 1 };
    if (octets >= LEAST && octets < ENOUGH) {
        return ENOUGH - octets > SHORTEST ? ENOUGH - octets : SHORTEST;
    }
    /* BoringSSL does not end a hello by an empty extension, for some servers refuse that. */
    bool avoids_empty =
        ech_client_hello_find(pattern, ECH_EXT_PADDING) != NULL && fields->pre_shared_key.len == 0;
    return avoids_empty && ends_empty(pattern, fields) ? SHORTEST : 0;
}

enum ech_status ech_outer_pad(const struct ech_client_hello *pattern,
                              const struct ech_outer_fields *fields, size_t octets,
                              struct writer *after)
{
    enum { HEADER = 4 };
    size_t padding = padding_octets(pattern, fields, octets);
    size_t last = fields->pre_shared_key.len > 0 ? HEADER + fields->pre_shared_key.len : 0;
    if (padding == 0 || wr_view(after).len < last) {
        return ECH_OK;
    }
    struct writer padded;
    struct reader r = rd_of(wr_view(after));
    struct bytes before;
    wr_init(&padded, 0);
    if (!rd_bytes(&r, r.len - last, &before)) {
        return ECH_ERR_DECODE;
    }
    wr_bytes(&padded, before);
    wr_u16(&padded, ECH_EXT_PADDING);
    struct wr_mark data = wr_open(&padded, 2);
    wr_zeros(&padded, padding - HEADER);
    wr_close(&padded, data);
    wr_bytes(&padded, rd_rest(&r));
    enum ech_status status = wr_finish(&padded);
    if (status == ECH_OK) {
        wr_free(after);
        wr_move(after, &padded);
    }
    wr_free(&padded);
    return status;
}

/* RFC 9849, 5: the outer variant of ECHClientHello. */
static void write_encrypted_client_hello(const struct ech_outer_hello *outer, struct bytes payload,
                                         struct writer *w)
{
    const struct ech_ech_client_hello ech = {
        .type = ECH_CLIENT_HELLO_OUTER,
        .kdf_id = outer->suite.kdf_id,
        .aead_id = outer->suite.aead_id,
        .config_id = outer->config_id,
        .enc = outer->enc,
        .payload = payload,
    };
    wr_u16(w, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    struct wr_mark data = wr_open(w, 2);
    ech_ech_client_hello_write(&ech, w);
    wr_close(w, data);
}

enum ech_status ech_outer_encode(const struct ech_outer_hello *outer, struct bytes payload,
                                 struct writer *w)
{
    wr_u16(w, outer->legacy_version);
    wr_bytes(w, outer->random);
    struct wr_mark mark = wr_open(w, 1);
    wr_bytes(w, outer->legacy_session_id);
    wr_close(w, mark);
    mark = wr_open(w, 2);
    wr_bytes(w, outer->cipher_suites);
    wr_close(w, mark);
    mark = wr_open(w, 1);
    wr_bytes(w, outer->legacy_compression_methods);
    wr_close(w, mark);
    mark = wr_open(w, 2);
    wr_bytes(w, outer->extensions_before);
    write_encrypted_client_hello(outer, payload, w);
    wr_bytes(w, outer->extensions_after);
    wr_close(w, mark);
    return wr_finish(w);
}

size_t ech_outer_size(const struct ech_outer_hello *outer, size_t payload)
{
    /* The header; version; three lists with their lengths; extensions; ECHClientHello. */
    enum { FIXED = 4 + 2 + 1 + 2 + 1 + 2 + 4 + 1 + 4 + 1 + 2 + 2 };
    return FIXED + outer->random.len + outer->legacy_session_id.len + outer->cipher_suites.len +
           outer->legacy_compression_methods.len + outer->extensions_before.len +
           outer->extensions_after.len + outer->enc.len + payload;
}

enum ech_status ech_outer_seal(const struct ech_outer_hello *outer, struct ech_hpke *hpke,
                               struct bytes encoded_client_hello_inner,
                               struct writer *client_hello_outer)
{
    size_t length = encoded_client_hello_inner.len + ECH_AEAD_TAG;
    size_t start = wr_view(client_hello_outer).len;
    struct writer payload;
    struct bytes header;
    uint8_t room[PAYLOAD_ROOM];
    wr_init_on(&payload, 0, room, sizeof room);
    wr_zeros(&payload, length);
    /* The hello is kept until the server answers, so it gets no more room than it needs. */
    wr_reserve(client_hello_outer, ech_outer_size(outer, length));
    wr_u8(client_hello_outer, ECH_HANDSHAKE_CLIENT_HELLO);
    struct wr_mark mark = wr_open(client_hello_outer, 3);
    /* RFC 9849, 6.1.1: in the AAD as many zeros take the payload's place. */
    enum ech_status status = wr_finish(&payload);
    if (status == ECH_OK) {
        status = ech_outer_encode(outer, wr_view(&payload), client_hello_outer);
    }
    if (status == ECH_OK) {
        struct reader aad = rd_of(wr_view(client_hello_outer));
        status = rd_bytes(&aad, start + ECH_HANDSHAKE_HEADER, &header)
                     ? ech_hpke_seal(hpke, rd_rest(&aad), encoded_client_hello_inner, payload.data)
                     : ECH_ERR_SPACE;
    }
    if (status == ECH_OK) {
        /* The payload ends its extension, and extensions_after follow. */
        size_t end = wr_view(client_hello_outer).len - outer->extensions_after.len;
        wr_replace(client_hello_outer, end - length, wr_view(&payload));
        wr_close(client_hello_outer, mark);
    }
    wr_free(&payload);
    return status == ECH_OK ? wr_finish(client_hello_outer) : status;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/records.h"

#include "ech/client_hello.h"

void ech_record_reader_init(struct ech_record_reader *reader)
{
    wr_init_on(&reader->raw, ECH_RECORD_HEADER + ECH_RECORD_PROTECTED_MAX, reader->header,
               sizeof reader->header);
}

void ech_record_reader_wipe(struct ech_record_reader *reader)
{
    wr_wipe(&reader->raw);
    ech_record_reader_init(reader);
}

void ech_record_keep(struct ech_record_reader *reader, const struct ech_record *record,
                     struct writer *kept)
{
    if (wr_view(&reader->raw).len > 0 && wr_view(kept).len == 0) {
        wr_move(kept, &reader->raw);
    } else {
        wr_bytes(kept, record->raw);
    }
}

void ech_record_drop(struct ech_record_reader *reader)
{
    wr_consume(&reader->raw, wr_view(&reader->raw).len);
}

/* False while the header is not whole. */
static bool read_header(const struct ech_record_reader *reader, struct ech_record *record,
                        uint16_t *length)
{
    struct bytes raw = wr_view(&reader->raw);
    struct reader r = rd_of(raw);
    if (!rd_u8(&r, &record->type) || !rd_u16(&r, &record->version) || !rd_u16(&r, length)) {
        return false;
    }
    record->raw = raw;
    record->fragment = rd_rest(&r);
    return true;
}

size_t ech_record_wanted(const struct ech_record_reader *reader)
{
    struct ech_record record;
    uint16_t length;
    if (!read_header(reader, &record, &length)) {
        return ECH_RECORD_HEADER - wr_view(&reader->raw).len;
    }
    return length - record.fragment.len;
}

/* Only protected records, which look like application data, may pass 2^14 octets (RFC 8446, 5.1
 * and 5.2). */
static enum ech_status check_header(const struct ech_record *record, uint16_t length)
{
    switch (record->type) {
    case ECH_RECORD_CHANGE_CIPHER_SPEC:
    case ECH_RECORD_ALERT:
    case ECH_RECORD_HANDSHAKE:
        return length <= ECH_RECORD_PLAINTEXT_MAX ? ECH_OK : ECH_ERR_SPACE;
    case ECH_RECORD_APPLICATION_DATA:
        return length <= ECH_RECORD_PROTECTED_MAX ? ECH_OK : ECH_ERR_SPACE;
    default:
        return ECH_ERR_DECODE;
    }
}

static enum ech_status move_some(struct ech_record_reader *reader, struct reader *in)
{
    struct bytes some;
    size_t wanted = ech_record_wanted(reader);
    if (!rd_bytes(in, wanted < in->len ? wanted : in->len, &some)) {
        return ECH_ERR_DECODE;
    }
    /* One allocation for a record, once its header says how long it is. */
    wr_reserve(&reader->raw, wanted);
    wr_bytes(&reader->raw, some);
    return wr_finish(&reader->raw);
}

/* A record that is whole in `in`, and of which nothing came before, need not be gathered. */
static bool take_in_place(const struct ech_record_reader *reader, struct reader *in,
                          struct ech_record *record)
{
    struct reader r = *in;
    uint16_t length;
    if (wr_view(&reader->raw).len > 0 || wr_finish(&reader->raw) != ECH_OK ||
        !rd_u8(&r, &record->type) || !rd_u16(&r, &record->version) || !rd_u16(&r, &length) ||
        check_header(record, length) != ECH_OK || !rd_bytes(&r, length, &record->fragment)) {
        return false;
    }
    return rd_bytes(in, ECH_RECORD_HEADER + (size_t)length, &record->raw);
}

enum ech_status ech_record_take(struct ech_record_reader *reader, struct reader *in,
                                struct ech_record *record, bool *whole)
{
    uint16_t length;
    *whole = take_in_place(reader, in, record);
    while (!*whole && !rd_done(in)) {
        enum ech_status status = move_some(reader, in);
        if (status != ECH_OK) {
            return status;
        }
        if (read_header(reader, record, &length)) {
            status = check_header(record, length);
            if (status != ECH_OK) {
                return status;
            }
            *whole = record->fragment.len == length;
        }
    }
    return ECH_OK;
}

void ech_records_write(struct writer *w, uint16_t version, struct bytes message)
{
    struct reader r = rd_of(message);
    wr_reserve(w, message.len + ECH_RECORD_HEADER);
    while (!rd_done(&r)) {
        struct bytes fragment;
        size_t n = r.len < ECH_RECORD_PLAINTEXT_MAX ? r.len : ECH_RECORD_PLAINTEXT_MAX;
        if (!rd_bytes(&r, n, &fragment)) {
            return;
        }
        wr_u8(w, ECH_RECORD_HANDSHAKE);
        wr_u16(w, version);
        struct wr_mark mark = wr_open(w, 2);
        wr_bytes(w, fragment);
        wr_close(w, mark);
    }
}

void ech_alert_write(struct writer *w, enum ech_alert alert)
{
    wr_u8(w, ECH_RECORD_ALERT);
    wr_u16(w, ECH_TLS12);
    wr_u16(w, 2);
    wr_u8(w, ECH_ALERT_LEVEL_FATAL);
    wr_u8(w, (uint8_t)alert);
}

static const uint8_t change_cipher_spec[] = {1};

bool ech_is_change_cipher_spec(const struct ech_record *record)
{
    return bytes_equal(record->fragment, bytes_of(change_cipher_spec, sizeof change_cipher_spec));
}

void ech_change_cipher_spec_write(struct writer *w)
{
    wr_u8(w, ECH_RECORD_CHANGE_CIPHER_SPEC);
    wr_u16(w, ECH_TLS12);
    struct wr_mark mark = wr_open(w, 2);
    wr_bytes(w, bytes_of(change_cipher_spec, sizeof change_cipher_spec));
    wr_close(w, mark);
}

/* What `all` is, the octets of a message so far. */
static enum ech_assembly assembly_of(struct bytes all, uint8_t type, struct bytes *message)
{
    uint8_t got;
    struct reader body;
    struct reader r = rd_of(all);
    /* RFC 8446, 5.1: no empty fragments of the handshake type. */
    if (!rd_u8(&r, &got) || got != type) {
        return ECH_ASSEMBLY_WRONG;
    }
    if (!rd_vec24(&r, &body)) {
        uint32_t length;
        bool too_long = rd_u24(&r, &length) && length > ECH_HELLO_MAX - ECH_HANDSHAKE_HEADER;
        return too_long ? ECH_ASSEMBLY_WRONG : ECH_ASSEMBLY_MORE;
    }
    *message = bytes_of(all.data, all.len - r.len);
    return rd_done(&r) ? ECH_ASSEMBLY_WHOLE : ECH_ASSEMBLY_EXCESS;
}

enum ech_assembly ech_handshake_add(struct writer *assembled, struct bytes fragment, uint8_t type,
                                    struct bytes *message)
{
    wr_bytes(assembled, fragment);
    if (wr_finish(assembled) == ECH_ERR_NOMEM) {
        return ECH_ASSEMBLY_NO_MEMORY;
    }
    return fragment.len == 0 ? ECH_ASSEMBLY_WRONG : assembly_of(wr_view(assembled), type, message);
}

enum ech_assembly ech_handshake_add_in_place(struct writer *assembled, struct bytes fragment,
                                             uint8_t type, struct bytes *message)
{
    bool first = wr_view(assembled).len == 0 && wr_finish(assembled) == ECH_OK;
    enum ech_assembly assembly = first ? assembly_of(fragment, type, message) : ECH_ASSEMBLY_MORE;
    return assembly == ECH_ASSEMBLY_MORE ? ech_handshake_add(assembled, fragment, type, message)
                                         : assembly;
}

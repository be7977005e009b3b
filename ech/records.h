/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads TLS records and handshake messages from octets split in any way (RFC 8446, 4 and 5.1). */
#ifndef ECH_RECORDS_H
#define ECH_RECORDS_H

#include "ech/status.h"
#include "ech/wire.h"

enum ech_record_type {
    ECH_RECORD_CHANGE_CIPHER_SPEC = 20,
    ECH_RECORD_ALERT = 21,
    ECH_RECORD_HANDSHAKE = 22,
    ECH_RECORD_APPLICATION_DATA = 23,
};
enum { ECH_RECORD_HEADER = 5, ECH_RECORD_PLAINTEXT_MAX = 1 << 14 };
enum { ECH_RECORD_PROTECTED_MAX = ECH_RECORD_PLAINTEXT_MAX + 256 };
/* Bound of ours on one handshake message with its header. */
enum { ECH_HELLO_MAX = 1 << 16 };

/* RFC 8446, 6 */
enum ech_alert {
    ECH_ALERT_NONE = 0, /* close_notify, which this code never sends */
    ECH_ALERT_UNEXPECTED_MESSAGE = 10,
    ECH_ALERT_BAD_RECORD_MAC = 20,
    ECH_ALERT_RECORD_OVERFLOW = 22,
    ECH_ALERT_HANDSHAKE_FAILURE = 40,
    ECH_ALERT_BAD_CERTIFICATE = 42,
    ECH_ALERT_UNSUPPORTED_CERTIFICATE = 43,
    ECH_ALERT_CERTIFICATE_REVOKED = 44,
    ECH_ALERT_CERTIFICATE_EXPIRED = 45,
    ECH_ALERT_CERTIFICATE_UNKNOWN = 46,
    ECH_ALERT_ILLEGAL_PARAMETER = 47,
    ECH_ALERT_UNKNOWN_CA = 48,
    ECH_ALERT_DECODE_ERROR = 50,
    ECH_ALERT_DECRYPT_ERROR = 51,
    ECH_ALERT_PROTOCOL_VERSION = 70,
    ECH_ALERT_INTERNAL_ERROR = 80,
    ECH_ALERT_MISSING_EXTENSION = 109,
    ECH_ALERT_UNSUPPORTED_EXTENSION = 110,
    ECH_ALERT_UNRECOGNIZED_NAME = 112,
    ECH_ALERT_ECH_REQUIRED = 121,
};
enum { ECH_ALERT_LEVEL_WARNING = 1, ECH_ALERT_LEVEL_FATAL = 2 };

/* Borrowed until ech_record_drop, from the reader or from the octets that it was given. */
struct ech_record {
    uint8_t type;
    uint16_t version;
    struct bytes fragment;
    struct bytes raw; /* with its header */
};

/* Holds the octets of at most one record. Do not copy it: `raw` begins in `header`. */
struct ech_record_reader {
    struct writer raw;
    uint8_t header[ECH_RECORD_HEADER];
};

void ech_record_reader_init(struct ech_record_reader *reader);
void ech_record_reader_wipe(struct ech_record_reader *reader);
/* How many octets complete the header or the current record; 0 if the record is whole. */
size_t ech_record_wanted(const struct ech_record_reader *reader);
/*
 * Moves octets from `in` until the current record is whole (*whole, *record) or nothing is left.
 * ECH_ERR_DECODE: of no known type; ECH_ERR_SPACE: too long for its type; ECH_ERR_NOMEM.
 */
ECH_MUST_USE enum ech_status ech_record_take(struct ech_record_reader *reader, struct reader *in,
                                             struct ech_record *record, bool *whole);
/* Appends the current record to `kept`, without a copy where that is possible. It stays borrowed,
 * from there if it was the reader's. */
void ech_record_keep(struct ech_record_reader *reader, const struct ech_record *record,
                     struct writer *kept);
/* Drops the current record. */
void ech_record_drop(struct ech_record_reader *reader);

/* Writes a handshake message as records, in fragments if it is long. */
void ech_records_write(struct writer *w, uint16_t version, struct bytes message);
/* Writes a record with a fatal alert. */
void ech_alert_write(struct writer *w, enum ech_alert alert);

/* More records of change_cipher_spec than this before a key change are not compatibility mode (RFC
 * 8446, D.4). */
enum { ECH_CHANGE_CIPHER_SPEC_MAX = 4 };
/* True for the one record of change_cipher_spec that is allowed (RFC 8446, 5). */
bool ech_is_change_cipher_spec(const struct ech_record *record);
/* Writes it. */
void ech_change_cipher_spec_write(struct writer *w);

/* The state of a handshake message after one more fragment. */
enum ech_assembly {
    ECH_ASSEMBLY_MORE,
    ECH_ASSEMBLY_WHOLE,
    ECH_ASSEMBLY_EXCESS, /* whole, and octets of something else follow in the same record */
    ECH_ASSEMBLY_WRONG,  /* of another type, an empty fragment, or too long */
    ECH_ASSEMBLY_NO_MEMORY,
};
/* *message: the whole one, borrowed from `assembled`. */
enum ech_assembly ech_handshake_add(struct writer *assembled, struct bytes fragment, uint8_t type,
                                    struct bytes *message);
/* The same; a message that is whole in its first fragment is borrowed from there, and `assembled`
 * stays empty. */
enum ech_assembly ech_handshake_add_in_place(struct writer *assembled, struct bytes fragment,
                                             uint8_t type, struct bytes *message);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/guard_hello_inner.h"

enum {
    ALERT = 21,
    HANDSHAKE = 22,
    CLIENT_HELLO = 1,
    RECORD_HEADER = 5,
    ENCRYPTED_CLIENT_HELLO = 0xfe0d,
    INNER = 1,
};

/* The numbers in a hello, in their order. */
enum step {
    STEP_MESSAGE,
    STEP_LENGTH,
    STEP_SESSION_ID,
    STEP_SUITES,
    STEP_COMPRESSION,
    STEP_EXTENSIONS,
    STEP_EXTENSION,
    STEP_EXTENSION_LENGTH,
    STEP_MARKER,
    STEPS
};

static const uint8_t octets_of_step[STEPS] = {
    [STEP_MESSAGE] = 1,   [STEP_LENGTH] = 3,           [STEP_SESSION_ID] = 1,
    [STEP_SUITES] = 2,    [STEP_COMPRESSION] = 1,      [STEP_EXTENSIONS] = 2,
    [STEP_EXTENSION] = 2, [STEP_EXTENSION_LENGTH] = 2, [STEP_MARKER] = 1,
};

/* Uses a number of the hello that is whole now. */
static enum shim_inner take_number(struct shim_inner_reader *reader)
{
    enum { VERSION_AND_RANDOM = 2 + SHIM_HELLO_RANDOM_SIZE };
    uint32_t number = reader->number;
    enum step step = (enum step)reader->step++;
    reader->number = 0;
    reader->digits = 0;
    switch (step) {
    case STEP_MESSAGE:
        return number == CLIENT_HELLO ? SHIM_INNER_MORE : SHIM_INNER_NOT;
    case STEP_LENGTH:
        reader->left = number;
        reader->skip = VERSION_AND_RANDOM;
        break;
    case STEP_EXTENSIONS:
        return number == reader->left ? SHIM_INNER_MORE : SHIM_INNER_NOT;
    case STEP_EXTENSION:
        reader->extension = (uint16_t)number;
        break;
    case STEP_EXTENSION_LENGTH:
        if (reader->extension == ENCRYPTED_CLIENT_HELLO && number == 1) {
            return SHIM_INNER_MORE;
        }
        reader->skip = number;
        reader->step = STEP_EXTENSION;
        break;
    case STEP_MARKER:
        reader->step = STEP_EXTENSION;
        return number == INNER ? SHIM_INNER_IS : SHIM_INNER_MORE;
    default:
        reader->skip = number;
        break;
    }
    return reader->skip <= reader->left ? SHIM_INNER_MORE : SHIM_INNER_NOT;
}

/* Reads contents of a record, or skips them; *taken is how many octets, at least one. */
static enum shim_inner read_contents(struct shim_inner_reader *reader, const uint8_t *octets,
                                     size_t length, size_t *taken)
{
    enum shim_inner inner = SHIM_INNER_MORE;
    bool counted = reader->step > STEP_LENGTH;
    *taken = 1;
    if (reader->skip > 0) {
        *taken = reader->skip < length ? reader->skip : length;
        reader->skip -= (uint32_t)*taken;
        reader->left -= (uint32_t)*taken;
    } else {
        reader->left -= counted ? 1 : 0;
        reader->number = reader->number << 8 | octets[0];
        reader->digits++;
        if (reader->digits == octets_of_step[reader->step]) {
            inner = take_number(reader);
        }
    }
    bool over = reader->step > STEP_LENGTH && reader->left == 0;
    return inner == SHIM_INNER_MORE && over ? SHIM_INNER_NOT : inner;
}

/* Reads one octet of a record's header. False: the hello does not go on in this record. */
static bool read_header(struct shim_inner_reader *reader, uint8_t octet)
{
    if (reader->header == 0) {
        reader->record_type = octet;
    }
    reader->record_left = (uint16_t)(reader->record_left << 8 | octet);
    reader->header = (uint8_t)((reader->header + 1) % RECORD_HEADER);
    return reader->record_type == HANDSHAKE || reader->record_type == ALERT;
}

/* Reads octets that lie together; *read is how many. */
static enum shim_inner read_run(struct shim_inner_reader *reader, const uint8_t *octets,
                                size_t length, size_t *read)
{
    enum shim_inner inner = SHIM_INNER_MORE;
    *read = 0;
    while (length > 0 && inner == SHIM_INNER_MORE) {
        size_t taken = 1;
        if (reader->header > 0 || reader->record_left == 0) {
            inner = read_header(reader, octets[0]) ? SHIM_INNER_MORE : SHIM_INNER_NOT;
        } else {
            size_t within = reader->record_left < length ? reader->record_left : length;
            taken = within; /* an alert is passed over */
            if (reader->record_type == HANDSHAKE) {
                inner = read_contents(reader, octets, within, &taken);
            }
            reader->record_left = (uint16_t)(reader->record_left - taken);
        }
        octets += taken;
        length -= taken;
        *read += taken;
    }
    return inner;
}

enum shim_inner shim_inner_read_source(struct shim_inner_reader *reader,
                                       const struct shim_hello_source *source, size_t at,
                                       size_t end, size_t *read)
{
    enum shim_inner inner = SHIM_INNER_MORE;
    const uint8_t *octets;
    size_t length;
    while (inner == SHIM_INNER_MORE && at < end &&
           source->octets(source->context, at, &octets, &length)) {
        size_t taken;
        inner = read_run(reader, octets, length < end - at ? length : end - at, &taken);
        at += taken;
    }
    *read = at;
    return inner;
}

bool shim_hello_is_inner(const struct shim_hello_source *source, size_t at)
{
    struct shim_inner_reader reader = {0};
    return shim_inner_read_source(&reader, source, at, SIZE_MAX, &at) == SHIM_INNER_IS;
}

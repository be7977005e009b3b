/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/go/types.h"

#include <string.h>

/* abi.Type. */
enum {
    TYPE_FLAGS = 20,
    TYPE_KIND = 23,
    TYPE_NAME = 40,
    TYPE_POINTER = 44, /* an offset as those of names, or 0 */
    TYPE_SIZE = 48,
    TYPE_ELEMENT = TYPE_SIZE, /* of a pointer or a slice */
    KIND_MASK = 31,
    FLAG_UNCOMMON = 1,
    FLAG_EXTRA_STAR = 2,
    FLAG_NAMED = 4,
    TYPE_ALIGNMENT = 8,
};

/* abi.StructType, abi.StructField, and abi.UncommonType behind the struct type. */
enum {
    STRUCT_FIELDS = TYPE_SIZE + 8,
    STRUCT_COUNT = STRUCT_FIELDS + 8,
    STRUCT_SIZE = STRUCT_FIELDS + 24,
    FIELD_TYPE = 8,
    FIELD_OFFSET = 16,
    FIELD_SIZE = 24,
    FIELDS_MAX = 1024,
    VALUE_MAX = 1 << 20, /* no struct of a TLS library is larger */
};

/* ---- names ---- */

/* abi.Name: flags, the length in seven bits an octet, the octets. */
static bool is_name(const struct go_image *image, uint64_t address, const char *wanted)
{
    size_t length = strlen(wanted);
    size_t head = length < 0x80 ? 2 : 3;
    const uint8_t *at = go_image_at(image, address, head + length);
    if (at == NULL || length > 0x3fff) {
        return false;
    }
    bool fits =
        head == 2 ? at[1] == length : at[1] == (0x80 | (length & 0x7f)) && at[2] == length >> 7;
    return fits && memcmp(at + head, wanted, length) == 0;
}

/* ---- types ---- */

unsigned go_type_kind(const struct go_image *image, uint64_t type)
{
    const uint8_t *at = type % TYPE_ALIGNMENT == 0 ? go_image_at(image, type, TYPE_SIZE) : NULL;
    return at != NULL ? at[TYPE_KIND] & KIND_MASK : 0;
}

uint64_t go_type_size(const struct go_image *image, uint64_t type)
{
    const uint8_t *at = go_image_at(image, type, TYPE_SIZE);
    return at != NULL ? go_image_64(at) : 0;
}

bool go_type_element(const struct go_image *image, uint64_t type, uint64_t *element)
{
    unsigned kind = go_type_kind(image, type);
    return (kind == GO_KIND_POINTER || kind == GO_KIND_SLICE) &&
           go_image_pointer(image, type + TYPE_ELEMENT, element) &&
           go_type_kind(image, *element) != 0;
}

bool go_type_pointer(const struct go_functions *functions, uint64_t type, uint64_t *pointer)
{
    const struct go_image *image = functions->image;
    const uint8_t *at = go_image_at(image, type, TYPE_SIZE);
    uint32_t offset = at != NULL ? go_image_32(at + TYPE_POINTER) : 0;
    uint64_t element;
    *pointer = functions->types + offset;
    return offset != 0 && go_type_kind(image, *pointer) == GO_KIND_POINTER &&
           go_type_element(image, *pointer, &element) && element == type;
}

/* ---- search by name ---- */

static bool is_wanted(const struct go_functions *functions, uint64_t type, const char *package)
{
    const struct go_image *image = functions->image;
    const uint8_t *at = go_image_at(image, type, STRUCT_SIZE + sizeof(uint32_t));
    enum { FLAGS = FLAG_UNCOMMON | FLAG_EXTRA_STAR | FLAG_NAMED };
    return at != NULL && go_type_kind(image, type) == GO_KIND_STRUCT &&
           (at[TYPE_FLAGS] & FLAGS) == FLAGS &&
           is_name(image, functions->types + go_image_32(at + STRUCT_SIZE), package);
}

struct hits {
    uint64_t type;
    size_t count;
};

/* The part of the file that has all descriptors, and their names: from `types` on. */
struct part {
    uint64_t address;
    const uint8_t *start;
    size_t size;
};

static bool find_part(const struct go_functions *functions, struct part *part)
{
    const struct go_image *image = functions->image;
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct go_segment *segment = &image->segments[i];
        uint64_t before = functions->types - segment->address;
        if (functions->types >= segment->address && before < segment->size) {
            *part = (struct part){.address = functions->types,
                                  .start = image->octets + segment->offset + before,
                                  .size = (size_t)(segment->size - before)};
            return true;
        }
    }
    return false;
}

/* All descriptors whose name is at this offset. */
static void find_named(const struct go_functions *functions, const struct part *part, uint32_t name,
                       const char *package, struct hits *hits)
{
    uint64_t at = (TYPE_ALIGNMENT - part->address % TYPE_ALIGNMENT) % TYPE_ALIGNMENT;
    for (; at < part->size && part->size - at >= TYPE_SIZE; at += TYPE_ALIGNMENT) {
        if (go_image_32(part->start + at + TYPE_NAME) == name &&
            is_wanted(functions, part->address + at, package)) {
            hits->type = part->address + at;
            hits->count++;
        }
    }
}

enum { NAMES_MAX = 8 }; /* a hostile file may have the name very often */

bool go_type_find(const struct go_functions *functions, const char *name, const char *package,
                  uint64_t *type)
{
    struct part part;
    struct hits hits = {0};
    size_t length = strlen(name);
    if (!find_part(functions, &part)) {
        return false;
    }
    const uint8_t *end = part.start + part.size;
    const uint8_t *at = part.start;
    for (size_t names = 0; names < NAMES_MAX; at++) {
        at = memmem(at, (size_t)(end - at), name, length);
        if (at == NULL) {
            break;
        }
        /* A name has flags, a length of one octet, and a star. */
        size_t offset = (size_t)(at - part.start);
        if (offset >= 3 && offset <= INT32_MAX && at[-1] == '*' && at[-2] == length + 1) {
            names++;
            find_named(functions, &part, (uint32_t)offset - 3, package, &hits);
        }
    }
    *type = hits.type;
    return hits.count == 1;
}

/* ---- fields ---- */

bool go_type_field(const struct go_image *image, uint64_t type, const char *name,
                   struct go_field *field)
{
    uint64_t fields;
    const uint8_t *at = go_image_at(image, type, STRUCT_SIZE);
    if (at == NULL || go_type_kind(image, type) != GO_KIND_STRUCT ||
        !go_image_pointer(image, type + STRUCT_FIELDS, &fields)) {
        return false;
    }
    uint64_t count = go_image_64(at + STRUCT_COUNT);
    uint64_t size = go_image_64(at);
    if (count > FIELDS_MAX || size > VALUE_MAX ||
        go_image_at(image, fields, count * FIELD_SIZE) == NULL) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++, fields += FIELD_SIZE) {
        uint64_t its_name;
        const uint8_t *record = go_image_at(image, fields, FIELD_SIZE);
        if (record == NULL || !go_image_pointer(image, fields, &its_name) ||
            !is_name(image, its_name, name)) {
            continue;
        }
        field->offset = go_image_64(record + FIELD_OFFSET);
        return go_image_pointer(image, fields + FIELD_TYPE, &field->type) &&
               go_type_kind(image, field->type) != 0 && field->offset < size &&
               go_type_size(image, field->type) <= size - field->offset;
    }
    return false;
}

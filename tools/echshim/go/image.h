/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An executable file as it will lie in memory: addresses are those of the file, before the kernel
 * moves a program that can be moved. Pure: the octets are not trusted, and no access leaves them.
 */
#ifndef TOOLS_ECHSHIM_GO_IMAGE_H
#define TOOLS_ECHSHIM_GO_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GO_SEGMENTS_MAX = 32 };

struct go_segment {
    uint64_t address;
    uint64_t size; /* of what the file has of it */
    size_t offset;
    bool executable;
};

/* What the loader writes at an address: the base, plus `addend`. */
struct go_relocation {
    uint64_t address;
    uint64_t addend;
};

struct go_image {
    const uint8_t *octets;
    size_t length;
    uint16_t machine; /* EM_... */
    uint64_t start;   /* e_entry */
    bool moves;       /* the kernel chooses its base */
    struct go_segment segments[GO_SEGMENTS_MAX];
    size_t segment_count;
    struct go_relocation *relocations; /* sorted */
    size_t relocation_count;
};

/* Reads the headers of an ELF file of 64 bits, least octet first. False: it is something else,
 * broken, or there is no memory. The octets must outlive the image. */
bool go_image_open(struct go_image *image, const uint8_t *octets, size_t length);
void go_image_close(struct go_image *image);

/* `size` octets at an address; NULL: the file does not have them all. */
const uint8_t *go_image_at(const struct go_image *image, uint64_t address, uint64_t size);
/* As go_image_at, for the code of functions. */
const uint8_t *go_image_code(const struct go_image *image, uint64_t address, uint64_t size);
/* A pointer that is stored at an address, as the loader leaves it, but for the base. */
bool go_image_pointer(const struct go_image *image, uint64_t address, uint64_t *out);
/* The address of an offset in the file. */
bool go_image_address(const struct go_image *image, size_t offset, uint64_t *out);

uint16_t go_image_16(const uint8_t *octets);
uint32_t go_image_32(const uint8_t *octets);
uint64_t go_image_64(const uint8_t *octets);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/program_image.h"

const struct stub_segment *stub_image_segment(const struct stub_image *image, uintptr_t address)
{
    for (size_t i = 0; i < image->count; i++) {
        const struct stub_segment *segment = &image->segments[i];
        if (address >= segment->address && address - segment->address < segment->length) {
            return segment;
        }
    }
    return NULL;
}

const uint8_t *stub_image_at(const struct stub_image *image, uintptr_t address, size_t length)
{
    const struct stub_segment *segment = stub_image_segment(image, address);
    if (segment == NULL || segment->length - (address - segment->address) < length) {
        return NULL;
    }
    return segment->octets + (address - segment->address);
}

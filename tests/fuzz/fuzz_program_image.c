/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Executable files: what the stub and the launcher read of them. */
#include <stdlib.h>
#include <string.h>

#include "shim/common/executable.h"
#include "tools/common/elf_needed.h"
#include "tools/common/tls_marks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct octets {
    const uint8_t *data;
    size_t size;
};

static size_t read_octets(void *context, uint64_t offset, void *out, size_t length)
{
    const struct octets *octets = context;
    if (offset > octets->size) {
        return 0;
    }
    size_t left = octets->size - (size_t)offset;
    size_t count = length < left ? length : left;
    memcpy(out, octets->data + offset, count);
    return count;
}

static bool take(void *context, const char *name)
{
    size_t *count = context;
    *count += strlen(name);
    return true;
}

static void found(void *context, const char *name, const char *file, bool hooked)
{
    size_t *count = context;
    *count += strlen(name) + (file != NULL ? strlen(file) : 0) + hooked;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct octets octets = {data, size};
    struct shim_executable image;
    size_t count = 0;
    shim_executable_parse(&image, read_octets, &octets);
    if (strnlen(image.interpreter, sizeof image.interpreter) == sizeof image.interpreter ||
        strnlen(image.argument, sizeof image.argument) == sizeof image.argument ||
        (image.kind == SHIM_EXECUTABLE_DYNAMIC) > (image.interpreter[0] != '\0')) {
        abort();
    }
    (void)elf_needed(data, size, take, &count);
    (void)elf_exports(data, size, "SSL_connect");
    tls_marks_find(data, size, found, &count);
    return 0;
}

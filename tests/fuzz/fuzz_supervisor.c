/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the launcher's supervisor reads of a program that it holds: the text of /proc/PID/maps, the
 * arguments of a call and the memory that they point to, and the variable ECHSHIM_SUPERVISOR.
 */
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#include "tools/echshim/supervisor/filter.h"
#include "tools/echshim/supervisor/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
    const uint8_t *octets;
    size_t length;
};

/* The input is the memory from address 0. */
static enum supervisor_read read_input(void *context, uint64_t address, void *out, size_t length)
{
    const struct memory *memory = context;
    if (address > memory->length || length > memory->length - address) {
        return SUPERVISOR_READ_FAULT;
    }
    memcpy(out, memory->octets + address, length);
    return SUPERVISOR_READ;
}

static bool is_even(const void *context, uint16_t port)
{
    (void)context;
    return port % 2 == 0;
}

static void look(const uint8_t *data, size_t size)
{
    static const uint32_t kinds[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64,
                                     AUDIT_ARCH_ARM};
    struct memory memory = {data, size};
    const struct supervisor_memory from = {read_input, &memory};
    struct sockaddr_storage destination;
    struct seccomp_data call;
    if (size < sizeof call) {
        return;
    }
    memcpy(&call, data, sizeof call);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct supervisor_calls *calls = supervisor_calls_of(kinds[i]);
        call.arch = kinds[i];
        const int numbers[] = {call.nr,
                               calls != NULL ? calls->connect : 0,
                               calls != NULL ? calls->sendto : 0,
                               calls != NULL ? calls->sendmsg : 0,
                               calls != NULL ? calls->sendmmsg : 0,
                               calls != NULL ? calls->socketcall : 0};
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
            call.nr = numbers[k];
            (void)supervisor_look_at(&call, &from, is_even, NULL, &destination);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct shim_supervision supervision;
    static const struct shim_pass pass = {{1, 2}};
    static const struct supervisor_stubs stubs = {.file = {{8, 1, 42}}, .count = 1};
    struct memory memory = {data, size};
    const struct supervisor_memory from = {read_input, &memory};
    char *text = strndup((const char *)data, size);
    if (text != NULL) {
        (void)shim_supervision_parse(text, &supervision);
        (void)supervisor_image_answers(text, 0x1010, size % 2 == 0, &stubs, &pass, &from);
    }
    free(text);
    look(data, size);
    return 0;
}

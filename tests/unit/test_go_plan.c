/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the launcher reads of Go programs: real ones where they are installed, one of our own, and
 * broken ones. */
#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "go_rig.h"
#include "tools/echshim/go/plan.h"

static enum go_way way_of(const struct go_rig_options *options, struct go_plan *plan)
{
    static uint8_t octets[GO_RIG_SIZE];
    go_rig_make(octets, options);
    return go_plan_read(plan, octets, sizeof octets);
}

static void expect(const struct go_rig_options *options, enum go_way way, const char *why)
{
    char text[256];
    struct go_plan plan;
    cr_assert_eq(way_of(options, &plan), way, "%d, not %d (%s)", way_of(options, &plan), way,
                 plan.found);
    const char *said = go_plan_why(way, &plan, text, sizeof text);
    cr_assert(why == NULL ? said == NULL : said != NULL && strstr(said, why) != NULL, "%s", said);
}

static void expect_plan(bool moves)
{
    uint64_t base = moves ? 0 : GO_RIG_BASE;
    const struct go_rig_options options = {.moves = moves};
    struct go_plan plan;
    cr_assert_eq(way_of(&options, &plan), GO_WAY_READY, "%s", plan.found);
    cr_assert_eq(plan.moves, moves);
    cr_assert_eq(plan.function.system_stack, base + 0x200);
    cr_assert_eq(plan.function.new_object, base + 0x220);
    cr_assert_eq(plan.function.make_slice, base + 0x240);
    cr_assert_eq(plan.function.typed_move, base + 0x260);
    cr_assert_eq(plan.function.client_handshake, base + 0x280);
    cr_assert_eq(plan.function.client_finished, base + 0x2a0);
    cr_assert_eq(plan.type.config, base + 0x1200 + 0x100);
    cr_assert_eq(plan.type.pointer, base + 0x1200 + 0x180);
    cr_assert_eq(plan.type.octet, base + 0x1200 + 0x300);
    cr_assert_eq(plan.offset.config, 80);
    cr_assert_eq(plan.offset.accepted, 280);
    cr_assert_eq(plan.offset.name, 128);
    cr_assert_eq(plan.offset.list, 232);
    cr_assert_eq(plan.offset.minimum, 200);
    cr_assert_eq(plan.offset.maximum, 202);
    cr_assert_eq(plan.offset.mutex, 256);
    cr_assert_eq(plan.mutex_size, 24);
    cr_assert_eq(plan.type.tcp, base + 0x1200 + 0x80 + 11 * 0x80);
    cr_assert_eq(plan.type.inner, base + 0x1200 + 0x80 + 9 * 0x80);
    cr_assert_eq(plan.offset.connection, 0);
    cr_assert_eq(plan.offset.network, 8);
    cr_assert_eq(plan.offset.descriptor, 40);
    cr_assert_eq(plan.handshake_prologue.length, 4);
    cr_assert_eq(plan.handshake_prologue.rest, base + 0x280 + 10);
    cr_assert_eq(plan.handshake_prologue.more, base + 0x280 + 14);
}

Test(go_plan, is_complete)
{
    expect_plan(false);
    expect_plan(true);
}

/* Nobody knows then where its connections go. */
Test(go_plan, a_program_with_other_connections_is_led)
{
    static const char *const fields[] = {"conn", "fd", "pfd", "Sysfd"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct go_rig_options options = {.without_field = fields[i]};
        struct go_plan plan;
        cr_assert_eq(way_of(&options, &plan), GO_WAY_READY, "%s", fields[i]);
        cr_assert_eq(plan.type.tcp, 0, "%s", fields[i]);
    }
}

/* ---- fips140=only ---- */

static bool is_only_fips(const char *build, size_t said, const char *variable)
{
    const struct go_rig_options options = {.build = build, .build_length = said};
    struct go_plan plan;
    cr_assert_eq(way_of(&options, &plan), GO_WAY_READY);
    return go_plan_only_fips(&plan, variable);
}

#define BUILT(settings) "path\tx\nbuild\t-compiler=gc\nbuild\tDefaultGODEBUG=" settings

Test(go_plan, fips_140_by_the_environment)
{
    cr_assert(is_only_fips(NULL, 0, "fips140=only"));
    cr_assert(is_only_fips(NULL, 0, "a=1,fips140=on,fips140=only,b"));
    cr_assert_not(is_only_fips(NULL, 0, "fips140=only,fips140=on"));
    cr_assert_not(is_only_fips(NULL, 0, "xfips140=only,fips140=onlyx"));
    cr_assert_not(is_only_fips(NULL, 0, ""));
    cr_assert_not(is_only_fips(NULL, 0, NULL));
}

Test(go_plan, fips_140_by_the_build)
{
    cr_assert(is_only_fips(BUILT("fips140=only"), 0, NULL));
    cr_assert(is_only_fips(BUILT("panicnil=1,fips140=only,tlsmlkem=0\nbuild\tGOOS=linux\n"), 0,
                           "panicnil=0"));
    cr_assert_not(is_only_fips(BUILT("fips140=on\nbuild\tX=fips140=only\n"), 0, NULL));
    cr_assert_not(is_only_fips("build\tGOFIPS140=latest\n", 0, NULL));
    /* The environment comes first. */
    cr_assert_not(is_only_fips(BUILT("fips140=only"), 0, "fips140=off"));
    cr_assert(is_only_fips(BUILT("fips140=on"), 0, "fips140=only"));
}

/* Lines that leave the file are not read. */
Test(go_plan, a_broken_build)
{
    cr_assert_not(is_only_fips(BUILT("fips140=only"), 0x3fff, NULL));
    cr_assert_not(is_only_fips(BUILT("fips140=only"), 20, NULL));
    cr_assert(is_only_fips(BUILT("fips140=only\n"), 0x180, NULL));
}

/* Nothing is told of the build, but the settings are in the data. */
Test(go_plan, settings_without_a_build)
{
    static uint8_t octets[GO_RIG_SIZE];
    struct go_plan plan;
    go_rig_make(octets, &(struct go_rig_options){.moves = false});
    memcpy(octets + 0x3e00, "panicnil=1,fips140=only", 23);
    cr_assert_eq(go_plan_read(&plan, octets, sizeof octets), GO_WAY_READY);
    cr_assert(go_plan_only_fips(&plan, NULL));
}

/* ---- the other ways ---- */

Test(go_plan, programs_that_are_held)
{
    const struct go_rig_options old = {.magic = 0xfffffff0};
    const struct go_rig_options older = {.magic = 0xfffffffb};
    const struct go_rig_options no_ech = {.without_field = "EncryptedClientHelloConfigList"};
    const struct go_rig_options boring = {.function = "crypto/internal/boring/sig.BoringCrypto"};
    const struct go_rig_options boring_too = {.function =
                                                  "_cgo_e2ee_Cfunc__goboringcrypto_RAND_bytes"};
    const struct go_rig_options no_tls = {.without = "crypto/tls.(*Conn).clientHandshake"};
    const struct go_rig_options arm = {.machine = EM_AARCH64};
    expect(&old, GO_WAY_OLD, "no ECH");
    expect(&older, GO_WAY_OLD, "no ECH");
    expect(&no_ech, GO_WAY_OLD, "1.23");
    expect(&boring, GO_WAY_BORING, "BoringCrypto");
    expect(&boring_too, GO_WAY_BORING, "BoringCrypto");
    expect(&no_tls, GO_WAY_NO_TLS, "without crypto/tls");
    expect(&arm, GO_WAY_MACHINE, "processor");
}

Test(go_plan, second_tls_clients)
{
    static const char *const names[] = {
        "github.com/refraction-networking/utls.(*Conn).clientHandshake",
        "github.com/refraction-networking/utls.UClient",
        "example.org/fork/tls.(*Conn).clientHandshake",
        "vendor/crypto/tls.(*Conn).clientHandshake",
        "github.com/zmap/zcrypto/tls.(*Conn).clientHandshake",
        "github.com/spacemonkeygo/openssl._Cfunc_SSL_new",
        "github.com/spacemonkeygo/openssl.(*Conn).Handshake._Cfunc_SSL_connect",
        "main._Cfunc_gnutls_init",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct go_rig_options options = {.function = names[i]};
        expect(&options, GO_WAY_SECOND, names[i]);
    }
    static const char *const others[] = {
        "golang.org/x/crypto/ssh.(*connection).clientHandshake",
        "crypto/tls.(*Conn).clientHandshake.func1",
        "crypto/tls.(*Conn).clientHandshake.deferwrap1",
        "crypto/tls.(*UTLS).clientHandshake",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const struct go_rig_options options = {.function = others[i]};
        expect(&options, GO_WAY_READY, NULL);
    }
}

Test(go_plan, what_has_changed)
{
    static const char *const functions[] = {
        "runtime.systemstack", "runtime.newobject", "runtime.makeslice", "runtime.typedmemmove",
        "crypto/tls.(*clientHandshakeStateTLS13).sendClientFinished"};
    static const char *const fields[] = {"config",     "echAccepted", "ServerName",
                                         "MinVersion", "MaxVersion",  "mutex"};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const struct go_rig_options options = {.without = functions[i]};
        expect(&options, GO_WAY_UNKNOWN, functions[i]);
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct go_rig_options options = {.without_field = fields[i]};
        expect(&options, GO_WAY_UNKNOWN, i == 0 ? "tls.Conn" : fields[i]);
    }
    const struct go_rig_options twice = {.function = "runtime.newobject"};
    const struct go_rig_options other = {.package = "example.org/fork/tls"};
    const struct go_rig_options magic = {.magic = 0xfffffff2};
    expect(&twice, GO_WAY_READY, NULL); /* the same name at another place: the first counts */
    expect(&other, GO_WAY_UNKNOWN, "tls.Conn");
    expect(&magic, GO_WAY_NONE, NULL);
}

Test(go_plan, prologues)
{
    static const struct {
        uint8_t code[16];
        int length; /* -1: not known */
        int64_t more;
    } cases[] = {
        {{0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86, 4, 0, 0, 0}, 4, 14},
        {{0x49, 0x3b, 0x66, 0x10, 0x76, 4}, 4, 10},
        {{0x49, 0x3b, 0x66, 0x10, 0x76, 0xfa}, 4, 0},
        {{0x4c, 0x8d, 0x64, 0x24, 0x80, 0x4d, 0x3b, 0x66, 0x10, 0x0f, 0x86, 1, 0, 0, 0}, 9, 16},
        {{0x4c, 0x8d, 0xa4, 0x24, 0, 1, 0, 0, 0x4d, 0x3b, 0x66, 0x10, 0x76, 3}, 12, 17},
        {{0x4c, 0x8d, 0xa4, 0x24, 0, 1, 0, 0, 0x49, 0x3b, 0x66, 0x10, 0x76, 3}, -1, 0},
        {{0x49, 0x3b, 0x66, 0x10, 0x77, 3}, -1, 0},
        {{0x55, 0x48, 0x89, 0xe5}, -1, 0},
        {{0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0, 0, 0, 0x7f}, -1, 0}, /* leads out of the code */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct go_rig_options options = {.prologue = cases[i].code};
        struct go_plan plan;
        enum go_way way = way_of(&options, &plan);
        cr_assert_eq(way, cases[i].length < 0 ? GO_WAY_UNKNOWN : GO_WAY_READY, "%zu", i);
        if (way == GO_WAY_READY) {
            cr_assert_eq(plan.handshake_prologue.length, cases[i].length, "%zu", i);
            cr_assert_eq(plan.handshake_prologue.more,
                         plan.function.client_handshake + (uint64_t)cases[i].more, "%zu", i);
        }
    }
}

/* ---- bad input ---- */

/* A copy that ends where its memory ends. */
static enum go_way read_exactly(const uint8_t *octets, size_t length)
{
    struct go_plan plan;
    char text[256];
    uint8_t *copy = malloc(length + 1);
    memcpy(copy + 1, octets, length);
    enum go_way way = go_plan_read(&plan, copy + 1, length);
    (void)go_plan_why(way, &plan, text, sizeof text);
    free(copy);
    return way;
}

Test(go_plan, cut_anywhere)
{
    static uint8_t octets[GO_RIG_SIZE];
    for (int moves = 0; moves < 2; moves++) {
        const struct go_rig_options options = {.moves = moves != 0};
        go_rig_make(octets, &options);
        for (size_t length = 0; length < sizeof octets; length += 7) {
            cr_assert_neq(read_exactly(octets, length), GO_WAY_READY, "%zu", length);
        }
        /* The headers tell of less than there is. */
        for (uint64_t size = 0; size < sizeof octets; size += 61) {
            memcpy(octets + sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz), &size,
                   sizeof size);
            (void)read_exactly(octets, sizeof octets);
        }
    }
}

Test(go_plan, every_octet_changed)
{
    static uint8_t octets[GO_RIG_SIZE];
    static const uint8_t values[] = {0x00, 0x7f, 0x80, 0xff};
    for (int moves = 0; moves < 2; moves++) {
        const struct go_rig_options options = {.moves = moves != 0};
        go_rig_make(octets, &options);
        for (size_t at = 0; at < sizeof octets; at++) {
            if (octets[at] == 0 && octets[(at + 1) % sizeof octets] == 0 && at % 5 != 0) {
                continue;
            }
            uint8_t kept = octets[at];
            for (size_t i = 0; i < sizeof values; i++) {
                octets[at] = values[i];
                (void)read_exactly(octets, sizeof octets);
            }
            octets[at] = kept;
        }
    }
}

Test(go_plan, not_elf)
{
    static const char text[] = "#!/bin/sh\n\xff Go buildinf:";
    struct go_plan plan;
    cr_assert_eq(go_plan_read(&plan, (const uint8_t *)text, sizeof text), GO_WAY_NONE);
    cr_assert_eq(go_plan_read(&plan, (const uint8_t *)text, 0), GO_WAY_NONE);
}

/* ---- real programs ---- */

static enum go_way way_of_file(const char *path, struct go_plan *plan)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert(fd >= 0 && fstat(fd, &status) == 0, "%s", path);
    void *octets = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    cr_assert_neq(octets, MAP_FAILED);
    enum go_way way = go_plan_read(plan, octets, (size_t)status.st_size);
    (void)munmap(octets, (size_t)status.st_size);
    (void)close(fd);
    return way;
}

/* Go before 1.23 has no ECH; later versions are ready, unless they have a second client. */
Test(go_plan, real_programs)
{
    static const char *const paths[] = {"/usr/bin/hey",    "/usr/bin/gh",     "/usr/bin/rclone",
                                        "/usr/bin/restic", "/usr/bin/caddy",  "/usr/bin/hugo",
                                        "/usr/bin/docker", "/usr/bin/podman", "/usr/bin/dlv"};
    size_t seen = 0;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct go_plan plan;
        unsigned minor = 0;
        if (access(paths[i], R_OK) != 0 || sizeof(void *) < sizeof(uint64_t)) {
            continue; /* the plan is for programs of 64 bits */
        }
        enum go_way way = way_of_file(paths[i], &plan);
        seen++;
        if (sscanf(plan.version, "go1.%u", &minor) == 1 && minor >= 23) {
            cr_assert(way == GO_WAY_READY || way == GO_WAY_SECOND || way == GO_WAY_MACHINE,
                      "%s, %s: %d (%s)", paths[i], plan.version, way, plan.found);
        } else {
            cr_assert(way == GO_WAY_OLD || way == GO_WAY_NO_TLS || way == GO_WAY_SECOND, "%s: %d",
                      paths[i], way);
        }
    }
    if (seen == 0) {
        cr_skip("no Go program of Debian is installed");
    }
}

Test(go_plan, programs_in_c)
{
    struct go_plan plan;
    cr_assert_eq(way_of_file("/bin/sh", &plan), GO_WAY_NONE);
    cr_assert_eq(way_of_file("/proc/self/exe", &plan), GO_WAY_NONE);
}

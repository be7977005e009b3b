/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Less usual ways to write a ClientHello to a socket, and less usual hellos that servers accept
 * nevertheless. guard_ways ADDRESS PORT NAME [WAY] tries each way on its own connection and prints
 * "WAY sent" or "WAY refused" (ECONNABORTED). */
#include "client.h"

#include <aio.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* libc exports them, but declares them in no header. */
ssize_t __write(int fd, const void *data, size_t length); /* NOLINT(bugprone-reserved-identifier) */
ssize_t __send(int fd, const void *data, size_t length,
               int flags); /* NOLINT(bugprone-reserved-identifier) */
int __connect(int fd, const struct sockaddr *address,
              socklen_t length); /* NOLINT(bugprone-reserved-identifier) */

#if defined(__aarch64__)
/* There only programs that were linked before glibc 2.34 have this one. */
__asm__(".symver __send, __send@GLIBC_2.17");
#endif

enum { HELLO_MAX = 512, STREAM_MAX = 4096, RECORD_HEADER = 5 };

static struct sockaddr_in server;
static uint8_t hello[HELLO_MAX];
static size_t hello_len;

/* TLS 1.2, because that is short: one suite, server_name, groups and signature algorithms. */
static void make_hello(const char *name)
{
    static const uint8_t rest[] = {0, 0, 2, 0xc0, 0x2b, 1, 0};
    static const uint8_t more[] = {0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3};
    size_t name_len = strlen(name);
    size_t extensions = 9 + name_len + sizeof more;
    size_t body = 2 + 32 + sizeof rest + 2 + extensions;
    FILE *out = fmemopen(hello, sizeof hello, "w");
    fprintf(out, "%c%c%c%c%c", 22, 3, 1, (int)((body + 4) >> 8), (int)((body + 4) & 255));
    fprintf(out, "%c%c%c%c%c%c", 1, 0, (int)(body >> 8), (int)(body & 255), 3, 3);
    for (int i = 0; i < 32; i++) {
        fputc((i * 11 + 5) & 255, out);
    }
    fwrite(rest, 1, sizeof rest, out);
    fprintf(out, "%c%c%c%c%c%c%c%c%c", 0, (int)extensions, 0, 0, 0, (int)name_len + 5, 0,
            (int)name_len + 3, 0);
    fprintf(out, "%c%c%s", 0, (int)name_len, name);
    fwrite(more, 1, sizeof more, out);
    fclose(out);
    hello_len = body + 4 + RECORD_HEADER;
}

static int open_connected(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&server, sizeof server) != 0) {
        fail("connect: %s", strerror(errno));
    }
    return fd;
}

/* Whether a write was taken: a server that dislikes the hello may have closed already. */
static bool taken(ssize_t result)
{
    if (result < 0 && errno != ECONNABORTED && errno != EPIPE && errno != ECONNRESET) {
        fail("a write: %s", strerror(errno));
    }
    return result >= 0 || errno != ECONNABORTED;
}

/* ---- ways to write ---- */

static struct iovec all_of_it(void)
{
    return (struct iovec){.iov_base = hello, .iov_len = hello_len};
}

static bool by_pwritev2(int fd)
{
    struct iovec part = all_of_it();
    return taken(pwritev2(fd, &part, 1, -1, 0));
}

static bool by_pwritev64v2(int fd)
{
    struct iovec part = all_of_it();
    return taken(pwritev64v2(fd, &part, 1, -1, 0));
}

static bool by_underscore_write(int fd)
{
    return taken(__write(fd, hello, hello_len));
}

static bool by_underscore_send(int fd)
{
    return taken(__send(fd, hello, hello_len, MSG_NOSIGNAL));
}

static bool by_aio(int fd)
{
    struct aiocb block = {.aio_fildes = fd, .aio_buf = hello, .aio_nbytes = hello_len};
    const struct aiocb *const blocks[] = {&block};
    return taken(aio_write(&block)) &&
           (aio_suspend(blocks, 1, NULL) != 0 || taken(aio_return(&block)));
}

static bool by_aio64(int fd)
{
    struct aiocb64 block = {.aio_fildes = fd, .aio_buf = hello, .aio_nbytes = hello_len};
    const struct aiocb64 *const blocks[] = {&block};
    return taken(aio_write64(&block)) &&
           (aio_suspend64(blocks, 1, NULL) != 0 || taken(aio_return64(&block)));
}

static bool by_lio(int fd)
{
    struct aiocb blocks[2] = {
        {.aio_fildes = fd, .aio_buf = hello, .aio_nbytes = 20},
        {.aio_fildes = fd, .aio_buf = hello + 20, .aio_nbytes = hello_len - 20}};
    struct aiocb *list[] = {&blocks[0], NULL, &blocks[1]};
    blocks[0].aio_lio_opcode = LIO_WRITE;
    blocks[1].aio_lio_opcode = LIO_WRITE;
    return taken(lio_listio(LIO_WAIT, list, 3, NULL));
}

static bool by_lio64(int fd)
{
    struct aiocb64 block = {.aio_fildes = fd, .aio_buf = hello, .aio_nbytes = hello_len};
    struct aiocb64 *list[] = {&block};
    block.aio_lio_opcode = LIO_WRITE;
    return taken(lio_listio64(LIO_WAIT, list, 1, NULL));
}

/* A file with some octets before the hello. */
static int in_file(size_t before)
{
    char name[] = "/tmp/guard-ways-XXXXXX";
    int fd = mkstemp(name);
    if (fd < 0 || unlink(name) != 0 || pwrite(fd, hello, hello_len, (off_t)before) < 0 ||
        lseek(fd, (off_t)before, SEEK_SET) < 0) {
        fail("a file: %s", strerror(errno));
    }
    return fd;
}

static bool by_sendfile(int fd)
{
    return taken(sendfile(fd, in_file(9), NULL, hello_len));
}

static bool by_sendfile_position(int fd)
{
    off_t position = 9;
    int file = in_file(9);
    lseek(file, 0, SEEK_SET);
    return taken(sendfile(fd, file, &position, 10)) &&
           taken(sendfile(fd, file, &position, hello_len));
}

static bool by_sendfile64(int fd)
{
    off64_t position = 5000;
    return taken(sendfile64(fd, in_file(5000), &position, hello_len));
}

static bool by_splice(int fd)
{
    int pipe_fds[2];
    return pipe(pipe_fds) == 0 && write(pipe_fds[1], hello, hello_len) > 0 &&
           taken(splice(pipe_fds[0], NULL, fd, NULL, 65536, 0));
}

/* From memory into one pipe, from that into another, and in two pieces to the socket. */
static bool by_vmsplice(int fd)
{
    int first[2];
    int other[2];
    struct iovec part = all_of_it();
    return pipe(first) == 0 && pipe(other) == 0 && vmsplice(first[1], &part, 1, 0) > 0 &&
           tee(first[0], other[1], 65536, 0) > 0 &&
           taken(splice(other[0], NULL, fd, NULL, 30, SPLICE_F_MOVE)) &&
           taken(splice(other[0], NULL, fd, NULL, 65536, SPLICE_F_MOVE));
}

static bool by_raw_write(int fd)
{
    return taken(syscall(SYS_write, fd, hello, hello_len));
}

static bool by_raw_writev(int fd)
{
    struct iovec part = all_of_it();
    return taken(syscall(SYS_writev, fd, &part, 1));
}

static bool by_raw_pwritev2(int fd)
{
    struct iovec part = all_of_it();
    return taken(syscall(SYS_pwritev2, fd, &part, 1, -1L, -1L, 0));
}

static bool by_raw_sendto(int fd)
{
    return taken(syscall(SYS_sendto, fd, hello, hello_len, MSG_NOSIGNAL, NULL, 0));
}

static bool by_raw_sendmsg(int fd)
{
    struct iovec part = all_of_it();
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return taken(syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL));
}

static bool by_raw_sendmmsg(int fd)
{
    struct iovec part = all_of_it();
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    return taken(syscall(SYS_sendmmsg, fd, &message, 1, MSG_NOSIGNAL));
}

/* The descriptor comes through a socket pair. */
static bool by_passed_descriptor(int fd)
{
    int pair[2];
    char octet = 0;
    struct iovec part = {.iov_base = &octet, .iov_len = 1};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    int passed = -1;
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || sendmsg(pair[0], &message, 0) != 1 ||
        recvmsg(pair[1], &message, 0) != 1) {
        fail("no descriptor was passed");
    }
    memcpy(&passed, CMSG_DATA(&control.header), sizeof passed);
    return taken(write(passed, hello, hello_len));
}

static bool by_other_connect(int fd)
{
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (__connect(fd, (const struct sockaddr *)&server, sizeof server) != 0) {
        fail("connect: %s", strerror(errno));
    }
    return taken(write(fd, hello, hello_len));
}

/* ---- hellos of other shapes ---- */

static uint8_t stream[STREAM_MAX];
static size_t stream_len;

static void put(const void *octets, size_t len)
{
    memcpy(stream + stream_len, octets, len);
    stream_len += len;
}

/* Writes the stream in pieces of this size; 0: in one. */
static bool write_stream(int fd, size_t piece)
{
    bool all = true;
    for (size_t at = 0; all && at < stream_len;) {
        size_t len = piece == 0 || piece > stream_len - at ? stream_len - at : piece;
        all = taken(write(fd, stream + at, len));
        at += len;
    }
    return all;
}

/* Some octets, and then the hello. */
static bool behind(int fd, const void *octets, size_t len, size_t piece)
{
    stream_len = 0;
    put(octets, len);
    put(hello, hello_len);
    return write_stream(fd, piece);
}

static bool empty_record(int fd)
{
    return behind(fd, "\x16\x03\x01\0", 5, 0);
}

static bool empty_records_in_pieces(int fd)
{
    return behind(fd, "\x16\x03\x01\0\0\x16\x03\x01\0", 10, 3);
}

static bool a_warning(int fd)
{
    return behind(fd, "\x15\x03\x01\0\x02\x01\x70", 7, 0);
}

static bool a_warning_in_pieces(int fd)
{
    return behind(fd, "\x15\x03\x01\0\x02\x01\x70", 7, 4);
}

static bool a_change_cipher_spec(int fd)
{
    return behind(fd, "\x14\x03\x01\0\x01\x01", 6, 0);
}

static bool behind_starttls(int fd)
{
    return behind(fd, "STARTTLS\r\n", 10, 0);
}

static bool behind_a_proxy_header(int fd)
{
    static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 49152 443\r\n";
    return behind(fd, header, sizeof header - 1, 0);
}

/* The hello begins within the first piece. */
static bool behind_a_proxy_header_in_pieces(int fd)
{
    static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 49152 443\r\n";
    return behind(fd, header, sizeof header - 1, 50);
}

static bool behind_much_else(int fd)
{
    char octets[3000];
    memset(octets, 22, sizeof octets);
    return behind(fd, octets, sizeof octets, 0);
}

/* Record and hello of odd versions. */
static bool of_version(int fd, size_t at, unsigned major)
{
    stream_len = 0;
    put(hello, hello_len);
    stream[at] = (uint8_t)major;
    return write_stream(fd, 0);
}

static bool odd_records(int fd)
{
    static const unsigned char majors[] = {0, 1, 2, 4, 9, 16, 127, 128, 254, 255};
    bool all = of_version(fd, 1, majors[0]);
    for (size_t i = 1; i < sizeof majors; i++) {
        bool sent = of_version(open_connected(), 1, majors[i]);
        if (sent != all) {
            fail("not all of these versions are alike");
        }
    }
    return all;
}

static bool odd_hellos(int fd)
{
    return of_version(fd, 9, 4) || of_version(open_connected(), 9, 127) ||
           of_version(open_connected(), 9, 255);
}

static bool small_records(int fd, uint8_t major, size_t piece)
{
    stream_len = 0;
    for (size_t at = RECORD_HEADER; at < hello_len; at++) {
        put((const uint8_t[]){22, major, 1, 0, 1, hello[at]}, 6);
    }
    return write_stream(fd, piece);
}

static bool records_of_one_octet(int fd)
{
    return small_records(fd, 3, 0);
}

static bool records_of_one_octet_in_pieces(int fd)
{
    return small_records(fd, 9, 7);
}

/* RFC 5246, E.2. */
static bool like_ssl_2(int fd)
{
    static const uint8_t old[11 + 3 + 16] = {0x80, 9 + 3 + 16, 1, 3, 3, 0, 3, 0, 0, 0, 16, 0, 0xc0};
    stream_len = 0;
    put(old, sizeof old);
    return write_stream(fd, 0);
}

static const struct {
    const char *name;
    bool (*run)(int fd);
} ways[] = {
    {"pwritev2", by_pwritev2},
    {"pwritev64v2", by_pwritev64v2},
    {"__write", by_underscore_write},
    {"__send", by_underscore_send},
    {"__connect", by_other_connect},
    {"aio_write", by_aio},
    {"aio_write64", by_aio64},
    {"lio_listio", by_lio},
    {"lio_listio64", by_lio64},
    {"sendfile", by_sendfile},
    {"sendfile-position", by_sendfile_position},
    {"sendfile64", by_sendfile64},
    {"splice", by_splice},
    {"vmsplice", by_vmsplice},
    {"syscall-write", by_raw_write},
    {"syscall-writev", by_raw_writev},
    {"syscall-pwritev2", by_raw_pwritev2},
    {"syscall-sendto", by_raw_sendto},
    {"syscall-sendmsg", by_raw_sendmsg},
    {"syscall-sendmmsg", by_raw_sendmmsg},
    {"passed-descriptor", by_passed_descriptor},
    {"empty-record", empty_record},
    {"empty-records-in-pieces", empty_records_in_pieces},
    {"warning", a_warning},
    {"warning-in-pieces", a_warning_in_pieces},
    {"change-cipher-spec", a_change_cipher_spec},
    {"behind-starttls", behind_starttls},
    {"behind-proxy-header", behind_a_proxy_header},
    {"behind-proxy-header-in-pieces", behind_a_proxy_header_in_pieces},
    {"behind-much-else", behind_much_else},
    {"odd-records", odd_records},
    {"odd-hellos", odd_hellos},
    {"records-of-one-octet", records_of_one_octet},
    {"records-of-one-octet-in-pieces", records_of_one_octet_in_pieces},
    {"like-ssl-2", like_ssl_2},
};

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5) {
        fail("usage: guard_ways ADDRESS PORT NAME [WAY]");
    }
    server =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 || strlen(argv[3]) > 100) {
        fail("%s: no address", argv[1]);
    }
    signal(SIGPIPE, SIG_IGN);
    make_hello(argv[3]);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (argc == 4 || strcmp(argv[4], ways[i].name) == 0) {
            printf("%s %s\n", ways[i].name, ways[i].run(open_connected()) ? "sent" : "refused");
        }
    }
    return 0;
}

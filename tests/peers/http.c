/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_MAX = 32 * 1024, CHUNK = 64 * 1024 };

struct request {
    char method[16];
    char path[1024];
    unsigned long long body;
    bool close;
};

/* Input that has come and has not been looked at yet. */
struct input {
    char data[HEAD_MAX + 1];
    size_t len;
};

static bool send_all(SSL *ssl, const char *data, size_t len)
{
    while (len > 0) {
        int done = SSL_write(ssl, data, (int)(len < CHUNK ? len : CHUNK));
        if (done <= 0) {
            return false;
        }
        data += done;
        len -= (size_t)done;
    }
    return true;
}

static bool send_zeros(SSL *ssl, unsigned long long len)
{
    static const char zeros[CHUNK];
    while (len > 0) {
        size_t now = len < sizeof zeros ? (size_t)len : sizeof zeros;
        if (!send_all(ssl, zeros, now)) {
            return false;
        }
        len -= now;
    }
    return true;
}

static bool send_file(SSL *ssl, int fd)
{
    char chunk[16 * 1024];
    ssize_t got;
    while ((got = read(fd, chunk, sizeof chunk)) > 0) {
        if (!send_all(ssl, chunk, (size_t)got)) {
            return false;
        }
    }
    return got == 0;
}

/* The end of the first head in `in`, or 0. */
static size_t head_end(const struct input *in)
{
    const char *end = strstr(in->data, "\r\n\r\n");
    return end == NULL ? 0 : (size_t)(end - in->data) + 4;
}

static bool read_head(SSL *ssl, struct input *in, size_t *end)
{
    while ((*end = head_end(in)) == 0) {
        if (in->len == HEAD_MAX) {
            return false;
        }
        int got = SSL_read(ssl, in->data + in->len, (int)(HEAD_MAX - in->len));
        if (got <= 0) {
            return false;
        }
        in->len += (size_t)got;
        in->data[in->len] = '\0';
    }
    return true;
}

static bool parse_head(struct input *in, size_t end, struct request *request)
{
    char minor;
    in->data[end - 1] = '\0';
    memset(request, 0, sizeof *request);
    if (sscanf(in->data, "%15s %1023s HTTP/1.%c", request->method, request->path, &minor) != 3) {
        return false;
    }
    request->close = minor == '0';
    for (const char *line = strstr(in->data, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, "Content-Length:", 15) == 0) {
            request->body = strtoull(line + 15, NULL, 10);
        } else if (strncasecmp(line, "Connection: close", 17) == 0) {
            request->close = true;
        } else if (strncasecmp(line, "Connection: keep-alive", 22) == 0) {
            request->close = false;
        }
    }
    return true;
}

static bool discard_body(SSL *ssl, struct input *in, size_t end, unsigned long long body)
{
    size_t here = in->len - end;
    size_t used = body < here ? (size_t)body : here;
    memmove(in->data, in->data + end + used, in->len - end - used);
    in->len -= end + used;
    in->data[in->len] = '\0';
    for (body -= used; body > 0;) {
        char chunk[4096];
        int got = SSL_read(ssl, chunk, (int)(body < sizeof chunk ? body : sizeof chunk));
        if (got <= 0) {
            return false;
        }
        body -= (unsigned long long)got;
    }
    return true;
}

static int open_below(const char *root, const char *path, off_t *size)
{
    char name[2048];
    struct stat status;
    if (root == NULL || strstr(path, "..") != NULL ||
        snprintf(name, sizeof name, "%s%.*s", root, (int)strcspn(path, "?"), path) >=
            (int)sizeof name) {
        return -1;
    }
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(fd);
        return -1;
    }
    *size = fd >= 0 ? status.st_size : 0;
    return fd;
}

static bool send_head(SSL *ssl, const struct request *request, const char *status, const char *type,
                      unsigned long long len)
{
    char head[512];
    int head_len = snprintf(head, sizeof head,
                            "HTTP/1.1 %s\r\nServer: ech_server\r\nContent-Type: %s\r\n"
                            "Content-Length: %llu\r\nConnection: %s\r\n\r\n",
                            status, type, len, request->close ? "close" : "keep-alive");
    return send_all(ssl, head, (size_t)head_len);
}

static bool answer(SSL *ssl, const struct request *request, const char *name, const char *root)
{
    bool head_only = strcmp(request->method, "HEAD") == 0;
    unsigned long long bulk = 0;
    off_t size = 0;
    if (sscanf(request->path, "/bulk/%llu", &bulk) == 1) {
        return send_head(ssl, request, "200 OK", "application/octet-stream", bulk) &&
               (head_only || send_zeros(ssl, bulk));
    }
    int fd = open_below(root, request->path, &size);
    if (fd >= 0) {
        bool sent = send_head(ssl, request, "200 OK", "text/plain", (unsigned long long)size) &&
                    (head_only || send_file(ssl, fd));
        close(fd);
        return sent;
    }
    if (strstr(request->path, ".git/") != NULL) {
        /* git asks for optional files, and must learn that they do not exist. */
        return send_head(ssl, request, "404 Not Found", "text/plain", 0);
    }
    char body[512];
    int len = snprintf(body, sizeof body, "hello from %s\n", name);
    return send_head(ssl, request, "200 OK", "text/plain", (unsigned long long)len) &&
           (head_only || send_all(ssl, body, (size_t)len));
}

void http_serve(SSL *ssl, const char *name, const char *root)
{
    struct input *in = calloc(1, sizeof *in);
    struct request request;
    size_t end;
    while (in != NULL && read_head(ssl, in, &end) && parse_head(in, end, &request) &&
           discard_body(ssl, in, end, request.body) && answer(ssl, &request, name, root) &&
           !request.close) {
    }
    free(in);
}

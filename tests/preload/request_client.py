# SPDX-License-Identifier: LGPL-2.1-or-later
"""request_client.py ADDRESS PORT WAY PART...: writes each PART (hexadecimal) and then a ClientHello, without
waiting for an answer, and prints "sent", or "refused" where the connection was aborted.

WAY: parts (a write for each), whole (one write), octets (one for each octet), writev, dup (the hello by a
duplicate), apart (the request by a duplicate that is closed), threads (each part by another thread), stdio (the parts by
the C library's own), fastopen (no connect), datagram (one, with the beginning of a QUIC packet behind
the parts)."""
import ctypes
import os
import socket
import sys
import threading

NAME = b"secret.example.org"


def vector(octets, size):
    return len(octets).to_bytes(size, "big") + octets


def hello():
    name = vector(vector(b"\0" + vector(NAME, 2), 2), 2)
    body = b"\3\3" + os.urandom(32) + b"\0" + vector(b"\x13\1", 2) + b"\1\0" + vector(b"\0\0" + name, 2)
    return b"\26\3\1" + vector(b"\1" + vector(body, 3), 2)


def by_stdio(fd, parts):
    libc = ctypes.CDLL(None)
    libc.fdopen.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(libc.fdopen(os.dup(fd), b"w"))
    for part in parts:
        libc.fwrite(part, 1, len(part), stream)
    libc.fflush(stream)


def by_threads(fd, parts):
    for part in parts:
        thread = threading.Thread(target=os.write, args=(fd, part))
        thread.start()
        thread.join()


def send_datagram(peer, parts):
    packet = b"\xc0\0\0\0\1\x08" + os.urandom(8) + b"\0" + os.urandom(1200)
    socket.socket(type=socket.SOCK_DGRAM).sendto(b"".join(parts) + packet, peer)


def send(peer, way, parts):
    if way == "datagram":
        return send_datagram(peer, parts)
    connection = socket.socket()
    if way == "fastopen":
        connection.sendto(b"".join(parts), socket.MSG_FASTOPEN, peer)
        return connection.send(hello())
    connection.connect(peer)
    fd = connection.fileno()
    whole = b"".join(parts) + hello()
    if way == "whole":
        os.write(fd, whole)
    elif way == "writev":
        os.writev(fd, [*parts, hello()])
    elif way == "octets":
        for octet in whole:
            os.write(fd, bytes([octet]))
    elif way == "stdio":
        by_stdio(fd, parts)
        os.write(fd, hello())
    elif way == "threads":
        by_threads(fd, [*parts[:-1], parts[-1]])
        os.write(fd, hello())
    else:
        other = os.dup(fd) if way in ("dup", "apart") else fd
        for part in parts:
            os.write(other if way == "apart" else fd, part)
        if way == "apart":
            os.close(other)
        os.write(other if way == "dup" else fd, hello())
    return connection


def main():
    peer = (sys.argv[1], int(sys.argv[2]))
    parts = [bytes.fromhex(part) for part in sys.argv[4:]]
    try:
        send(peer, sys.argv[3], parts)
        print("sent")
    except (ConnectionAbortedError, PermissionError):
        print("refused")


main()

# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server that answers a ClientHello with one message and tells what the client says: odd_hello.py ADDRESS PORT KIND EXTENSION.
KIND is server12 (a ServerHello of TLS 1.2) or retry (a HelloRetryRequest that asks for P-384). EXTENSION, in hexadecimal, is what
the message has besides. It prints "alert N" or "closed" for each connection."""
import hashlib
import os
import socket
import sys

address, port, kind, extension = sys.argv[1], int(sys.argv[2]), sys.argv[3], bytes.fromhex(sys.argv[4])
ALERT = 21


def exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def record(sock):
    head = exactly(sock, 5)
    return head[0], exactly(sock, int.from_bytes(head[3:], "big"))


def vector(size, data):
    return len(data).to_bytes(size, "big") + data


def message(hello):
    session_id = hello[39:39 + hello[38]]
    if kind == "retry":
        random = hashlib.sha256(b"HelloRetryRequest").digest()
        rest = vector(1, session_id) + b"\x13\x01\0"
        extensions = bytes.fromhex("002b00020304 003300020018") + extension
    else:
        random = os.urandom(32)
        rest = vector(1, b"") + b"\xc0\x2b\0"
        extensions = bytes.fromhex("ff01000100") + extension
    body = vector(3, b"\3\3" + random + rest + vector(2, extensions))
    return b"\x16\3\3" + vector(2, b"\2" + body)


def serve(sock):
    try:
        sock.sendall(message(record(sock)[1]))
        while True:
            kind_of_record, content = record(sock)
            if kind_of_record == ALERT:
                return f"alert {content[1]}"
    except (OSError, EOFError):
        return "closed"


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((address, port))
listener.listen(16)
print("listening", flush=True)
while True:
    connection = listener.accept()[0]
    print(serve(connection), flush=True)
    connection.close()

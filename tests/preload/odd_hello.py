# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server that answers a ClientHello with one message and tells what the client says: odd_hello.py ADDRESS PORT KIND EXTENSION.
KIND is server12 (a ServerHello of TLS 1.2), server13 (of TLS 1.3), retry (a HelloRetryRequest that asks for P-384), cookie (one with a
cookie alone) or twice (two of retry: the second has EXTENSION). EXTENSION, in hexadecimal, is what the message has besides; with a
"-" in front it comes first. It prints "alert N" or "closed" for each connection."""
import hashlib
import os
import socket
import sys

address, port, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
leads = sys.argv[4].startswith("-")
given = bytes.fromhex(sys.argv[4].lstrip("-"))
ALERT, HANDSHAKE = 21, 22


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


SERVER_HELLO_13 = "002b00020304 00330024001d0020" + "09" + 31 * "00"
USUAL = {"server12": "ff01000100", "server13": SERVER_HELLO_13, "retry": "002b00020304 003300020018",
         "twice": "002b00020304 003300020018", "cookie": "002b00020304 002c0003000107"}


def message(hello, extension):
    session_id = vector(1, hello[39:39 + hello[38]])
    usual = bytes.fromhex(USUAL[kind])
    extensions = extension + usual if leads else usual + extension
    if kind == "server12":
        random, rest = os.urandom(32), vector(1, b"") + b"\xc0\x2b\0"
    elif kind == "server13":
        random, rest = os.urandom(32), session_id + b"\x13\x01\0"
    else:
        random, rest = hashlib.sha256(b"HelloRetryRequest").digest(), session_id + b"\x13\x01\0"
    body = vector(3, b"\3\3" + random + rest + vector(2, extensions))
    return b"\x16\3\3" + vector(2, b"\2" + body)


def next_of(sock, wanted):
    """The contents of the next record of this type, or what the client says instead."""
    while True:
        kind_of_record, content = record(sock)
        if kind_of_record == wanted:
            return content
        if kind_of_record == ALERT:
            raise ValueError(f"alert {content[1]}")


def serve(sock):
    try:
        sock.sendall(message(next_of(sock, HANDSHAKE), b"" if kind == "twice" else given))
        if kind == "twice":
            sock.sendall(message(next_of(sock, HANDSHAKE), given))
        return f"alert {next_of(sock, ALERT)[1]}"
    except ValueError as said:
        return str(said)
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

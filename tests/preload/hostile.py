# SPDX-License-Identifier: LGPL-2.1-or-later
"""Peers that misbehave: hostile.py ADDRESS PORT HOW [LOG]. As a TLS server it reads a ClientHello and then does
HOW; LOG gets a line for each connection that has ended. With HOW servfail or silent it is a DNS server; a deaf one takes no
connection."""
import os
import socket
import struct
import sys
import threading

address, port, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]


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
    return head + exactly(sock, int.from_bytes(head[3:], "big"))


def misbehave(sock):
    hello = record(sock)
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    if how == "stall":
        return True
    answers = {
        "close": b"",
        "garbage": b"HTTP/1.0 400 what is this\r\n\r\n",
        "random": os.urandom(2000),
        "echo": hello,
        "alert": bytes([21, 3, 3, 0, 2, 2, 40]),
        "warning": bytes([21, 3, 3, 0, 2, 1, 0]),
        "half": bytes([22, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3]) + bytes(20),
        "huge": bytes([22, 3, 3, 0xFF, 0xFF]) + bytes(70000),
    }
    sock.sendall(answers[how])
    sock.shutdown(socket.SHUT_WR)
    return True


def serve(sock):
    try:
        if misbehave(sock):
            while sock.recv(4096):
                pass
    except (OSError, EOFError):
        pass
    sock.close()
    with open(sys.argv[4], "a") as log:
        log.write('{"done":false}\n')


def dns(sock):
    while True:
        question, peer = sock.recvfrom(4096)
        if how == "servfail":
            end = question.index(0, 12) + 5
            sock.sendto(question[:2] + b"\x81\x82\0\1" + bytes(6) + question[12:end], peer)


def main():
    kind = socket.SOCK_DGRAM if how in ("servfail", "silent") else socket.SOCK_STREAM
    listener = socket.socket(socket.AF_INET, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    if kind == socket.SOCK_DGRAM:
        print("listening", flush=True)
        dns(listener)
    if how == "deaf":
        listener.listen(0)
        full = [socket.create_connection((address, port))]
        print("listening", flush=True)
        while True:
            full[0].recv(1)
    listener.listen(16)
    print("listening", flush=True)
    while True:
        threading.Thread(target=serve, args=listener.accept()[:1]).start()


main()

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Peers that misbehave: hostile.py ADDRESS PORT HOW [LOG]. As a TLS server it reads a ClientHello and then does
HOW; LOG gets a line for each connection that has ended. With HOW servfail or silent it is a DNS server; a deaf one takes no
connection. With dot-* it is a DNS server over TLS, and LOG the certificate and key without their endings."""
import os
import socket
import ssl
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


def addressed(question):
    """An answer to A with the address of the world's relay, to AAAA with none; None for other types."""
    end = question.index(0, 12) + 5
    kind = question[end - 4:end - 2]
    if kind not in (b"\0\1", b"\0\x1c"):
        return None
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if kind == b"\0\1" else b""
    return question[:2] + b"\x81\x80\0\1" + bytes([0, len(record) and 1, 0, 0, 0, 0]) + question[12:end] + record


def dot(sock):
    """DNS over TLS that knows addresses, and of HTTPS records what HOW says."""
    try:
        with sock:
            while True:
                question = exactly(sock, int.from_bytes(exactly(sock, 2), "big"))
                answer = addressed(question)
                if answer is None and how == "dot-servfail":
                    answer = question[:2] + b"\x81\x82\0\1" + bytes(6) + question[12:question.index(0, 12) + 5]
                if answer is None and how == "dot-close":
                    return
                if answer is not None:
                    sock.sendall(struct.pack("!H", len(answer)) + answer)
    except (OSError, EOFError):
        pass


def serve_dot(listener):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4] + ".pem", sys.argv[4] + ".key")
    listener.listen(16)
    print("listening", flush=True)
    while True:
        threading.Thread(target=accept_dot, args=(context, listener.accept()[0])).start()


def accept_dot(context, sock):
    try:
        dot(context.wrap_socket(sock, server_side=True))
    except OSError:
        sock.close()


def main():
    kind = socket.SOCK_DGRAM if how in ("servfail", "silent") else socket.SOCK_STREAM
    listener = socket.socket(socket.AF_INET, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    if kind == socket.SOCK_DGRAM:
        print("listening", flush=True)
        dns(listener)
    if how.startswith("dot-"):
        serve_dot(listener)
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

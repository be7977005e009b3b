#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""half_close.py server PORT CERTIFICATE KEY
half_close.py client PORT NAME ANCHORS

Both ends of a connection that is ended in parts. Both run the same cases, and have TLS in memory, so each octet of TCP is theirs. An end
prints what it meets: a number of octets, "notify" (close_notify), "FIN", "reset", and "quiet" if nothing comes for a while.
"""
import fcntl
import socket
import ssl
import struct
import sys
import termios
import time

MANY = 300000
many = bytes(MANY)


class End:
    def __init__(self, s, context, **rest):
        self.s, self.met = s, []
        s.settimeout(20)
        self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.inward, self.outward, **rest)
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self.inward.write(s.recv(65536))
        self.flush()

    def flush(self):
        self.s.sendall(self.outward.read())

    def say(self, octets):
        self.tls.write(octets)
        self.flush()

    def notify(self):
        try:
            self.tls.unwrap()
        except ssl.SSLError:  # the peer's close_notify has not come
            pass
        self.flush()

    def fin(self):
        self.s.shutdown(socket.SHUT_WR)

    def next(self, seconds=20):
        while True:
            try:
                if "notify" not in self.met:
                    return self.tls.read(65536) or "notify"
            except ssl.SSLZeroReturnError:
                return "notify"
            except ssl.SSLWantReadError:
                pass
            self.s.settimeout(seconds)
            try:
                octets = self.s.recv(65536)
            except socket.timeout:
                return "quiet"
            except OSError:
                return "reset"
            finally:
                self.s.settimeout(20)
            if not octets:
                return "FIN"
            self.inward.write(octets)

    def expect(self, *kinds):
        """Notes what comes: as many octets as the number says, or something else."""
        for kind in kinds:
            got, event = 0, None
            while event is None and got < (kind if isinstance(kind, int) else 1):
                event = self.next(0.2 if kind == "quiet" else 20)
                if isinstance(event, bytes):
                    got, event = got + len(event), None
            self.met.append(event or got)


def client_first(c, client):
    if client:
        c.notify()
        c.expect(MANY, "notify", "quiet")
        c.fin()
        c.expect("FIN")
    else:
        c.expect("notify", "quiet")
        c.say(many)
        c.notify()
        c.expect("FIN")
        c.fin()


def server_first(c, client):
    if client:
        c.expect(5, "notify", "quiet")
        c.say(many)
        c.notify()
        c.expect("FIN")
        c.fin()
    else:
        c.say(b"hello")
        c.notify()
        c.expect(MANY, "notify", "quiet")
        c.fin()
        c.expect("FIN")


def both(c, client):
    c.notify()
    c.expect("notify")
    if client:
        c.expect("quiet")
        c.fin()
        c.expect("FIN")
    else:
        c.expect("FIN")
        c.fin()


def client_cuts(c, client):
    if client:
        c.fin()
        c.expect(MANY, "notify", "FIN")
    else:
        c.expect("FIN")
        c.say(many)
        c.notify()
        c.fin()


def server_cuts(c, client):
    if client:
        c.expect(5, "FIN")
        c.say(many)
        c.notify()
        c.fin()
    else:
        c.say(b"hello")
        c.fin()
        c.expect(MANY, "notify", "FIN")


def both_cut(c, client):
    c.say(many)
    c.fin()
    c.expect(MANY, "FIN")


def cut_in_a_record(c, client):
    if client:
        c.expect(5, "FIN")
        c.notify()
        c.fin()
    else:
        c.say(b"hello")
        c.tls.write(many[:9000])
        c.s.sendall(c.outward.read()[:4000])
        c.fin()
        c.expect("notify", "FIN")


def http(c, client):
    """The end of the connection is the end of the answer, as in HTTP/1.0."""
    if client:
        c.say(b"GET / HTTP/1.0\r\n\r\n")
        c.expect(MANY, "FIN")
        c.notify()
        c.fin()
    else:
        c.expect(18)
        c.say(many)
        c.fin()
        c.expect("notify", "FIN")


def answered_early(c, client):
    """The server answers before the client has said all, and closes with unread octets: a reset."""
    if client:
        try:
            for _ in range(1000):
                c.say(many)
            c.met.append("said all")
        except OSError:
            c.met.append("failed")
        c.expect(15)
    else:
        c.s.recv(1, socket.MSG_PEEK)
        c.say(b"HTTP/1.0 413 x\n")
        c.notify()
        c.s.close()


def unsent(s):
    return struct.unpack("i", fcntl.ioctl(s, termios.TIOCOUTQ, bytes(4)))[0]


def octets_before_a_reset(c, client):
    """The client reads late, and the octets are more than its socket has room for."""
    if client:
        c.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        c.say(b"x")
        time.sleep(0.5)
        c.expect(MANY, "reset")
    else:
        c.expect(1)
        c.say(many)
        while unsent(c.s) > 0:
            pass
        c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.s.close()


cases = [client_first, server_first, both, client_cuts, server_cuts, both_cut, cut_in_a_record, http, answered_early,
         octets_before_a_reset]


def serve(s, context):
    c = End(s, context, server_side=True)
    case = cases[int(c.next())]
    c.say(b"go")
    case(c, False)
    print(case.__name__, *c.met, flush=True)
    s.close()


def server(port, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", int(port)))
    s.listen()
    print("ready", flush=True)
    while True:
        serve(s.accept()[0], context)


def client(port, name, anchors):
    context = ssl.create_default_context()
    context.load_verify_locations(anchors)
    for version in ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2:
        context.maximum_version = version
        for number, case in enumerate(cases):
            s = socket.create_connection(("127.0.0.1", int(port)), 20)
            c = End(s, context, server_hostname=name)
            c.say(b"%d" % number)
            c.next()
            case(c, True)
            print(c.tls.version(), case.__name__, *c.met, flush=True)
            s.close()


{"server": server, "client": client}[sys.argv[1]](*sys.argv[2:])

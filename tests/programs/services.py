#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""services.py PROTOCOL PORT PKI: serves one protocol at 127.0.0.3, without TLS; ech_server stands in front of it and speaks TLS.
Only `submission` does TLS by itself. It answers only what the programs of list_services.c ask.

services.py PROTOCOL PORT --before ADDRESS:PORT: speaks what goes before TLS in that protocol, then joins the connection to the server
of that address."""
import socket
import socketserver
import ssl
import struct
import sys
import threading

MESSAGE = "From: a@example.org\r\nTo: b@example.org\r\nSubject: hello from the mailbox\r\n\r\nHello.\r\n"


class Lines(socketserver.StreamRequestHandler):
    """A protocol of lines: sends a greeting, then an answer to each line."""

    greeting = ""

    def say(self, text):
        self.wfile.write(text.encode())

    def handle(self):
        self.say(self.greeting)
        for line in self.rfile:
            if self.answer(line.decode(errors="replace").strip()):
                break

    def answer(self, line):
        """Answers one line. True: the connection ends."""
        raise NotImplementedError


class Smtp(Lines):
    greeting = "220 mail.example.org ESMTP\r\n"

    def answer(self, line):
        command = line.split(" ")[0].upper()
        if command == "EHLO":
            self.say("250-mail.example.org\r\n250 8BITMIME\r\n")
        elif command == "DATA":
            self.say("354 go on\r\n")
            while self.rfile.readline().strip() not in (b".", b""):
                pass
            self.say("250 hello from the mail server\r\n")
        elif command == "QUIT":
            self.say("221 bye\r\n")
        else:
            self.say("250 ok\r\n")
        return command == "QUIT"


class Submission(Smtp):
    """Begins without TLS, and goes on with it after STARTTLS."""

    def answer(self, line):
        command = line.split(" ")[0].upper()
        if command == "EHLO" and not isinstance(self.connection, ssl.SSLSocket):
            self.say("250-mail.example.org\r\n250 STARTTLS\r\n")
            return False
        if command != "STARTTLS":
            return super().answer(line)
        self.say("220 go on\r\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3] + "/inner.pem", sys.argv[3] + "/inner.key")
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        for encrypted in self.rfile:
            if self.answer(encrypted.decode(errors="replace").strip()):
                break
        return True


class Pop3(Lines):
    greeting = "+OK\r\n"

    def answer(self, line):
        command = line.split(" ")[0].upper()
        size = len(MESSAGE)
        answers = {"CAPA": "+OK\r\nUIDL\r\nTOP\r\nUSER\r\n.\r\n", "STAT": f"+OK 1 {size}\r\n", "QUIT": "+OK bye\r\n",
                   "UIDL": "+OK\r\n1 number-one\r\n.\r\n", "LIST": f"+OK\r\n1 {size}\r\n.\r\n",
                   "RETR": f"+OK {size} octets\r\n{MESSAGE}.\r\n", "TOP": f"+OK\r\n{MESSAGE}.\r\n"}
        if command in ("UIDL", "LIST") and " " in line:
            self.say("+OK 1 number-one\r\n" if command == "UIDL" else f"+OK 1 {size}\r\n")
        else:
            self.say(answers.get(command, "+OK\r\n"))
        return command == "QUIT"


class Imap(Lines):
    greeting = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN UIDPLUS] hello\r\n"

    def answer(self, line):
        tag, command, rest = (line.split(" ", 2) + ["", ""])[:3]
        command = command.upper()
        if command == "UID":
            command, rest = (rest.split(" ", 1) + [""])[:2]
            command = command.upper()
        size = len(MESSAGE)
        literal = f"{{{size}}}\r\n{MESSAGE}"
        if command == "CAPABILITY":
            self.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN UIDPLUS\r\n")
        elif command == "AUTHENTICATE":
            if " " not in rest:
                self.say("+ \r\n")
                self.rfile.readline()
        elif command in ("SELECT", "EXAMINE"):
            self.say("* FLAGS (\\Seen)\r\n* 1 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT 2]\r\n")
        elif command in ("LIST", "LSUB"):
            self.say(f'* {command} () "/" INBOX\r\n')
        elif command == "STATUS":
            self.say("* STATUS INBOX (MESSAGES 1 RECENT 0 UIDNEXT 2 UIDVALIDITY 1 UNSEEN 0)\r\n")
        elif command == "SEARCH":
            self.say("* SEARCH 1\r\n")
        elif command == "FETCH":
            items = [("FLAGS", "FLAGS ()"), ("INTERNALDATE", 'INTERNALDATE "01-Jan-2026 00:00:00 +0000"'),
                     ("RFC822.SIZE", f"RFC822.SIZE {size}"), ("BODY", f"BODY[] {literal}")]
            self.say("* 1 FETCH (UID 1 " + " ".join(text for item, text in items if item in rest.upper()) + ")\r\n")
        elif command == "LOGOUT":
            self.say("* BYE\r\n")
        self.say(f"{tag} OK done\r\n")
        return command == "LOGOUT"


class Irc(Lines):
    greeting = ":irc.example.org NOTICE * :hello from the chat server\r\n"

    def answer(self, line):
        command = line.split(" ")[0].upper()
        if command == "USER":
            self.say(":irc.example.org 001 somebody :welcome\r\n:irc.example.org 376 somebody :end\r\n"
                     "ERROR :hello from the chat server\r\n")
        elif command == "PING":
            self.say(":irc.example.org PONG irc.example.org\r\n")
        return command in ("QUIT", "USER")


class Nntp(Lines):
    greeting = "200 hello from the news server\r\n"

    def answer(self, line):
        command = line.split(" ")[0].upper()
        self.say({"LIST": "215 list\r\nhello.from.news 1 1 y\r\n.\r\n", "QUIT": "205 bye\r\n", "DATE": "111 20260101000000\r\n",
                  "NEWGROUPS": "231 list\r\n.\r\n", "MODE": "200 ok\r\n"}.get(command, "500 what?\r\n"))
        return command == "QUIT"


class Redis(Lines):
    def answer(self, line):
        if line.upper() == "PING":
            self.say("+hello from the store\r\n")
        elif line.upper() == "COMMAND":
            self.say("*0\r\n")
        return False


class Ups(Lines):
    """An upsd of Network UPS Tools."""

    def answer(self, line):
        status = 'VAR ups ups.status "OL"\n'
        self.say({"LIST VAR ups": f'BEGIN LIST VAR ups\nVAR ups device.model "hello from the ups"\n{status}END LIST VAR ups\n',
                  "GET VAR ups ups.status": status, "LOGOUT": "OK Goodbye\n"}.get(line, "OK\n"))
        return line == "LOGOUT"


class Octets(socketserver.StreamRequestHandler):
    def exactly(self, count):
        octets = self.rfile.read(count)
        if len(octets) < count:
            raise EOFError
        return octets

    def handle(self):
        try:
            while True:
                self.message()
        except (EOFError, ConnectionError):
            pass

    def message(self):
        raise NotImplementedError


class Ldap(Octets):
    """Accepts any bind, and answers each search with one entry."""

    @staticmethod
    def element(tag, *contents):
        content = b"".join(contents)
        return bytes([tag, len(content)]) + content

    def message(self):
        _, size = self.exactly(2)
        if size & 0x80:
            size = int.from_bytes(self.exactly(size & 0x7f), "big")
        content = self.exactly(size)
        number = content[:2 + content[1]]
        kind = content[len(number)]
        done = self.element(0x0a, b"\0") + self.element(4) + self.element(4)
        if kind == 0x60:
            self.wfile.write(self.element(0x30, number, self.element(0x61, done)))
        elif kind == 0x63:
            value = self.element(0x30, self.element(4, b"cn"), self.element(0x31, self.element(4, b"hello from the directory")))
            entry = self.element(0x64, self.element(4, b"cn=hello"), self.element(0x30, value))
            self.wfile.write(self.element(0x30, number, entry) + self.element(0x30, number, self.element(0x65, done)))


class Mqtt(Octets):
    """Accepts a connection and a subscription, then publishes one message."""

    def message(self):
        kind, size = self.exactly(2)
        content = self.exactly(size)
        if kind >> 4 == 1:
            self.wfile.write(b"\x20\x02\0\0")
        elif kind >> 4 == 8:
            topic = b"t"
            text = b"hello from the broker"
            self.wfile.write(b"\x90\x03" + content[:2] + b"\0" +
                             bytes([0x30, 2 + len(topic) + len(text), 0, len(topic)]) + topic + text)


class Dns(Octets):
    """Answers every question with one address."""

    def message(self):
        size, = struct.unpack("!H", self.exactly(2))
        query = self.exactly(size)
        end = query.index(0, 12) + 5
        answer = query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:end] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\x7b"
        self.wfile.write(struct.pack("!H", len(answer)) + answer)


class Before(socketserver.BaseRequestHandler):
    """What goes before TLS. Then it passes octets both ways."""

    def preamble(self):
        raise NotImplementedError

    def handle(self):
        self.preamble()
        host, port = sys.argv[4].split(":")
        with socket.create_connection((host, int(port))) as server:
            threading.Thread(target=self.copy, args=(server, self.request), daemon=True).start()
            self.copy(self.request, server)

    @staticmethod
    def copy(source, target):
        try:
            while octets := source.recv(65536):
                target.sendall(octets)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()


class BeforeUps(Before):
    def preamble(self):
        line = b""
        while not line.endswith(b"STARTTLS\n"):
            octets = self.request.recv(1)
            if not octets:
                raise EOFError
            line += octets
        self.request.sendall(b"OK STARTTLS\n")


def qnetd_message(stream):
    """One message of corosync's quorum device: its type, and its first option, the number that the answer repeats."""
    kind, size = struct.unpack("!HI", stream(6))
    return kind, stream(size)[:8]


def qnetd_answer(kind, *options):
    return struct.pack("!HI", kind, sum(map(len, options))) + b"".join(options)


class Qnetd(Octets):
    """A quorum server that knows no algorithm."""

    def message(self):
        _, number = qnetd_message(self.exactly)
        self.wfile.write(qnetd_answer(5, number, b"\0\x06\0\x02\0\x08"))


class BeforeQnetd(Before):
    def exactly(self, count):
        octets = self.request.recv(count, socket.MSG_WAITALL)
        if len(octets) < count:
            raise EOFError
        return octets

    def preamble(self):
        _, number = qnetd_message(self.exactly)
        # TLS is required, and no certificate of the client.
        self.request.sendall(qnetd_answer(1, number, b"\0\x02\0\x01\2", b"\0\x03\0\x01\0"))
        qnetd_message(self.exactly)


PROTOCOLS = {"smtp": Smtp, "submission": Submission, "pop3": Pop3, "imap": Imap, "irc": Irc, "nntp": Nntp, "redis": Redis, "ldap": Ldap, "mqtt": Mqtt, "dns": Dns,
             "qnetd": Qnetd, "ups": Ups}
BEFORE = {"qnetd": BeforeQnetd, "ups": BeforeUps}


def main():
    protocol, port = sys.argv[1:3]
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer.daemon_threads = True
    handlers = BEFORE if sys.argv[3] == "--before" else PROTOCOLS
    with socketserver.ThreadingTCPServer(("127.0.0.3", int(port)), handlers[protocol]) as server:
        print("listening 127.0.0.3:" + port, flush=True)
        server.serve_forever()


main()

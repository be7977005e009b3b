# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keeps connections without an answer: holder.py LISTEN TO COUNT. It takes COUNT connections and
waits until each has sent something. Then it says "all are pending", and carries one after the other
to a server and back, until they end."""
import resource
import select
import socket
import sys


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def poll_of(*sockets):
    poll = select.poll()
    by_number = {one.fileno(): one for one in sockets}
    for number in by_number:
        poll.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poll.poll()]


def carry(client, server):
    other = {client: server, server: client}
    while True:
        for ready in poll_of(client, server):
            try:
                octets = ready.recv(65536)
                if not octets:
                    return
                other[ready].sendall(octets)
            except (BrokenPipeError, ConnectionResetError):
                return


def main():
    count = int(sys.argv[3])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.create_server(address(sys.argv[1]), backlog=4096)
    print("listening", flush=True)
    held = [listener.accept()[0] for _ in range(count)]
    for client in held:
        client.recv(1, socket.MSG_PEEK)
    print("all are pending", flush=True)
    for client in held:
        with client, socket.create_connection(address(sys.argv[2])) as server:
            carry(client, server)


main()

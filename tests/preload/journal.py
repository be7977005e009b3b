# SPDX-License-Identifier: LGPL-2.1-or-later
"""The journal's stand-in: journal.py SOCKET HOW. "reads" prints each entry of the native protocol as a JSON line, one text for
each field, octets as Latin-1; what is no entry ends it. A "deaf" one has a full queue and reads nothing."""
import json
import os
import socket
import sys
import time

path, how = sys.argv[1], sys.argv[2]


def fields(entry):
    found = {}
    while entry:
        line, _, rest = entry.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, entry = rest[8:8 + length], rest[8 + length:]
            assert len(value) == length and entry[:1] == b"\n", entry
            entry = entry[1:]
        else:
            entry = rest
        name = name.decode("ascii")
        assert name and name not in found, name
        found[name] = value.decode("latin-1")
    return found


journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.bind(path)
os.chmod(path, 0o666)
if how == "deaf":
    own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    own.setblocking(False)
    try:
        while True:
            own.sendto(b"MESSAGE=full\n", path)
    except BlockingIOError:
        pass
print("listening", flush=True)
while how == "deaf":
    time.sleep(3600)
while True:
    entry, files, _, _ = socket.recv_fds(journal, 1 << 20, 1)
    if files:
        entry = os.pread(files[0], 1 << 24, 0)
        os.close(files[0])
    print(json.dumps(fields(entry)), flush=True)

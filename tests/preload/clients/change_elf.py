#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""change_elf.py FILE symbolic | hide NAME... | unversioned: changes a program or shared library in place.

symbolic     it looks for functions in itself first, as if it were linked with -Bsymbolic
hide         it does not define these functions any more
unversioned  the libraries that it needs may lack the versions that it asks for
"""
import struct
import sys

DT_STRTAB, DT_STRSZ, DT_FLAGS, DF_SYMBOLIC = 5, 10, 30, 2
DT_VERNEED, VER_FLG_WEAK = 0x6FFFFFFE, 2
PT_LOAD, PT_DYNAMIC = 1, 2

path, change, *names = sys.argv[1:]
with open(path, "rb") as file:
    image = bytearray(file.read())
wide = image[4] == 2
word, pair = ("<Q", "<QQ") if wide else ("<I", "<II")
headers = struct.unpack_from(word, image, 32 if wide else 28)[0]
size, count = struct.unpack_from("<HH", image, 54 if wide else 42)
segments = []
for at in range(headers, headers + size * count, size):
    kind = struct.unpack_from("<I", image, at)[0]
    offset, address = struct.unpack_from(pair, image, at + (8 if wide else 4))
    length = struct.unpack_from(word, image, at + (32 if wide else 16))[0]
    segments.append((kind, offset, address, length))
place = next(offset for kind, offset, _, _ in segments if kind == PT_DYNAMIC)
dynamic = {}
while True:
    tag, value = struct.unpack_from(pair, image, place)
    dynamic.setdefault(tag, (place, value))
    if tag == 0:
        break
    place += struct.calcsize(pair)


def offset_of(tag):
    """Where the table of this tag is in the file."""
    address = dynamic[tag][1]
    return next(offset + address - start for kind, offset, start, length in segments
                if kind == PT_LOAD and start <= address < start + length)


if change == "symbolic":
    at, value = dynamic[DT_FLAGS]
    struct.pack_into(pair, image, at, DT_FLAGS, value | DF_SYMBOLIC)
elif change == "unversioned":
    at = offset_of(DT_VERNEED)
    while True:
        count, _, versions, following = struct.unpack_from("<HIII", image, at + 2)
        version = at + versions
        for _ in range(count):
            flags = struct.unpack_from("<H", image, version + 4)[0]
            struct.pack_into("<H", image, version + 4, flags | VER_FLG_WEAK)
            version += struct.unpack_from("<I", image, version + 12)[0]
        if following == 0:
            break
        at += following
else:
    begin = offset_of(DT_STRTAB)
    end = begin + dynamic[DT_STRSZ][1]
    for name in names:
        # Another name: the hash table does not find it, nor does any caller.
        at = image.find(b"\0" + name.encode() + b"\0", begin - 1, end)
        if at < 0:
            sys.exit(name + ": no such name")
        image[at + 1] = ord("?")

with open(path, "wb") as file:
    file.write(image)

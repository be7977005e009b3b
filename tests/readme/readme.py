# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests the examples in README.md and other documents.

readme.py script DOCUMENT... FOLDER   writes FOLDER/driver.sh, which types the commands of the documents' ```sh fences, in order
readme.py judge DOCUMENT... FOLDER    compares what the commands printed with what the documents show

The rules for writing these documents:

  * ```sh: one command a line, no prompt; a line may end in a backslash. All lines are typed into one shell, in the tree. Each must
    end with exit status 0, or with the status in a comment at its end: "# exit status 121".
  * ```sh playground: these lines are typed into the shell of make playground.
  * A fence without a word after a ```sh fence, with at most one paragraph between them, shows what these commands print. The output
    must have its lines, in this order; "..." alone on a line stands for any lines. Times, sizes, keys and versions may differ.
  * A fence without a word that begins with "$ COMMAND" shows what COMMAND printed; an earlier ```sh fence has that command.
"""
import pathlib
import re
import sys

COMMAND_WORDS = ("make demo", "make check", "make install")


class Block:
    def __init__(self, number, playground):
        self.playground = playground
        self.number = number
        self.commands = []  # (text, status)
        self.shown = None

    def name(self, index):
        return f"{self.number:02}-{index:02}"


def fences(text):
    """Gives each fence: its word, its lines, and the number of paragraphs since the fence before."""
    inside, gap, blank = None, 0, True
    for line in text.split("\n"):
        if inside is None and line.startswith("```"):
            inside = (line[3:].strip(), [], gap)
        elif inside is not None and line.startswith("```"):
            yield inside
            inside, gap, blank = None, 0, True
        elif inside is not None:
            inside[1].append(line)
        elif line.startswith("#"):
            gap, blank = 99, True
        else:
            if line.strip() and blank:
                gap += 1
            blank = not line.strip()
    if inside is not None:
        sys.exit("readme: a fence is not closed")


def commands_of(lines):
    for line in "\n".join(lines).replace("\\\n", " ").split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        status = re.search(r"#\s*exit status (\d+)\s*$", line)
        yield line, int(status[1]) if status else 0


def blocks_of(documents):
    blocks = []
    for document in documents:
        blocks_in(document, blocks)
    typed = [command for block in blocks for command, _ in block.commands]
    for words in COMMAND_WORDS:
        if not any(words in command for command in typed):
            sys.exit(f"readme: no ```sh fence has {words}: have the documents changed their marks?")
    if not any(block.playground for block in blocks):
        sys.exit("readme: no ```sh playground fence: have the documents changed their marks?")
    return blocks


def blocks_in(document, blocks):
    last = None
    for word, lines, gap in fences(pathlib.Path(document).read_text(encoding="utf-8")):
        if word in ("sh", "sh playground"):
            last = Block(len(blocks) + 1, word != "sh")
            last.commands = list(commands_of(lines))
            blocks.append(last)
            continue
        if word == "" and lines and lines[0].startswith("$ "):
            show_again(lines, blocks)
        elif word == "" and last is not None and gap <= 1:
            last.shown = lines
        last = None


def show_again(lines, blocks):
    """Finds the command that this fence shows; the fence names it in its first line."""
    for block in blocks:
        if lines[0][2:] in [command for command, _ in block.commands]:
            block.shown = lines[1:]


def typed(block, folder):
    """Makes shell code that runs the commands and keeps the output and exit status of each."""
    for index, (command, _) in enumerate(block.commands):
        place = f"/share/{block.name(index)}"
        yield f"echo >&9 {quoted(command)}\n{{ {command}\n}} >{place}.out 2>&1\necho $? >{place}.status\n"


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def write_script(blocks, folder):
    # Root needs no sudo.
    parts = ["exec 9>&2 </dev/null\nsudo() { \"$@\"; }\n"]
    for block in blocks:
        lines = "".join(typed(block, folder))
        if block.playground:
            name = f"{block.number:02}.playground"
            (folder / name).write_text(lines, encoding="utf-8")
            lines = f"make -s playground </share/{name} >/share/{name}.log 2>&1\n"
        parts.append(lines)
    (folder / "driver.sh").write_text("".join(parts), encoding="utf-8")


CHANGING = (
    # curl 7 and 8.
    (r"\b(OpenSSL/\d\S*|TLS connect error): error:", "TLS error:"),
    (r"\x1b\[[0-9;]*m", ""),
    (r"\b\d{4}-\d\d-\d\d(T[\d:.]+Z)?", "DATE"),
    (r"\b\d\d:\d\d:\d\d\b", "CLOCK"),
    (r"[A-Za-z0-9+/]{40,}=*", "BASE64"),
    (r"\b[0-9a-f]{32,}\b", "HEX"),
    (r'_us":\d+', '_us":TIME'),
    (r"\b\d+(\.\d+)? (us|ms|s|min)\b", "TIME"),
    (r"\b\d+(\.\d+){2,}\b", "VERSION"),
    (r"\b\d{3,}\b", "NUMBER"),
    (r"\s+", " "),
)


def settled(line):
    for what, instead in CHANGING:
        line = re.sub(what, instead, line)
    return line.strip()


def missing(shown, printed):
    """Finds the first line of `shown` that is missing in `printed`; None: nothing is missing."""
    have = [settled(line) for line in printed.split("\n")]
    at = 0
    chunks = [[]]
    for line in shown:
        if line.strip() == "...":
            chunks.append([])
        elif line.strip():
            chunks[-1].append(line)
    have = [line for line in have if line]
    for chunk in chunks:
        wanted = [settled(line) for line in chunk]
        best = 0
        for start in range(at, len(have) + 1):
            same = 0
            while same < len(wanted) and have[start + same:start + same + 1] == [wanted[same]]:
                same += 1
            best = max(best, same)
            if same == len(wanted):
                at = start + same
                break
        else:
            return chunk[best]
    return None


def read(name):
    return name.read_text(encoding="utf-8", errors="replace") if name.exists() else ""


def told(out):
    """Shortens long output to the failures, the last lines that say why, and the last lines of all."""
    lines = out.split("\n")
    failures = [line for line in lines[:-40] if line.startswith("[FAIL]")]
    reasons = [line for line in lines[:-40] if re.match(r"\[----\]|.*\b(error|Error):? ", line)]
    return "\n".join(failures + reasons[-60:] + lines[-40:])


def judge(blocks, folder):
    good, bad = 0, 0
    for block in blocks:
        printed = ""
        for index, (command, wanted) in enumerate(block.commands):
            out = read(folder / (block.name(index) + ".out"))
            status = read(folder / (block.name(index) + ".status")).strip()
            printed += out
            if status == str(wanted):
                good += 1
                continue
            bad += 1
            how = f"exit status {status}, not {wanted}" if status else "not run"
            print(f"readme: {how}: {command}\n" + told(out))
            if not status and block.playground:
                print(read(folder / f"{block.number:02}.playground.log"))
        absent = missing(block.shown, printed) if block.shown is not None else None
        if absent is not None:
            bad += 1
            print(f"readme: not printed as it is shown, from this line on: {absent}\nprinted was:\n{printed[-6000:]}")
        elif block.shown is not None:
            good += 1
    print(f"readme: {good} commands and outputs are as the documents show them, {bad} are not")
    return bad == 0


def main():
    what, documents, folder = sys.argv[1], sys.argv[2:-1], pathlib.Path(sys.argv[-1])
    blocks = blocks_of(documents)
    if what == "script":
        write_script(blocks, folder)
    elif not judge(blocks, folder):
        sys.exit(1)


main()

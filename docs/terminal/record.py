#!/usr/bin/env python3
"""Records the picture in README.md: runs svar in a terminal of 80 columns and writes an animated SVG.

    cargo build --release
    docs/terminal/record.py            # writes docs/terminal.svg

Needs Python 3 and nothing else. The picture shows the real output of the real program; the pauses of
the recording are shortened. Where animation is not supported, the last screen is shown.
"""

import argparse
import codecs
import fcntl
import html
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = 80
PROMPT = "$ "

# The sizes of a cell and of the space around the text, in pixels.
CELL_WIDTH, CELL_HEIGHT, FONT_SIZE, MARGIN = 8.4, 18, 14, 16

BACKGROUND, FOREGROUND = "#161b22", "#d0d7de"
COLOURS = ["#484f58", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#d0d7de"]
BRIGHT = ["#8b949e", "#ffa198", "#7ee787", "#f2cc60", "#a5d6ff", "#e2c5ff", "#b3f0ff", "#ffffff"]


class Screen:
    """The part of a terminal that svar uses: text, colours, and cursor movement without scrolling."""

    def __init__(self):
        self.lines = [[]]
        self.row = self.column = 0
        self.style = (None, False, False)  # colour, bold, dim

    def write(self, text):
        """Applies text and control sequences."""
        for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\r\n])", text):
            if part == "\r":
                self.column = 0
            elif part == "\n":
                self.row += 1
            elif part.startswith("\x1b["):
                self.control(part[-1], part[2:-1])
            elif not part.startswith("\x1b"):
                for character in part:
                    self.put(character)

    def put(self, character):
        if self.column == COLUMNS:
            self.row, self.column = self.row + 1, 0
        line = self.line()
        line.extend([(" ", (None, False, False))] * (self.column + 1 - len(line)))
        line[self.column] = (character, self.style)
        self.column += 1

    def line(self):
        while len(self.lines) <= self.row:
            self.lines.append([])
        return self.lines[self.row]

    def control(self, kind, arguments):
        numbers = [int(number) if number.isdigit() else 0 for number in arguments.split(";")]
        count = max(numbers[0], 1)
        if kind == "A":
            self.row = max(self.row - count, 0)
        elif kind == "B":
            self.row += count
        elif kind == "C":
            self.column = min(self.column + count, COLUMNS - 1)
        elif kind == "D":
            self.column = max(self.column - count, 0)
        elif kind == "G":
            self.column = count - 1
        elif kind == "K":
            del self.line()[0 if numbers[0] == 2 else self.column :]
        elif kind == "J":
            del self.line()[self.column :]
            del self.lines[self.row + 1 :]
        elif kind == "m":
            self.colour(numbers)
        elif kind not in "hl":
            sys.exit(f"unknown control sequence: {arguments}{kind}")

    def colour(self, numbers):
        colour, bold, dim = self.style
        numbers = iter(numbers)
        for number in numbers:
            if number == 0:
                colour, bold, dim = None, False, False
            elif number == 1:
                bold = True
            elif number == 2:
                dim = True
            elif number == 22:
                bold = dim = False
            elif 30 <= number <= 37:
                colour = COLOURS[number - 30]
            elif 90 <= number <= 97:
                colour = BRIGHT[number - 90]
            elif number == 39:
                colour = None
            elif number == 38 and next(numbers, None) == 5:
                index = next(numbers, 7)
                colour = (COLOURS + BRIGHT)[index] if index < 16 else FOREGROUND
        self.style = (colour, bold, dim)

    def shown(self):
        """The lines, without blank ones at the end."""
        lines = [tuple(line) for line in self.lines]
        while lines and not any(character.strip() for character, _ in lines[-1]):
            lines.pop()
        return lines


def run(screen, arguments, folder, svar):
    """Runs a command in a pseudo terminal, and yields the screen whenever it has changed."""
    main, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {
        "HOME": folder,
        "PATH": os.environ["PATH"],
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
    }
    process = subprocess.Popen(
        [svar, *arguments], cwd=folder, env=environment, stdin=child, stdout=child, stderr=child
    )
    os.close(child)
    # A character may be split over two reads.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while True:
        try:
            # Whatever comes within a twentieth of a second is one change of the screen.
            screen.write(decoder.decode(os.read(main, 65536)))
            while select.select([main], [], [], 0.05)[0]:
                screen.write(decoder.decode(os.read(main, 65536)))
        except OSError:  # the process has ended
            break
        yield screen.shown()
    os.close(main)
    process.wait()
    yield screen.shown()


def record(svar, commands, folder):
    """Runs the commands one below the other; returns the screens, each with the second it appeared at."""
    screen, frames, began = Screen(), [], time.monotonic()
    for arguments in commands:
        if screen.shown():
            screen.write("\r\n")
        screen.style = ("#8b949e", False, False)
        screen.write(PROMPT)
        screen.style = (FOREGROUND, True, False)
        screen.write("svar " + " ".join(arguments))
        screen.style = (None, False, False)
        frames.append((time.monotonic() - began, screen.shown()))
        screen.write("\r\n")
        for shown in run(screen, arguments, folder, svar):
            frames.append((time.monotonic() - began, shown))
    return frames


def thinned(frames, most):
    """At most so many frames, evenly over the recording. The last one stays."""
    changed = [frame for index, frame in enumerate(frames) if not index or frame[1] != frames[index - 1][1]]
    if len(changed) <= most:
        return changed
    step = (len(changed) - 1) / (most - 1)
    return [changed[round(index * step)] for index in range(most)]


def drawn(lines, reveal=""):
    """One screen as SVG text, a `tspan` for each run of one style."""
    rows = []
    for number, line in enumerate(lines):
        spans, start = [], 0
        while start < len(line):
            end = start
            while end < len(line) and line[end][1] == line[start][1]:
                end += 1
            text = "".join(character for character, _ in line[start:end])
            colour, bold, dim = line[start][1]
            if text.strip():
                look = f' fill="{colour}"' if colour else ""
                look += ' font-weight="bold"' if bold else ""
                look += ' opacity="0.65"' if dim else ""
                # The length is given, so that columns stay aligned in every font.
                spans.append(
                    f'<tspan x="{MARGIN + start * CELL_WIDTH:.1f}" textLength="{len(text) * CELL_WIDTH:.1f}"'
                    f'{look}>{html.escape(text, quote=False)}</tspan>'
                )
            start = end
        if spans:
            rows.append(f'<text y="{MARGIN + (number + 0.75) * CELL_HEIGHT:.1f}">{"".join(spans)}</text>')
    return f"<g{reveal}>" + "\n".join(rows) + "</g>"


def picture(frames, title):
    """All frames, one after the other, the last one held for longer."""
    last = frames[-1][1]
    height = MARGIN * 2 + CELL_HEIGHT * max(len(lines) for _, lines in frames)
    width = MARGIN * 2 + round(COLUMNS * CELL_WIDTH)
    # No pause of the recording is shown for longer than this.
    starts, clock = [], 0.0
    for index, (at, _) in enumerate(frames):
        starts.append(clock)
        following = frames[index + 1][0] if index + 1 < len(frames) else at
        clock += min(max(following - at, 0.15), 0.6)
    total = clock + 8
    rules, groups = [], []
    for index, (_, lines) in enumerate(frames[:-1]):
        begin, end = (100 * moment / total for moment in (starts[index], starts[index + 1]))
        rules.append(
            f"@keyframes f{index} {{ 0%, {begin:.2f}% {{ visibility: hidden }} "
            f"{begin + 0.01:.2f}%, {end:.2f}% {{ visibility: visible }} "
            f"{end + 0.01:.2f}%, 100% {{ visibility: hidden }} }} "
            f"#f{index} {{ animation: f{index} {total:.1f}s step-end infinite }}"
        )
        groups.append(drawn(lines, f' id="f{index}" visibility="hidden"'))
    begin = 100 * starts[-1] / total
    rules.append(
        f"@keyframes last {{ 0% {{ visibility: hidden }} {begin:.2f}%, 100% {{ visibility: visible }} }} "
        f"#last {{ animation: last {total:.1f}s step-end infinite }}"
    )
    groups.append(drawn(last, ' id="last"'))
    moving = "\n".join(rules)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>{html.escape(title)}</title>
<style>
text {{ font: {FONT_SIZE}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; fill: {FOREGROUND}; white-space: pre }}
@media (prefers-reduced-motion: no-preference) {{
{moving}
}}
</style>
<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}" stroke="#30363d"/>
{"".join(groups)}
</svg>
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--svar", default=ROOT / "target/release/svar", help="the program to record")
    parser.add_argument("--output", default=ROOT / "docs/terminal.svg", type=Path)
    parser.add_argument("--frames", default=14, type=int, help="how many screens to keep at most")
    given = parser.parse_args()
    commands = [["run", "playbooks/triage-linux.yaml"]]
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(ROOT / "playbooks", Path(folder) / "playbooks")
        frames = record(Path(given.svar).resolve(), commands, folder)
    frames = thinned(frames, given.frames)
    text = picture(frames, "svar runs a playbook on five devices of the built-in emulator")
    given.output.write_text(text, encoding="utf-8")
    print(f"{given.output}: {len(frames)} screens, {len(text) // 1000} kB")


if __name__ == "__main__":
    main()

"""Runs a chapter of the course cell by cell and makes its page.

    python render.py 02_seeing_sound.py            run it, and check that its page is true
    python render.py 02_seeing_sound.py --write    run it, and write its page, pictures and sounds

A chapter is a Python file in cells: `# %%` begins a code cell, `# %% [markdown]` a text whose lines
are comments. Cells with the tag "answer" are folded away in the page. The output of a code cell
stands below it.

Without `--write` the page must have the chapter's text and code, and what the run prints. Numbers
before "dB" may differ a little, because sums in another order round differently: scores, which are
printed with two decimals, by 0.05 dB, and SNRs, which are printed with none or one, by 2 dB. All other
numbers are equal. Cells with the tag "varies" print times, or results of a training, and are not compared.
With $COURSE_MODEL, or without the program, no outputs are compared: the pages are those of the engine
with the demo model.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LONGEST_CELL = 30


@dataclass
class Cell:
    """A cell of a chapter: code or text."""

    source: str
    line: int
    is_text: bool
    is_answer: bool
    varies: bool
    output: str = ""


def cells(text: str) -> list[Cell]:
    """Parses the cells of a chapter in percent format."""
    found: list[Cell] = []
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# %%"):
            tags = '"answer"' in line, '"varies"' in line
            found.append(Cell("", number + 1, "[markdown]" in line, *tags))
            lines = []
        elif found:
            lines.append(re.sub("^# ?", "", line) if found[-1].is_text else line)
            found[-1].source = "\n".join(lines).strip("\n")
    return [cell for cell in found if cell.source]


def run(chapter: Path, pieces: list[Cell]) -> None:
    """Runs the code cells in one namespace and keeps their output."""
    names = {"__name__": "__main__", "__file__": str(chapter)}
    for cell in pieces:
        if cell.is_text:
            continue
        if cell.source.count("\n") >= LONGEST_CELL:
            raise SystemExit(f"{chapter.name}:{cell.line}: more than {LONGEST_CELL} lines of code")
        printed = io.StringIO()
        # Line numbers of an error are those of the chapter's file.
        code = compile("\n" * (cell.line - 1) + cell.source, str(chapter), "exec")
        try:
            with contextlib.redirect_stdout(printed):
                exec(code, names)
        except BaseException:
            sys.stderr.write(printed.getvalue())
            raise
        cell.output = printed.getvalue().rstrip()


def here(number: str) -> str:
    """Draws the map of a chapter; returns its caption. Imported late, because it needs COURSE_OUT."""
    from figures import map

    return map.here(number)


def page(chapter: Path, pieces: list[Cell], with_outputs: bool = True) -> str:
    """The chapter as Markdown."""
    all_chapters = sorted(HERE.glob("[0-9][0-9]*_*.py"))
    place = all_chapters.index(chapter)
    links = ["[contents](README.md)"]
    if place > 0:
        links.insert(0, f"[← previous]({all_chapters[place - 1].stem}.md)")
    if place + 1 < len(all_chapters):
        links.append(f"[next →]({all_chapters[place + 1].stem}.md)")
    number = chapter.name.split("_")[0]
    parts = [
        f"<!-- Made from {chapter.name} by tools/course --write. Change that file, not this page. -->",
        " · ".join(links),
        f"![The whole model, with the parts of this chapter in blue.](figures/map_{number}.png)",
        f"*You are here: {here(number)}.*",
    ]
    is_folded = False
    for cell in pieces:
        if cell.is_answer != is_folded:
            is_folded = cell.is_answer
            parts.append("<details><summary>Answer</summary>" if is_folded else "</details>")
        parts.append(cell.source if cell.is_text else f"```python\n{cell.source}\n```")
        if cell.output and with_outputs:
            parts.append(f"```text\n{cell.output}\n```")
    if is_folded:
        parts.append("</details>")
    parts.append(" · ".join(links))
    return "\n\n".join(parts) + "\n"


def without_outputs(text: str) -> str:
    """A page without the outputs of its cells."""
    return re.sub(r"```text\n.*?\n```\n\n?", "", text, flags=re.DOTALL).rstrip() + "\n"


def printed_outputs(text: str) -> list[str]:
    """The output below each piece of code of a page; empty where there is none."""
    pattern = r"```python\n.*?\n```\n(?:\n```text\n(.*?)\n```\n)?"
    return [found[1] or "" for found in re.finditer(pattern, text, re.DOTALL)]


NUMBER = re.compile(r"(?<![\w.])(-?\d[\d,]*(?:\.(\d+))?)(?= ?(dB)?)")


def difference(old: str, new: str) -> str | None:
    """The first line in which a printed output differs from the page's more than rounding can."""
    old_lines, new_lines = old.splitlines(), new.splitlines()
    if len(old_lines) != len(new_lines):
        return f"{len(new_lines)} lines, the page has {len(old_lines)}"
    for before, after in zip(old_lines, new_lines, strict=True):
        words = [" ".join(NUMBER.sub("#", line).split()) for line in (before, after)]
        is_same = words[0] == words[1]
        for a, b in zip(NUMBER.finditer(before), NUMBER.finditer(after), strict=False):
            limit = 0.0 if not a[3] else 0.051 if a[2] and len(a[2]) == 2 else 2.0
            distance = abs(float(a[1].replace(",", "")) - float(b[1].replace(",", "")))
            is_same = is_same and distance <= limit
        if not is_same:
            return f"printed   {after}\nthe page: {before}"
    return None


def compare(target: Path, pieces: list[Cell], chapter: Path) -> None:
    """Stops if a page has another text or code than its chapter, or other results than its run."""
    text = target.read_text() if target.exists() else ""
    if without_outputs(text) != page(chapter, pieces, with_outputs=False):
        raise SystemExit(f"{target.name} is not up to date; run: tools/course --write")
    import engine

    if not engine.IS_DEMO or not engine.find_program():
        return
    code = [cell for cell in pieces if not cell.is_text]
    for cell, old in zip(code, printed_outputs(text), strict=True):
        if not cell.varies and (found := difference(old, cell.output)):
            raise SystemExit(f"{target.name}: {chapter.name}:{cell.line} prints something else\n{found}")


def definitions(source: str) -> dict[str, str]:
    """The functions and classes that a file defines, without docstrings and annotations."""
    found = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.FunctionDef | ast.ClassDef):
                if ast.get_docstring(part):
                    part.body = part.body[1:]
                part.returns = None
            if isinstance(part, ast.arg):
                part.annotation = None
        found[node.name] = ast.unparse(node)
    return found


CAPSTONE = HERE / "htdemucs.py"


def check_capstone(chapter: Path) -> None:
    """Checks that functions of a chapter that htdemucs.py has too are the same there."""
    capstone = definitions(CAPSTONE.read_text())
    for name, text in definitions(chapter.read_text()).items():
        if capstone.get(name, text) != text:
            raise SystemExit(f"{chapter.name}: {name} is not the same as in htdemucs.py")


def check_complete() -> None:
    """Checks that every function and class of htdemucs.py is built in a chapter."""
    built = {name for path in HERE.glob("[0-9][0-9]*_*.py") for name in definitions(path.read_text())}
    missing = set(definitions(CAPSTONE.read_text())) - built - {"main"}
    if missing:
        raise SystemExit(f"no chapter builds {', '.join(sorted(missing))} of htdemucs.py")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("chapters", type=Path, nargs="+", metavar="CHAPTER.py")
    parser.add_argument("--write", action="store_true", help="write pages and pictures")
    options = parser.parse_args()
    sys.path.insert(0, str(HERE))
    os.chdir(HERE)
    os.environ["MPLBACKEND"] = "Agg"
    # No reader's own functions: the pages are those of the course's code.
    os.environ["COURSE_MINE"] = os.devnull
    if options.write:
        os.environ["COURSE_OUT"] = str(HERE)
    check_complete()
    for chapter in options.chapters:
        chapter = HERE / chapter.name
        began = time.monotonic()
        check_capstone(chapter)
        pieces = cells(chapter.read_text())
        run(chapter, pieces)
        target = chapter.with_suffix(".md")
        if options.write:
            target.write_text(page(chapter, pieces))
        else:
            compare(target, pieces, chapter)
        print(f"{chapter.name}: {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()

"""Runs a chapter of the course cell by cell and makes its page.

    python render.py 02_seeing_sound.py            run it, and check that its page is up to date
    python render.py 02_seeing_sound.py --write    run it, and write its page and its pictures

A chapter is a Python file in cells: `# %%` begins a code cell, `# %% [markdown]` a text whose lines
are comments. Cells with `tags=["answer"]` are folded away in the page. The output of a code cell
stands below it.

Without `--write` pictures go to a temporary folder, and the page's text and code are compared with
the chapter's; outputs are not, because times and last digits differ between machines.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import os
import re
import sys
import tempfile
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
    output: str = ""


def cells(text: str) -> list[Cell]:
    """Parses the cells of a chapter in percent format."""
    found: list[Cell] = []
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# %%"):
            is_text, is_answer = "[markdown]" in line, '"answer"' in line
            found.append(Cell("", number + 1, is_text, is_answer))
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


def page(chapter: Path, pieces: list[Cell], with_outputs: bool = True) -> str:
    """The chapter as Markdown."""
    parts = [
        f"<!-- Made from {chapter.name} by tools/course --write. Change that file, not this page. -->"
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
    return "\n\n".join(parts) + "\n"


def without_outputs(text: str) -> str:
    """A page without the outputs of its cells."""
    return re.sub(r"```text\n.*?\n```\n\n?", "", text, flags=re.DOTALL).rstrip() + "\n"


def functions(source: str) -> dict[str, str]:
    """The functions that a file defines, without docstrings and annotations."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            if ast.get_docstring(node):
                node.body = node.body[1:]
            node.returns = None
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg):
                    argument.annotation = None
            found[node.name] = ast.unparse(node)
    return found


def check_capstone(chapter: Path) -> None:
    """Checks that functions of a chapter that htdemucs.py has too are the same there."""
    capstone = functions((HERE / "htdemucs.py").read_text())
    for name, text in functions(chapter.read_text()).items():
        if capstone.get(name, text) != text:
            raise SystemExit(f"{chapter.name}: {name} is not the same as in htdemucs.py")


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
    os.environ.setdefault("MPLBACKEND", "Agg")
    if not options.write:
        folder = tempfile.TemporaryDirectory()
        os.environ["COURSE_PICTURES"] = folder.name
    for chapter in options.chapters:
        chapter = HERE / chapter.name
        began = time.monotonic()
        check_capstone(chapter)
        pieces = cells(chapter.read_text())
        run(chapter, pieces)
        target = chapter.with_suffix(".md")
        if options.write:
            target.write_text(page(chapter, pieces))
        elif not target.exists() or (
            without_outputs(target.read_text()) != page(chapter, pieces, with_outputs=False)
        ):
            raise SystemExit(f"{target.name} is not up to date; run: tools/course --write")
        print(f"{chapter.name}: {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()

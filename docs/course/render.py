"""Runs a chapter of the course cell by cell and compares its page with the run.

    python render.py 02_seeing_sound.md            run it, and check what the page says is printed
    python render.py 02_seeing_sound.md --write    run it, and write the outputs, pictures and sounds
    python render.py --scripts                     write each chapter as a Python file in cells
    python render.py --notebooks                   write each as a notebook, whose links lead to the explainer
    python render.py --wait                        wait until the explainer answers

A chapter is its page: blocks of ```python are its code, and a block of ```text below one is what the
code prints.

Numbers before "dB" may differ a little, because sums in another order round differently: scores, which
are printed with two decimals, by 0.05 dB, and SNRs, which are printed with none or one, by 2 dB. All other
numbers are equal. Blocks of ```python varies print times, or results of a training, and are not compared.
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
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PICTURES = "../howto/inside.md"
LONGEST_CELL = 30
CODE = re.compile(r"```python( varies)?\n(.*?)\n```\n(?:\n```text\n(.*?)\n```\n)?", re.DOTALL)


@dataclass
class Cell:
    """A piece of a page: code with its output, or text."""

    source: str
    line: int
    is_text: bool
    varies: bool = False
    output: str = ""


def cells(page: str) -> list[Cell]:
    """The pieces of a page."""
    found: list[Cell] = []
    end = 0
    for block in [*CODE.finditer(page), None]:
        between = page[end : block.start() if block else len(page)]
        if between.strip():
            found.append(Cell(between.strip("\n"), page.count("\n", 0, end) + 1, is_text=True))
        if block:
            varies, source, output = block.groups(default="")
            line = page.count("\n", 0, block.start(2)) + 1
            found.append(Cell(source, line, False, bool(varies), output))
            end = block.end()
    return found


def page(pieces: list[Cell]) -> str:
    """The pieces as a page."""
    parts = []
    for cell in pieces:
        tag = " varies" if cell.varies else ""
        parts.append(cell.source if cell.is_text else f"```python{tag}\n{cell.source}\n```")
        if cell.output:
            parts.append(f"```text\n{cell.output}\n```")
    return "\n\n".join(parts) + "\n"


def script(pieces: list[Cell]) -> str:
    """The pieces as a Python file in cells: text as comments."""
    parts = []
    for cell in pieces:
        if cell.is_text:
            comment = "\n".join(f"# {line}".rstrip() for line in cell.source.splitlines())
            parts.append(f"# %% [markdown]\n{comment}\n")
        else:
            parts.append(f"# %%\n{cell.source}\n")
    return "\n".join(parts)


def chapters() -> list[Path]:
    """The pages of all chapters."""
    return sorted(HERE.glob("[0-9][0-9]*_*.md"))


def views() -> dict[str, str]:
    """The explainer's addresses, by the anchors of their pictures."""
    found = re.findall(r"^## (.*)\n\n!.*\n\[Alive\]\((.*)\)$", (HERE / PICTURES).read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")): address for title, address in found}


def notebook(page: str) -> str:
    """A chapter as a notebook, whose links lead to notebooks and to the explainer."""
    import jupytext  # late, because the scripts do without it

    addresses = views()
    page = re.sub(rf"\({PICTURES}#([\w-]+)\)", lambda m: f"({addresses[m[1]]})", page)
    page = re.sub(r"\]\((\d\w+)\.md", r"](\1.ipynb", page)
    book = jupytext.reads(script(cells(page)), fmt="py:percent")
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return jupytext.writes(book, fmt="ipynb")


def write_all(ending: str, form: Callable[[str], str]) -> None:
    """Writes each chapter in a form; keeps files that are there, which a reader may have changed."""
    for chapter in chapters():
        target = chapter.with_suffix(ending)
        if not target.exists():
            target.write_text(form(chapter.read_text(encoding="utf-8")), encoding="utf-8")


def wait_for_explainer() -> None:
    """Waits for the explainer, to which the links lead; Tests/Page opens each."""
    address, _ = next(iter(views().values())).split("#")
    for left in range(100, -1, -1):
        try:
            with urllib.request.urlopen(address) as reply:
                text = reply.read().decode()
            break
        except urllib.error.URLError as error:
            if not left:
                raise SystemExit(f"{address}: {error}") from None
            time.sleep(0.1)
    if "HTDemucs, opened" not in text:
        raise SystemExit(f"{address} is another page")


def run(chapter: Path, pieces: list[Cell]) -> None:
    """Runs the code cells in one namespace; their outputs take the place of the page's."""
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


def compare(chapter: Path, pieces: list[Cell]) -> None:
    """Stops if a run printed something else than the page says."""
    import engine

    if not engine.IS_DEMO or not engine.find_program():
        return
    for cell, old in zip(pieces, cells(chapter.read_text(encoding="utf-8")), strict=True):
        if not cell.varies and (found := difference(old.output, cell.output)):
            raise SystemExit(f"{chapter.name}:{cell.line} prints something else\n{found}")


def syntax(page_or_source: str) -> ast.Module:
    """The code of a page, or of a Python file."""
    code = [cell.source for cell in cells(page_or_source) if not cell.is_text]
    return ast.parse("\n".join(code) if code else page_or_source)


def definitions(source: str) -> dict[str, str]:
    """The functions and classes that a Python file or a page defines, without docstrings and annotations."""
    found = {}
    for node in syntax(source).body:
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


CAPSTONE = HERE.parents[1] / "python" / "src" / "swift_demucs" / "htdemucs.py"


def check_capstone(chapter: Path) -> None:
    """Checks that functions of a chapter that htdemucs.py has too are the same there."""
    capstone = definitions(CAPSTONE.read_text())
    for name, text in definitions(chapter.read_text()).items():
        if capstone.get(name, text) != text:
            raise SystemExit(f"{chapter.name}: {name} is not the same as in htdemucs.py")


def check_complete() -> None:
    """Checks that every function and class of htdemucs.py is built in a chapter."""
    built = {name for path in chapters() for name in definitions(path.read_text())}
    missing = set(definitions(CAPSTONE.read_text())) - built
    if missing:
        raise SystemExit(f"no chapter builds {', '.join(sorted(missing))} of htdemucs.py")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("chapters", type=Path, nargs="*", metavar="CHAPTER.md")
    parser.add_argument("--write", action="store_true", help="write outputs, pictures and sounds")
    parser.add_argument("--scripts", action="store_true", help="write the Python files that are missing")
    parser.add_argument("--notebooks", action="store_true", help="write the notebooks that are missing")
    parser.add_argument("--wait", action="store_true", help="wait until the explainer answers")
    options = parser.parse_args()
    if options.scripts:
        return write_all(".py", lambda page: script(cells(page)))
    if options.notebooks:
        return write_all(".ipynb", notebook)
    if options.wait:
        return wait_for_explainer()
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
        if options.write:
            from figures import map  # late, because it needs COURSE_OUT

            map.draw(chapter.name.split("_")[0])
            chapter.write_text(page(pieces))
        else:
            compare(chapter, pieces)
        print(f"{chapter.name}: {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()

"""Small changes of a function of htdemucs.py, such as readers make: each is a wrong function, in words.

A reader's function that gives what a changed one gives has that mistake, in whatever form.
"""

from __future__ import annotations

import ast
import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from engine import htdemucs
from wrong_functions import SEVERAL

# Names that stand for one another in a reader's mind.
ALIKE = [
    {"sin", "cos"}, {"real", "imag"}, {"mean", "sum", "max", "min"}, {"std", "var"}, {"square", "abs"},
    {"erf", "np.tanh"}, {"expit", "np.tanh", "np.exp"}, {"int", "round"}, {"gelu", "glu"}, {"np.pi", "180"},
]  # fmt: skip
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
FORMS = (
    "-{}", "np.abs({})", "{}[::-1]", "2 * {}", "{} ** 2", "{} / 2", "{} + 1", "{} - 1", "np.sqrt({})", "np.degrees({})",
)  # fmt: skip


def texts(node: ast.AST, own: str, text: Callable, names: set[str]) -> Iterator[str]:
    """Code that may take the place of a node's; `text` gives that of the nodes within."""
    items = []
    match node:
        case ast.Constant(value=int(value)):
            yield from map(str, (value - 1, value + 1, 0, 2 * value, -value))
        case ast.Constant(value=float(value)):
            yield from (str(by * value) for by in (0, 0.5, 2, *(10.0**by for by in range(-4, 5))))
        case ast.BinOp(left=left, op=op, right=right) if sign := SIGNS.get(type(op)):
            items = [left, right]
            between = own[len(text(left)) : -len(text(right))]
            yield from (own.replace(between, between.replace(sign, other)) for other in SIGNS.values())
        case ast.Call(func=function, args=items, keywords=keywords):
            yield from (re.sub(rf",? *{re.escape(text(k))}", "", own) for k in keywords)
            if text(function) == "np.pad" and not keywords:
                yield from (f'{own[:-1]}, mode="{mode}")' for mode in ("wrap", "edge", "reflect"))
            if len(items) == 1 and isinstance(inner := items[0], ast.Call) and inner.args:
                last = text(inner.args[-1]) + ")"
                yield f"{text(inner).removesuffix(last)}{text(function)}({last})"
        case ast.Tuple(elts=items) | ast.List(elts=items):
            pass
        case ast.AugAssign(target=target, value=value):
            yield from (f"{text(target)}{place} = {text(value)}" for place in ("", "[...]"))
        case ast.Name(id=name) if name in names:
            yield from (*sorted(names - {name}), "None")
    for a, b in itertools.combinations(map(text, items), 2):
        yield re.sub(f"{re.escape(a)}(.*){re.escape(b)}", lambda m, a=a, b=b: b + m[1] + a, own, count=1)
    word = re.split(r"[.\"]", own)[-1]
    yield from (own[: -len(word)] + other for group in ALIKE if word and word in group for other in group - {word})
    if isinstance(node, ast.BinOp | ast.Call | ast.Name | ast.UnaryOp | ast.IfExp | ast.Subscript):
        inner = [child for child in ast.walk(node) if isinstance(child, ast.expr) and child is not node]
        yield from (text(child) for child in inner[:12] if not isinstance(child, ast.Constant))
        if not isinstance(node, ast.Name) or node.id in names:
            yield from (form.format(f"({own})" if isinstance(node, ast.BinOp) else own) for form in FORMS)


def places(node: ast.AST, parents: tuple = ()) -> Iterator[tuple[ast.AST, tuple]]:
    """Each expression and statement of a function that may be another one, with those around it."""
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.expr | ast.stmt) and field not in ("targets", "target"):
                yield child, parents
                yield from places(child, (*parents, child))
            elif isinstance(child, ast.keyword):
                yield from places(child, parents)


def changes(name: str) -> list[tuple[str, str]]:
    """Each small change of a function, in words that follow "with", and its code."""
    source = Path(htdemucs.__file__).read_text(encoding="utf-8")
    whole = next(n for n in ast.parse(source).body if getattr(n, "name", "") == name)
    # ASCII, in which an offset of a syntax tree is one of the text.
    code = re.sub(r"  # .*|[^\x00-\x7f]", "", ast.get_source_segment(source, whole))
    function = ast.parse(code).body[0]
    starts = [0, *itertools.accumulate(map(len, code.splitlines(keepends=True)))]

    def span(node: ast.AST) -> tuple[int, int]:
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    def text(node: ast.AST) -> str:
        return code[slice(*span(node))]

    names = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names |= {a.arg for a in function.args.args}
    found, top = [], span(function.body[1])[0]
    for node, parents in places(ast.Module(function.body[1:], [])):
        begin, end = span(node)
        own = text(node)
        shown = next((p for p in (node, *parents[::-1]) if len(text(p)) >= 12 and "\n" not in text(p)), node)
        before, after = text(shown)[: begin - span(shown)[0]], text(shown)[end - span(shown)[0] :]
        for other in dict.fromkeys(texts(node, own, text, names)):
            new = f"({other})" if isinstance(node, ast.expr) and re.search("^-| [-+*/]", other) else other
            words = other if shown is node else f"{before}{new}{after}"
            found.append((code[:begin] + new + code[end:], f"`{words}` in place of `{text(shown)}`"))
            if isinstance(node, ast.Name | ast.Call) and code.count(own) > 1:
                every = re.sub(rf"(?<![\w.]){re.escape(own)}(?!\w)", lambda _, t=new: t, code[top:])
                found.append((code[:top] + every, f"`{other}` in place of every `{own}`"))
        if isinstance(node, ast.stmt) and "\n" not in own and not isinstance(node, ast.Return):
            found.append((f"{code[:begin]}pass{code[end:]}", f"no `{own}`"))
    first = [(words, code.replace(old, new)) for old, new, words in SEVERAL.get(name, [])]
    # The shortest code first: something left out is the likeliest.
    return first + [(words, text) for text, words in sorted(dict.fromkeys(found), key=lambda pair: len(pair[0])) if text != code]


def compiled(name: str, text: str) -> Callable:
    """A function of the code."""
    space = dict(vars(htdemucs))
    with warnings.catch_warnings(action="ignore"):
        exec(compile("from __future__ import annotations\n" + text, "a change", "exec"), space)
    return space[name]

"""What a function has wrong, in words that are true of every wrong call."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

import changes
from engine import MINIMUM_SNR_DB, OUT, htdemucs, snr_db
from swift_demucs import mistakes

# A shorter axis proves nothing: several relations hold there.
PROOF = 4
# Relations are equal to this level, and 20 dB better than the right value.
RELATION_DB, GAIN_DB = 80, 20
# Wrong functions that are tried as the explanation of one. A whole network takes a second.
TRIES = {"forward": 12}
MOST_TRIES = 3000
PARTS = {
    "standardise": ("the input without mean and std", "the mean", "the standard deviation"),
    "resample": ("the spectrogram's channels", "the waveform's channels"),
    "transform": ("the spectrogram's channels", "the waveform's channels"),
}


@dataclass
class Call:
    """A call, and its results in parts."""

    arguments: tuple
    named: dict
    true: tuple[np.ndarray, ...]
    found: tuple[np.ndarray, ...]

    @property
    def snr_db(self) -> float:
        """The level of the worst part."""
        return min(map(snr_db, self.true, self.found))


def parts_of(result: object) -> tuple:
    """The parts of a result."""
    return tuple(map(np.asarray, result if isinstance(result, tuple) else (result,)))


def relations(true: np.ndarray, found: np.ndarray) -> Iterator[tuple]:
    """Relations that may hold: a sentence with {} for a number, the number, two arrays that are equal
    if it holds, and whether they are large enough for a proof."""
    by, plus = (true * found).sum() / max(np.square(true).sum(), 1e-300), (found - true).mean()
    yield "is the right one times {}", by, by * true, found, True
    yield "is the right one plus {}", plus, true + plus, found, True
    for axis, n in enumerate(true.shape):
        r, f = np.moveaxis(true, axis, 0), np.moveaxis(found, axis, 0)
        along, proof = f"along axis {axis} of {true.ndim}", n >= PROOF
        if n % 2 == 0:
            yield f"has the halves exchanged {along}", 0, np.roll(r, n // 2, 0), f, proof
        yield f"is reversed {along}", 0, r[::-1], f, proof
        for by in range(1, min(n, 5)):
            for a, b, way in ((r[:-by], f[by:], "late"), (r[by:], f[:-by], "early")):
                yield f"comes {{}} places {way} {along}", by, a, b, n >= PROOF * by
        if r[:1].size >= PROOF and n > 1:
            others = tuple(range(1, true.ndim))
            scale = (r * f).sum(others, keepdims=True) / np.maximum(np.square(r).sum(others, keepdims=True), 1e-300)
            yield f"is wrong by a factor for each place {along}: a weight?", 0, scale * r, f, True
            plus = (f - r).mean(others, keepdims=True)
            yield f"is wrong by a number added to each place {along}: a bias?", 0, r + plus, f, True
        level = np.square(r).mean() * 10 ** (-RELATION_DB / 10)
        lines = np.square(r - f).reshape(n, -1).max(1) > level
        for which, other, wrong in (("first", "last", lines), ("last", "first", lines[::-1])):
            count = wrong.sum()
            if 0 < count < n and wrong[:count].all():
                same = r[~lines], f[~lines], proof
                yield f"is right only in the {other} {{}} places {along}", n - count, *same
                yield f"is wrong only in the {which} {{}} places {along}", count, *same


def related(wrong: Sequence[Call], part: int) -> str:
    """The relation that holds for a part of all wrong calls."""
    found: dict[str, list] = {}
    for call in wrong:
        true, mine = (x[part].astype(np.float64) for x in (call.true, call.found))
        least = max(RELATION_DB, snr_db(true, mine) + GAIN_DB)
        for text, value, a, b, proof in relations(true, mine):
            if a.size and snr_db(a, b) > least:
                proof &= a.size == 1 or bool((a != a.flat[0]).any())
                found.setdefault(text, []).append((float(value), proof, a.size))
    for text, each in found.items():
        values, proofs, counts = zip(*each, strict=True)
        if len(values) < len(wrong) or sum(proofs) < min(2, len(wrong)):
            continue
        if np.ptp(values) <= 2e-3 * abs(values[0]) * (abs(values[0] - 1) if "times" in text else 1):
            if max(counts) > 1 or len(wrong) > 2:
                return text.format(f"{values[0]:.4g}").replace(" 1 places", " place" if "first" in text or "last" in text else " 1 place")
        elif max(counts) > 1 and ("right one" in text or "wrong only" in text):
            two = f"{max(values):.4g} here, {min(values):.4g} there"
            return text.format(f"a factor that changes: {two}: a root or a power?" if "times" in text else two)
    return ""


# ---- the right code with a mistake ----
def gives(function: Callable, call: Call, run: Callable) -> bool:
    """Whether a function gives the wrong result of a call."""
    try:
        parts = parts_of(run(function, call.arguments, call.named))
        return all(snr_db(*pair) >= MINIMUM_SNR_DB for pair in zip(parts, call.found, strict=True))
    except Exception:  # a changed function may fail in every way
        return False


def candidates(name: str) -> Iterator[tuple[str, dict[str, Callable]]]:
    """Wrong functions, in words that follow "with": mistakes of ports, then small changes, the likeliest first."""
    near = {name, *vars(htdemucs)[name].__code__.co_names}
    found = [(phrase, functions) for phrase, functions in mistakes.MISTAKES.items() if near & functions.keys()]
    yield from sorted(found, key=lambda pair: name not in pair[1])
    for words, code in changes.changes(name):
        with contextlib.suppress(SyntaxError):
            yield words, {name: changes.compiled(name, code)}


def likeness(calls: Sequence[Call], name: str, run: Callable) -> str:
    """The mistake with which the right code gives all results, in words that follow "with"."""
    calls = sorted(calls, key=lambda call: (call.snr_db >= MINIMUM_SNR_DB, sum(x.size for x in call.true)))
    for words, functions in itertools.islice(candidates(name), TRIES.get(name, MOST_TRIES)):
        with mistakes.replaced(functions):
            if all(gives(vars(htdemucs)[name], call, run) for call in calls):
                return words
    return ""


# ---- the sentence ----
def told(wrong: Sequence[Call], right: Sequence[Call], name: str, run: Callable) -> str:
    """What is wrong in these calls."""
    if like := likeness([*wrong, *right], name, run):
        return f"is that of the right code with {like}"
    count, texts = len(wrong[0].true), []
    for part in range(count):
        calls = [c for c in wrong if snr_db(c.true[part], c.found[part]) < MINIMUM_SNR_DB]
        other = [i for i in range(count) if i != part and all(
            snr_db(c.true[i], c.found[part]) >= MINIMUM_SNR_DB for c in calls)]  # fmt: skip
        if not calls:
            continue
        if other:
            what = f"belongs in part {other[0] + 1}"
        elif all(not np.isfinite(c.found[part]).all() for c in calls):
            what = "is NaN or infinite"
        else:
            what = related(calls, part)
        texts += [f"in part {part + 1} of {count}, {PARTS[name][part]}, {what}" if count > 1 else what] if what else []
    return "; ".join(texts) or "differs"


def evidence(call: Call, name: str) -> str:
    """The expected and the found numbers if they are few, else a picture of both."""
    bad = [pair for pair in zip(call.true, call.found, strict=True) if snr_db(*pair) < MINIMUM_SNR_DB]
    if sum(true.size for true, _ in bad) <= 12:
        each = ((word, x) for pair in bad for word, x in zip(("expected", "found   "), pair, strict=True))
        return "".join(f"\n    {word} {' '.join(np.array2string(x, precision=4).split())}" for word, x in each)
    from figures import wrong  # late: a second for matplotlib

    wrong.draw(name, *bad[0])
    return f"\n    picture: {OUT / 'figures' / f'wrong_{name}.png'}"

"""The comparison of the scores of two models."""

from pathlib import Path

import pytest

from stems import STEMS

compare_scores = pytest.importorskip("compare_scores")
PAGE = Path(__file__).parents[2] / "Models/README.md"
KINDS = ("sampled", "heldout", "multitrack", "float32", "int8")


def both(before: list[float], after: list[float]) -> list[dict[str, float]]:
    """The scores of the mixture and of two models."""
    rows = [-5.0] * len(before), before, after
    return [dict(zip(STEMS, row, strict=False)) for row in rows]


def test_a_better_model_passes_with_its_table(capsys):
    """One stem may be worse: the mean of the stems decides."""
    found = {kind: both([6.0, 5.0, 4.0, 6.0], [6.5, 5.5, 3.9, 6.5]) for kind in KINDS}
    found["multitrack"] = both([3.0, 7.0, 10.0], [3.5, 7.0, 10.0])
    assert compare_scores.failures(found) == []
    rows = capsys.readouterr().out.splitlines()
    assert rows[2] == (
        "| sampled | 6.00 → 6.50 | 5.00 → 5.50 | 4.00 → 3.90 | 6.00 → 6.50 | 5.25 → 5.60 | +0.35 |"
    )
    assert rows[4].endswith("| 10.00 → 10.00 | – → – | 6.67 → 6.83 | +0.17 |")


def test_a_model_that_is_worse_fails():
    """A gain on other songs does not make up for a loss on one kind, nor does it pay for INT8."""
    found = {kind: both([7.0, 6.0, 5.0, 5.0], [7.5, 6.0, 5.0, 5.0]) for kind in KINDS}
    found["heldout"] = both([7.0, 6.0, 5.0, 5.0], [7.0, 6.0, 4.9, 5.0])
    found["int8"] = both([7.0, 6.0, 5.0, 4.8], [7.5, 6.0, 5.0, 4.8])
    assert compare_scores.failures(found) == [
        "heldout: the mean fell by 0.03 dB", "INT8 costs 0.050 dB, more than 0.02 dB",
    ]  # fmt: skip


def test_the_scores_replace_their_rows_in_a_page(tmp_path):
    """The page of the models has each row once; other lines stay."""
    page = tmp_path / "README.md"
    page.write_text(PAGE.read_text())
    before = page.read_text().splitlines()
    compare_scores.write(page, {kind: both([6, 5, 4], [8.25, 5, 4, 7]) for kind in KINDS})
    changed = [line for line in page.read_text().splitlines() if line not in before]
    row = "| 8.25 | 5.00 | 4.00 | 7.00 | 6.00 |"
    assert changed == [
        f"| sampled instruments and singing vocoders {row}",
        "| the same, the mixture itself | -5.00 | -5.00 | -5.00 | – | -5.00 |",
        f"| held-out instruments and voice {row}",
        f"| one recording, without vocals {row}",
    ]

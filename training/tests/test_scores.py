"""The scores of models and their comparison."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stems import STEMS

SCRIPT = Path(__file__).parent.parent / "compare_scores.py"


def compare(
    folder: Path, before: dict[str, list[float]], after: dict[str, list[float]]
) -> subprocess.CompletedProcess[str]:
    """Runs the script on files of scores, a list of SDRs for each."""
    for name, files in {"before": before, "after": after}.items():
        (folder / name).mkdir(parents=True)
        for song_kind, values in files.items():
            scores = dict(zip(STEMS, values, strict=False))
            path = folder / name / f"{song_kind}.json"
            path.write_text(json.dumps({"medians": {"sdr": scores}}))
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(folder / "before"), str(folder / "after")],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_better_model_passes_with_its_table(tmp_path: Path) -> None:
    """One stem may be worse: the mean of the stems decides."""
    found = compare(
        tmp_path,
        {"sampled": [6.0, 5.0, 4.0, 6.0], "multitrack": [3.0, 7.0, 10.0]},
        {"sampled": [6.5, 5.5, 3.9, 6.5], "multitrack": [3.5, 7.0, 10.0]},
    )
    assert found.returncode == 0
    rows = found.stdout.splitlines()
    assert rows[2].endswith("| 10.00 → 10.00 | – | 6.67 → 6.83 | +0.17 |")
    assert rows[3].startswith("| sampled | 6.00 → 6.50 | 5.00 → 5.50 | 4.00 → 3.90 |")
    assert rows[3].endswith("| 5.25 → 5.60 | +0.35 |")


def test_the_scores_replace_their_rows_in_a_page(tmp_path: Path) -> None:
    """The page of the models has each row once; other lines stay."""
    page = tmp_path / "README.md"
    page.write_text((SCRIPT.parents[1] / "Models/README.md").read_text())
    before = page.read_text().splitlines()
    measures = {"sdr": dict(zip(STEMS, (6, 5, 4, 7), strict=True)), "mixture": {"bass": -5.0}}
    folder = tmp_path / "after"
    folder.mkdir()
    for name in ("sampled", "heldout", "multitrack"):
        (folder / f"{name}.json").write_text(json.dumps({"medians": measures}))
    command = [sys.executable, str(SCRIPT), str(folder), str(folder), "--write", str(page)]
    subprocess.run(command, check=True, capture_output=True)
    changed = [line for line in page.read_text().splitlines() if line not in before]
    row = "| 6.00 | 5.00 | 4.00 | 7.00 | 5.50 |"
    assert changed == [
        f"| sampled instruments and singing vocoders {row}",
        "| the same, the mixture itself | – | -5.00 | – | – | -5.00 |",
        f"| held-out instruments and voice {row}",
        f"| one recording, without vocals {row}",
    ]


WORSE = {
    "one kind of songs": ("heldout", [7.0, 6.0, 4.9, 5.0], "heldout: the mean fell by 0.03 dB"),
    "INT8": ("engine-int8", [7.0, 6.0, 5.0, 4.8], "INT8 costs 0.050 dB"),
}


@pytest.mark.parametrize("name", WORSE)
def test_a_model_that_is_worse_fails(tmp_path: Path, name: str) -> None:
    """A gain on other songs does not make up for a loss on one kind, nor does it pay for INT8."""
    kind, values, expected = WORSE[name]
    same = {"sampled": [6.0] * 4, "heldout": [7.0, 6.0, 5.0, 5.0], "engine": [7.0, 6.0, 5.0, 5.0],
            "engine-int8": [7.0, 6.0, 5.0, 4.8]}  # fmt: skip
    better = {**same, "sampled": [7.0] * 4, "engine-int8": [7.0, 6.0, 5.0, 4.96]}
    assert compare(tmp_path, same, better).returncode == 0
    found = compare(tmp_path / "worse", same, {**better, kind: values})
    assert found.returncode == 1
    assert expected in found.stdout


def test_a_folder_without_scores_is_refused(tmp_path: Path) -> None:
    """Otherwise a wrong path would look like a success."""
    found = compare(tmp_path, {}, {})
    assert found.returncode == 2
    assert "no scores" in found.stderr

"""Sound files, separate_files, published models, quantising, evaluating, the command."""

from __future__ import annotations

import http.server
import logging
import shutil
import subprocess
import sysconfig
import threading
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RATE, command, fail_at_second_copy, snr

import swift_demucs
from swift_demucs import Model, _settings


def test_reading_converts(track: Path) -> None:
    samples, rate = swift_demucs.read(track, sample_rate=22_050, channels=1)
    assert rate == 22_050 and samples.shape == (1, 6 * RATE)


def test_an_error_while_reading_comes_out(track: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_at_second_copy(monkeypatch)
    with pytest.raises(MemoryError, match="no room"):
        swift_demucs.read(track)


def test_stems_are_written(tmp_path: Path, model: Model, music: Any) -> None:
    with model.separate(music[:, :RATE], shifts=0) as stems:
        paths = stems.write(tmp_path / "new" / "folder", stems=["bass"], format="flac")
        assert paths == {"bass": tmp_path / "new" / "folder" / "bass.flac"}
        golden = stems.bass.copy()
        together = stems.write(tmp_path, gain="common", float32=True)
        assert set(together) == set(model.stems)
    assert snr(golden, swift_demucs.read(paths["bass"])[0]) > 30
    assert "closed" in repr(stems)
    assert stems == stems and stems != dict(stems=0) and len({stems, stems}) == 1
    with pytest.raises(swift_demucs.StateError, match="closed"):
        _ = stems.bass
    with pytest.raises(swift_demucs.StateError):
        _ = stems.mixture


def test_many_files_give_a_result_each(tmp_path: Path, model: Model, track: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    results = model.separate_files(
        [broken, tmp_path / "missing.wav", track, track],
        tmp_path / "out",
        stems=["vocals"],
        mix={"karaoke": "drums+bass+other", "rest": "mixture-vocals"},
        filename="{track}/{stem}.{ext}",
        flac=True,
        start=1.0,
        duration=2.0,
        seed=3,
    )
    assert [result.ok for result in results] == [False, False, True, True]
    for result in results[:2]:
        assert isinstance(result.error, swift_demucs.InputError)
        assert result.error.path == str(result.path) and result.path.name in str(result.error)
        with pytest.raises(swift_demucs.InputError):
            result.check()
    done = results[2].check()
    # The same file again is separated once.
    assert results[3] is done
    assert set(done.outputs) == {"vocals", "karaoke", "rest"}
    assert all(path.is_file() for path in done.outputs.values())
    assert (done.seed, done.seconds, done.sample_rate, done.channels) == (3, 2.0, RATE, 2)
    vocals = swift_demucs.read(done.outputs["vocals"])[0]
    assert vocals.shape == (2, 2 * RATE)


def test_a_run_of_files_is_resumed(tmp_path: Path, model: Model, track: Path) -> None:
    samples, rate = swift_demucs.read(track)
    one = swift_demucs.write(tmp_path / "one.wav", samples[:, :RATE], rate)
    two = swift_demucs.write(tmp_path / "two.wav", samples[:, : RATE // 2], rate)

    def run(*paths: Path, **options: Any) -> list[swift_demucs.FileResult]:
        return model.separate_files(paths, tmp_path / "out", stems=["vocals"], seed=1, **options)

    planned = run(one, dry_run=True)[0]
    assert (planned.status, planned.ok, planned.seconds) == ("planned", True, 0.0)
    assert not planned.outputs["vocals"].exists()
    first = run(one, skip_existing=True)[0]
    assert (first.status, first.outputs) == ("done", planned.outputs)
    results = run(one, two, tmp_path / "none.wav", skip_existing=True)
    assert [result.status for result in results] == ["skipped", "done", "failed"]
    assert (results[0].outputs, results[0].seconds) == (first.outputs, 1.0)
    assert (results[0].seed, results[1].seconds) == (1, 0.5)
    both = run(one, two, skip_existing=True, dry_run=True)
    assert [result.status for result in both] == ["skipped", "skipped"]
    # Stems without records, as of demucs.
    shutil.rmtree(tmp_path / "out" / ".swift-demucs")
    result = run(one, skip_existing=True)[0]
    assert (result.status, result.outputs, result.seconds) == ("skipped", first.outputs, 0.0)
    assert run(one, skip_existing=True, force=True)[0].status == "done"


def test_every_option_of_a_run_is_passed_on(tmp_path: Path, track: Path) -> None:
    options: list[dict[str, Any]] = [
        dict(stems=["vocals"], shifts=1, overlap=0.1, segment=1.5, transition_power=2.0, seed=4),
        dict(stems=["vocals"], no_split=True, shifts=0, precision="float32", downmix="average"),
        dict(two_stems="vocals", other_method="minus", output_rate="input", format="flac"),
        dict(mix={"band": "drums+bass"}, residual=True, flac=True, int24=True, no_tags=True),
        dict(stems="vocals", mp3=True, mp3_bitrate=128, mp3_preset=7, safe_names=True),
        dict(stems="vocals", float32=True, clip_mode="off", gain="common", then={"vocals": "demo"}),
        dict(
            stems="vocals", filename="{stem}.{ext}", spool=tmp_path, timeout=600, max_duration="1:0"
        ),
        dict(
            stems="vocals", analyze=True, skip_existing=True, force=True, failed=tmp_path / "list"
        ),
        dict(
            stems="vocals", dry_run=True, progress=False, cancellation=swift_demucs.Cancellation()
        ),
    ]
    if shutil.which("ffmpeg"):
        options.append(dict(stems="none", stem_file="mp4", stem_codec="aac"))
    with swift_demucs.load("demo") as model:
        for number, given in enumerate(options):
            out = tmp_path / str(number)
            result = model.separate_files([track], out, start=0.5, duration=1.0, **given)[0].check()
            assert result.outputs
            written = [path.is_file() for path in result.outputs.values()]
            assert written == [not given.get("dry_run")] * len(written), given
    named = {"start", "duration", "stem_file", "stem_codec"}.union(*options)
    assert named == _settings.FileOptions.__optional_keys__


def test_two_outputs_of_one_name_are_refused_before_anything_starts(
    tmp_path: Path, model: Model, track: Path
) -> None:
    with pytest.raises(swift_demucs.ArgumentError, match="filename"):
        model.separate_files([track], tmp_path, filename="{name}.wav")
    with pytest.raises(swift_demucs.ArgumentError, match="flute"):
        model.separate_files([track], tmp_path, stems=["flute"])
    assert list(tmp_path.iterdir()) == []


def test_an_option_that_does_not_suit_a_file_is_an_error_of_that_file(
    tmp_path: Path, model: Model, track: Path
) -> None:
    samples, rate = swift_demucs.read(track)
    short = swift_demucs.write(tmp_path / "short.wav", samples[:, :RATE], rate)
    results = model.separate_files([short, track], tmp_path / "out", start=2.0, duration=1.0)
    assert [result.ok for result in results] == [False, True]
    assert isinstance(results[0].error, swift_demucs.ArgumentError)
    other = tmp_path / "other" / short.name
    results = model.separate_files([short, other], tmp_path / "out", duration=0.5)
    assert [result.ok for result in results] == [True, False]
    with pytest.raises(swift_demucs.ArgumentError, match="both"):
        results[1].check()


def test_a_cancellation_and_a_closed_model_end_all_files(tmp_path: Path, track: Path) -> None:
    cancellation = swift_demucs.Cancellation()
    with swift_demucs.load("demo") as model, pytest.raises(swift_demucs.Cancelled):
        model.separate_files(
            track, tmp_path, progress=lambda _: cancellation.cancel(), cancellation=cancellation
        )
    with pytest.raises(swift_demucs.StateError, match="closed"):
        model.separate_files([track], tmp_path)


def test_files_equal_the_commands(tmp_path: Path, model: Model, track: Path) -> None:
    script = Path(sysconfig.get_path("scripts")) / "swift-demucs"
    options = ["-n", "demo", "--seed", "5", "-o", str(tmp_path / "command"), "--quiet", str(track)]
    subprocess.run([script, *options], check=True, stdout=subprocess.DEVNULL)
    results = model.separate_files(track, tmp_path / "python", seed=5)
    for name, path in results[0].check().outputs.items():
        native = tmp_path / "command" / "demo" / track.stem / f"{name}.wav"
        assert path.read_bytes() == native.read_bytes()
        with wave.open(str(path)) as file:
            assert file.getnframes() == 12 * RATE


def test_the_module_is_the_command() -> None:
    assert command("--version").startswith(f"swift-demucs {swift_demucs.__version__}\n")
    demo = Path(command("models", "path", "demo").strip())
    assert demo.exists() and (demo.parent / "selftest.safetensors").exists()


def test_published_models(tmp_path: Path, checkpoint: Path) -> None:
    published = {model.name: model for model in swift_demucs.models()}
    assert set(published) == {
        "htdemucs", "htdemucs_ft", "htdemucs_6s", "hdemucs_mmi", "mdx", "mdx_extra",
        "repro_mdx_a", "repro_mdx_a_hybrid_only", "repro_mdx_a_time_only",
    }  # fmt: skip
    assert published["htdemucs_6s"].stems[-1] == "piano"
    assert swift_demucs.models(tmp_path)
    linked = {model.name: model for model in swift_demucs.linked_models(tmp_path)}
    assert linked["drumsep"].sha256 is None and linked["cdx23_2"].sha256
    assert all(model.licence and model.url.startswith("https://") for model in linked.values())
    assert not any(model.files for model in linked.values())
    # A file that exists is not downloaded.
    assert [path.read_bytes() for path in swift_demucs.fetch(str(checkpoint))] == [
        checkpoint.read_bytes()
    ]
    with pytest.raises(swift_demucs.ModelMissingError, match="no-such-model") as raised:
        swift_demucs.fetch("no-such-model")
    assert raised.value.path == "no-such-model"
    with pytest.raises(swift_demucs.ArgumentError):
        swift_demucs.fetch("")


def test_fetching_from_a_server_of_this_machine(
    tmp_path: Path, checkpoint: Path, track: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"htdemucs_here.yaml": b"models: [aa]", "aa.safetensors": checkpoint.read_bytes()}
    requests = []

    class Hub(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            body = files.get(self.path.replace("/someone/HTDemucs-here/resolve/main/", ""))
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as hub:
        thread = threading.Thread(target=hub.serve_forever)
        thread.start()
        try:
            monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.server_port}")
            with pytest.raises(swift_demucs.ModelMissingError, match="fetch"):
                swift_demucs.load("hf://someone/htdemucs_here").separate(track)
            (fetched,) = swift_demucs.fetch("hf://someone/htdemucs_here")
            assert fetched.read_bytes() == files["aa.safetensors"]
            with pytest.raises(swift_demucs.Error, match="404"):
                swift_demucs.fetch("hf://someone/htdemucs_gone")
        finally:
            hub.shutdown()
            thread.join()
    # The server is gone, the model stays.
    assert len([path for path in requests if path.endswith("aa.safetensors")]) == 1
    model = swift_demucs.load("hf://someone/htdemucs_here", download=True)
    assert model.stems == ("drums", "bass", "other", "vocals")


def test_quantising(
    tmp_path: Path, checkpoint: Path, track: Path, music: Any, model: Model
) -> None:
    output = tmp_path / "small.safetensors"
    report = swift_demucs.quantize(
        checkpoint, output, calibration=[track], calibration_segments=2, threads=2
    )
    assert report.path == output and output.stat().st_size == report.bytes
    assert report.bytes < 0.6 * report.source_bytes and report.snr > 15
    # The command writes the same bytes.
    written = tmp_path / "command.safetensors"
    options = ["--calibrate", track, "--samples", "2", "--threads", "2"]
    command("quantize", checkpoint, "-q", "-o", written, *options)
    assert output.read_bytes() == written.read_bytes()
    with swift_demucs.load(output) as small:
        golden = model.separate(music, shifts=0).array
        assert snr(golden, small.separate(music, shifts=0).array) > 15


def test_evaluating(tmp_path: Path, music: Any) -> None:
    noise = np.random.default_rng(1).standard_normal(music.shape).astype(np.float32)
    noise *= np.sqrt(np.square(music).sum() / np.square(noise).sum()) / 10
    path = swift_demucs.write(tmp_path / "x.wav", music, RATE, float32=True, clip_mode="none")
    scores = swift_demucs.evaluate({"a": music, "b": path}, {"a": music + noise, "b": music})
    # 20 dB by definition: the noise has a hundredth of the energy.
    assert abs(scores["a"].sdr - 20) < 0.01 and scores["b"].sdr > 100
    only = swift_demucs.evaluate({"a": music}, {"a": music + noise}, metrics=["si_sdr"])["a"]
    assert abs(only.si_sdr - 20) < 0.1 and np.isnan(only.sdr)
    interleaved = {"a": np.asfortranarray(music), "b": np.asfortranarray(music)}
    same = swift_demucs.evaluate(interleaved, {"a": music + noise, "b": music})
    assert abs(same["a"].sdr - 20) < 0.01 and same["b"].sdr > 100
    for references, estimates, text in (
        ({}, {}, "at least one"),
        ({"a": music}, {"b": music}, "same names"),
        ({"a": music}, {"a": music[:, 1:]}, "shape"),
        ({"a": music, "b": music[:, 1:]}, {"a": music, "b": music}, "different shapes"),
    ):
        with pytest.raises(swift_demucs.ArgumentError, match=text):
            swift_demucs.evaluate(references, estimates)


def test_warnings_go_to_logging(
    tmp_path: Path, track: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cut = tmp_path / "cut.wav"
    samples, rate = swift_demucs.read(track)
    swift_demucs.write(cut, samples[:, :RATE], rate)
    cut.write_bytes(cut.read_bytes()[:-20_000])
    with caplog.at_level(logging.INFO, "swift_demucs"):
        found, _ = swift_demucs.read(cut)
    assert found.shape[1] == RATE - 5_000
    assert [record.name for record in caplog.records] == ["swift_demucs"]
    assert "cut.wav" in caplog.text

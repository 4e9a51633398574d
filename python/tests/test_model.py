"""Loading, separating arrays and files, streams, traces."""

from __future__ import annotations

import copy
import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RATE, command, fail_at_second_copy, snr

import swift_demucs
from swift_demucs import Model, Progress


def test_a_model_describes_itself(model: Model) -> None:
    assert model.name == "demo"
    assert model.stems == ("drums", "bass", "other", "vocals")
    assert (model.channels, model.sample_rate, model.member_count) == (2, RATE, 1)
    assert model.segment_seconds == 4.0
    assert model.parameter_count > 1_000_000
    assert "2 threads" in model.engine
    assert "drums" in repr(model)


def test_stems_have_names_attributes_and_the_mixs_length(model: Model, music: Any) -> None:
    stems = model.separate(music, seed=1)
    assert list(stems) == list(model.stems) and len(stems) == 4
    assert stems.vocals is not None and "vocals" in dir(stems)
    assert np.array_equal(stems.vocals, stems["vocals"])
    assert stems.array.shape == (4, *music.shape) and stems.array.dtype == np.float32
    assert stems.mixture is music
    assert (stems.sample_rate, stems.seed) == (RATE, 1)
    assert "6.00 s" in repr(stems)
    # The stems sum to the mix, roughly; with a wrong order of axes they would not.
    assert snr(music, stems.mix(*model.stems)) > 10


def test_an_analysis_equals_that_of_the_command(model: Model, track: Path) -> None:
    printed = json.loads(command("analyze", "--json", "--offline", "-n", "demo", track))
    found = model.analyze(track)
    assert len(found.beats) > 12 and set(found.downbeats) < set(found.beats)
    for name in printed.keys() - {"path"}:
        value = getattr(found, name)
        assert printed[name] == (list(value) if isinstance(value, tuple) else value)


def test_the_signals_of_the_commands_options(model: Model, music: Any) -> None:
    samples = music[:, :RATE]
    stems = model.separate(samples, shifts=0)
    asked = model.separate(
        samples, shifts=0, stems=["bass"], mix={"beat": "drums+bass"}, residual=True
    )
    assert asked.names == ("bass", "beat", "residual")
    assert np.array_equal(asked.bass, stems.bass)
    assert np.array_equal(asked.beat, stems.mix("drums", "bass"))
    assert np.allclose(asked.residual, samples - stems.array.sum(0), atol=1e-6)
    pair = model.separate(samples, shifts=0, two_stems="vocals", other_method="minus")
    assert np.array_equal(pair.minus_vocals, samples - stems.vocals)
    parts = model.separate(samples, shifts=0, stems="drums_bass", then={"drums": "demo"})
    assert np.array_equal(parts["drums_bass"], model.separate(stems.drums, shifts=0).bass)
    blocks = list(model.stream([samples], shifts=0, two_stems="vocals"))
    assert list(blocks[0]) == ["vocals", "no_vocals"]


def test_mix_adds_stems(model: Model, music: Any) -> None:
    stems = model.separate(music[:, :RATE], shifts=0)
    assert np.array_equal(stems.mix("drums", "bass"), stems.drums + stems.bass)
    with pytest.raises(KeyError, match="no stem 'flute'"):
        stems.mix("flute")
    with pytest.raises(swift_demucs.ArgumentError):
        stems.mix()
    with pytest.raises(AttributeError, match="drums"):
        _ = stems.flute


def test_stems_are_copied_and_pickled(model: Model, music: Any) -> None:
    samples = music[:, :RATE].copy()
    stems = model.separate(samples, shifts=0)
    shallow = copy.copy(stems)
    assert np.shares_memory(shallow.vocals, stems.vocals) and shallow.mixture is samples
    for same in (copy.deepcopy(stems), pickle.loads(pickle.dumps(stems))):
        assert list(same) == list(stems) and same.sample_rate == RATE
        assert np.array_equal(same.array, stems.array)
        assert np.array_equal(same.mixture, samples)
        assert not np.shares_memory(same.vocals, stems.vocals)
        same.close()
    shallow.close()
    assert stems.vocals.shape == samples.shape
    with pytest.raises(swift_demucs.StateError, match="closed"):
        pickle.dumps(shallow)


def test_a_drawn_seed_repeats_the_run(model: Model, music: Any) -> None:
    drawn = model.separate(music)
    assert model.separate(music).seed != drawn.seed and model.separate(music, shifts=0).seed == 0
    assert np.array_equal(drawn.array, model.separate(music, seed=drawn.seed).array)


def test_a_generator_draws_like_its_seed_and_moves_on(model: Model, music: Any) -> None:
    generator = random.Random(7)
    first = model.separate(music, seed=generator, shifts=2).array
    assert np.array_equal(first, model.separate(music, seed=7, shifts=2).array)
    # The reference draws an offset for each shift, and a number for each run of the transformer.
    expected = random.Random(7)
    for _ in range(2):
        offset = expected.randint(0, RATE // 2)
        for _ in range(0, music.shape[1] + RATE // 2 - offset, 3 * RATE):
            expected.randrange(1)
    assert generator.getstate() == expected.getstate()


def test_numbers_that_a_callback_draws_do_not_come_again(model: Model, music: Any) -> None:
    generator, drawn = random.Random(7), []
    model.separate(music, seed=generator, progress=lambda _: drawn.append(generator.random()))
    expected = random.Random(7)
    assert drawn and drawn == [expected.random() for _ in drawn]
    assert generator.getstate() == expected.getstate()


def test_a_generator_moves_on_if_a_callback_raises(model: Model, music: Any) -> None:
    def stop(_: Progress) -> None:
        raise RuntimeError("enough")

    stopped, complete = random.Random(7), random.Random(7)
    with pytest.raises(RuntimeError, match="enough"):
        model.separate(music, shifts=1, seed=stopped, progress=stop)
    model.separate(music, shifts=1, seed=complete)
    assert stopped.getstate() == complete.getstate() != random.Random(7).getstate()


def test_layouts_and_types_give_the_same_samples(model: Model, music: Any) -> None:
    golden = model.separate(music, shifts=0).array
    interleaved = np.ascontiguousarray(music.T)
    for same in (
        interleaved.T,
        music.astype(np.float64),
        np.asfortranarray(music),
        np.repeat(music, 2, axis=1)[:, ::2],
        music.astype(">f4"),
        memoryview(music),
    ):
        assert np.array_equal(model.separate(same, shifts=0).array, golden)


def test_arrays_of_other_packages_are_taken_without_a_copy(music: Any) -> None:
    from swift_demucs import _arrays

    class Exported:
        def __dlpack__(self, **options: Any) -> Any:
            return music.__dlpack__(**options)

        def __dlpack_device__(self) -> Any:
            return music.__dlpack_device__()

    for value in (music, music.T.copy().T, Exported(), memoryview(music)):
        array, _, _ = _arrays.samples_of(value, "x")
        if not isinstance(value, np.ndarray):
            assert np.shares_memory(array, music)
        else:
            assert np.shares_memory(array, value)


def test_mono_is_doubled(model: Model, music: Any) -> None:
    mono = music[:1]
    golden = model.separate(np.repeat(mono, 2, axis=0), shifts=0)
    for same in (mono, mono[0]):
        stems = model.separate(same, shifts=0)
        assert np.array_equal(stems.array, golden.array)
        assert np.array_equal(stems.mixture, np.repeat(mono, 2, axis=0))


def test_other_rates_come_back_at_the_models_or_their_own(model: Model, music: Any) -> None:
    half = music[:, ::2].copy()
    stems = model.separate(half, RATE // 2, shifts=0)
    assert stems.sample_rate == RATE and stems.array.shape[2] == 2 * half.shape[1]
    assert stems.mixture.shape == (2, 2 * half.shape[1])
    own = model.separate(half, RATE // 2, shifts=0, output_rate="input")
    assert own.sample_rate == RATE // 2 and own.array.shape[2] == half.shape[1]
    assert np.array_equal(own.mixture, half)


def test_files_and_arrays_give_the_same_stems(model: Model, track: Path) -> None:
    samples, rate = swift_demucs.read(track)
    from_file = model.separate(track, shifts=0)
    assert np.array_equal(from_file.mixture, samples)
    assert np.array_equal(from_file.array, model.separate(samples, rate, shifts=0).array)
    assert model.separate(str(track), shifts=0, output_rate="input").sample_rate == rate


def test_wanted_stems_alone(checkpoint: Path, music: Any, model: Model) -> None:
    with swift_demucs.load(checkpoint, stems=["vocals", "drums"], jobs=2) as some:
        assert set(some.stems) == {"vocals", "drums"}
        found = some.separate(music, shifts=0)
        assert np.array_equal(found.vocals, model.separate(music, shifts=0).vocals)


def test_settings_of_any_kind_of_list(checkpoint: Path, music: Any, model: Model) -> None:
    lists: Any
    for lists in (iter(["vocals"]), np.array(["vocals"]), {"vocals"}, {"vocals": 1}.keys()):
        assert model.separate(music[:, :RATE], stems=lists).names == ("vocals",)
    for lists in (iter(["vocals"]), np.array(["vocals"])):
        assert swift_demucs.load(checkpoint, stems=lists).stems == ("vocals",)


@pytest.mark.parametrize(
    "settings", [{"stems": b"vocals"}, {"stems": [None]}, {"normalize": np.ones(2)}]
)
def test_values_of_no_setting_are_named(settings: Any, music: Any, model: Model) -> None:
    with pytest.raises(TypeError, match=f"{next(iter(settings))} is .*expected"):
        model.separate(music, **settings)


def test_precisions(music: Any, model: Model) -> None:
    golden = model.separate(music, shifts=0).array
    with swift_demucs.load("demo", precision="bfloat16") as fast:
        found = fast.separate(music, shifts=0).array
        assert 20 < snr(golden, found) < 80
        # For a loaded model this is the one that it was loaded in.
        for same in ("auto", "default", "bfloat16"):
            assert np.array_equal(fast.separate(music, shifts=0, precision=same).array, found)
        with pytest.raises(swift_demucs.ArgumentError, match="which the model was loaded"):
            fast.separate(music, precision="float32")
    with swift_demucs.load("demo", precision="auto") as fastest:
        assert snr(golden, fastest.separate(music, shifts=0).array) > 20


def test_a_bag(bag: Path, music: Any, model: Model) -> None:
    with swift_demucs.load("bag", repository=bag) as both:
        assert both.member_count == 2
        progress: list[Progress] = []
        stems = both.separate(music, shifts=0, progress=progress.append)
        # The bag's mean is that of one model: both are equal and have equal weights.
        assert snr(model.separate(music, shifts=0).array, stems.array) > 120
        assert sorted(event.member for event in progress) == [0] * 4 + [1] * 4


def test_a_bar_is_shown_where_asked_for(
    model: Model, music: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    model.separate(music, shifts=0)
    assert capsys.readouterr().err == ""
    model.separate(music, shifts=0, progress=True)
    assert "6.0/6.0 s" in capsys.readouterr().err


def test_a_peak_far_above_full_scale_is_mentioned(
    model: Model, music: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model.separate(10 * music[:, :9], shifts=0)
    assert not caplog.records
    model.separate(30_000 * music[:, :20_000], shifts=0)
    assert "far above full scale" in caplog.text


def test_a_notebook_shows_players(model: Model, music: Any) -> None:
    with model.separate(music[:, ::2], 22_050, shifts=0, output_rate="input") as stems:
        shown = stems._repr_html_()
        assert shown.count("<audio controls src='data:audio/mpeg;base64,") == len(stems)
        assert "<td>vocals</td>" in shown
    assert stems._repr_html_() == repr(stems)


def test_live_streams_give_stems_before_the_end(model: Model, music: Any) -> None:
    music = music[:, : 4 * RATE]
    taken = 0
    early = None
    found = []

    def blocks() -> Any:
        nonlocal taken
        for start in range(0, music.shape[1], RATE):
            taken += 1
            yield music[:, start : start + RATE]

    for block in model.stream(blocks(), live=True):
        early = early or taken
        found.append(block["vocals"])
    assert early is not None and early < 3
    assert np.concatenate(found, axis=1).shape == music.shape


def test_streams_may_be_left(model: Model, music: Any) -> None:
    stream = model.stream([music], shifts=0, block_frames=1000)
    assert next(stream)["bass"].shape[1] <= 1000
    del stream
    with pytest.raises(swift_demucs.ArgumentError, match="no block"):
        list(model.stream([]))
    with pytest.raises(swift_demucs.ArgumentError, match="block 1 has 1 channels"):
        list(model.stream([music, music[0]]))


def test_traces_have_the_references_names(model: Model, music: Any, track: Path) -> None:
    values = model.trace(music, names=["encoder.*", "crosstransformer.layers.0"])
    assert {"encoder.0", "encoder.3", "crosstransformer.layers.0"} <= set(values)
    assert values["encoder.0"].shape[0] == 16 and values["encoder.0"].dtype == np.float32
    assert model.trace(track, start=1.0, seconds=2.0, names="encoder.0").keys() == {"encoder.0"}


def test_an_error_in_a_trace_comes_out(
    model: Model, music: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at_second_copy(monkeypatch)
    with pytest.raises(MemoryError, match="no room"):
        model.trace(music, names="encoder.*")


def test_a_trace_equals_the_commands_file(model: Model, track: Path, tmp_path: Path) -> None:
    written = tmp_path / "trace.safetensors"
    part = ["--start", "1", "--chunk", "2", "--only", "encoder.*,crosstransformer*"]
    command("trace", "-n", "demo", "-q", *part, "-o", written, track)
    data = written.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    header.pop("__metadata__", None)
    found = model.trace(track, start=1.0, seconds=2.0, names=["encoder.*", "crosstransformer*"])
    assert len(header) > 5 and found.keys() == header.keys()
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        assert list(found[name].shape) == entry["shape"], name
        assert found[name].tobytes() == data[begin + first : begin + end], name


def test_a_pickled_model_is_loaded_again(model: Model, music: Any) -> None:
    copy = pickle.loads(pickle.dumps(model))
    found = copy.separate(music[:, :RATE], shifts=0).array
    assert np.array_equal(found, model.separate(music[:, :RATE], shifts=0).array)
    copy.close()
    with pytest.raises(swift_demucs.StateError):
        pickle.dumps(copy)

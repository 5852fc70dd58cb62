import contextlib

import pytest

from benchmarks import litert_timing
from tests.artefacts import save_litert


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_litert(tmp_path_factory.mktemp("artefacts"))


@pytest.fixture
def timings(model, monkeypatch):
    @contextlib.contextmanager
    def peak_meter(num_threads):
        yield lambda: 50.0 * num_threads

    monkeypatch.setattr(litert_timing, "peak_meter", peak_meter)
    return litert_timing.measure({"float32": model, "int8": model}, 0.05)


def test_the_arithmetic_is_that_of_the_convolutions(model):
    # One of 1 x 1 from three channels to one, at 128 x 128.
    expected = 2e-9 * 128 * 128 * 3
    found = litert_timing.convolution_gflop(model.read_bytes())
    assert found == pytest.approx(expected)


def test_every_file_is_timed_with_every_number_of_threads(timings, model):
    assert set(timings) == {"float32", "int8"}
    gflop = litert_timing.convolution_gflop(model.read_bytes())
    for by_threads in timings.values():
        assert set(by_threads) == {"1", "2"}
        for threads, one in by_threads.items():
            assert 0 < one.median <= one.p95
            assert one.images >= 2 * litert_timing.ROUNDS
            assert one.peak == 50.0 * int(threads)
            assert one.gflops == pytest.approx(1e3 * gflop / one.median)


def test_timings_are_kept_with_their_machine(timings, tmp_path):
    path = tmp_path / "timing.json"
    assert litert_timing.load(path) == ({}, {})
    litert_timing.save(timings, path)
    machine, loaded = litert_timing.load(path)
    assert loaded == timings
    assert "processor" in machine

"""The machine's description, peak and memory."""

import platform

import pytest

from benchmarks import machine


def test_peak_is_measured_whenever_asked():
    with machine.peak_meter(1, size=64) as measure:
        assert measure() > 0
        assert measure() > 0


def test_rate_follows_from_the_best_time(monkeypatch):
    # Three products of 2 * 100 ** 3 operations; the second took 1 ms.
    ticks = iter([0.0, 0.004, 1.0, 1.001, 2.0, 2.002])
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    assert machine.matrix_product_gflops(100) == pytest.approx(2.0)


def test_memory_is_the_commands_not_the_callers():
    # This process has TensorFlow loaded; an interpreter alone has 10 MiB.
    hold = "import sys; x = bytearray(int(sys.argv[1]) << 20)"
    small, large = (
        machine.peak_memory_mib(["-c", hold, str(mib)]) for mib in (1, 101)
    )
    assert small < 50
    assert large - small == pytest.approx(100, abs=5)


def test_a_command_that_fails_is_an_error_with_its_reason():
    with pytest.raises(RuntimeError, match=r"-c .* failed: ValueError: why"):
        machine.peak_memory_mib(["-c", "raise ValueError('why')"])


def test_machine_is_described_without_its_name():
    facts = machine.describe()
    assert "cores" in facts["processor"]
    assert "tensorflow 2." in facts["software"]
    assert platform.node() not in " ".join(facts.values())
    used, total = machine.processor_seconds()
    assert 0 < used < total

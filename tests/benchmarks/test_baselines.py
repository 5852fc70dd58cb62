import numpy as np

from benchmarks import baselines


def test_every_measure_has_a_row_with_its_rate():
    figures = baselines.measure_all(seconds=0.0)
    assert [figure.subject.name for figure in figures] == list(
        baselines.MEASURES
    )
    lines = baselines.table(figures).splitlines()
    assert len(lines) == 2 + len(baselines.MEASURES)
    rates = [np.median(figure.rate) for figure in figures]
    assert min(rates) > 0
    # Of the closed-form measures; much less than the goal of 150, so that a
    # busy machine passes.
    assert min(rates[:-2]) > 15


def test_triples_are_grey_and_differ():
    first, second = baselines.phantom_triples(2)
    assert {image.shape for image in (*first, *second)} == {(128, 128)}
    assert {image.dtype.name for image in first} == {"uint8"}
    assert (first[2] != second[2]).any()

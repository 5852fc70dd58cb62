import pytest

from g2npan_tf.report import axes


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1, 5, [1, 2, 3, 4, 5]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-0.13, 0.27, [-0.1, 0, 0.1, 0.2]),
        (0, 1234, [0, 200, 400, 600, 800, 1000, 1200]),
    ],
)
def test_ticks_are_round_and_inside(low, high, expected):
    assert axes.ticks(low, high) == pytest.approx(expected)


def test_the_ends_of_an_axis_are_at_its_margins():
    frame = axes.Axes((1, 5), (0, 10))
    assert (frame.x(1), frame.x(5)) == (58, axes.WIDTH - 14)
    assert (frame.y(0), frame.y(10)) == (axes.HEIGHT - 44, 30)
    assert frame.x(3) == (frame.x(1) + frame.x(5)) / 2

"""Scale and offset of the logits: found, put into the network, ranks kept."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
from scipy import special
from scipy import stats

from g2npan_tf.model import scorer as scorer_module
from g2npan_tf.model.quality_network import build_quality_network
from g2npan_tf.training import calibration

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("scale", "offset"), [(1.0, 0.0), (2.5, -0.4), (0.3, 1.5)]
)
def test_finds_the_two_numbers_that_made_the_scores(scale, offset):
    logits = RNG.normal(size=(60, 4))
    weights = RNG.uniform(0.001, 1.0, size=(60, 4))
    tiles = special.expit(scale * logits + offset)
    quality = np.average(tiles, axis=1, weights=weights)
    found = calibration.fit(logits, weights, quality)
    np.testing.assert_allclose(found, (scale, offset), atol=1e-4)


def test_one_tile_is_fitted_as_by_a_grid_of_values():
    logits = RNG.normal(size=(200, 1))
    noise = RNG.normal(0, 0.1, 200)
    quality = np.clip(special.expit(2 * logits[:, 0] - 0.5) + noise, 0, 1)

    def error(scale, offset):
        scaled = special.expit(scale * logits[:, 0] + offset)
        return np.mean((scaled - quality) ** 2)

    found = calibration.fit(logits, np.ones_like(logits), quality)
    steps = np.linspace(-0.2, 0.2, 21)
    around = itertools.product(found[0] + steps, found[1] + steps)
    best = min(error(*values) for values in around)
    assert error(*found) == pytest.approx(best, abs=1e-12)


RAMP = np.linspace(-1, 1, 40)[:, None]


@pytest.mark.parametrize("logits", [0 * RAMP, RAMP, 30.0 * np.sign(RAMP)])
def test_a_network_that_knows_nothing_gets_numbers_within_the_limits(logits):
    quality = special.expit(-2 * RAMP[:, 0])
    scale, offset = calibration.fit(logits, np.ones_like(logits), quality)
    assert 0.1 <= scale <= 10.0
    assert -10.0 <= offset <= 10.0


@pytest.fixture(scope="module", params=[(1, 0), (2, 0), (2, 4)])
def saved(request, tmp_path_factory):
    """A scorer with weights of chance, its tiles a side, and images.

    Without spectra, and with them, where cells count differently.
    """
    keras.utils.set_random_seed(4)
    tiles, spectrum = request.param
    network = build_quality_network(
        width=0.0625, ufw_shape=None, spectrum_filters=spectrum
    )
    scorer = scorer_module.build_scorer(network, None, tiles)
    path = tmp_path_factory.mktemp("scorer") / "scorer.keras"
    scorer.save(path)
    side = 128 * tiles
    images = RNG.integers(0, 256, (10, side, side, 3), np.uint8)
    # Of unequal brightness and with black parts, so that weights differ.
    images //= np.arange(1, 11, dtype=np.uint8)[:, None, None, None]
    images[:5, : side // 2, : side // 4] = 0
    return path, tiles, images


def test_logits_and_weights_are_those_of_the_scorer(saved):
    path, tiles, images = saved
    scorer = keras.saving.load_model(path, compile=False)
    logits, weights = calibration.tile_logits(scorer, images, tiles)
    assert logits.shape == weights.shape == (10, tiles**2)
    quality = np.average(special.expit(logits), axis=1, weights=weights)
    outputs = scorer.predict_on_batch(images)
    np.testing.assert_allclose(quality, outputs["quality"], atol=1e-6)


def test_a_map_of_exactly_0_and_1_has_a_finite_logit(saved):
    path, tiles, images = saved
    scorer = keras.saving.load_model(path, compile=False)
    last = scorer.get_layer("quality_network").get_layer("cam")
    kernel, _ = last.get_weights()
    # Both ends in one map, as far as a float32 goes.
    for size, bias in ((1e9, -1e3), (1e9, 1e3), (0.0, 1e3), (0.0, -1e3)):
        last.set_weights([size * kernel, np.float32([bias])])
        logits, weights = calibration.tile_logits(scorer, images, tiles)
        assert np.isfinite(logits).all()
        found = calibration.fit(logits, weights, np.linspace(0.1, 0.9, 10))
        assert np.isfinite(found).all()


def test_the_new_scorer_has_the_scale_and_nothing_else_is_changed(
    saved, tmp_path
):
    path, tiles, images = saved
    before = path.read_bytes()
    old = keras.saving.load_model(path, compile=False).predict_on_batch(images)
    # What a scorer of another scale would say.
    wanted = 1 - old["quality"][::-1] / 3
    content, done = calibration.recalibrate(path, images, wanted, tiles)
    assert path.read_bytes() == before
    assert done.images == 10
    new_path = tmp_path / "scorer.keras"
    new_path.write_bytes(content)
    new = keras.saving.load_model(new_path, compile=False, safe_mode=True)
    outputs = new.predict_on_batch(images)
    scaled = done.scale * special.logit(old["cam"].astype(np.float64))
    np.testing.assert_allclose(
        outputs["cam"], special.expit(scaled + done.offset), atol=1e-5
    )
    error = np.mean((outputs["quality"] - wanted) ** 2)
    assert error < np.mean((old["quality"] - wanted) ** 2)
    if tiles == 1:
        rank = stats.spearmanr(outputs["quality"], old["quality"])
        assert rank.statistic == pytest.approx(1.0)


def test_the_interval_is_added_and_nothing_else_is_changed(saved, tmp_path):
    path, _, images = saved
    before = path.read_bytes()
    old = keras.saving.load_model(path, compile=False).predict_on_batch(images)
    scores = np.linspace(1, 5, 10)
    cases = np.repeat(["a", "b"], 5)
    done = calibration.unseen_interval(path, images, scores, cases)
    content = calibration.add_interval(path, done)
    assert path.read_bytes() == before
    expected = max(np.abs(old["mos"] - scores))
    assert done.half_width == pytest.approx(expected, abs=1e-5)
    assert (done.images, done.cases, done.coverage) == (10, 2, 0.9)
    new_path = tmp_path / "scorer.keras"
    new_path.write_bytes(content)
    new = keras.saving.load_model(new_path, compile=False, safe_mode=True)
    outputs = new.predict_on_batch(images)
    ends = [outputs.pop("mos_low"), outputs.pop("mos_high")]
    assert set(outputs) == set(old)
    for name, values in outputs.items():
        np.testing.assert_allclose(values, old[name], atol=1e-6)
    for end, sign in zip(ends, (-1, 1), strict=True):
        expected = np.clip(old["mos"] + sign * done.half_width, 1, 5)
        np.testing.assert_allclose(end, expected, atol=1e-5)
    # Another one replaces it.
    other = dataclasses.replace(done, half_width=0.125)
    new_path.write_bytes(calibration.add_interval(new_path, other))
    new = keras.saving.load_model(new_path, compile=False, safe_mode=True)
    found = new.predict_on_batch(images)
    expected = np.clip(old["mos"] - 0.125, 1, 5)
    np.testing.assert_allclose(found["mos_low"], expected, atol=1e-5)


def test_a_second_time_changes_nothing(saved, tmp_path):
    path, tiles, images = saved
    scorer = keras.saving.load_model(path, compile=False)
    logits, weights = calibration.tile_logits(scorer, images, tiles)
    reached = special.expit(3 * logits + 0.2)
    quality = np.average(reached, axis=1, weights=weights)
    content, done = calibration.recalibrate(path, images, quality, tiles)
    assert done.scale == pytest.approx(3.0, rel=0.02)
    again = tmp_path / "scorer.keras"
    again.write_bytes(content)
    _, done = calibration.recalibrate(again, images, quality, tiles)
    assert done.scale == pytest.approx(1.0, abs=0.02)
    assert done.offset == pytest.approx(0.0, abs=0.02)

"""Pictures that no fusion made."""

import importlib.util
import pathlib

import cv2
import numpy as np
from matplotlib import colormaps

from g2npan_tf.experiments import foreign

# No need of the tests themselves, which have these.
PACKAGES = {"skimage", "sklearn", "matplotlib", "pydicom", "nibabel"}


def test_packages_ship_the_files():
    names = [name for kind in foreign.FILES.values() for name in kind]
    assert {name.split("/")[0] for name in names} == PACKAGES
    for name in names:
        package, _, path = name.partition("/")
        origin = importlib.util.find_spec(package).origin
        assert (pathlib.Path(origin).parent / path).is_file(), name


def test_every_kind_of_file_is_read():
    found = foreign.packaged(64)
    assert found.keys() == foreign.FILES.keys()
    for kind, images in found.items():
        assert images.dtype == np.uint8
        assert images.shape[1:] == (64, 64, 3)
        # Some need a codec that is not here.
        assert len(images) >= len(foreign.FILES[kind]) / 2, kind


def test_packages_that_are_not_here_are_left_out(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert foreign.packaged(64) == {}


def test_what_is_drawn_is_the_same_each_time_and_differs():
    first, again = foreign.drawn(64), foreign.drawn(64)
    for kind, images in first.items():
        np.testing.assert_array_equal(images, again[kind])
        assert images.shape == (foreign.NUM_DRAWN, 64, 64, 3)
        assert len(np.unique(images, axis=0)) == foreign.NUM_DRAWN
    pages = first["drawn text pages"].mean((1, 2, 3))
    assert (pages < 100).sum() in range(1, foreign.NUM_DRAWN // 2)


def test_levels_are_inverted_and_coloured():
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    found = foreign.changed(images)
    np.testing.assert_array_equal(found["inverted"] + images, 255)
    upright = found["turned by 90 degrees"].transpose(0, 2, 1, 3)[:, :, ::-1]
    np.testing.assert_array_equal(upright, images)
    grey = np.stack([cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in images])
    # As another library draws it.
    for name in ("turbo", "viridis"):
        expected = colormaps[name](grey)[..., :3] * 255
        np.testing.assert_allclose(
            found[f"colour map {name}"], expected, atol=8
        )

"""Which images are scored: parts, folds, exclusions; what is refused."""

import pytest

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.evaluation import base_selection
from g2npan_tf.evaluation.base_selection import Choice


@pytest.fixture(scope="module")
def settings(data_dir):
    return Config(data_dir=data_dir, fold=1)


@pytest.fixture(scope="module")
def facts(settings):
    return base.facts(base.open_base(settings))


def test_a_fold_is_that_of_the_base(settings, facts):
    test = base_selection.select(settings, facts, Choice())
    fold = base_selection.select(settings, facts, Choice(split="fold_1"))
    assert test.places.tolist() == fold.places.tolist()
    assert test.protocol == "group (by case), test fold 1 of 5"
    assert fold.protocol == (
        "own base, all images of fold_1, includes 0 training images; the model "
        f"is of {facts['name']}, group (by case), test fold 1 of 5 left out"
    )
    other = base_selection.select(settings, facts, Choice(split="fold_2"))
    assert not set(other.places) & set(test.places)
    assert "own base, all images of fold_2, includes 6 tr" in other.protocol


@pytest.mark.parametrize("name", ["", "fusion_quality/phantom"])
def test_the_own_base_is_not_external_by_whatever_name(settings, facts, name):
    chosen = base_selection.select(
        settings, facts, Choice(data=name, split="all")
    )
    # All but the six images of the test part.
    assert chosen.protocol.startswith(
        "own base, all images, includes 24 training images; the model is of"
    )


def test_a_base_of_other_images_is_external(settings, facts):
    other = base_selection.select(
        settings, facts | {"bytes": 1}, Choice(data=settings.data)
    )
    assert other.protocol.startswith("external, all images; the model is of")
    assert other.own is None


def test_exclusions_take_away_what_they_name(settings, facts):
    everything = base_selection.select(settings, facts, Choice(split="all"))
    choice = Choice(split="all", exclude=["algorithm:average"])
    chosen = base_selection.select(settings, facts, choice)
    rows = base.read_scores(chosen.builder, chosen.places)
    assert len(everything.places) == 30
    assert len(chosen.places) == 20
    assert "average" not in rows["algorithm"]


@pytest.mark.parametrize(
    ("exclude", "message"),
    [
        ("average", "expected NAME:VALUE, NAME one of pair_id"),
        ("size:3", "expected NAME:VALUE"),
        ("algorithm:none", "no image has that algorithm; there are average"),
        ("modality:", "expected NAME:VALUE"),
    ],
)
def test_bad_exclusions_are_one_line(settings, facts, exclude, message):
    with pytest.raises(InputError, match=message):
        base_selection.select(settings, facts, Choice(exclude=[exclude]))


def test_what_leaves_no_image_is_refused(settings, facts):
    names = ("average", "laplacian_pyramid", "discrete_wavelet")
    choice = Choice(exclude=[f"algorithm:{name}" for name in names])
    with pytest.raises(InputError, match="no image is left"):
        base_selection.select(settings, facts, choice)


@pytest.mark.parametrize(
    "choice",
    [Choice(split="train"), Choice(data="fusion_quality", split="test")],
)
def test_bad_splits_are_refused(settings, facts, choice):
    with pytest.raises(InputError, match=r"expected .*fold_0"):
        base_selection.select(settings, facts, choice)


def test_a_base_that_is_missing_is_refused_if_it_is_what_is_scored(
    settings, facts
):
    gone = facts | {"name": "fusion_quality/phantom/0.0.0"}
    with pytest.raises(InputError, match=r"not in .* any more"):
        base_selection.select(settings, gone, Choice())
    chosen = base_selection.select(settings, gone, Choice(data=settings.data))
    assert chosen.own is None


@pytest.mark.parametrize("changed", [{"images": 999}, {"bytes": 1}])
def test_another_base_of_the_same_name_has_no_test_part(
    settings, facts, changed
):
    for choice in (Choice(), Choice(split="fold_1"), Choice(split="all")):
        with pytest.raises(InputError, match="began on one with"):
            base_selection.select(settings, facts | changed, choice)
    old = {"name": facts["name"]}
    assert len(base_selection.select(settings, old, Choice()).places) == 6

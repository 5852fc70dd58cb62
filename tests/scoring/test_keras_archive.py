import json
import zipfile

import keras
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.model.generator import build_generator
from g2npan_tf.model.quality_network import build_quality_network
from g2npan_tf.model.scorer import build_scorer
from g2npan_tf.scoring import keras_archive
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.keras_archive import check_keras_archive

SIZE = 32


def scorer(
    with_generator, tiles_per_side, use_local_contrast=False, use_skip=False
):
    generator, features = None, None
    if with_generator:
        generator = build_generator(
            (4, 4, 8), (2, 2, 1), (8, 4, 4), (1, 1, 2, 2), 1, SIZE, use_skip
        )
        features = (8, 8, 8)
    quality_network = build_quality_network(
        "vgg11", 0.0625, with_generator, features, SIZE, use_local_contrast
    )
    return build_scorer(quality_network, generator, tiles_per_side)


def classes(config):
    return {
        (module, name)
        for module, name in keras_archive._classes(config)
        if module is not None
    }


def write(path, config, names=tuple(keras_archive.MEMBERS), content="{}"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            is_config = name == "config.json"
            text = json.dumps(config) if is_config else content
            archive.writestr(name, text)
    return path


def test_the_listed_classes_are_those_of_our_scorers():
    found = set()
    for settings in ((True, 1), (False, 1), (True, 2, True, True), (False, 2)):
        built = scorer(*settings)
        found |= classes(keras.saving.serialize_keras_object(built))
    listed = {
        (module, name)
        for module, names in keras_archive.CLASSES.items()
        for name in names
        if module is not None
    }
    # Scorers that were trained before local contrast became bands have it.
    assert found | {("keras.src.ops.numpy", "Sqrt")} == listed


def test_a_scorer_is_accepted(tmp_path):
    path = tmp_path / "scorer.keras"
    scorer(True, 1).save(path)
    check_keras_archive(path)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Lambda(lambda x: x),
        keras.layers.Dropout(0.5),
        keras.layers.Rescaling(keras.ops.ones(1)),
    ],
    ids=["Lambda", "another of Keras", "not plain"],
)
def test_a_model_with_another_class_is_refused(tmp_path, layer):
    image = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="image")
    path = tmp_path / "scorer.keras"
    keras.Model(image, layer(image)).save(path)
    with pytest.raises(InputError, match=r"names the class .*; expected only"):
        Assessor.load(path)


@pytest.mark.parametrize(
    "named",
    [
        {"module": "os", "class_name": "system", "config": {}},
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {}},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"class_name": "__lambda__", "config": {}},
        {"class_name": ["Conv2D"], "module": {"a": 1}},
    ],
    ids=lambda named: str(named["class_name"]),
)
def test_a_class_is_found_wherever_it_hides(tmp_path, named):
    config = {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {"layers": [{"deep": [{"er": named}]}]},
    }
    with pytest.raises(InputError, match="names the class") as caught:
        check_keras_archive(write(tmp_path / "a.keras", config))
    assert "\n" not in str(caught.value)


def test_other_members_are_refused(tmp_path):
    names = [*keras_archive.MEMBERS, "assets/../../run.sh"]
    with pytest.raises(InputError, match="without just"):
        check_keras_archive(write(tmp_path / "a.keras", {}, names))
    with pytest.raises(InputError, match="without just"):
        check_keras_archive(write(tmp_path / "b.keras", {}, names[:2]))


def test_an_archive_that_grows_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(keras_archive, "MAX_BYTES", 2**20)
    path = write(tmp_path / "a.keras", {}, content="0" * 2**20)
    assert path.stat().st_size < 2**13
    with pytest.raises(InputError, match="bytes; expected at most 1,048,576"):
        check_keras_archive(path)
    monkeypatch.setattr(keras_archive, "MAX_CONFIG_BYTES", 100)
    with pytest.raises(InputError, match=r"config\.json is too large"):
        check_keras_archive(write(tmp_path / "b.keras", {"a": "b" * 100}))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "a.keras"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.keras: damaged, or not a scorer"):
        check_keras_archive(path)


def test_deep_nesting_does_not_end_the_process(tmp_path):
    deep = "[" * 200_000 + "]" * 200_000
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name in keras_archive.MEMBERS:
            archive.writestr(name, deep)
    with pytest.raises(InputError, match="damaged"):
        check_keras_archive(path)

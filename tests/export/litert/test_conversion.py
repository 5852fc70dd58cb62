import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from export.finished_run import FinishedRun
from export.litert import conversion
from export.litert.conversion import PRECISIONS
from export.litert.conversion import SIGNATURE
from export.litert.conversion import convert
from g2npan_tf.core.config import Config
from g2npan_tf.data import base
from g2npan_tf.images.read import resize
from g2npan_tf.model.scope import with_scope
from g2npan_tf.training import scope
from tests.finished_runs import finished_run
from tests.finished_runs import random_images
from tests.pictures import NO_CONTENT

MAPS = {"mos", "quality", "cam", "distance"}


def scorer_of(precision):
    """With a scope of random images, half of them darker."""
    images = random_images(40)
    images[20:] //= 2
    known = scope.fit(scope.summaries(images), np.arange(40).astype(str))
    use_gan = precision == "int8"
    return with_scope(finished_run(use_gan=use_gan).scorer, known)


@pytest.fixture(scope="module")
def models():
    """By precision; only full int8 treats the generator in its own way."""
    return {
        precision: convert(scorer_of(precision), precision, random_images(4))
        for precision in PRECISIONS
    }


@pytest.fixture(params=PRECISIONS)
def precision(request):
    return request.param


@pytest.fixture
def runner(models, precision):
    interpreter = Interpreter(model_content=models[precision])
    return interpreter.get_signature_runner(SIGNATURE)


def test_pixels_go_in_and_the_named_outputs_come_out(runner, precision):
    (image,) = runner.get_input_details().values()
    assert image["shape"].tolist() == [1, 128, 128, 3]
    assert image["dtype"] is np.uint8
    outputs = runner.get_output_details()
    generated = {"reference", "nuance"} if precision == "int8" else set()
    assert set(outputs) == MAPS | generated
    assert {detail["dtype"] for detail in outputs.values()} == {np.float32}
    assert {detail["shape"][0] for detail in outputs.values()} == {1}


def test_operations_are_built_in(models, precision):
    interpreter = Interpreter(model_content=models[precision])
    names = {item["op_name"] for item in interpreter._get_ops_details()}
    assert "CONV_2D" in names
    assert not [n for n in names if "Flex" in n or "CUSTOM" in n.upper()]


def test_score_and_distance_are_near_those_of_keras(runner, precision):
    images = random_images(3, seed=5)
    images[0] = images[0] // 3 + 40
    expected = scorer_of(precision).predict(images, verbose=0)
    found = [runner(image=x[None]) for x in images]
    for name, limit in (("mos", 0.1), ("distance", 2)):
        values = [row[name][0] for row in found]
        np.testing.assert_allclose(values, expected[name], atol=limit)


@pytest.mark.parametrize("name", NO_CONTENT)
def test_a_blank_image_has_the_worst_score(runner, name):
    image = NO_CONTENT[name]
    outputs = runner(image=resize(image)[None])
    if all(np.ptp(image[..., channel]) < 5 for channel in range(3)):
        assert outputs.pop("mos") == [1.0]
        assert outputs.pop("distance") == [100.0]
        assert not any(values.any() for values in outputs.values())
    else:
        # Of two levels: who calls it has to look.
        assert outputs["cam"].any()


def kernels(model):
    """Type of the kernel and name of the result of every convolution."""
    content = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    graph = content.subgraphs[0]
    convolution = next(
        index
        for index, code in enumerate(content.operatorCodes)
        if code.builtinCode == schema.BuiltinOperator.CONV_2D
    )
    return [
        (
            graph.tensors[op.inputs[1]].type,
            graph.tensors[op.outputs[0]].name.decode(),
        )
        for op in graph.operators
        if op.opcodeIndex == convolution
    ]


def test_full_int8_keeps_the_outer_layers_in_float(models):
    names = {schema.TensorType.FLOAT32: "", schema.TensorType.INT8: ""}
    for kind, name in kernels(models["int8"]):
        names[kind] += f" {name}"
    inner = ("down1_residual_conv1", "down2_conv", "up1_conv", "up2_conv")
    outer = ("down1_conv", "up3_conv", "up4_conv", "image_conv", "cam")
    for part in (*inner, "block2_conv1", "block5_conv2"):
        assert f"/{part}" in names[schema.TensorType.INT8]
        assert f"/{part}" not in names[schema.TensorType.FLOAT32]
    for part in (*outer, "discrepancy_conv", "ufw_projection"):
        assert f"/{part}" in names[schema.TensorType.FLOAT32]
        assert f"/{part}" not in names[schema.TensorType.INT8]


@pytest.mark.parametrize(
    ("precision", "kinds"),
    [
        ("float32", {"float32"}),
        ("float16", {"float16"}),
        ("dynamic", {"int8", "float32"}),
        ("int8", {"int8", "float32"}),
    ],
)
def test_kernels_are_held_in_the_precision(models, precision, kinds):
    interpreter = Interpreter(model_content=models[precision])
    found = {
        np.dtype(tensor["dtype"]).name
        for tensor in interpreter.get_tensor_details()
        if len(tensor["shape"]) == 4 and tensor["shape"][0] != 1
    }
    assert kinds & found


def test_int8_without_images_is_a_defect_of_the_caller():
    with pytest.raises(ValueError, match="images to calibrate on"):
        convert(finished_run(False).scorer, "int8")


@pytest.mark.parametrize(
    ("sizes", "count", "expected"),
    # Kinds have equal shares; what a rare one lacks the others give.
    [((50, 30, 20), 30, [10, 10, 10]), ((50, 2, 40), 22, [10, 2, 10])],
)
def test_kinds_have_equal_shares(sizes, count, expected):
    kinds = np.repeat(["a", "b", "c"], sizes)
    chosen = conversion.spread(kinds, count)
    assert len(set(chosen)) == count
    assert np.unique(kinds[chosen], return_counts=True)[1].tolist() == expected


def test_rows_of_a_kind_are_spread_from_the_first_to_the_last():
    kinds = np.array(["a", "b"] * 50)
    chosen = conversion.spread(kinds, 10)
    assert chosen[:2].tolist() == [0, 1]
    assert chosen[-2:].tolist() == [98, 99]
    assert np.diff(chosen[::2]).min() >= 20


def test_few_rows_are_all_taken():
    kinds = np.array(["a", "b", "a"])
    assert conversion.spread(kinds, 200).tolist() == [0, 1, 2]


@pytest.fixture
def run(data_dir):
    config = Config(data_dir=data_dir, validation_share=0.25)
    facts = base.facts(base.open_base(config))
    # The scorer is not used.
    return FinishedRun(config, facts, None)


def test_images_are_of_the_training_part_only(run, monkeypatch):
    monkeypatch.setattr(conversion, "NUM_IMAGES", 9)
    images, facts = conversion.calibration(run)
    assert images.shape == (9, 128, 128, 3)
    assert facts["images"] == 9
    assert facts["data"] == run.facts["name"]
    builder = base.open_base(run.config)
    parts = base.divide(builder, run.config)
    part_of = {
        image.tobytes(): name
        for name in ("train", "validation", "test")
        for image in base.read(builder, getattr(parts, name))["image"]
    }
    assert {part_of[image.tobytes()] for image in images} == {"train"}

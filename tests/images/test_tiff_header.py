import numpy as np
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.display_range import TABLE_NOTE
from g2npan_tf.images.read import Limits
from tests.pictures import decode
from tests.tiff_files import GREY
from tests.tiff_files import PALETTE
from tests.tiff_files import RGB
from tests.tiff_files import SIDE
from tests.tiff_files import WHITE_IS_ZERO
from tests.tiff_files import YCBCR
from tests.tiff_files import tiff


def noise(kind="u1", samples=3):
    rng = np.random.default_rng(1)
    top = 256 if kind == "u1" else 65536
    return rng.integers(0, top, (SIDE, SIDE, samples)).astype(kind)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("tile", [False, True])
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("samples", [1, 3])
def test_unsigned_values_are_read_however_they_lie(
    order, deflate, tile, planes, kind, samples
):
    values = noise(kind, samples)
    data = tiff(
        values,
        RGB if samples == 3 else GREY,
        order,
        planes,
        tile=tile,
        deflate=deflate,
    )
    if kind == "u2":
        scaled = np.rint(values * np.float32(255 / 65535))
        values = scaled if samples == 1 else values >> 8
    expected = np.broadcast_to(values, (SIDE, SIDE, 3))
    np.testing.assert_array_equal(decode(data).pixels, expected)


@pytest.mark.parametrize("planes", [False, True])
def test_white_may_be_zero_in_8_bits(planes):
    values = noise("u1", 1)
    loaded = decode(tiff(values, WHITE_IS_ZERO, planes=planes))
    np.testing.assert_array_equal(loaded.pixels[..., :1], 255 - values)


@pytest.mark.parametrize(
    ("kind", "samples", "photometric", "name"),
    [
        ("i1", 1, GREY, "8-bit signed grey TIFF"),
        ("i2", 1, GREY, "16-bit signed grey TIFF"),
        ("f2", 1, GREY, "16-bit float grey TIFF"),
        ("f4", 1, GREY, "32-bit float grey TIFF"),
        ("u4", 1, GREY, "32-bit grey TIFF"),
        ("f4", 3, RGB, "32-bit float RGB TIFF of 3 channels"),
        ("u1", 2, GREY, "8-bit grey TIFF of 2 channels"),
        ("u1", 3, YCBCR, "8-bit YCbCr TIFF of 3 channels"),
    ],
)
@pytest.mark.parametrize("planes", [False, True])
def test_other_values_are_refused_by_their_name(
    kind, samples, photometric, name, planes
):
    data = tiff(noise("u1", samples).astype(kind), photometric, planes=planes)
    with pytest.raises(InputError, match=f"^{name}; expected unsigned"):
        decode(data)


@pytest.mark.parametrize(
    "tags",
    [
        {"t270": b'{"shape": [6, 32, 32], "truncated": true}\0'},
        {"t270": b"shape=(2, 3, 32, 32)\0"},
        {"t270": b"ImageJ=1.53\nimages=6\nslices=6\n\0"},
        {"t32997": [6]},
    ],
    ids=str,
)
def test_planes_without_pages_of_their_own_are_not_lost(tags):
    values = noise("u1", 1)
    assert decode(tiff(values)).notes == ()
    with pytest.raises(InputError, match="several images"):
        decode(tiff(values, **tags))
    with pytest.raises(InputError, match="several images"):
        decode(tiff(values, **tags), Limits(animations=True))


def test_a_shape_that_is_the_picture_s_own_is_one_image():
    values = noise("u1", 3)
    data = tiff(values, RGB, planes=True, t270=b'{"shape": [3, 32, 32]}\0')
    np.testing.assert_array_equal(decode(data).pixels, values)


@pytest.mark.parametrize("scale", [1, 16, 257])
def test_a_palette_of_smaller_numbers_ends_at_white(scale):
    values = noise("u1", 1)
    levels = np.arange(256)
    table = np.concatenate([levels, levels[::-1], levels]) * scale
    loaded = decode(tiff(values, PALETTE, t320=table))
    expected = np.dstack([values, 255 - values, values])
    np.testing.assert_array_equal(loaded.pixels, expected)
    assert (TABLE_NOTE in loaded.notes) == (scale < 257)


def test_12_bits_are_the_depth_of_their_file():
    values = np.random.default_rng(2).integers(0, 4096, (SIDE, SIDE))
    first, second = values[:, ::2], values[:, 1::2]
    packed = np.dstack(
        [first >> 4, (first & 15) << 4 | second >> 8, second & 255]
    ).astype(np.uint8)
    data = tiff(packed.reshape(SIDE, -1), t256=[SIDE], t258=[12])
    loaded = decode(data)
    expected = np.rint(values * np.float32(255 / 4095))
    np.testing.assert_array_equal(loaded.pixels[..., 0], expected)
    assert "range 0..4095 of the file" in loaded.notes[0]

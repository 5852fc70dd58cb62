"""PNG, JPEG, BMP, limits, files and sizes; each row is in test_input_table."""

import zlib

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.images import read
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.limits import check_frames
from g2npan_tf.images.limits import check_size
from g2npan_tf.images.still import open_still
from tests.pictures import decode
from tests.pictures import encode
from tests.pictures import exif
from tests.pictures import png
from tests.pictures import wide_colour
from tests.pictures import with_chunk

SHAPE = (24, 24, 3)
PIXELS = np.random.default_rng(7).integers(0, 256, SHAPE, dtype=np.uint8)
GREY = PIXELS[..., 0]
FORMATS = pytest.mark.parametrize("file_format", ["PNG", "TIFF"])


def three(channel):
    return np.dstack([channel] * 3)


INDEXED = Image.fromarray(PIXELS).quantize(16)
LOSSLESS = {
    "PNG": (encode(PIXELS, "PNG"), PIXELS),
    "BMP": (encode(PIXELS, "BMP"), PIXELS),
    "TIFF": (encode(PIXELS, "TIFF"), PIXELS),
    "grey": (encode(GREY, "PNG"), three(GREY)),
    "alpha": (
        encode(np.dstack([PIXELS, 0 * GREY]), "PNG"),
        PIXELS,
        "alpha dropped",
    ),
    "grey and alpha": (
        encode(Image.fromarray(PIXELS[..., :2], "LA"), "PNG"),
        three(GREY),
        "alpha dropped",
    ),
    "palette": (
        encode(INDEXED, "PNG", transparency=bytes([0, 128] * 8)),
        np.asarray(INDEXED.convert("RGB")),
        "alpha dropped",
        "palette converted to RGB",
    ),
    "16-bit colour": (
        wide_colour(PIXELS.astype(np.uint16) * 256 + 255),
        PIXELS,
        "16-bit colour, high byte taken",
    ),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_keep_every_pixel_whatever_the_suffix(name, tmp_path):
    data, expected, *notes = LOSSLESS[name]
    path = tmp_path / "no suffix"
    path.write_bytes(data)
    loaded = read.load_image(path)
    np.testing.assert_array_equal(loaded.pixels, expected)
    assert loaded.pixels.dtype == np.uint8
    assert list(loaded.notes) == notes


def test_jpeg_is_close_to_what_was_written():
    smooth = np.full(SHAPE, (200, 90, 30), np.uint8)
    loaded = decode(encode(smooth, "JPEG", quality=95))
    assert np.abs(loaded.pixels.astype(int) - smooth).max() <= 3
    cmyk = Image.new("CMYK", (24, 24), (0, 255, 255, 0))
    loaded = decode(encode(cmyk, "JPEG", quality=95))
    assert np.abs(loaded.pixels[12, 12].astype(int) - (255, 0, 0)).max() < 6
    first, second = (Image.new("L", (24, 24), value) for value in (60, 200))
    data = encode(first, "MPO", save_all=True, append_images=[second])
    for animations in (False, True):
        loaded = decode(data, Limits(animations=animations))
        assert np.abs(loaded.pixels.astype(int) - 60).max() <= 1


def deep(top):
    """16-bit grey with a top, its half, and much black."""
    values = np.zeros((16, 16), np.uint16)
    values[0], values[1] = top, top // 2
    return values


@FORMATS
@pytest.mark.parametrize(
    ("top", "bits", "highest"),
    [
        (65535, None, 65535),
        (4095, 12, 4095),
        (4095, 16, 65535),
        (250, 8, 255),
        (250, 12, 4095),
        (20000, None, 65535),
        (0, None, 65535),
    ],
)
def test_16_bit_grey_is_scaled_by_its_depth(file_format, top, bits, highest):
    limits = Limits(grey_bits=bits)
    loaded = decode(encode(deep(top), file_format), limits)
    expected = np.rint(deep(top)[:2, 0] * (255 / highest))
    np.testing.assert_array_equal(loaded.pixels[:2, 0, 0], expected)
    assert f"range 0..{highest}" in loaded.notes[0]
    assert ("--grey_bits" in loaded.notes[0]) == (bits is not None)
    is_dark = 0 < top * 16 <= highest
    assert loaded.notes[0].endswith(", near black") == is_dark


@FORMATS
@pytest.mark.parametrize(
    ("top", "bits", "reason"),
    [
        (4095, None, r"values up to 4095 in 16 bits; .*--grey_bits=12"),
        (250, None, r"values up to 250 in 16 bits; .*--grey_bits=8"),
        (4095, 10, "values above 1023; expected none, as --grey_bits=10"),
    ],
)
@pytest.mark.parametrize("has_outlier", [False, True])
def test_a_depth_that_the_picture_contradicts_is_refused(
    file_format, top, bits, reason, has_outlier
):
    values = np.random.default_rng(0).integers(1, top + 1, (32, 32), np.uint16)
    values[0, 0] = top
    # One pixel decides nothing.
    values[0, 1] = 65535 if has_outlier else 1
    with pytest.raises(InputError, match=reason):
        decode(encode(values, file_format), Limits(grey_bits=bits))


@pytest.mark.parametrize("brightest", [4095, 4096])
def test_one_pixel_does_not_decide_the_range_of_16_bits(brightest):
    values = np.random.default_rng(0).integers(0, 4096, (32, 32), np.uint16)
    values[5, 5] = brightest
    data = encode(values, "PNG")
    loaded = decode(data, Limits(grey_bits=12))
    expected = np.rint(np.minimum(values, 4095) * (255 / 4095))
    np.testing.assert_array_equal(loaded.pixels[..., 0], expected)


@FORMATS
@pytest.mark.parametrize("limits", [None, 16])
def test_the_depth_that_a_file_declares_counts(file_format, limits):
    data = (
        with_chunk(encode(deep(4095), "PNG"), b"sBIT", b"\x0c")
        if file_format == "PNG"
        else encode(deep(4095), "TIFF", tiffinfo={281: 4095})
    )
    loaded = decode(data, Limits(grey_bits=limits))
    assert loaded.pixels[0, 0, 0] == 255
    assert loaded.notes == (
        "16-bit grey, range 0..4095 of the file scaled to 8 bits",
    )


def test_what_a_file_says_of_its_depth_may_not_be_meant_so():
    # The standard has writers scale up; all of 16 bits is used then.
    data = with_chunk(encode(deep(4095) * 16, "PNG"), b"sBIT", b"\x0c")
    assert decode(data).pixels[0, 0, 0] == 255
    # A highest value may be a statistic, and so many bits there are not.
    for data in (
        encode(deep(60000), "TIFF", tiffinfo={281: 60000}),
        with_chunk(encode(deep(60000), "PNG"), b"sBIT", b"\x11"),
    ):
        loaded = decode(data)
        assert loaded.pixels[0, 0, 0] == np.rint(60000 * 255 / 65535)


@pytest.mark.parametrize("bits", [None, 12, 16])
def test_16_bit_colour_that_is_nearly_black_is_refused(bits):
    data = wide_colour(np.full(SHAPE, (0x0F12, 0x0034, 0x0701)))
    limits = Limits(grey_bits=bits)
    if bits == 16:
        assert decode(data, limits).pixels.max() == 15
        return
    with pytest.raises(
        InputError, match="values up to 4095 in 16 bits; expected the full"
    ):
        decode(data, limits)


@pytest.mark.parametrize("damage", [0, 1])
@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP"])
def test_texts_of_a_png_are_not_looked_at(kind, damage):
    large = zlib.compress(bytes(5 * 2**20))
    start = b"Comment\0\1\0\0\0" if kind == b"iTXt" else b"Comment\0\0"
    data = with_chunk(encode(PIXELS, "PNG"), kind, start + large, damage)
    loaded = decode(data)
    np.testing.assert_array_equal(loaded.pixels, PIXELS)
    assert loaded.notes == ()


@pytest.mark.parametrize(
    ("file_format", "kind"),
    [("PNG", "u1"), ("PNG", "u2"), ("JPEG", "u1"), ("TIFF", "u1")],
)
def test_exif_orientation_6_turns_clockwise(file_format, kind):
    grey = np.zeros((16, 32), kind)
    grey[:, :16] = np.iinfo(kind).max
    loaded = decode(encode(grey, file_format, exif=exif(6)))
    # The bright left half, turned by 90 degrees clockwise, is on top.
    assert loaded.pixels.shape == (32, 16, 3)
    assert loaded.pixels[:14].min() > 250
    assert loaded.pixels[18:].max() < 5
    assert loaded.notes[0] == "EXIF rotation applied"


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(file_format, kept):
    data = encode(PIXELS, file_format)
    with pytest.raises(
        InputError, match=r"damaged or truncated|not a readable"
    ):
        decode(data[: int(len(data) * kept)])


@pytest.mark.parametrize("name", ["IHDR", "IDAT"])
@pytest.mark.parametrize("where", ["body", "checksum"])
def test_the_checksums_of_what_counts_are_looked_at(name, where):
    data = bytearray(encode(PIXELS, "PNG"))
    at = data.index(name.encode())
    length = int.from_bytes(data[at - 4 : at], "big")
    data[at + 4 + (length if where == "checksum" else length // 2)] ^= 1
    with pytest.raises(InputError, match=r"damaged|not a readable|pixels"):
        decode(bytes(data))


@pytest.mark.parametrize("side", [6_000, 10_000, 100_000])
def test_huge_dimensions_are_refused_before_decoding(side):
    with pytest.raises(InputError, match="pixels"):
        decode(png(side, side, 8, 2))


def test_the_header_is_checked_before_pixels_are_decoded_when_asked_for():
    header_alone = encode(Image.new("L", (40, 30)), "BMP")[:1200]
    with pytest.raises(InputError, match="40 x 30 pixels; expected at most"):
        open_still(header_alone, Limits(max_pixels=1199))
    count, images = open_still(encode(PIXELS, "BMP"), Limits())
    assert count == 1
    np.testing.assert_array_equal(next(images).pixels, PIXELS)
    assert next(images, None) is None


def test_sizes_at_the_limits_are_accepted():
    check_size(16, 16, Limits(max_pixels=256))
    check_frames(8, 256, Limits(max_pixels=256, max_frames=8))


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (15, 16, "15 x 16 pixels; expected at least 16 x 16"),
        (16, 17, "16 x 17 pixels; expected at most 256 in all"),
        (0, 400, "expected at least"),
    ],
)
def test_sizes_beyond_the_limits_are_refused(width, height, reason):
    with pytest.raises(InputError, match=reason):
        check_size(width, height, Limits(max_pixels=256))


def test_too_many_frames_and_too_many_pixels_in_all_are_refused():
    limits = Limits(max_pixels=256, max_frames=9)
    with pytest.raises(InputError, match="10 frames; expected at most 9"):
        check_frames(10, 1, limits)
    with pytest.raises(InputError, match="2,304 pixels in 9 frames; expected"):
        check_frames(9, 256, limits)


def test_an_error_is_one_line_that_names_the_file(tmp_path):
    path = tmp_path / "wörd 1.png"
    path.write_bytes(b"no image")
    with pytest.raises(InputError) as caught:
        read.load_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: not a readable PNG")
    assert "\n" not in message


def test_a_missing_file_a_folder_and_a_large_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read.load_image(tmp_path / "missing.png")
    with pytest.raises(InputError, match="not a regular file"):
        read.load_image(tmp_path)
    (tmp_path / "large.png").write_bytes(b"1234")
    with pytest.raises(InputError, match="4 bytes; expected at most 3"):
        read.load_image(tmp_path / "large.png", Limits(max_bytes=3))


def test_resize_averages_areas_when_shrinking():
    large = np.random.default_rng(3).integers(0, 256, (256, 512, 3))
    expected = large.reshape(128, 2, 128, 4, 3).mean(axis=(1, 3))
    resized = read.resize(large.astype(np.uint8))
    assert resized.shape == (128, 128, 3)
    assert resized.dtype == np.uint8
    assert np.abs(resized - expected).max() <= 0.51


def test_resize_interpolates_linearly_when_enlarging():
    ramp = np.repeat(np.arange(0, 160, 10, dtype=np.uint8)[None, :], 16, 0)
    resized = read.resize(three(ramp))
    positions = (np.arange(128) + 0.5) / 8 - 0.5
    expected = np.interp(positions, np.arange(16), ramp[0])
    assert np.abs(resized[64, :, 0] - expected).max() < 1


def test_resize_treats_each_axis_on_its_own():
    tall = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 64, axis=1)
    expected = np.arange(256).reshape(128, 2).mean(axis=1)
    found = read.resize(three(tall))[..., 1]
    assert np.abs(found - expected[:, None]).max() <= 0.51


def test_resize_leaves_the_scorer_size_alone():
    same = np.random.default_rng(4).integers(0, 256, (128, 128, 3), np.uint8)
    np.testing.assert_array_equal(read.resize(same), same)

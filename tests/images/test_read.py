import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.images import read

SHAPE = (24, 24, 3)


@pytest.fixture
def pixels():
    return np.random.default_rng(7).integers(0, 256, SHAPE, dtype=np.uint8)


def encode(image, file_format, **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def png_chunk(name, body):
    check = struct.pack(">I", zlib.crc32(name + body))
    return struct.pack(">I", len(body)) + name + body + check


def png_from_header(width, height, bit_depth, colour_type, data=b""):
    """Builds a PNG by hand, independent of the decoder's own writer."""
    header = struct.pack(
        ">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0
    )
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(data))
        + png_chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_keep_every_pixel(pixels, file_format):
    loaded = read.decode_image(encode(pixels, file_format))
    np.testing.assert_array_equal(loaded.pixels, pixels)
    assert loaded.pixels.dtype == np.uint8
    assert loaded.notes == ()


def test_jpeg_is_close_to_what_was_written():
    smooth = np.full(SHAPE, (200, 90, 30), np.uint8)
    loaded = read.decode_image(encode(smooth, "JPEG", quality=95))
    assert np.abs(loaded.pixels.astype(int) - smooth).max() <= 3


def test_format_is_judged_by_content_not_by_suffix(tmp_path, pixels):
    path = tmp_path / "no suffix"
    path.write_bytes(encode(pixels, "BMP"))
    np.testing.assert_array_equal(read.load_image(path).pixels, pixels)


def test_grey_becomes_three_equal_channels(pixels):
    grey = pixels[..., 0]
    loaded = read.decode_image(encode(grey, "PNG"))
    for channel in range(3):
        np.testing.assert_array_equal(loaded.pixels[..., channel], grey)


def test_alpha_is_dropped_without_blending(pixels):
    alpha = np.zeros(SHAPE[:2], np.uint8)
    data = encode(np.dstack([pixels, alpha]), "PNG")
    loaded = read.decode_image(data)
    np.testing.assert_array_equal(loaded.pixels, pixels)
    assert loaded.notes == ("alpha dropped",)


def test_grey_with_alpha_is_the_grey(pixels):
    data = encode(Image.fromarray(pixels[..., :2], "LA"), "PNG")
    loaded = read.decode_image(data)
    np.testing.assert_array_equal(loaded.pixels[..., 2], pixels[..., 0])
    assert loaded.notes == ("alpha dropped",)


def test_palette_is_expanded_and_its_transparency_dropped(pixels):
    indexed = Image.fromarray(pixels).quantize(16)
    expected = np.asarray(indexed.convert("RGB"))
    data = encode(indexed, "PNG", transparency=bytes([0, 128] * 8))
    loaded = read.decode_image(data)
    np.testing.assert_array_equal(loaded.pixels, expected)
    assert loaded.notes == ("alpha dropped", "palette converted to RGB")


def test_cmyk_jpeg_is_converted_with_a_note():
    cmyk = Image.new("CMYK", (24, 24), (0, 255, 255, 0))
    loaded = read.decode_image(encode(cmyk, "JPEG", quality=95))
    assert np.abs(loaded.pixels[12, 12].astype(int) - (255, 0, 0)).max() < 6
    assert loaded.notes == ("CMYK converted to RGB",)


def deep(top):
    """16-bit grey with a top, its half, and much black."""
    values = np.zeros((16, 16), np.uint16)
    values[0], values[1] = top, top // 2
    return values


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
@pytest.mark.parametrize(
    ("top", "bits", "highest"),
    [
        (65535, None, 65535),
        (4095, 12, 4095),
        (4095, 16, 65535),
        (250, 8, 255),
        (250, 12, 4095),
        (20000, None, 65535),
    ],
)
def test_16_bit_grey_is_scaled_by_its_depth(file_format, top, bits, highest):
    limits = read.Limits(grey_bits=bits)
    loaded = read.decode_image(encode(deep(top), file_format), limits)
    expected = np.rint(deep(top)[:2, 0] * (255 / highest))
    np.testing.assert_array_equal(loaded.pixels[:2, 0, 0], expected)
    assert f"range 0..{highest}" in loaded.notes[0]
    assert ("--grey_bits" in loaded.notes[0]) == (bits is not None)
    is_dark = top * 16 <= highest
    assert loaded.notes[0].endswith(", near black") == is_dark


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
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
        read.decode_image(
            encode(values, file_format), read.Limits(grey_bits=bits)
        )


@pytest.mark.parametrize("brightest", [4095, 4096])
def test_one_pixel_does_not_decide_the_range_of_16_bits(brightest):
    values = np.random.default_rng(0).integers(0, 4096, (32, 32), np.uint16)
    values[5, 5] = brightest
    data = encode(values, "PNG")
    loaded = read.decode_image(data, read.Limits(grey_bits=12))
    expected = np.rint(np.minimum(values, 4095) * (255 / 4095))
    np.testing.assert_array_equal(loaded.pixels[..., 0], expected)
    with pytest.raises(InputError, match="--grey_bits=12"):
        read.decode_image(data)


def test_16_bit_grey_without_anything_is_black():
    loaded = read.decode_image(encode(deep(0), "PNG"))
    assert not loaded.pixels.any()


def with_significant_bits(data, bits):
    """A PNG that states how many bits it uses, behind its header."""
    return data[:33] + png_chunk(b"sBIT", bytes([bits])) + data[33:]


@pytest.mark.parametrize("limits", [None, 16])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_the_depth_that_a_file_declares_counts(file_format, limits):
    values = deep(4095)
    data = (
        with_significant_bits(encode(values, "PNG"), 12)
        if file_format == "PNG"
        else encode(values, "TIFF", tiffinfo={281: 4095})
    )
    loaded = read.decode_image(data, read.Limits(grey_bits=limits))
    assert loaded.pixels[0, 0, 0] == 255
    assert loaded.notes == (
        "16-bit grey, range 0..4095 of the file scaled to 8 bits",
    )


def test_a_png_may_be_scaled_up_from_the_bits_that_it_states():
    # The standard has writers do so; all of 16 bits is used then.
    data = with_significant_bits(encode(deep(4095) * 16, "PNG"), 12)
    assert read.decode_image(data).pixels[0, 0, 0] == 255


def test_a_highest_value_that_is_a_statistic_declares_no_depth():
    data = encode(deep(60000), "TIFF", tiffinfo={281: 60000})
    loaded = read.decode_image(data)
    assert loaded.pixels[0, 0, 0] == np.rint(60000 * 255 / 65535)


@pytest.mark.parametrize("bits", [None, 12, 16])
def test_16_bit_colour_that_is_nearly_black_is_refused(bits):
    row = b"\x00" + struct.pack(">3H", 0x0F12, 0x0034, 0x0701) * 16
    data = png_from_header(16, 16, 16, 2, row * 16)
    limits = read.Limits(grey_bits=bits)
    if bits == 16:
        assert read.decode_image(data, limits).pixels.max() == 15
        return
    with pytest.raises(
        InputError, match="values up to 4095 in 16 bits; expected the full"
    ):
        read.decode_image(data, limits)


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP"])
def test_texts_of_a_png_are_not_looked_at(pixels, kind, checksum):
    large = zlib.compress(bytes(5 * 2**20))
    start = b"Comment\0\1\0\0\0" if kind == b"iTXt" else b"Comment\0\0"
    text = bytearray(png_chunk(kind, start + large))
    text[-1] ^= not checksum
    data = encode(pixels, "PNG")
    loaded = read.decode_image(data[:33] + text + data[33:])
    np.testing.assert_array_equal(loaded.pixels, pixels)
    assert loaded.notes == ()


@pytest.mark.parametrize("name", ["IHDR", "IDAT"])
def test_the_checksums_of_what_counts_are_looked_at(pixels, name):
    data = bytearray(encode(pixels, "PNG"))
    at = data.index(name.encode())
    length = int.from_bytes(data[at - 4 : at], "big")
    data[at + 4 + length] ^= 1
    with pytest.raises(InputError, match=r"damaged|not a readable"):
        read.decode_image(bytes(data))


@pytest.mark.parametrize("animations", [False, True])
def test_the_first_picture_of_a_jpeg_with_several_is_the_image(animations):
    first, second = (Image.new("L", (24, 24), value) for value in (60, 200))
    data = encode(first, "MPO", save_all=True, append_images=[second])
    loaded = read.decode_image(data, read.Limits(animations=animations))
    assert np.abs(loaded.pixels.astype(int) - 60).max() <= 1
    assert loaded.notes == ("first of several pictures",)


def test_16_bit_colour_keeps_the_high_byte():
    row = b"\x00" + struct.pack(">3H", 0x12FF, 0x80FF, 0xFFFF) * 16
    loaded = read.decode_image(png_from_header(16, 16, 16, 2, row * 16))
    np.testing.assert_array_equal(loaded.pixels[3, 5], (0x12, 0x80, 0xFF))
    assert loaded.notes == ("16-bit colour, high byte taken",)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF"])
def test_exif_orientation_6_turns_clockwise(file_format):
    grey = np.zeros((16, 32), np.uint8)
    grey[:, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    loaded = read.decode_image(encode(grey, file_format, exif=exif))
    # The bright left half, turned by 90 degrees clockwise, is on top.
    assert loaded.pixels.shape == (32, 16, 3)
    assert loaded.pixels[:14].min() > 250
    assert loaded.pixels[18:].max() < 5
    assert loaded.notes[0] == "EXIF rotation applied"


def test_exif_rotation_applies_to_16_bit_grey():
    values = np.zeros((16, 32), np.uint16)
    values[:, :16] = 65535
    exif = Image.Exif()
    exif[0x0112] = 6
    loaded = read.decode_image(encode(values, "PNG", exif=exif))
    assert loaded.pixels[0, 15, 0] == 255
    assert loaded.pixels[31, 0, 0] == 0


def test_a_shape_that_will_be_squeezed_is_noted():
    loaded = read.decode_image(encode(np.zeros((20, 30), np.uint8), "PNG"))
    assert loaded.notes == ("30 x 20 squeezed to a square",)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(pixels, file_format, kept):
    data = encode(pixels, file_format)
    with pytest.raises(
        InputError, match=r"damaged or truncated|not a readable"
    ):
        read.decode_image(data[: int(len(data) * kept)])


def test_a_png_with_one_flipped_byte_is_refused(pixels):
    data = bytearray(encode(pixels, "PNG"))
    data[len(data) // 2] ^= 1
    with pytest.raises(InputError, match="damaged"):
        read.decode_image(bytes(data))


@pytest.mark.parametrize("size", [(1, 1), (15, 40), (40, 15)])
def test_less_than_16_pixels_a_side_are_refused(size):
    data = encode(Image.new("L", size), "PNG")
    with pytest.raises(InputError, match=r"pixels; expected at least 16 x 16"):
        read.decode_image(data)


@pytest.mark.parametrize("side", [6_000, 10_000, 100_000])
def test_huge_dimensions_are_refused_before_decoding(side):
    with pytest.raises(InputError, match="pixels"):
        read.decode_image(png_from_header(side, side, 8, 2))


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_several_images_in_one_file_are_refused(file_format):
    frames = [Image.new("L", (16, 16), value) for value in (0, 99)]
    data = encode(
        frames[0], file_format, save_all=True, append_images=frames[1:]
    )
    with pytest.raises(InputError, match="several images in one file"):
        read.decode_image(data)


def test_gif_is_not_among_the_formats():
    frames = [Image.new("L", (16, 16), value) for value in (0, 99)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="GIF; expected another format"):
        read.decode_image(data)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bit_values_are_refused(mode):
    with pytest.raises(InputError, match=r"32-bit (signed|float) grey TIFF"):
        read.decode_image(encode(Image.new(mode, (16, 16)), "TIFF"))


def test_16_bit_tiff_with_white_as_zero_is_refused():
    data = encode(np.zeros((16, 16), np.uint16), "TIFF", tiffinfo={262: 0})
    with pytest.raises(InputError, match="white as zero"):
        read.decode_image(data)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"no image", "not a readable PNG"), (b"", "empty file")],
)
def test_an_error_is_one_line_that_names_the_file(tmp_path, content, reason):
    path = tmp_path / "wörd 1.png"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read.load_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {reason}")
    assert "\n" not in message


def test_a_missing_file_a_folder_and_a_large_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read.load_image(tmp_path / "missing.png")
    with pytest.raises(InputError, match="not a regular file"):
        read.load_image(tmp_path)
    (tmp_path / "large.png").write_bytes(b"1234")
    with pytest.raises(InputError, match="4 bytes; expected at most 3"):
        read.load_image(tmp_path / "large.png", read.Limits(max_bytes=3))


def test_resize_averages_areas_when_shrinking():
    large = np.random.default_rng(3).integers(0, 256, (256, 512, 3))
    expected = large.reshape(128, 2, 128, 4, 3).mean(axis=(1, 3))
    resized = read.resize(large.astype(np.uint8))
    assert resized.shape == (128, 128, 3)
    assert resized.dtype == np.uint8
    assert np.abs(resized - expected).max() <= 0.51


def test_resize_interpolates_linearly_when_enlarging():
    ramp = np.repeat(np.arange(0, 160, 10, dtype=np.uint8)[None, :], 16, 0)
    resized = read.resize(np.dstack([ramp] * 3))
    positions = (np.arange(128) + 0.5) / 8 - 0.5
    expected = np.interp(positions, np.arange(16), ramp[0])
    assert np.abs(resized[64, :, 0] - expected).max() < 1


def test_resize_treats_each_axis_on_its_own():
    tall = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 64, axis=1)
    resized = read.resize(np.dstack([tall] * 3))
    expected = np.arange(256).reshape(128, 2).mean(axis=1)
    assert np.abs(resized[..., 1] - expected[:, None]).max() <= 0.51


def test_resize_leaves_the_scorer_size_alone():
    same = np.random.default_rng(4).integers(0, 256, (128, 128, 3), np.uint8)
    np.testing.assert_array_equal(read.resize(same), same)

import numpy as np
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.display_range import TABLE_NOTE
from g2npan_tf.images.read import decode_frames
from g2npan_tf.images.read import decode_image
from tests.dicom_files import dataset
from tests.dicom_files import dicom
from tests.dicom_files import item
from tests.dicom_files import pydicom
from tests.dicom_files import ramp
from tests.dicom_files import to_bytes
from tests.dicom_files import with_value

GREY = ramp(np.uint8)


def first_values(data, count=6):
    """The first grey values of the first row."""
    return list(decode_image(data).pixels[0, :count, 0])


def words(*entries):
    """Table entries as they stand in a file."""
    return np.array(entries, "<u2").tobytes()


def stored(*first):
    """A 16-bit frame that starts with these values."""
    values = np.zeros((16, 16), np.int16)
    values[0, : len(first)] = first
    return values


def test_a_linear_window_is_that_of_the_standard_by_hand():
    # C.11.2.1.2.1 with c = 40, w = 400: black up to -160, white above 239;
    # in between ((x - 39.5) / 399 + 0.5) * 255: 40 gives 127.8.
    values = stored(-160, -159, 40, 239, 240, 2000)
    data = dicom(values, WindowCenter=40, WindowWidth=400)
    assert first_values(data) == [0, 1, 128, 255, 255, 255]
    assert decode_image(data).notes == ("VOI window applied",)


def test_rescale_comes_before_the_window():
    # A CT: stored 1064 is 40 HU.
    values = stored(864, 1064, 1263, 1264)
    data = dicom(
        values,
        RescaleSlope=1,
        RescaleIntercept=-1024,
        WindowCenter=40,
        WindowWidth=400,
    )
    assert first_values(data, 4) == [0, 128, 255, 255]


def test_a_negative_slope_turns_the_values_around():
    data = dicom(GREY, RescaleSlope=-2, RescaleIntercept=7)
    np.testing.assert_array_equal(decode_image(data).pixels[..., 0], 255 - GREY)


def test_the_first_of_several_windows_counts():
    values = ramp(np.uint16)
    one = dicom(values, WindowCenter=100, WindowWidth=50)
    several = dicom(values, WindowCenter=[100, 7], WindowWidth=[50, 9])
    np.testing.assert_array_equal(
        decode_image(several).pixels, decode_image(one).pixels
    )


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_window_functions_agree_with_pydicom(function):
    values = ramp(np.int16, top=4000, side=64) - 1000
    elements = {
        "WindowCenter": 310.5,
        "WindowWidth": 900.0,
        "VOILUTFunction": function,
    }
    shown = decode_image(dicom(values, **elements)).pixels[..., 0]
    header = item(BitsStored=16, PixelRepresentation=1, **elements)
    header.PhotometricInterpretation = "MONOCHROME2"
    theirs = pydicom.pixels.apply_windowing(values, header)
    expected = (theirs + 2**15) / (2**16 - 1) * 255
    assert np.abs(shown - expected).max() <= 0.51


def test_a_window_of_one_value_is_a_threshold():
    data = dicom(stored(4, 5, 6), WindowCenter=5, WindowWidth=1)
    assert first_values(data, 3) == [0, 255, 255]


@pytest.mark.parametrize("width", [0, -3])
def test_an_impossible_window_is_as_none(width):
    data = dicom(ramp(np.uint16), WindowCenter=5, WindowWidth=width)
    assert decode_image(data).notes[0].startswith("no VOI window")


@pytest.mark.parametrize(
    "function", [{}, {"VOILUTFunction": ""}, {"VOILUTFunction": "LINEAR"}]
)
def test_a_window_too_narrow_for_linear_is_linear_exact(function):
    # Values 0..4095 stand for 0..1; c = 0.5 and w = 0.8 show 0.1 to 0.9.
    values = stored(0, 409, 1228, 2048, 3686, 4095)
    window = {"WindowCenter": 0.5, "WindowWidth": 0.8}
    data = dicom(values, RescaleSlope=1 / 4095, **window, **function)
    shown = np.clip((np.array(values[0, :6]) / 4095 - 0.1) / 0.8, 0, 1) * 255
    assert np.abs(np.array(first_values(data), int) - shown).max() <= 0.51


@pytest.mark.parametrize(
    ("name", "value", "note"),
    [
        ("RescaleSlope", b"", True),
        ("RescaleIntercept", b"", True),
        ("RescaleSlope", b"one", True),
        ("RescaleIntercept", b"0\\ ", False),
        ("WindowWidth", b"510\\", False),
    ],
)
def test_an_element_that_is_no_number_is_as_absent(name, value, note):
    window = {"WindowCenter": 255.5, "WindowWidth": 510}
    rescale = {"RescaleSlope": 1, "RescaleIntercept": 0}
    data = dicom(ramp(np.uint16), **window, **rescale)
    plain, odd = decode_image(data), decode_image(with_value(data, name, value))
    np.testing.assert_array_equal(odd.pixels, plain.pixels)
    expected = (f"{name} empty or no number, as absent",) * note
    assert odd.notes == (*expected, "VOI window applied")


@pytest.mark.parametrize("value", [b"", b"4,5", b"4_5", b"nan", b"wide"])
def test_a_window_that_is_no_number_is_as_absent(value):
    data = dicom(ramp(np.uint16), WindowCenter=9, WindowWidth=9)
    loaded = decode_image(with_value(data, "WindowWidth", value))
    plain = decode_image(dicom(ramp(np.uint16)))
    np.testing.assert_array_equal(loaded.pixels, plain.pixels)
    note = "WindowWidth empty or no number, as absent"
    assert loaded.notes == (note, *plain.notes)


@pytest.mark.parametrize("name", ["VOILUTSequence", "ModalityLUTSequence"])
def test_an_empty_table_is_as_absent(name):
    data = dicom(ramp(np.uint16), **{name: [item(LUTDescriptor=None)]})
    loaded, plain = decode_image(data), decode_image(dicom(ramp(np.uint16)))
    np.testing.assert_array_equal(loaded.pixels, plain.pixels)
    assert loaded.notes == (f"{name} empty, as absent", *plain.notes)


def test_more_than_8_bits_without_a_window_are_shown_by_percentiles():
    # Values 0..255 in 16 bits: 0.5 % is 1.275, 99.5 % is 253.725.
    loaded = decode_image(dicom(ramp(np.uint16)))
    expected = np.clip((np.arange(256) - 1.275) / 252.45, 0, 1) * 255
    assert np.abs(loaded.pixels[..., 0].reshape(-1) - expected).max() <= 0.51
    assert loaded.notes == (
        "no VOI window, 0.5 % to 99.5 % of the values shown",
    )


def test_padding_does_not_move_the_range():
    values = ramp(np.int16) + 1000
    values[:4] = -2000
    with_padding = decode_image(dicom(values, PixelPaddingValue=-2000)).pixels
    assert with_padding[0, 0, 0] == 0
    # The lowest value that is none lies below 0.5 %.
    assert with_padding[4, 0, 0] == 0
    assert with_padding[4, 4, 0] > 0


def test_padding_may_be_a_range_whatever_its_sign():
    values = ramp(np.int16) + 1000
    values[:2], values[2:4] = -2000, -2999
    # As some write it: negative, in an element for positive values.
    data = dicom(
        values, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-3000
    ).replace(b"\x28\0\x20\x01SS", b"\x28\0\x20\x01US")
    loaded = decode_image(data).pixels
    assert loaded[4, 0, 0] == 0
    low, high = np.percentile(values[4:], (0.5, 99.5))
    assert abs(loaded[9, 7, 0] - (1151 - low) / (high - low) * 255) <= 0.51


def test_fewer_than_8_bits_are_shown_in_their_full_range():
    values = ramp(np.uint8, top=15)
    data = dicom(values, BitsStored=4, HighBit=3)
    np.testing.assert_array_equal(
        decode_image(data).pixels[..., 0], values.astype(int) * 17
    )


def test_one_bit_is_black_and_white():
    values = np.zeros((16, 16), np.uint8)
    values[:, 8:] = 1
    packed = np.packbits(values, bitorder="little").tobytes()
    data = dicom(
        values, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=packed
    )
    np.testing.assert_array_equal(
        decode_image(data).pixels[..., 2], values * 255
    )


def test_monochrome1_is_inverted_with_a_note():
    loaded = decode_image(dicom(GREY, "MONOCHROME1"))
    np.testing.assert_array_equal(loaded.pixels[..., 0], 255 - GREY)
    assert loaded.notes == ("MONOCHROME1 inverted",)
    window = {"WindowCenter": 5, "WindowWidth": 1}
    data = dicom(stored(4, 5, 6), "MONOCHROME1", **window)
    assert first_values(data, 3) == [255, 0, 0]


def test_a_voi_lut_maps_by_its_table():
    # Entries for 10, 11, 12, 13; what is outside takes the nearest.
    table = item(LUTDescriptor=[4, 10, 8], LUTData=words(0, 51, 102, 255))
    data = dicom(stored(0, 10, 11, 12, 13, 999), VOILUTSequence=[table])
    assert first_values(data) == [0, 0, 51, 102, 255, 255]
    assert decode_image(data).notes == ("VOI LUT applied",)


def test_a_voi_lut_of_12_bits_in_entries_of_16_ends_at_white():
    entries = words(0, 819, 2048, 4095)
    table = item(LUTDescriptor=[4, 0, 16], LUTData=entries)
    data = dicom(stored(0, 1, 2, 3), VOILUTSequence=[table])
    assert first_values(data, 4) == [0, 51, 128, 255]
    assert decode_image(data).notes == ("VOI LUT applied", TABLE_NOTE)


def test_tables_of_an_implicit_file_are_read():
    made = dataset(
        stored(0, 1, 2, 3),
        VOILUTSequence=[
            item(LUTDescriptor=[4, 0, 8], LUTData=words(0, 51, 128, 255))
        ],
    )
    made.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    assert first_values(to_bytes(made), 4) == [0, 51, 128, 255]


def test_a_window_comes_before_a_voi_lut():
    table = item(LUTDescriptor=[4, 10, 8], LUTData=words(0, 51, 102, 255))
    window = {"WindowCenter": 5, "WindowWidth": 1}
    data = dicom(stored(4, 6), VOILUTSequence=[table], **window)
    assert first_values(data, 2) == [0, 255]


def test_a_modality_lut_comes_before_the_window():
    # 0 becomes 100, 1 becomes 4000; the window tells below from above 2000.
    table = item(
        LUTDescriptor=[2, 0, 16], LUTData=words(100, 4000), ModalityLUTType="US"
    )
    window = {"WindowCenter": 2000, "WindowWidth": 1}
    data = dicom(stored(0, 1), ModalityLUTSequence=[table], **window)
    assert first_values(data, 2) == [0, 255]


@pytest.mark.parametrize("bits", [8, 16, "8 in 16"])
def test_palette_colour_goes_through_its_tables(bits):
    scale = 257 if bits == 16 else 1
    kind = np.uint8 if bits == 8 else np.uint16
    notes = () if bits in (8, 16) else (TABLE_NOTE,)
    bits = bits if bits in (8, 16) else 16
    tables = {"Red": [0, 10, 255, 7], "Green": [1, 2, 3, 4], "Blue": [9] * 4}
    elements = {}
    for colour, table in tables.items():
        name = f"{colour}PaletteColorLookupTable"
        elements[f"{name}Descriptor"] = [4, 0, bits]
        data = (np.array(table) * scale).astype(kind).tobytes()
        elements[f"{name}Data"] = data
    values = ramp(np.uint8, top=3)
    loaded = decode_image(dicom(values, "PALETTE COLOR", **elements))
    expected = np.stack([np.take(t, values) for t in tables.values()], -1)
    np.testing.assert_array_equal(loaded.pixels, expected)
    assert loaded.notes == ("palette converted to RGB", *notes)


def test_a_palette_without_its_tables_is_refused():
    with pytest.raises(InputError, match="palette without plain tables"):
        decode_image(dicom(GREY, "PALETTE COLOR"))


@pytest.mark.parametrize("planar", [0, 1])
def test_rgb_stays_as_it_is(planar):
    values = np.random.default_rng(1).integers(0, 256, (16, 20, 3), np.uint8)
    ordered = np.moveaxis(values, -1, 0) if planar else values
    data = dicom(
        values,
        "RGB",
        PlanarConfiguration=planar,
        PixelData=np.ascontiguousarray(ordered).tobytes(),
    )
    loaded = decode_image(data)
    np.testing.assert_array_equal(loaded.pixels, values)
    assert loaded.notes == ("20 x 16 squeezed to a square",)


def test_ybr_becomes_rgb_by_hand():
    # C.7.6.3.1.2: R = Y + 1.402 (Cr - 128), G = Y - 0.344 (Cb - 128)
    # - 0.714 (Cr - 128), B = Y + 1.772 (Cb - 128).
    values = np.zeros((16, 16, 3), np.uint8)
    values[:] = (100, 128, 178)
    loaded = decode_image(dicom(values, "YBR_FULL"))
    expected = (100 + 1.402 * 50, 100 - 0.714136 * 50, 100)
    assert np.abs(loaded.pixels[3, 4] - np.array(expected)).max() <= 1
    assert loaded.notes == ("YBR converted to RGB",)


def test_16_bit_colour_is_scaled_from_its_full_range():
    values = np.full((16, 16, 3), (0, 2048, 4095), np.uint16)
    data = dicom(values, "RGB", BitsStored=12, HighBit=11)
    assert list(decode_image(data).pixels[0, 0]) == [0, 128, 255]


@pytest.mark.parametrize("name", ["YBR_PARTIAL_420", "HSV", "CMYK"])
def test_other_interpretations_are_refused(name):
    data = dicom(np.zeros((16, 16, 3), np.uint8), "RGB")
    data = data.replace(
        b"CS\x04\x00RGB ", b"CS\x10\x00" + name.ljust(16).encode()
    )
    with pytest.raises(InputError, match=r"damaged|not read") as caught:
        decode_image(data)
    assert name not in str(caught.value)


def test_an_enhanced_image_has_its_own_window_in_each_frame():
    window = "FrameVOILUTSequence"
    frames = [
        item(**{window: [item(WindowCenter=centre, WindowWidth=1)]})
        for centre in (5, 6)
    ]
    shared = item(
        PixelValueTransformationSequence=[
            item(RescaleSlope=1, RescaleIntercept=1)
        ]
    )
    data = dicom(
        np.stack([stored(3, 4, 5)] * 2),
        NumberOfFrames=2,
        PerFrameFunctionalGroupsSequence=frames,
        SharedFunctionalGroupsSequence=[shared],
    )
    shown = [list(frame.pixels[0, :3, 0]) for frame in decode_frames(data)]
    assert shown == [[0, 255, 255], [0, 0, 255]]


def test_a_slope_of_zero_is_refused():
    with pytest.raises(InputError, match="RescaleSlope 0"):
        decode_image(dicom(GREY, RescaleSlope=0))

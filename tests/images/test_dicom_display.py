import numpy as np
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.display_range import TABLE_NOTE
from g2npan_tf.images.read import decode_frames
from tests.dicom_files import dataset
from tests.dicom_files import dicom
from tests.dicom_files import item
from tests.dicom_files import pydicom
from tests.dicom_files import ramp
from tests.dicom_files import to_bytes
from tests.dicom_files import with_value
from tests.pictures import decode

GREY = ramp(np.uint8)


def words(*entries):
    """Table entries as they stand in a file."""
    return np.array(entries, "<u2").tobytes()


def stored(*first):
    """A 16-bit frame that starts with these values."""
    values = np.zeros((16, 16), np.int16)
    values[0, : len(first)] = first
    return values


def lut(first, bits, *entries, **more):
    """A look-up table for values from the first on."""
    descriptor = [len(entries), first, bits]
    return [item(LUTDescriptor=descriptor, LUTData=words(*entries), **more)]


CT = {"WindowCenter": 40, "WindowWidth": 400}
THRESHOLD = {"WindowCenter": 5, "WindowWidth": 1}
VOI, LUT = "VOI window applied", "VOI LUT applied"
# First stored values, elements, what is shown of them and the notes.
BY_HAND = {
    # C.11.2.1.2.1: black up to -160, white above 239; in between
    # ((x - 39.5) / 399 + 0.5) * 255: 40 gives 127.8.
    "linear window": (
        (-160, -159, 40, 239, 240, 2000),
        CT,
        [0, 1, 128, 255, 255, 255],
        (VOI,),
    ),
    # Stored 1064 is 40 HU.
    "rescale comes before the window": (
        (864, 1064, 1263, 1264),
        CT | {"RescaleSlope": 1, "RescaleIntercept": -1024},
        [0, 128, 255, 255],
        (VOI,),
    ),
    "window of one value": ((4, 5, 6), THRESHOLD, [0, 255, 255], (VOI,)),
    "window in MONOCHROME1": (
        (4, 5, 6),
        THRESHOLD | {"PhotometricInterpretation": "MONOCHROME1"},
        [255, 0, 0],
        (VOI, "MONOCHROME1 inverted"),
    ),
    # What is outside takes the nearest entry.
    "VOI LUT": (
        (0, 10, 11, 12, 13, 999),
        {"VOILUTSequence": lut(10, 8, 0, 51, 102, 255)},
        [0, 0, 51, 102, 255, 255],
        (LUT,),
    ),
    "VOI LUT of 12 bits in entries of 16": (
        (0, 1, 2, 3),
        {"VOILUTSequence": lut(0, 16, 0, 819, 2048, 4095)},
        [0, 51, 128, 255],
        (LUT, TABLE_NOTE),
    ),
    "window comes before a VOI LUT": (
        (4, 6),
        THRESHOLD | {"VOILUTSequence": lut(10, 8, 0, 51, 102, 255)},
        [0, 255],
        (VOI,),
    ),
    # 0 becomes 100, 1 becomes 4000.
    "modality LUT comes before the window": (
        (0, 1),
        {
            "ModalityLUTSequence": lut(0, 16, 100, 4000, ModalityLUTType="US"),
            "WindowCenter": 2000,
            "WindowWidth": 1,
        },
        [0, 255],
        (VOI,),
    ),
}


@pytest.mark.parametrize("is_implicit", [False, True])
@pytest.mark.parametrize("name", BY_HAND)
def test_what_is_shown_is_that_of_the_standard_by_hand(name, is_implicit):
    values, elements, expected, notes = BY_HAND[name]
    made = dataset(stored(*values), **elements)
    if is_implicit:
        made.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    loaded = decode(to_bytes(made))
    assert loaded.pixels[0, : len(values), 0].tolist() == expected
    assert loaded.notes == notes


def test_a_negative_slope_turns_the_values_around():
    data = dicom(GREY, RescaleSlope=-2, RescaleIntercept=7)
    np.testing.assert_array_equal(decode(data).pixels[..., 0], 255 - GREY)


def test_the_first_of_several_windows_counts():
    values = ramp(np.uint16)
    one = dicom(values, WindowCenter=100, WindowWidth=50)
    several = dicom(values, WindowCenter=[100, 7], WindowWidth=[50, 9])
    np.testing.assert_array_equal(decode(several).pixels, decode(one).pixels)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_window_functions_agree_with_pydicom(function):
    values = ramp(np.int16, top=4000, side=64) - 1000
    elements = {
        "WindowCenter": 310.5,
        "WindowWidth": 900.0,
        "VOILUTFunction": function,
    }
    shown = decode(dicom(values, **elements)).pixels[..., 0]
    header = item(BitsStored=16, PixelRepresentation=1, **elements)
    header.PhotometricInterpretation = "MONOCHROME2"
    theirs = pydicom.pixels.apply_windowing(values, header)
    expected = (theirs + 2**15) / (2**16 - 1) * 255
    assert np.abs(shown - expected).max() <= 0.51


@pytest.mark.parametrize("width", [0, -3])
def test_an_impossible_window_is_as_none(width):
    data = dicom(ramp(np.uint16), WindowCenter=5, WindowWidth=width)
    assert decode(data).notes[0].startswith("no VOI window")


@pytest.mark.parametrize(
    "function", [{}, {"VOILUTFunction": ""}, {"VOILUTFunction": "LINEAR"}]
)
def test_a_window_too_narrow_for_linear_is_linear_exact(function):
    # Values 0..4095 stand for 0..1; c = 0.5 and w = 0.8 show 0.1 to 0.9.
    values = stored(0, 409, 1228, 2048, 3686, 4095)
    window = {"WindowCenter": 0.5, "WindowWidth": 0.8}
    data = dicom(values, RescaleSlope=1 / 4095, **window, **function)
    shown = np.clip((values[0, :6] / 4095 - 0.1) / 0.8, 0, 1) * 255
    found = decode(data).pixels[0, :6, 0]
    assert np.abs(found - shown).max() <= 0.51


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
    plain, odd = decode(data), decode(with_value(data, name, value))
    np.testing.assert_array_equal(odd.pixels, plain.pixels)
    expected = (f"{name} empty or no number, as absent",) * note
    assert odd.notes == (*expected, "VOI window applied")


@pytest.mark.parametrize("value", [b"", b"4,5", b"4_5", b"nan", b"wide"])
def test_a_window_that_is_no_number_is_as_absent(value):
    data = dicom(ramp(np.uint16), WindowCenter=9, WindowWidth=9)
    loaded = decode(with_value(data, "WindowWidth", value))
    plain = decode(dicom(ramp(np.uint16)))
    np.testing.assert_array_equal(loaded.pixels, plain.pixels)
    note = "WindowWidth empty or no number, as absent"
    assert loaded.notes == (note, *plain.notes)


@pytest.mark.parametrize("name", ["VOILUTSequence", "ModalityLUTSequence"])
def test_an_empty_table_is_as_absent(name):
    data = dicom(ramp(np.uint16), **{name: [item(LUTDescriptor=None)]})
    loaded, plain = decode(data), decode(dicom(ramp(np.uint16)))
    np.testing.assert_array_equal(loaded.pixels, plain.pixels)
    assert loaded.notes == (f"{name} empty, as absent", *plain.notes)


def test_more_than_8_bits_without_a_window_are_shown_by_percentiles():
    # Values 0..255 in 16 bits: 0.5 % is 1.275, 99.5 % is 253.725.
    loaded = decode(dicom(ramp(np.uint16)))
    expected = np.clip((np.arange(256) - 1.275) / 252.45, 0, 1) * 255
    assert np.abs(loaded.pixels[..., 0].reshape(-1) - expected).max() <= 0.51
    assert loaded.notes == (
        "no VOI window, 0.5 % to 99.5 % of the values shown",
    )


def test_padding_does_not_move_the_range():
    values = ramp(np.int16) + 1000
    values[:4] = -2000
    with_padding = decode(dicom(values, PixelPaddingValue=-2000)).pixels
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
    loaded = decode(data).pixels
    assert loaded[4, 0, 0] == 0
    low, high = np.percentile(values[4:], (0.5, 99.5))
    assert abs(loaded[9, 7, 0] - (1151 - low) / (high - low) * 255) <= 0.51


def test_fewer_than_8_bits_are_shown_in_their_full_range():
    values = ramp(np.uint8, top=15)
    data = dicom(values, BitsStored=4, HighBit=3)
    np.testing.assert_array_equal(
        decode(data).pixels[..., 0], values.astype(int) * 17
    )


def test_one_bit_is_black_and_white():
    values = np.zeros((16, 16), np.uint8)
    values[:, 8:] = 1
    packed = np.packbits(values, bitorder="little").tobytes()
    data = dicom(
        values, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=packed
    )
    np.testing.assert_array_equal(decode(data).pixels[..., 2], values * 255)


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
    loaded = decode(dicom(values, "PALETTE COLOR", **elements))
    expected = np.stack([np.take(t, values) for t in tables.values()], -1)
    np.testing.assert_array_equal(loaded.pixels, expected)
    assert loaded.notes == ("palette converted to RGB", *notes)


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


@pytest.mark.parametrize("planar", [0, 1])
def test_rgb_stays_as_it_is(planar):
    values = np.random.default_rng(1).integers(0, 256, (16, 20, 3), np.uint8)
    ordered = np.moveaxis(values, -1, 0) if planar else values
    pixels = np.ascontiguousarray(ordered).tobytes()
    more = {"PlanarConfiguration": planar, "PixelData": pixels}
    loaded = decode(dicom(values, "RGB", **more))
    np.testing.assert_array_equal(loaded.pixels, values)


@pytest.mark.parametrize(
    ("photometric", "stored_colour", "more", "expected"),
    [
        # C.7.6.3.1.2: R = Y + 1.402 (Cr - 128), G = Y - 0.344 (Cb - 128)
        # - 0.714 (Cr - 128), B = Y + 1.772 (Cb - 128).
        ("YBR_FULL", [100, 128, 178], {}, [100 + 70.1, 100 - 35.7, 100]),
        # Of 12 bits, from their full range.
        (
            "RGB",
            [0, 2048, 4095],
            {"BitsStored": 12, "HighBit": 11},
            [0, 128, 255],
        ),
    ],
)
def test_colour_becomes_rgb_by_hand(photometric, stored_colour, more, expected):
    kind = np.uint16 if more else np.uint8
    values = np.full((16, 16, 3), stored_colour, kind)
    found = decode(dicom(values, photometric, **more)).pixels
    assert np.abs(found - np.array(expected)).max() <= 1


@pytest.mark.parametrize(
    ("photometric", "elements", "reason"),
    [
        ("PALETTE COLOR", {}, "palette without plain tables"),
        ("MONOCHROME2", {"RescaleSlope": 0}, "RescaleSlope 0"),
        ("MONOCHROME2", {"PhotometricInterpretation": "HSV"}, "not read"),
        ("RGB", {"PhotometricInterpretation": "YBR_PARTIAL_420"}, "not read"),
    ],
)
def test_what_is_not_shown_is_refused_without_its_value(
    photometric, elements, reason
):
    shape = (16, 16, 3) if photometric == "RGB" else (16, 16)
    data = dicom(np.zeros(shape, np.uint8), photometric, **elements)
    with pytest.raises(InputError, match=reason) as caught:
        decode(data)
    assert "HSV" not in str(caught.value)
    assert "420" not in str(caught.value)

import numpy as np
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.display_range import TABLE_NOTE
from g2npan_tf.images.read import decode_frames
from tests.dicom_files import dataset
from tests.dicom_files import dicom
from tests.dicom_files import item
from tests.dicom_files import lut
from tests.dicom_files import pydicom
from tests.dicom_files import ramp
from tests.dicom_files import to_bytes
from tests.dicom_files import with_value
from tests.pictures import decode

GREY = ramp(np.uint8)


def stored(*first):
    """A 16-bit frame that starts with these values."""
    values = np.zeros((16, 16), np.int16)
    values[0, : len(first)] = first
    return values


CT = {"WindowCenter": 40, "WindowWidth": 400}
HOUNSFIELD = {"RescaleSlope": 1, "RescaleIntercept": -1024}
THRESHOLD = {"WindowCenter": 5, "WindowWidth": 1}
INVERTED = {"PhotometricInterpretation": "MONOCHROME1"}
TABLE = {"VOILUTSequence": lut(10, 8, 0, 51, 102, 255)}
DEEP_TABLE = {"VOILUTSequence": lut(0, 16, 0, 819, 2048, 4095)}
# 0 becomes 100, 1 becomes 4000.
US = {"ModalityLUTSequence": lut(0, 16, 100, 4000, ModalityLUTType="US")}
VOI, LUT = "VOI window applied", "VOI LUT applied"
# Elements, what is shown of stored values, and the notes.
BY_HAND = [
    # C.11.2.1.2.1: black up to -160, white above 239; in between
    # ((x - 39.5) / 399 + 0.5) * 255: 40 gives 127.8.
    (CT, {-160: 0, -159: 1, 40: 128, 239: 255, 240: 255, 2000: 255}, VOI),
    # Rescale comes before the window: stored 1064 is 40 HU.
    (CT | HOUNSFIELD, {864: 0, 1064: 128, 1263: 255, 1264: 255}, VOI),
    # A window of one value.
    (THRESHOLD, {4: 0, 5: 255, 6: 255}, VOI),
    (THRESHOLD | INVERTED, {4: 255, 5: 0, 6: 0}, VOI, "MONOCHROME1 inverted"),
    # What is outside takes the nearest entry.
    (TABLE, {0: 0, 10: 0, 11: 51, 12: 102, 13: 255, 999: 255}, LUT),
    # 12 bits in entries of 16.
    (DEEP_TABLE, {0: 0, 1: 51, 2: 128, 3: 255}, LUT, TABLE_NOTE),
    # A window comes before a VOI LUT, a modality LUT before the window.
    (THRESHOLD | TABLE, {4: 0, 6: 255}, VOI),
    (US | {"WindowCenter": 2000, "WindowWidth": 1}, {0: 0, 1: 255}, VOI),
]


@pytest.mark.parametrize("is_implicit", [False, True])
@pytest.mark.parametrize("row", BY_HAND)
def test_what_is_shown_is_that_of_the_standard_by_hand(row, is_implicit):
    elements, shown, *notes = row
    made = dataset(stored(*shown), **elements)
    if is_implicit:
        made.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    loaded = decode(to_bytes(made))
    found = loaded.pixels[0, : len(shown), 0].tolist()
    assert dict(zip(shown, found, strict=True)) == shown
    assert list(loaded.notes) == notes


NIBBLES = ramp(np.uint8, top=15)
BITS = np.repeat([[0, 1]] * 16, 8, axis=1).astype(np.uint8)
ONE_BIT = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
PACKED = np.packbits(BITS, bitorder="little").tobytes()


@pytest.mark.parametrize(
    ("values", "elements", "expected"),
    [
        # A negative slope turns the values around.
        (GREY, {"RescaleSlope": -2, "RescaleIntercept": 7}, 255 - GREY),
        # Fewer than 8 bits are shown in their full range.
        (NIBBLES, {"BitsStored": 4, "HighBit": 3}, NIBBLES * 17),
        (BITS, ONE_BIT | {"PixelData": PACKED}, BITS * 255),
    ],
)
def test_few_bits_are_shown_in_their_full_range(values, elements, expected):
    shown = decode(dicom(values, **elements)).pixels
    np.testing.assert_array_equal(shown, np.dstack([expected] * 3))


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


DEEP = ramp(np.uint16)
PLAIN = dicom(DEEP)
RESCALE = {"RescaleSlope": 1, "RescaleIntercept": 0}
WINDOWED = dicom(DEEP, WindowCenter=255.5, WindowWidth=510, **RESCALE)
NO_NUMBER = "{} empty or no number, as absent"
# A file, the same without what is as absent, and what is noted of that.
AS_ABSENT = [
    *(
        (with_value(WINDOWED, name, value), WINDOWED, NO_NUMBER.format(name))
        for name in RESCALE
        for value in (b"", b"one")
    ),
    (with_value(WINDOWED, "RescaleIntercept", b"0\\ "), WINDOWED),
    (with_value(WINDOWED, "WindowWidth", b"510\\"), WINDOWED),
    *(
        (
            with_value(WINDOWED, "WindowWidth", value),
            PLAIN,
            NO_NUMBER.format("WindowWidth"),
        )
        for value in (b"", b"4,5", b"4_5", b"nan", b"wide")
    ),
    *(
        (dicom(DEEP, **{name: [item(LUTDescriptor=None)]}), PLAIN, note)
        for name in ("VOILUTSequence", "ModalityLUTSequence")
        for note in (f"{name} empty, as absent",)
    ),
    # An impossible window.
    *((dicom(DEEP, WindowCenter=5, WindowWidth=x), PLAIN) for x in (0, -3)),
]


@pytest.mark.parametrize("case", AS_ABSENT)
def test_what_is_no_number_impossible_or_empty_is_as_absent(case):
    data, plain, *notes = case
    loaded, expected = decode(data), decode(plain)
    np.testing.assert_array_equal(loaded.pixels, expected.pixels)
    assert loaded.notes == (*notes, *expected.notes)


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

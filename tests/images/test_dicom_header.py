import io
import pathlib

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.read import decode_frames
from g2npan_tf.images.read import decode_image
from g2npan_tf.images.read import load_image
from tests.dicom_files import compressed
from tests.dicom_files import dataset
from tests.dicom_files import dicom
from tests.dicom_files import pydicom
from tests.dicom_files import ramp
from tests.dicom_files import to_bytes
from tests.dicom_files import with_value
from tests.tiny import REPOSITORY

CASES = REPOSITORY.parent / "shared" / "cases"
WINDOW = {"WindowCenter": 2048, "WindowWidth": 4096}
VALUES = ramp(np.uint16, top=4095)
TWELVE = {"BitsStored": 12, "HighBit": 11, **WINDOW}
PLAIN = decode_image(dicom(VALUES, **TWELVE)).pixels


def without(*names, values=VALUES, **elements):
    made = dataset(values, **{**TWELVE, **elements})
    for name in names:
        delattr(made, name)
    return made


def written(made):
    """A file as it is, also if the standard asks for more."""
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, made, enforce_file_format=False)
    return buffer.getvalue()


def no_syntax(values=VALUES):
    data = to_bytes(without(values=values))
    read = pydicom.dcmread(io.BytesIO(data))
    del read.file_meta.TransferSyntaxUID
    buffer = io.BytesIO()
    pydicom.filewriter.write_file_meta_info(
        buffer, read.file_meta, enforce_standard=False
    )
    meta = bytes(128) + b"DICM" + buffer.getvalue()
    return meta + data[_end_of_meta(data) :]


def _end_of_meta(data):
    """Where the data set begins: behind the length in the first element."""
    return 144 + int.from_bytes(data[140:144], "little")


COMPLETED = {
    "SamplesPerPixel": lambda: to_bytes(without("SamplesPerPixel")),
    "BitsStored": lambda: to_bytes(without("BitsStored")),
    "TransferSyntaxUID": no_syntax,
    "preamble": lambda: to_bytes(without())[128 + 4 :],
    "meta header": lambda: to_bytes(without())[
        _end_of_meta(to_bytes(without())) :
    ],
    "lower case": lambda: with_value(
        to_bytes(without()), "PhotometricInterpretation", b"monochrome2"
    ),
}


@pytest.mark.parametrize("name", COMPLETED)
def test_what_the_others_tell_may_be_missing(name):
    loaded = decode_image(COMPLETED[name]())
    np.testing.assert_array_equal(loaded.pixels, PLAIN)
    assert (len(loaded.notes) == 1) == (name == "lower case")
    if name[0].isupper():
        assert f"no {name}" in loaded.notes[0]


@pytest.mark.parametrize(
    "name",
    [
        "PhotometricInterpretation",
        "Rows",
        "Columns",
        "BitsAllocated",
        "PixelRepresentation",
    ],
)
def test_what_nothing_tells_is_named(name):
    with pytest.raises(InputError, match=f"no {name} in this DICOM file"):
        decode_image(with_value(to_bytes(without()), name, b""))


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("high", [11, 13, 15])
def test_stored_bits_are_taken_from_where_they_are(is_signed, high):
    values = VALUES.astype(np.int32) - 2048 * is_signed
    elements = {"BitsStored": 12, "PixelRepresentation": int(is_signed)}
    window = {"WindowCenter": 2048 - 2048 * is_signed, "WindowWidth": 4096}
    # What is around them belongs to nobody.
    noise = (1 << (high - 11)) - 1
    raw = (values << (high - 11) | noise).astype(np.uint16)
    if high < 15:
        raw = raw & (2 ** (high + 1) - 1) | (1 << 15)
    data = dicom(raw, HighBit=high, **elements, **window)
    np.testing.assert_array_equal(decode_image(data).pixels, PLAIN)


@pytest.mark.parametrize(
    "elements",
    [
        {"HighBit": 16},
        {"HighBit": 3},
        {"BitsStored": 17},
        {"BitsAllocated": 12},
    ],
)
def test_bits_that_cannot_be_are_refused_by_name(elements):
    with pytest.raises(InputError, match="BitsStored and HighBit"):
        decode_image(written(without(**elements)))


@pytest.mark.parametrize(
    ("photometric", "samples"), [("MONOCHROME2", 3), ("RGB", 1)]
)
def test_samples_that_do_not_fit_are_refused_by_name(photometric, samples):
    values = np.zeros((16, 16, 3), np.uint8)
    made = dataset(values, "RGB", PhotometricInterpretation=photometric)
    made.SamplesPerPixel = samples
    with pytest.raises(InputError, match="SamplesPerPixel and Photometric"):
        decode_image(to_bytes(made))


def encoded(values, kind, **options):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind, **options)
    return buffer.getvalue()


def frames_of(syntax):
    """Three frames in a data set that tells of one."""
    values = np.stack([ramp(np.uint8)] * 3)
    made = dataset(values, NumberOfFrames=3)
    if syntax == pydicom.uid.RLELossless:
        made.compress(syntax, generate_instance_uid=False)
    elif syntax.is_encapsulated:
        kind = "JPEG" if "JPEG Baseline" in syntax.name else "JPEG2000"
        frames = [encoded(frame, kind) for frame in values]
        made = pydicom.dcmread(io.BytesIO(compressed(made, syntax, frames)))
    return made


SYNTAXES = [
    pydicom.uid.ExplicitVRLittleEndian,
    pydicom.uid.RLELossless,
    pydicom.uid.JPEGBaseline8Bit,
    pydicom.uid.JPEG2000Lossless,
]


@pytest.mark.parametrize("has_offsets", [True, False])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda s: s.keyword)
def test_frames_without_their_number_are_not_lost(syntax, has_offsets):
    made = frames_of(syntax)
    if syntax.is_encapsulated and not has_offsets:
        fragments = pydicom.encaps.generate_frames(
            made.PixelData, number_of_frames=3
        )
        made.PixelData = pydicom.encaps.encapsulate(
            list(fragments), has_bot=False
        )
        made["PixelData"].is_undefined_length = True
    assert len(list(decode_frames(to_bytes(made)))) == 3
    del made.NumberOfFrames
    with pytest.raises(InputError, match="more frames than NumberOfFrames"):
        decode_image(to_bytes(made))


def test_jpeg_of_12_bits_is_refused_by_name():
    data = compressed(
        without(), pydicom.uid.JPEGExtended12Bit, [b"\xff\xd8\xff\xc1"]
    )
    with pytest.raises(InputError, match="JPEG of more than 8 bits"):
        decode_image(data)


@pytest.mark.parametrize("declared", ["RGB", "YBR_FULL", "YBR_RCT"])
@pytest.mark.parametrize("is_transformed", [True, False])
def test_jpeg_2000_says_itself_how_its_colour_is_stored(
    declared, is_transformed
):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (32, 32, 3), np.uint8)
    stored = values
    if declared == "YBR_FULL" and not is_transformed:
        stored = pydicom.pixels.convert_color_space(values, "RGB", "YBR_FULL")
    frame = encoded(
        stored,
        "JPEG2000",
        irreversible=False,
        no_jp2=True,
        mct=int(is_transformed),
    )
    data = compressed(
        dataset(values, declared), pydicom.uid.JPEG2000Lossless, [frame]
    )
    loaded = decode_image(data).pixels.astype(int)
    assert np.abs(loaded - values).max() <= 2


def test_jpeg_2000_may_tell_another_sign_than_its_header():
    # pydicom's own reading of all frames at once is right.
    path = pydicom.data.get_testdata_file("J2K_pixelrep_mismatch.dcm")
    header = pydicom.dcmread(path)
    values = pydicom.pixels.apply_modality_lut(header.pixel_array, header)
    shown = pydicom.pixels.apply_windowing(values, header)
    low, high = shown.min(), shown.max()
    expected = (shown - low) / (high - low) * 255
    loaded = load_image(path).pixels[..., 0]
    assert np.abs(loaded - expected).max() <= 1


def test_boxes_without_end_do_not_hang():
    frame = b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64)
    data = compressed(dataset(VALUES), pydicom.uid.JPEG2000, [frame])
    with pytest.raises(InputError):
        decode_image(data)


SAME = {
    "highbit15": "window_trailing",
    "empty_rescale": "window_trailing",
    "no_bitsstored": "window_trailing",
    "no_preamble": "window_trailing",
    "no_samples": "window_trailing",
    "no_ts": "window_trailing",
    "palette_16low": "lower_case_photometric",
}


@pytest.mark.skipif(not CASES.is_dir(), reason="no cases beside the project")
@pytest.mark.parametrize("name", SAME)
def test_one_picture_however_it_is_stored(name):
    one, other = (
        load_image(pathlib.Path(CASES, f"{each}.dcm")).pixels
        for each in (name, SAME[name])
    )
    np.testing.assert_array_equal(one, other)

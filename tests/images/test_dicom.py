import io
import struct
import traceback

import numpy as np
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.images import dicom as dicom_images
from g2npan_tf.images.read import decode_frames
from g2npan_tf.images.read import load_image
from g2npan_tf.images.read import read_frames
from g2npan_tf.scoring import score
from g2npan_tf.scoring.assessor import Assessor
from tests.dicom_files import PATIENT
from tests.dicom_files import behind_meta
from tests.dicom_files import compressed
from tests.dicom_files import dataset
from tests.dicom_files import dicom
from tests.dicom_files import pydicom
from tests.dicom_files import ramp
from tests.dicom_files import to_bytes
from tests.dicom_files import with_value
from tests.pictures import decode
from tests.pictures import encode
from tests.pictures import flat
from tests.score_reports import brightness

uid = pydicom.uid

GREY = ramp(np.uint8)


@pytest.mark.parametrize(
    "syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian]
)
def test_bytes_are_shown_as_they_stand(syntax):
    made = dataset(GREY)
    made.file_meta.TransferSyntaxUID = syntax
    loaded = decode(to_bytes(made))
    np.testing.assert_array_equal(loaded.pixels, np.dstack([GREY] * 3))
    assert loaded.notes == ()


def test_several_frames_are_named_by_their_number(tmp_path):
    values = np.stack([GREY, 255 - GREY, GREY // 2])
    path = tmp_path / "no suffix"
    path.write_bytes(dicom(values, NumberOfFrames=3))
    frames = list(read_frames(path))
    assert [frame.name for frame in frames] == [
        f"{path}#{number}" for number in (1, 2, 3)
    ]
    for frame, expected in zip(frames, values, strict=True):
        np.testing.assert_array_equal(frame.pixels[..., 1], expected)


def test_rle_of_several_frames_is_decoded():
    values = np.stack([ramp(np.uint16), ramp(np.uint16) * 3])
    made = dataset(
        values, NumberOfFrames=2, WindowCenter=383.0, WindowWidth=766.0
    )
    plain = list(decode_frames(to_bytes(made)))
    made.compress(uid.RLELossless, generate_instance_uid=False)
    packed = list(decode_frames(to_bytes(made)))
    assert len(packed) == 2
    for one, other in zip(plain, packed, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
    assert np.ptp(packed[1].pixels) == 255


def test_jpeg_baseline_in_ybr_becomes_rgb_with_a_note():
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 220
    data = compressed(
        dataset(red, "YBR_FULL_422"),
        uid.JPEGBaseline8Bit,
        [encode(red, "JPEG", quality=95)],
    )
    loaded = decode(data)
    assert np.abs(loaded.pixels.astype(int) - (220, 0, 0)).max() <= 4
    assert loaded.notes == ("YBR converted to RGB",)


def test_jpeg_2000_of_16_bits_is_decoded_without_loss():
    values = ramp(np.uint16, side=32)
    elements = {"WindowCenter": 512.0, "WindowWidth": 1024.0}
    data = compressed(
        dataset(values, **elements),
        uid.JPEG2000Lossless,
        [encode(values, "JPEG2000", irreversible=False, no_jp2=True)],
    )
    expected = decode(dicom(values, **elements))
    np.testing.assert_array_equal(decode(data).pixels, expected.pixels)


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (uid.JPEGLSLossless, "JPEG-LS Lossless"),
        (uid.JPEGLosslessSV1, "JPEG Lossless"),
        ("1.2.840.10008.1.2.4.57", "JPEG Lossless"),
        ("1.2.840.10008.1.2.4.89", "unknown"),
    ],
)
def test_other_compression_is_refused_by_its_name(syntax, name):
    data = of_frame(uid.JPEGLSLossless, b"\xff\xd8\xff\xf7")
    data = data.replace(uid.JPEGLSLossless.encode(), syntax.encode(), 1)
    with pytest.raises(InputError, match=f"transfer syntax {name}.*expected"):
        decode(data)


def with_header(elements):
    """Further elements in front of the pixels."""
    data = dicom(GREY)
    at = data.index(b"\xe0\x7f\x10\x00OB")
    return data[:at] + elements + data[at:]


def of_fragments(content):
    """Compressed pixels of any content."""
    made = dataset(GREY)
    made.file_meta.TransferSyntaxUID = uid.RLELossless
    made.PixelData = content + b"\xfe\xff\xdd\xe0\0\0\0\0"
    made["PixelData"].is_undefined_length = True
    return to_bytes(made)


def of_colour(photometric, samples):
    values = np.zeros((16, 16, 3), np.uint8)
    made = dataset(values, "RGB", SamplesPerPixel=samples)
    made.PhotometricInterpretation = photometric
    return to_bytes(made)


def of_frame(syntax, frame):
    return compressed(dataset(GREY), syntax, [frame])


SIZE = (4000, 4000)
ITEM = b"\xfe\xff\x00\xe0\0\0\0\0"
SEQUENCE = b"\x00\x52\x30\x92SQ\0\0" + struct.pack("<I", 8 * 100_000)
BITS = "BitsStored and HighBit"
SAMPLES = "SamplesPerPixel and Photometric"
# What makes the file and what is said of it.
REFUSED = {
    "compressed to another size": (
        lambda: of_frame(uid.JPEGBaseline8Bit, encode(flat(0, SIZE), "JPEG")),
        "of another size than the header's",
    ),
    # One segment of 128 zeros again and again.
    "run lengths that expand without end": (
        lambda: of_frame(uid.RLELossless, rle([64], b"\x81\0" * 4_000_000)),
        "run lengths expand beyond",
    ),
    # (0041,1000) of no value is four bytes of tag, VR and length.
    "very many empty elements": (
        lambda: with_header(b"\x41\x00\x00\x10LO\0\0" * 300_000),
        "too many parts in the file",
    ),
    "very many items": (
        lambda: with_header(SEQUENCE + ITEM * 100_000),
        "too many items",
    ),
    "very many fragments": (lambda: of_fragments(ITEM * 200_000), "too many"),
    "JPEG 2000 boxes without end": (
        lambda: of_frame(uid.JPEG2000, b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64)),
        "damaged",
    ),
    "grey of 3 samples": (lambda: of_colour("MONOCHROME2", 3), SAMPLES),
    "RGB of 1 sample": (lambda: of_colour("RGB", 1), SAMPLES),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_or_has_no_end_is_refused_by_name(name):
    make, reason = REFUSED[name]
    with pytest.raises(InputError, match=reason):
        decode(make())


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"Rows": 60_000, "Columns": 60_000}, "60000 x 60000 pixels; expected"),
        (
            {"Rows": 8_000, "Columns": 4_000, "NumberOfFrames": 100},
            "pixels in 100 frames; expected",
        ),
        *(({"HighBit": bit}, BITS) for bit in (16, 3)),
        ({"BitsStored": 17}, BITS),
        ({"BitsAllocated": 12}, BITS),
    ],
)
def test_a_header_that_cannot_be_is_refused_by_name(elements, reason):
    with pytest.raises(InputError, match=reason):
        decode(to_bytes(without(**elements), strict=False))


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(kept):
    data = dicom(GREY)
    with pytest.raises(InputError, match=r"damaged or truncated|no image"):
        decode(data[: int(len(data) * kept)])


class Counted(bytes):
    """Counts how often one of its bytes is looked at."""

    steps = 0

    def __getitem__(self, index):
        self.steps += 1
        return super().__getitem__(index)


def rle(offsets, runs):
    """A frame whose header says where its segments start."""
    header = struct.pack(f"<{len(offsets) + 1}I", len(offsets), *offsets)
    return Counted(header.ljust(64, b"\0") + runs)


@pytest.mark.parametrize("offsets", [[64, 1064] * 7, [64, 9, 72], [64, 9999]])
def test_segments_of_run_lengths_that_overlap_are_refused(offsets):
    frame = rle(offsets, b"\x80" * 1000)
    with pytest.raises(InputError, match="overlap or end beyond the file"):
        dicom_images._check_runs(frame, dataset(GREY))
    assert frame.steps == 0


@pytest.mark.parametrize("control", [b"\x80", b"\0\1"])
def test_the_steps_of_run_lengths_are_bounded_by_the_pixels(control):
    frame = rle([64], control * 100_000)
    with pytest.raises(InputError, match="run lengths expand beyond"):
        dicom_images._check_runs(frame, dataset(GREY))
    assert frame.steps <= 2 * GREY.size + 1


def test_frames_that_share_their_bytes_are_refused():
    values = np.stack([GREY] * 8)
    made = dataset(values, NumberOfFrames=8)
    made.compress(
        uid.RLELossless, encapsulate_ext=True, generate_instance_uid=False
    )
    assert len(list(decode_frames(to_bytes(made)))) == 8
    made.ExtendedOffsetTable = bytes(64)
    made.ExtendedOffsetTableLengths = made.ExtendedOffsetTableLengths[:8] * 8
    made.PixelData = made.PixelData[: len(made.PixelData) // 2]
    with pytest.raises(InputError, match="frames that overlap"):
        list(decode_frames(to_bytes(made)))


def test_a_later_damaged_frame_is_named():
    made = dataset(np.stack([GREY, GREY]), NumberOfFrames=2)
    good = encode(GREY, "JPEG")
    data = compressed(made, uid.JPEGBaseline8Bit, [good, good[:300]])
    frames = decode_frames(data)
    assert next(frames).name == "#1"
    with pytest.raises(InputError, match="frame 2 of 2: damaged"):
        next(frames)


@pytest.mark.filterwarnings("always")
def test_no_data_of_the_patient_appear_anywhere(capfd, caplog, recwarn):
    windowed = dicom(
        GREY, WindowCenter=9, WindowWidth=9, RescaleSlope=2, NumberOfFrames=1
    )
    names = ("WindowCenter", "RescaleSlope", "NumberOfFrames", "Rows")
    names += ("BitsStored", "HighBit", "SamplesPerPixel", "WindowWidth")
    files = [
        windowed,
        windowed[:-20],
        with_value(windowed, "PhotometricInterpretation", b"QUILLFEATHER"),
        *(with_value(windowed, name, PATIENT[0].encode()) for name in names),
    ]
    said = []
    for data in files:
        try:
            said += [str(frame.notes) for frame in decode_frames(data)]
        except InputError as error:
            said += [*traceback.format_exception(error)]
    assert len(said) >= len(files)
    said += [*capfd.readouterr(), caplog.text, *map(str, recwarn)]
    text = " ".join(said).lower()
    assert text.count("damaged or truncated") == 1
    assert text.count("not a whole number") == 5
    for word in PATIENT:
        assert word.lower() not in text


@pytest.mark.parametrize("file_format", ["table", "csv", "jsonl"])
def test_no_output_of_the_command_names_a_patient(
    tmp_path, monkeypatch, capfd, file_format
):
    monkeypatch.setattr(
        score, "load_quietly", lambda *settings: Assessor(brightness)
    )
    images, made = tmp_path / "images", tmp_path / "made"
    images.mkdir()
    made.mkdir()
    files = {
        "whole.dcm": dicom(GREY),
        "frames.dcm": dicom(np.stack([GREY, GREY]), NumberOfFrames=2),
        "truncated.dcm": dicom(GREY)[:-9],
        "refused.dcm": dicom(GREY, Rows=9),
    }
    for name, data in files.items():
        assert PATIENT[0].encode() in data
        (images / name).write_bytes(data)
    code = score.score_command(
        "scorer.tflite",
        [str(images)],
        file_format=file_format,
        output=str(made / "rows"),
        explain=str(made / "explained"),
        report=str(made / "report"),
    )
    assert code == 1
    said = [*capfd.readouterr()]
    for path in made.rglob("*"):
        said.append(path.name)
        if path.is_file():
            said.append(path.read_bytes().decode("latin-1"))
    text = " ".join(said).lower()
    assert "frames.dcm#2" in text
    assert "whole_panel.png" in text
    assert "<html" in text
    for word in PATIENT:
        assert word.lower() not in text


WINDOW = {"WindowCenter": 2048, "WindowWidth": 4096}
VALUES = ramp(np.uint16, top=4095)
TWELVE = {"BitsStored": 12, "HighBit": 11, **WINDOW}
PLAIN = decode(dicom(VALUES, **TWELVE)).pixels


def without(*names, values=VALUES, **elements):
    made = dataset(values, **{**TWELVE, **elements})
    for name in names:
        delattr(made, name)
    return made


def no_syntax(values=VALUES):
    data = to_bytes(without(values=values))
    read = pydicom.dcmread(io.BytesIO(data))
    del read.file_meta.TransferSyntaxUID
    buffer = io.BytesIO()
    pydicom.filewriter.write_file_meta_info(
        buffer, read.file_meta, enforce_standard=False
    )
    meta = bytes(128) + b"DICM" + buffer.getvalue()
    return meta + behind_meta(data)


COMPLETED = {
    "SamplesPerPixel": lambda: to_bytes(without("SamplesPerPixel")),
    "BitsStored": lambda: to_bytes(without("BitsStored")),
    "TransferSyntaxUID": no_syntax,
    "preamble": lambda: to_bytes(without())[128 + 4 :],
    "meta header": lambda: behind_meta(to_bytes(without())),
    "lower case": lambda: with_value(
        to_bytes(without()), "PhotometricInterpretation", b"monochrome2"
    ),
}


@pytest.mark.parametrize("name", COMPLETED)
def test_what_the_others_tell_may_be_missing(name):
    loaded = decode(COMPLETED[name]())
    np.testing.assert_array_equal(loaded.pixels, PLAIN)
    assert (len(loaded.notes) == 1) == (name == "lower case")
    if name[0].isupper():
        assert f"no {name}" in loaded.notes[0]


@pytest.mark.parametrize(
    "name",
    [
        *("PhotometricInterpretation", "PixelRepresentation"),
        *("Rows", "Columns", "BitsAllocated"),
    ],
)
def test_what_nothing_tells_is_named(name):
    with pytest.raises(InputError, match=f"no {name} in this DICOM file"):
        decode(with_value(to_bytes(without()), name, b""))


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
    np.testing.assert_array_equal(decode(data).pixels, PLAIN)


def frames_of(syntax):
    """Three frames in a data set that tells of one."""
    values = np.stack([ramp(np.uint8)] * 3)
    made = dataset(values, NumberOfFrames=3)
    if syntax == uid.RLELossless:
        made.compress(syntax, generate_instance_uid=False)
    elif syntax.is_encapsulated:
        kind = "JPEG" if "JPEG Baseline" in syntax.name else "JPEG2000"
        frames = [encode(frame, kind) for frame in values]
        made = pydicom.dcmread(io.BytesIO(compressed(made, syntax, frames)))
    return made


SYNTAXES = [
    uid.ExplicitVRLittleEndian,
    uid.RLELossless,
    uid.JPEGBaseline8Bit,
    uid.JPEG2000Lossless,
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
        decode(to_bytes(made))


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
    frame = encode(
        stored,
        "JPEG2000",
        irreversible=False,
        no_jp2=True,
        mct=int(is_transformed),
    )
    data = compressed(dataset(values, declared), uid.JPEG2000Lossless, [frame])
    loaded = decode(data).pixels.astype(int)
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

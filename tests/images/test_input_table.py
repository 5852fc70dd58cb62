"""The table of docs/input.md, row by row."""

import os
import re
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL import ImageCms

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.read import Frame
from g2npan_tf.images.read import Limits
from g2npan_tf.images.read import decode_frames
from g2npan_tf.images.read import read_frames
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.rows import score_frames
from tests import image_seeds
from tests.dicom_files import behind_meta
from tests.dicom_files import compressed
from tests.dicom_files import dataset
from tests.dicom_files import dicom
from tests.dicom_files import lut
from tests.dicom_files import pydicom
from tests.dicom_files import to_bytes
from tests.dicom_files import with_value
from tests.image_seeds import DEEP
from tests.image_seeds import GREY
from tests.image_seeds import RGB
from tests.images.test_nifti import nifti
from tests.pictures import encode
from tests.pictures import png
from tests.pictures import wide_colour
from tests.pictures import with_chunk
from tests.score_reports import brightness
from tests.tiff_files import PALETTE
from tests.tiff_files import tiff
from tests.tiny import REPOSITORY

SEEDS = image_seeds.seeds()
PICTURE = Image.fromarray(RGB)
PAGES = {"save_all": True, "append_images": [PICTURE.rotate(90)]}


def table():
    """Name and last cell of every row."""
    text = (REPOSITORY / "docs" / "input.md").read_text()
    rows = re.findall(r"^\| (.+?) \|.*\| (.+) \|$", text, re.MULTILINE)
    return {name: cell for name, cell in rows if name != "Input"}


def deep_colour():
    return wide_colour(np.full((16, 16, 3), (0x12FF, 0x80FF, 0xFFFF)))


def deflated():
    made = dataset(GREY)
    syntax = pydicom.uid.DeflatedExplicitVRLittleEndian
    made.file_meta.TransferSyntaxUID = syntax
    return to_bytes(made)


def two_jpegs(second):
    made = dataset(np.stack([GREY, GREY]), NumberOfFrames=2)
    frames = [encode(GREY, "JPEG"), second]
    return compressed(made, pydicom.uid.JPEGBaseline8Bit, frames)


def profiled():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return encode(PICTURE, "PNG", icc_profile=profile.tobytes())


def many_segments():
    data = SEEDS["jpeg rgb"]
    return data[:2] + b"\xff\xfe\0\2" * 100_000 + data[2:]


def large_text():
    text = b"Comment\0\0" + zlib.compress(bytes(2 * 2**20))
    return with_chunk(encode(PICTURE, "PNG"), b"zTXt", text)


def without(name):
    made = dataset(GREY)
    delattr(made, name)
    return to_bytes(made)


def no_number(place, values):
    """Of sform's first number or of the intercept."""
    data = bytearray(nifti(values, scl_slope=1))
    data[112:120] = struct.pack("<2f", 1, 0)
    data[place : place + 4] = struct.pack("<f", np.nan)
    return bytes(data)


def two_frames():
    values = np.stack([GREY, GREY.T])
    return dicom(values, NumberOfFrames=2)


# Name, bytes and limits of each row; the few others need a file or a missing
# package and have tests of their own below.
CASES = {
    "PNG, JPEG, BMP, TIFF": SEEDS["bmp rgb"],
    "1 bit": SEEDS["png 1 bit"],
    "EXIF orientation": SEEDS["jpeg rgb"],
    "alpha": SEEDS["png alpha"],
    "palette": SEEDS["bmp palette"],
    "CMYK": SEEDS["jpeg cmyk"],
    "CIE Lab": SEEDS["tiff lab"],
    "colour profile": profiled(),
    "texts in a PNG": large_text(),
    "16-bit grey that states its depth": encode(
        DEEP, "TIFF", tiffinfo={281: 4095}
    ),
    "16-bit grey, `--grey_bits`": (encode(DEEP, "PNG"), Limits(grey_bits=12)),
    "16-bit grey otherwise": encode(DEEP * 16, "PNG"),
    "16 bits that are near black": encode(DEEP, "PNG"),
    "16 bits above `--grey_bits`": (
        encode(DEEP * 16, "PNG"),
        Limits(grey_bits=12),
    ),
    "16-bit colour": deep_colour(),
    "palette of smaller numbers": tiff(GREY, PALETTE, t320=[*range(256)] * 3),
    "16-bit TIFF with white as zero": encode(DEEP, "TIFF", tiffinfo={262: 0}),
    "other values in a TIFF": SEEDS["tiff float"],
    "planes in one page of a TIFF": encode(
        PICTURE, "TIFF", tiffinfo={270: '{"shape": [6, 24, 24, 3]}'}
    ),
    "other shape than a square": encode(Image.new("L", (40, 20)), "PNG"),
    "TIFF in a fax code": SEEDS["tiff group 4"],
    "GIF": SEEDS["gif"],
    "several images": SEEDS["png pages"],
    "JPEG of several pictures": encode(PICTURE, "MPO", **PAGES),
    "several images, `--animations`": (
        SEEDS["tiff pages"],
        Limits(animations=True),
    ),
    "other formats": encode(PICTURE, "WEBP"),
    "damaged or truncated": SEEDS["png rgb"][:-30],
    "too many pixels": png(6000, 6000, 8, 2),
    "too small": encode(Image.new("L", (15, 40)), "BMP"),
    "too many frames": dicom(GREY, NumberOfFrames=2000),
    "JPEG of very many scans": SEEDS["jpeg rgb"] + b"\xff\xda" * 64,
    "very many parts": many_segments(),
    "DICOM of up to 8 bits": dicom(GREY),
    "DICOM with a window": dicom(DEEP, WindowCenter=100, WindowWidth=100),
    "DICOM with a VOI LUT": SEEDS["dicom voi lut"],
    "DICOM of more bits without both": dicom(DEEP),
    "DICOM window, rescale or LUT that is empty": with_value(
        dicom(DEEP, WindowCenter=100, WindowWidth=100), "WindowWidth", b"wide"
    ),
    "DICOM table of smaller numbers": dicom(
        DEEP, VOILUTSequence=lut(0, 16, *range(4001))
    ),
    "DICOM without what the others tell": without("SamplesPerPixel"),
    "DICOM without its preamble": dicom(GREY)[132:],
    "DICOM without its transfer syntax": behind_meta(dicom(GREY)),
    "DICOM without an element that must be": with_value(
        dicom(GREY), "PhotometricInterpretation", b""
    ),
    "DICOM of elements that contradict": dicom(DEEP, BitsStored=12, HighBit=3),
    "DICOM of more frames than it says": dicom(np.stack([GREY] * 3)),
    "DICOM of another interpretation": with_value(
        dicom(GREY), "PhotometricInterpretation", b"HSV "
    ),
    "DICOM in JPEG of 12 bits": compressed(
        dataset(DEEP, BitsStored=12, HighBit=11),
        pydicom.uid.JPEGExtended12Bit,
        [b"\xff\xd8"],
    ),
    "DICOM MONOCHROME1": dicom(GREY, "MONOCHROME1"),
    "DICOM palette": SEEDS["dicom palette"],
    "DICOM YBR": SEEDS["dicom ybr"],
    "DICOM colour of 16 bits": dicom(RGB.astype(np.uint16), "RGB"),
    "DICOM of several frames": two_frames(),
    "DICOM compressed": two_jpegs(encode(GREY, "JPEG")),
    "DICOM otherwise compressed": compressed(
        dataset(GREY), pydicom.uid.JPEGLSLossless, [b"\xff\xd8"]
    ),
    "DICOM deflated": deflated(),
    "DICOM without pixels": without("PixelData"),
    "DICOM with a damaged frame": two_jpegs(b"\xff\xd8\xff\xe0"),
    "NIfTI of bytes": nifti(np.dstack([GREY, GREY])),
    "NIfTI of other values": nifti(DEEP[..., None]),
    "NIfTI with a stated range": nifti(DEEP[..., None], cal_min=0, cal_max=9),
    "NIfTI of an orientation that is no number": no_number(
        280, np.dstack([GREY, GREY])
    ),
    "NIfTI of an intercept that is no number": no_number(116, DEEP[..., None]),
    "NIfTI in colour": SEEDS["nifti rgb"],
    "NIfTI of several volumes": nifti(np.zeros((16, 16, 2, 2), np.uint8)),
    "NIfTI of complex values": nifti(np.zeros((16, 16), np.complex64)),
    "NIfTI header alone": SEEDS["nifti"].replace(b"n+1\0", b"ni1\0"),
    "NIfTI that inflates": (
        image_seeds.gzip.compress(nifti(np.zeros((256, 256, 16), np.uint8))),
        Limits(max_bytes=100_000),
    ),
    "gzip of very many parts": image_seeds.gzip.compress(b"") * 9_000,
    "NIfTI truncated": SEEDS["nifti"][:-9],
}


def with_limits(name):
    case = CASES[name]
    return case if isinstance(case, tuple) else (case, Limits())


def outcome(frames):
    """The last cell of the row that would describe these frames."""
    notes = []
    try:
        notes += ["; ".join(frame.notes) for frame in frames]
    except InputError as error:
        return f"refused: `{error}`"
    assert len(set(notes)) == 1
    return f"`{notes[0]}`" if notes[0] else "-"


def assert_row(name, found):
    expected = table()[name]
    if expected.endswith("...`"):
        found = found[: len(expected) - 4] + "...`"
    assert found == expected


@pytest.mark.parametrize("name", CASES)
def test_a_row_says_what_comes_out(name):
    assert_row(name, outcome(decode_frames(*with_limits(name))))


def test_the_rows_about_files_say_what_comes_out(tmp_path):
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(Limits().max_bytes + 1)
    for name, row in FILES.items():
        path = tmp_path / name
        found = outcome(read_frames(path)).replace(f"{path}: ", "")
        assert_row(row, found)


FILES = {
    "empty": "empty file",
    "pipe": "pipe or device",
    "large": "too many bytes",
}
PACKAGES = {
    "DICOM without pydicom": ("pydicom", "dicom window"),
    "NIfTI without nibabel": ("nibabel.nifti1", "nifti"),
}


NO_CONTENT = "no content"


@pytest.mark.parametrize("name", PACKAGES)
def test_the_rows_about_packages_say_what_comes_out(monkeypatch, name):
    package, seed = PACKAGES[name]
    monkeypatch.setitem(sys.modules, package, None)
    assert_row(name, outcome(decode_frames(SEEDS[seed])))


def test_the_row_of_a_picture_without_content_says_what_comes_out():
    blank = Frame("x", np.full((20, 20, 3), 255, np.uint8))
    (image,) = score_frames(Assessor(brightness), [("x", [blank])])
    assert_row(NO_CONTENT, f"refused: `{image.row.status}`")


def test_every_row_has_a_case_and_every_case_a_row():
    assert {*CASES, *FILES.values(), *PACKAGES, NO_CONTENT} == set(table())


def test_several_frames_have_rows_of_their_own():
    for name, count in (
        ("several images, `--animations`", 3),
        ("DICOM of several frames", 2),
        ("NIfTI of bytes", 2),
    ):
        frames = decode_frames(*with_limits(name), "x")
        names = [frame.name for frame in frames]
        assert names == [f"x#{number + 1}" for number in range(count)]

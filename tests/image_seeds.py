"""One small valid file of every format and variant that is read."""

import gzip
import struct

import numpy as np
import pytest
from PIL import Image

from tests.dicom_files import compressed
from tests.dicom_files import dataset
from tests.dicom_files import dicom
from tests.dicom_files import item
from tests.dicom_files import lut
from tests.dicom_files import pydicom
from tests.dicom_files import ramp
from tests.dicom_files import to_bytes
from tests.pictures import encode
from tests.pictures import exif

nibabel = pytest.importorskip("nibabel")

SIDE = 24
GREY = np.random.default_rng(5).integers(0, 256, (SIDE, SIDE), np.uint8)
SMOOTH = ramp(np.uint8, top=255, side=SIDE)
RGB = np.dstack([SMOOTH, SMOOTH.T, GREY])
DEEP = ramp(np.uint16, top=4000, side=SIDE)


def rle_bmp():
    """A BMP of run lengths, which Pillow reads but does not write."""
    runs = bytes([SIDE, 7, 0, 0]) * SIDE + b"\0\1"
    palette = bytes(range(256)) * 4
    start = 14 + 40 + len(palette)
    numbers = (40, SIDE, SIDE, 1, 8, 1, len(runs), 0, 0, 256, 0)
    size = struct.pack("<IHHI", start + len(runs), 0, 0, start)
    return b"BM" + size + struct.pack("<IiiHHIIiiII", *numbers) + palette + runs


def stills():
    """PNG, JPEG, BMP."""
    image = Image.fromarray(RGB)
    return {
        "png grey": encode(GREY, "PNG"),
        "png rgb": encode(RGB, "PNG", exif=exif(6)),
        "png alpha": encode(np.dstack([RGB, GREY]), "PNG"),
        "png palette": encode(
            image.quantize(16), "PNG", transparency=bytes(16)
        ),
        "png 16 bits": encode(DEEP * 16, "PNG"),
        "png 1 bit": encode(image.convert("1"), "PNG"),
        "jpeg grey": encode(SMOOTH, "JPEG"),
        "jpeg rgb": encode(RGB, "JPEG", exif=exif(6)),
        "jpeg progressive": encode(RGB, "JPEG", progressive=True),
        "jpeg cmyk": encode(image.convert("CMYK"), "JPEG"),
        "bmp rgb": encode(RGB, "BMP"),
        "bmp palette": encode(image.quantize(16), "BMP"),
        "bmp run lengths": rle_bmp(),
    }


def tiffs():
    """TIFF in its compressions, and what has several pages."""
    image = Image.fromarray(RGB)
    pages = {"save_all": True, "append_images": [image, image.rotate(90)]}
    named = {
        f"tiff {name}": encode(image, "TIFF", compression=name)
        for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    }
    return {
        **named,
        "tiff raw": encode(image, "TIFF"),
        "tiff 16 bits": encode(DEEP * 16, "TIFF"),
        "tiff float": encode(DEEP.astype(np.float32), "TIFF"),
        "tiff cmyk": encode(image.convert("CMYK"), "TIFF"),
        "tiff lab": encode(image.convert("LAB"), "TIFF"),
        "tiff group 4": encode(
            image.convert("1"), "TIFF", compression="group4"
        ),
        "tiff big": encode(image, "TIFF", big_tiff=True),
        "tiff pages": encode(image, "TIFF", **pages),
        "gif": encode(image.quantize(32), "GIF"),
        "gif pages": encode(image, "GIF", **pages),
        "png pages": encode(image, "PNG", **pages),
    }


def dicoms():
    """DICOM in its transfer syntaxes and kinds of colour."""
    uid = pydicom.uid
    window = {"WindowCenter": 2000, "WindowWidth": 1500}
    implicit = dataset(DEEP, RescaleSlope=1, RescaleIntercept=-1024)
    implicit.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
    runs = dataset(np.stack([DEEP, DEEP.T]), NumberOfFrames=2, **window)
    runs.compress(uid.RLELossless, generate_instance_uid=False)
    colours = {
        f"{name}PaletteColorLookupTable{kind}": value
        for name in ("Red", "Green", "Blue")
        for kind, value in (
            ("Descriptor", [256, 0, 8]),
            ("Data", bytes(range(256))),
        )
    }
    frames = [item(FrameVOILUTSequence=[item(**window)])] * 2
    return {
        "dicom window": dicom(DEEP, "MONOCHROME1", **window),
        "dicom implicit": to_bytes(implicit),
        "dicom run lengths": to_bytes(runs),
        "dicom jpeg": compressed(
            dataset(RGB, "YBR_FULL_422"),
            uid.JPEGBaseline8Bit,
            [encode(RGB, "JPEG")],
        ),
        "dicom jpeg 2000": compressed(
            dataset(DEEP), uid.JPEG2000Lossless, [encode(DEEP, "JPEG2000")]
        ),
        "dicom voi lut": dicom(DEEP, VOILUTSequence=lut(10, 8, 0, 9, 90, 255)),
        "dicom palette": dicom(GREY, "PALETTE COLOR", **colours),
        "dicom ybr": dicom(RGB, "YBR_FULL"),
        "dicom enhanced": dicom(
            np.stack([DEEP, DEEP]),
            NumberOfFrames=2,
            PerFrameFunctionalGroupsSequence=frames,
        ),
    }


def niftis():
    """NIfTI of both versions, packed and not."""
    volume = np.stack([GREY, SMOOTH, GREY.T], axis=-1)
    colour = np.zeros((SIDE, SIDE, 2), [(name, "u1") for name in "RGB"])
    affine = np.diag([-1.0, 1.0, 2.0, 1.0])
    one = nibabel.Nifti1Image(volume.astype(np.int16), affine).to_bytes()
    return {
        "nifti": one,
        "nifti gzip": gzip.compress(one),
        "nifti 2": nibabel.Nifti2Image(volume, affine).to_bytes(),
        "nifti float": nibabel.Nifti1Image(
            volume.astype(np.float32), affine
        ).to_bytes(),
        "nifti rgb": nibabel.Nifti1Image(colour, affine).to_bytes(),
    }


def seeds():
    """Name and bytes of every seed."""
    return {**stills(), **tiffs(), **dicoms(), **niftis()}

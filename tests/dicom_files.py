"""DICOM files for tests, made by pydicom, full of a patient's data."""

import io
import struct

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

# What must not appear in any output.
PATIENT = ("Quillfeather", "PID-778812", "19470311", "Saint Zebedee")


def dataset(values, photometric="MONOCHROME2", **elements):
    """A data set of `[rows, columns]`, with samples and frames around.

    Colour has a last axis of 3; several frames a first one, to be announced
    by NumberOfFrames.
    """
    made = pydicom.Dataset()
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    made.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    made.PatientName = f"{PATIENT[0]}^Ambrose"
    made.PatientID, made.PatientBirthDate = PATIENT[1:3]
    made.InstitutionName = PATIENT[3]
    made.StudyDescription = " ".join(PATIENT)
    colour = photometric.startswith(("RGB", "YBR"))
    made.SamplesPerPixel = 3 if colour else 1
    if colour:
        made.PlanarConfiguration = 0
    made.PhotometricInterpretation = photometric
    made.Rows, made.Columns = values.shape[-3 if colour else -2 :][:2]
    made.BitsAllocated = made.BitsStored = 8 * values.dtype.itemsize
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(values.dtype.kind == "i")
    made.PixelData = values.tobytes()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def to_bytes(made, strict=True):
    """The whole file; not strict: also if the standard asks for more."""
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, made, enforce_file_format=strict)
    return buffer.getvalue()


def dicom(values, photometric="MONOCHROME2", **elements):
    """The file of `dataset`."""
    return to_bytes(dataset(values, photometric, **elements))


def compressed(made, syntax, frames):
    """Puts frames that are encoded already into a data set."""
    made.file_meta.TransferSyntaxUID = syntax
    made.PixelData = pydicom.encaps.encapsulate(frames)
    made["PixelData"].is_undefined_length = True
    return to_bytes(made)


def item(**elements):
    """An item of a sequence."""
    made = pydicom.Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def lut(first, bits, *entries, **more):
    """A look-up table for values from the first on."""
    descriptor = [len(entries), first, bits]
    data = np.array(entries, "<u2").tobytes()
    return [item(LUTDescriptor=descriptor, LUTData=data, **more)]


def ramp(dtype=np.uint16, top=None, side=16):
    """Values 0, 1, 2, ... row by row, or evenly up to a top."""
    values = np.arange(side * side).reshape(side, side)
    if top is not None:
        values = values * top // (side * side - 1)
    return values.astype(dtype)


def behind_meta(data):
    """The data set, behind the length in the first element."""
    return data[144 + int.from_bytes(data[140:144], "little") :]


def with_value(data, name, value):
    """Writes bytes into an element of a short form."""
    tag = pydicom.tag.Tag(name)
    at = data.index(struct.pack("<2H", tag.group, tag.element))
    (length,) = struct.unpack_from("<H", data, at + 6)
    value += b" " * (len(value) % 2)
    head = data[: at + 6] + struct.pack("<H", len(value))
    return head + value + data[at + 8 + length :]

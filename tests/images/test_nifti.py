import gzip
import struct
import zlib

import numpy as np
import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.read import Limits
from g2npan_tf.images.read import decode_frames
from g2npan_tf.images.read import read_frames

nibabel = pytest.importorskip("nibabel")

# Axes that run to the patient's right, front and head.
RAS = np.diag([1.0, 1.0, 1.0, 1.0])


def nifti(values, affine=RAS, kind=nibabel.Nifti1Image, **header):
    volume = kind(values, affine)
    for name, value in header.items():
        volume.header[name] = value
    return volume.to_bytes()


def marked(*voxels, shape=(20, 24, 2)):
    """A black volume of bytes with some voxels white."""
    values = np.zeros(shape, np.uint8)
    for voxel in voxels:
        values[voxel] = 255
    return values


def white(frame):
    """Rows and columns of the white pixels."""
    return [
        tuple(map(int, where)) for where in np.argwhere(frame.pixels[..., 0])
    ]


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_slice_of_the_last_axis_is_a_frame(tmp_path, kind, pack):
    values = np.random.default_rng(2).integers(0, 256, (20, 24, 3), np.uint8)
    path = tmp_path / "volume"
    path.write_bytes(pack(nifti(values, kind=kind)))
    frames = list(read_frames(path))
    assert [frame.name for frame in frames] == [
        f"{path}#{number}" for number in (1, 2, 3)
    ]
    for number, frame in enumerate(frames):
        expected = values[::-1, ::-1, number].T
        np.testing.assert_array_equal(frame.pixels[..., 0], expected)
        assert frame.notes == ("20 x 24 squeezed to a square",)


# What the stored axes run to, a white voxel, and where it is seen.
AXES = {
    "axial": (RAS, (19, 23, 0), (0, 0)),
    # To the left and to the back instead of the right and the front.
    "turned around": (np.diag([-1.0, -1.0, 1.0, 1.0]), (0, 0, 0), (0, 0)),
    "front, right": (RAS[[1, 0, 2, 3]], (19, 3, 0), (0, 20)),
    "coronal: right, head, front": (RAS[[0, 2, 1, 3]], (19, 20, 0), (3, 0)),
    "sagittal: front, head, right": (RAS[[2, 0, 1, 3]], (19, 20, 0), (3, 0)),
}


@pytest.mark.parametrize("name", AXES)
def test_front_or_head_is_on_top_and_right_or_front_on_the_left(name):
    affine, voxel, seen = AXES[name]
    (frame, _) = decode_frames(nifti(marked(voxel), affine))
    assert white(frame) == [seen]


def test_axes_of_length_1_do_not_count():
    (frame,) = decode_frames(nifti(marked((0, 0))[..., 0]), name="x.nii")
    assert frame.name == "x.nii"
    values = np.zeros((16, 16, 2, 1), np.uint8)
    assert len(list(decode_frames(nifti(values)))) == 2


def test_values_are_shown_from_half_a_percent_to_its_counterpart():
    values = np.arange(256, dtype=np.float32).reshape(16, 16, 1) * 100
    (frame,) = decode_frames(nifti(values))
    # Percentiles of 0, 100, ..., 25500: 127.5 and 25372.5.
    expected = np.clip((values[::-1, ::-1, 0].T - 127.5) / 25245, 0, 1) * 255
    assert np.abs(frame.pixels[..., 0] - expected).max() <= 0.51
    assert frame.notes == ("0.5 % to 99.5 % of the volume's values shown",)


def test_the_range_is_that_of_the_volume_not_of_the_slice():
    values = np.zeros((16, 16, 2), np.int16)
    values[..., 0] = 100
    values[:8, :, 1] = 200
    first, _ = decode_frames(nifti(values))
    assert set(first.pixels.ravel()) == {128}


def test_the_range_of_the_header_counts_if_it_states_one():
    values = np.full((16, 16, 1), 5.0, np.float32)
    (frame,) = decode_frames(nifti(values, cal_min=0, cal_max=20))
    assert set(frame.pixels.ravel()) == {64}
    assert frame.notes == ("range of the NIfTI header shown",)


def test_slope_and_intercept_of_the_header_are_applied():
    values = np.full((16, 16, 1), 3, np.int16)
    data = bytearray(nifti(values, cal_min=0, cal_max=20))
    data[112:120] = struct.pack("<2f", 2, 4)
    (frame,) = decode_frames(bytes(data))
    assert set(frame.pixels.ravel()) == {128}


@pytest.mark.parametrize(
    "slope", [(2.0, np.nan), (2.0, np.inf), (np.nan, 7.0), (0.0, 7.0)]
)
def test_a_scaling_that_is_no_number_is_none(slope):
    values = np.arange(512, dtype=np.int16).reshape(16, 32, 1)
    names = {"cal_min": 0, "cal_max": 511 * (2 if slope[0] == 2 else 1)}
    plain = nifti(values, scl_slope=1, scl_inter=0, cal_min=0, cal_max=511)
    data = bytearray(nifti(values, **names))
    data[112:120] = struct.pack("<2f", *slope)
    (frame,), (expected,) = decode_frames(bytes(data)), decode_frames(plain)
    np.testing.assert_array_equal(frame.pixels, expected.pixels)
    note = "NIfTI intercept no number, taken as 0"
    assert (note in frame.notes) == (slope[0] == 2)


@pytest.mark.parametrize("broken", ["qform", "sform", "zero column"])
def test_an_orientation_that_is_no_number_is_the_default(broken):
    values = marked((3, 5, 0), shape=(20, 24, 1))
    plain = bytearray(nifti(values))
    # No qform and no sform: the first axis runs to the left.
    plain[252:256] = bytes(4)
    data = bytearray(plain)
    if broken == "qform":
        data[252:254] = b"\1\0"
        data[256:260] = struct.pack("<f", np.nan)
    else:
        data[254:256] = b"\1\0"
        first = np.nan if broken == "sform" else 0
        data[280:328] = struct.pack("<12f", first, *[0] * 4, 1, *[0] * 4, 1, 0)
    (frame,), (expected,) = (
        decode_frames(bytes(each)) for each in (data, plain)
    )
    np.testing.assert_array_equal(frame.pixels, expected.pixels)
    assert white(frame) == [(18, 3)]
    assert "NIfTI orientation not readable, default axes taken" in frame.notes
    assert not any("orientation" in note for note in expected.notes)


def test_big_endian_files_are_read():
    values = np.arange(256, dtype=">i2").reshape(16, 16, 1)
    header = nibabel.Nifti1Header(endianness=">")
    image = nibabel.Nifti1Image(values, RAS, header)
    data = image.to_bytes()
    assert data[:4] == b"\0\0\1\x5c"
    (frame,) = decode_frames(data)
    (same,) = decode_frames(nifti(values.astype("<i2")))
    np.testing.assert_array_equal(frame.pixels, same.pixels)


@pytest.mark.parametrize("channels", ["RGB", "RGBA"])
def test_colour_stays_as_it_is(channels):
    dtype = np.dtype([(name, "u1") for name in channels])
    values = np.zeros((16, 16, 1), dtype)
    values["R"], values["G"], values["B"] = 10, 20, 30
    (frame,) = decode_frames(nifti(values))
    assert {tuple(pixel) for pixel in frame.pixels.reshape(-1, 3)} == {
        (10, 20, 30)
    }
    assert frame.notes == (("alpha dropped",) if "A" in channels else ())


def test_values_that_are_not_finite_are_cut_off():
    values = np.tile(np.arange(16, dtype=np.float32), (16, 1))[..., None]
    values[0, 0], values[0, 1] = np.nan, np.inf
    (frame,) = decode_frames(nifti(values))
    assert frame.pixels[15, 15, 0] == 0
    assert frame.pixels[14, 15, 0] == 255


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("kept", [0.5, 0.9, 0.999])
def test_a_truncated_volume_is_refused(pack, kept):
    values = np.random.default_rng(2).integers(0, 256, (20, 24, 9), np.uint8)
    data = pack(nifti(values))
    with pytest.raises(InputError, match="damaged or truncated"):
        list(decode_frames(data[: int(len(data) * kept)]))


def test_a_damaged_gzip_is_noticed_by_its_checksum():
    values = np.random.default_rng(2).integers(0, 256, (20, 24, 9), np.uint8)
    data = bytearray(gzip.compress(nifti(values)))
    data[-6] ^= 1
    with pytest.raises(InputError, match="damaged or truncated"):
        list(decode_frames(bytes(data)))


@pytest.fixture
def inflating(monkeypatch):
    """Counts the members that are begun and the bytes that zlib copies."""
    counts = {"members": 0, "copied": 0}
    make = zlib.decompressobj

    class Counted:
        def __init__(self, wbits):
            self.member = make(wbits=wbits)
            counts["members"] += 1

        def __getattr__(self, name):
            return getattr(self.member, name)

        def decompress(self, *arguments):
            made = self.member.decompress(*arguments)
            counts["copied"] += len(self.unused_data)
            counts["copied"] += len(self.unconsumed_tail)
            return made

    monkeypatch.setattr(zlib, "decompressobj", Counted)
    return counts


def test_a_volume_of_very_many_members_is_read_in_linear_time(inflating):
    values = np.random.default_rng(2).integers(0, 256, (64, 64, 9), np.uint8)
    data = nifti(values)
    packed = b"".join(
        gzip.compress(data[start : start + 9], 1)
        for start in range(0, len(data), 9)
    )
    frame = list(decode_frames(packed))[-1]
    np.testing.assert_array_equal(
        frame.pixels[..., 0], values[::-1, ::-1, -1].T
    )
    # Both headers and the volume.
    assert 4_000 < inflating["members"] < 4_500
    assert inflating["copied"] < inflating["members"] * 2**14


def test_gzip_of_very_many_empty_members_ends_soon(inflating):
    packed = gzip.compress(b"") * 100_000 + gzip.compress(nifti(marked()))
    with pytest.raises(InputError, match="more than 8,192 members in gzip"):
        list(decode_frames(packed))
    assert inflating["members"] == 8_192
    assert inflating["copied"] <= 8_192 * 2**14


def test_a_small_file_that_inflates_beyond_the_limit_is_not_inflated():
    volume = np.zeros((1024, 1024, 64), np.uint8)
    packed = gzip.compress(nifti(volume), 1)
    limits = Limits(max_bytes=2**20)
    assert len(packed) < limits.max_bytes
    with pytest.raises(InputError, match="inflates to 67,109,216 bytes"):
        list(decode_frames(packed, limits))


def test_dimensions_are_checked_before_voxels_are_read():
    data = bytearray(nifti(marked()))
    data[40:56] = struct.pack("<8h", 3, 30_000, 30_000, 3, 1, 1, 1, 1)
    with pytest.raises(InputError, match="30000 x 30000 pixels; expected"):
        list(decode_frames(bytes(data)))
    data[40:56] = struct.pack("<8h", 3, 16, 16, 3_000, 1, 1, 1, 1)
    with pytest.raises(InputError, match="3,000 frames; expected at most"):
        list(decode_frames(bytes(data)))


def test_text_of_the_header_does_not_appear(capfd):
    texts = {"descrip": b"Quillfeather", "aux_file": b"Quillfeather"}
    data = bytearray(nifti(marked(), **texts))
    # An unknown type of voxels.
    data[70:72] = struct.pack("<h", 9999)
    with pytest.raises(InputError) as caught:
        list(decode_frames(bytes(data)))
    assert str(caught.value) == "damaged or truncated image"
    assert capfd.readouterr() == ("", "")

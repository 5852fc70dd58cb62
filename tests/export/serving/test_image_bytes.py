from concurrent import futures

import numpy as np
import pytest
import tensorflow as tf

from export import loaders
from export.serving import image_bytes
from export.serving import status as status
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.content import has_content
from g2npan_tf.images.limits import MAX_BYTES
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.read import decode_image
from g2npan_tf.images.read import resize
from tests.image_files import BAD
from tests.image_files import GOOD
from tests.image_files import encode
from tests.image_files import noisy
from tests.image_files import wide_colour
from tests.image_files import with_scans

SIZE = 128
# What the graph does not take though `images.decode_image` does.
ONLY_HERE = (
    "TIFF",
    "BMP one bit",
    "BMP palette cut",
    "JPEG, EXIF points outside",
)


@pytest.fixture(scope="module")
def decode():
    """One trace for all."""
    return tf.function(
        lambda data: image_bytes.decode_batch(data, SIZE),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )


@pytest.fixture(scope="module")
def decoded(decode):
    """Pixels and codes of every good file, in one batch with bad ones."""
    mixed = [data for data, _ in BAD.values()] + list(GOOD.values())
    pixels, codes = decode(mixed)
    kept = slice(len(BAD), None)
    rows = zip(pixels[kept], codes[kept], strict=True)
    return dict(zip(GOOD, rows, strict=True))


@pytest.fixture(scope="module")
def full_size():
    """Pixels before they are brought to the scorer's size."""
    functions = image_bytes.decoders(None)
    return tf.function(
        lambda data: image_bytes._by_format(data, functions)[0],
        input_signature=[tf.TensorSpec([], tf.string)],
    )


@pytest.mark.parametrize("name", GOOD)
def test_pixels_are_exactly_those_of_the_image_policy(full_size, name):
    expected = decode_image(GOOD[name]).pixels
    np.testing.assert_array_equal(full_size(GOOD[name]), expected)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("factor", [1, 4, 16, 257])
@pytest.mark.parametrize("is_grey", [True, False])
def test_a_depth_fixed_at_export_is_that_of_the_image_policy(
    bits, factor, is_grey
):
    pixels = noisy((24, 31))
    grey = pixels[..., 0].astype(np.uint16) * factor
    data = encode(grey, "PNG") if is_grey else wide_colour(pixels, factor)
    pixels, code = image_bytes._by_format(data, image_bytes.decoders(bits))
    try:
        expected = decode_image(data, Limits(grey_bits=bits)).pixels
    except InputError:
        assert code == status.NOT_TAKEN
        return
    assert code == status.OK
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("name", GOOD)
def test_good_files_in_a_batch_with_bad_ones_are_decoded(decoded, name):
    pixels, code = decoded[name]
    whole = decode_image(GOOD[name]).pixels
    # That of one bit is no more than a mask.
    assert code == (status.OK if has_content(whole) else status.NO_CONTENT)
    expected = resize(whole)
    # OpenCV rounds in fixed point: a level may differ by one.
    assert np.abs(pixels.numpy().astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_has_its_code_and_no_pixels(decode, name):
    data, expected = BAD[name]
    pixels, codes = decode([data, GOOD["PNG RGB"], data])
    assert codes.numpy().tolist() == [expected, status.OK, expected]
    assert not pixels[0].numpy().any()
    assert pixels[1].numpy().any()


@pytest.mark.parametrize(
    "name", [name for name in BAD if name not in ONLY_HERE]
)
def test_what_is_refused_the_image_policy_refuses_too(name):
    with pytest.raises(InputError):
        decode_image(BAD[name][0])


def test_files_alone_are_as_in_a_batch(decode):
    (pixels,), (code,) = decode([b"GIF89a"])
    assert code == status.UNKNOWN_FORMAT
    assert not pixels.numpy().any()
    (alone,), _ = decode([GOOD["PNG RGB"]])
    both, _ = decode([GOOD["JPEG 4:4:4"], GOOD["PNG RGB"]])
    np.testing.assert_array_equal(alone, both[1])


def test_a_file_of_too_many_bytes_is_not_read(decode):
    png = GOOD["PNG RGB"]
    _, codes = decode([png + bytes(MAX_BYTES - len(png) + 1)])
    assert codes[0] == status.TOO_MANY_BYTES


def test_a_bmp_that_runs_downwards_is_upright(full_size):
    pixels = noisy((40, 52))
    data = bytearray(encode(pixels[::-1], "BMP"))
    data[22:26] = (-40).to_bytes(4, "little", signed=True)
    np.testing.assert_array_equal(full_size(bytes(data)), pixels)


def test_bytes_at_random_never_fail_a_batch(decode):
    rng = np.random.default_rng(0)
    files = [GOOD[n] for n in ("PNG RGB", "JPEG 4:2:0", "BMP palette")]
    files += [GOOD["PNG turned"], GOOD["JPEG turned 6"]]
    for _ in range(20):
        changed = [_mutate(data, rng) for data in files]
        pixels, codes = decode([*changed, GOOD["PNG RGB"]])
        assert pixels.shape == (6, SIZE, SIZE, 3)
        assert set(codes.numpy().tolist()) <= set(range(7))
        assert codes[-1] == status.OK


def test_requests_at_the_same_time_do_not_disturb_each_other(decode):
    files = [*GOOD.values(), *[data for data, _ in BAD.values()]]
    pixels, codes = decode(files)

    def request(start):
        order = np.roll(np.arange(len(files)), start)
        return order, decode([files[index] for index in order])

    with futures.ThreadPoolExecutor(8) as pool:
        for order, (own_pixels, own_codes) in pool.map(request, range(24)):
            np.testing.assert_array_equal(own_codes, codes.numpy()[order])
            np.testing.assert_array_equal(own_pixels, pixels.numpy()[order])


def _mutate(data, rng):
    """Changes some bytes, most of them in the header."""
    changed = bytearray(data[: rng.integers(len(data) // 2, len(data) + 1)])
    for place in rng.exponential(60, 4).astype(int):
        changed[place % len(changed)] = rng.integers(256)
    return bytes(changed)


def test_scans_are_counted_through_both_loaders(decode, tmp_path):
    module = tf.Module()
    module.run = tf.function(
        lambda image_bytes: {"status": decode(image_bytes)[1]},
        input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")],
    )
    tf.saved_model.save(module, str(tmp_path), {"serving_default": module.run})
    files = {"image_bytes": [with_scans(64), with_scans(65)]}
    for run in (loaders.run_in_python, loaders.run_in_session):
        (found,) = run(tmp_path, files).values()
        assert found["status"].tolist() == [status.OK, status.NOT_TAKEN]

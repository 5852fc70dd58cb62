from concurrent import futures

import numpy as np
import pytest
import tensorflow as tf

from export import saved_model
from export.serving import image_bytes
from export.serving import status
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.content import has_content
from g2npan_tf.images.limits import MAX_BYTES
from g2npan_tf.images.read import resize
from tests import pictures
from tests.image_files import BAD
from tests.image_files import GOOD
from tests.image_files import ONLY_BY_THE_POLICY
from tests.image_files import noisy
from tests.image_files import with_scans

SIZE = 128
ONLY_HERE = {*ONLY_BY_THE_POLICY, "TIFF"}


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
    return tf.function(
        image_bytes.decode, input_signature=[tf.TensorSpec([], tf.string)]
    )


@pytest.mark.parametrize("name", GOOD)
def test_pixels_are_exactly_those_of_the_image_policy(full_size, name):
    expected = pictures.decode(GOOD[name]).pixels
    np.testing.assert_array_equal(full_size(GOOD[name]), expected)


@pytest.mark.parametrize("name", GOOD)
def test_good_files_in_a_batch_with_bad_ones_are_decoded(decoded, name):
    pixels, code = decoded[name]
    whole = pictures.decode(GOOD[name]).pixels
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


@pytest.mark.parametrize("name", BAD)
def test_what_the_policy_takes_though_a_server_refuses_it_is_known(name):
    try:
        pictures.decode(BAD[name][0])
    except InputError:
        assert name not in ONLY_HERE
    else:
        assert name in ONLY_HERE


def test_a_file_of_too_many_bytes_is_not_read(decode):
    png = GOOD["PNG RGB"]
    _, codes = decode([png + bytes(MAX_BYTES - len(png) + 1)])
    assert codes[0] == status.TOO_MANY_BYTES


def test_a_bmp_that_runs_downwards_is_upright(full_size):
    pixels = noisy((40, 52))
    data = bytearray(pictures.encode(pixels[::-1], "BMP"))
    data[22:26] = (-40).to_bytes(4, "little", signed=True)
    np.testing.assert_array_equal(full_size(bytes(data)), pixels)


def test_bytes_at_random_never_fail_a_batch(decode):
    rng = np.random.default_rng(0)
    files = [GOOD[n] for n in ("PNG RGB", "JPEG 4:2:0", "BMP RGB")]
    files += [BAD[n][0] for n in ("PNG turned", "JPEG turned 6")]
    for _ in range(20):
        changed = [_mutate(data, rng) for data in files]
        pixels, codes = decode([*changed, GOOD["PNG RGB"]])
        assert pixels.shape == (6, SIZE, SIZE, 3)
        assert set(codes.numpy().tolist()) <= set(range(7))
        assert codes[-1] == status.OK


def _mutate(data, rng):
    """Changes some bytes, most of them in the header."""
    changed = bytearray(data[: rng.integers(len(data) // 2, len(data) + 1)])
    for place in rng.exponential(60, 4).astype(int):
        changed[place % len(changed)] = rng.integers(256)
    return bytes(changed)


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


def test_headers_are_judged_alike_by_both_loaders(decode, tmp_path):
    module = tf.Module()
    module.run = tf.function(
        lambda image_bytes: {"status": decode(image_bytes)[1]},
        input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")],
    )
    tf.saved_model.save(module, str(tmp_path), {"serving_default": module.run})
    turned = ONLY_BY_THE_POLICY["JPEG turned 6"]
    files = {"image_bytes": [with_scans(64), with_scans(65), turned]}
    for run in (saved_model.run_in_python, saved_model.run_in_session):
        (found,) = run(tmp_path, files).values()
        refused = [status.NOT_TAKEN] * 2
        assert found["status"].tolist() == [status.OK, *refused]

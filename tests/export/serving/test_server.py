"""The same checks against every server that is there (tests/serving_servers).

To run them against a server elsewhere that has a model of this project:
TF_SERVING_ADDRESS=host:8500,host:8501,g2npan pytest -k address FILE
"""

import base64
import io
import json

import numpy as np
import pytest
import requests
from PIL import Image

from export.serving.transport import Server
from export.serving.transport import connect
from export.serving_client import client_command
from g2npan_tf.core.errors import InputError
from tests.image_files import BAD
from tests.image_files import GOOD
from tests.serving_servers import running

pytest.importorskip("tensorflow_serving")


@pytest.fixture(
    scope="module",
    params=[
        "stand-in",
        pytest.param("tensorflow_model_server", marks=pytest.mark.tf_serving),
        pytest.param("address", marks=pytest.mark.tf_serving),
    ],
)
def server(request, served_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with running(request.param, served_model, folder) as server:
        yield server


def predict(server, scheme, files, **settings):
    address = server.grpc if scheme == "grpc" else server.rest
    settings = {"model": server.model, **settings}
    return connect(Server.parse(f"{scheme}://{address}", **settings))(files)


def rest(server, signature, instances):
    path = f"/v1/models/{server.model}:predict"
    body = {"signature_name": signature, "instances": instances}
    answer = requests.post(f"http://{server.rest}{path}", json=body, timeout=60)
    answer.raise_for_status()
    return answer.json()["predictions"]


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_good_and_bad_files_in_one_batch(server, scheme):
    files = [GOOD["PNG RGB"], BAD["PNG half"][0], GOOD["JPEG 4:2:0"]]
    files += [BAD["GIF"][0], GOOD["BMP RGB"]]
    scores = predict(server, scheme, files)
    codes = [BAD["PNG half"][1], BAD["GIF"][1]]
    assert [score.status for score in scores] == [0, codes[0], 0, codes[1], 0]
    for score in scores:
        assert 1 <= score.mos <= 5
        assert score.mos == pytest.approx(1 + 4 * score.quality, abs=1e-5)
        assert (score.mos == 1) == bool(score.status)


def test_both_interfaces_give_the_same(server):
    files = list(GOOD.values())[:16]
    pairs = zip(
        predict(server, "http", files),
        predict(server, "grpc", files),
        strict=True,
    )
    for by_rest, by_grpc in pairs:
        assert by_rest.mos == pytest.approx(by_grpc.mos, abs=1e-5)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
@pytest.mark.parametrize("asked", [{"model": "other"}, {"version": 10**6}])
def test_an_unknown_model_or_version_is_one_line(server, scheme, asked):
    with pytest.raises(InputError, match=r"404|NOT_FOUND") as caught:
        predict(server, scheme, [GOOD["PNG RGB"]], **asked)
    assert "\n" not in str(caught.value)


def test_an_explanation_has_pictures(server):
    files = [GOOD["PNG RGB"], b"damaged"]
    encoded = [{"b64": base64.b64encode(data).decode()} for data in files]
    good, bad = rest(server, "explain", encoded)
    for name in ("cam_png_bytes", "nuance_png_bytes", "reference_png_bytes"):
        if name in good:
            data = base64.b64decode(good[name]["b64"])
            width, height = Image.open(io.BytesIO(data)).size
            assert width == height
            assert bad[name] == {"b64": ""}
    assert "cam_png_bytes" in good
    assert bad["status"] == 2


def test_pixels_score_as_the_bytes_of_the_same_image(server):
    pixels = np.array(Image.open(io.BytesIO(GOOD["PNG RGB"])))
    (row,) = rest(server, "score_pixels", [pixels.tolist()])
    (score,) = predict(server, "http", [GOOD["PNG RGB"]])
    assert row["mos"] == pytest.approx(score.mos, abs=1e-6)
    assert row["version"] >= 1


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_the_command_prints_rows(server, scheme, tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(GOOD["PNG RGB"])
    (tmp_path / "b.jpg").write_bytes(BAD["JPEG half"][0])
    (tmp_path / "c.bmp").write_bytes(GOOD["BMP RGB"])
    address = server.grpc if scheme == "grpc" else server.rest
    code = client_command(
        Server.parse(f"{scheme}://{address}", model=server.model),
        [str(tmp_path)],
        file_format="jsonl",
        batch_size=2,
    )
    output, errors = capsys.readouterr()
    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 1
    assert errors == "1 of 3 failed\n"
    assert [row["status"] == "ok" for row in rows] == [True, False, True]
    assert rows[0]["mos"] == pytest.approx(rows[2]["mos"], abs=1e-5)
    assert rows[1]["status"] == "damaged or truncated image"
    assert rows[1]["mos"] is None

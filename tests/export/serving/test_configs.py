"""The files under export/serving are what TF Serving and Docker read."""

import re

import pytest
import yaml
from google.protobuf import text_format

from export.serving.signatures import BATCH_SIZES
from tests.tiny import REPOSITORY

FOLDER = REPOSITORY / "export" / "serving"
# The fields of the server's protocol buffers, which are not all in
# tensorflow-serving-api, and how their values are written.
WRAPPED = r"\{ value: \d+ \}"
FIELDS = {
    "batching.config": {
        "max_batch_size": WRAPPED,
        "batch_timeout_micros": WRAPPED,
        "max_enqueued_batches": WRAPPED,
        "num_batch_threads": WRAPPED,
        "allowed_batch_sizes": r": \d+",
    },
    "monitoring.config": {
        "prometheus_config": r"\{",
        "enable": r": (true|false)",
        "path": r': "/[a-z/]+"',
    },
}


def text(name):
    return (FOLDER / name).read_text()


def test_the_models_are_parsed_as_the_server_does():
    proto = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2"
    )
    config = text_format.Parse(text("models.config"), proto.ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path) == ("g2npan", "/models/g2npan")
    assert model.model_platform == "tensorflow"
    assert model.model_version_policy.latest.num_versions == 2


@pytest.mark.parametrize("name", FIELDS)
def test_other_files_have_fields_of_the_server_only(name):
    lines = [line.strip() for line in text(name).splitlines()]
    for line in lines:
        field = re.match(r"\w*", line)[0]
        if field:
            kind = FIELDS[name][field]
            assert re.fullmatch(rf"{field} ?{kind}", line), line
        else:
            assert line in ("", "}") or line.startswith("#"), line


def test_batches_are_of_the_sizes_that_are_warmed_up():
    sizes = re.findall(r"allowed_batch_sizes: (\d+)", text("batching.config"))
    assert tuple(map(int, sizes)) == BATCH_SIZES
    # The server refuses another last one.
    largest = f"max_batch_size {{ value: {BATCH_SIZES[-1]} }}"
    assert largest in text("batching.config")


def test_the_composition_mounts_what_the_arguments_name():
    composed = yaml.safe_load(text("docker-compose.yml"))
    (service,) = composed["services"].values()
    image, _, tag = service["image"].partition(":")
    assert image == "tensorflow/serving"
    assert tag.count(".") == 2
    named = [x.partition("=")[2] for x in service["command"] if "config" in x]
    files = [x for x in named if x.startswith("/config/")]
    assert len(files) == 3
    for name in files:
        assert (FOLDER / name.removeprefix("/config/")).is_file()
    assert ".:/config:ro" in service["volumes"]
    models = next(x for x in service["volumes"] if "/models/g2npan" in x)
    assert models.endswith("/g2npan:/models/g2npan:ro")
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_probes_ask_the_interfaces_that_are_there():
    probes = yaml.safe_load(text("kubernetes-probes.yml"))
    ports = {port["name"]: port["containerPort"] for port in probes["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    for name in ("startupProbe", "readinessProbe"):
        asked = probes[name]["httpGet"]
        # Of the status interface 200 does not mean that a model is loaded.
        assert asked == {"path": "/v1/models/g2npan/metadata", "port": "rest"}
    assert probes["livenessProbe"]["tcpSocket"] == {"port": "rest"}

"""The files under export/serving are what TF Serving and Docker read."""

import pytest
import yaml
from google.protobuf import text_format

from tests.tiny import REPOSITORY

FOLDER = REPOSITORY / "export" / "serving"


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


# Their protocol buffers are not in tensorflow-serving-api, so they are
# declared here with the names and types of the server's fields.
def message(name, fields):
    from google.protobuf import descriptor_pb2
    from google.protobuf import descriptor_pool
    from google.protobuf import message_factory
    from google.protobuf import wrappers_pb2

    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{name}.proto",
        package="test",
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto"],
    )
    for kind, content in fields.items():
        declared = file.message_type.add(name=kind)
        for number, (field, spec) in enumerate(content.items(), 1):
            added = declared.field.add(name=field, number=number, label=1)
            if spec == "repeated int64":
                added.label, added.type = 3, 3
            elif spec in ("bool", "string"):
                added.type = {"bool": 8, "string": 9}[spec]
            else:
                added.type, added.type_name = 11, spec
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f"test.{name}")
    )()


def test_the_batching_parameters_fit_together():
    number = ".google.protobuf.Int64Value"
    config = text_format.Parse(
        text("batching.config"),
        message(
            "BatchingParameters",
            {
                "BatchingParameters": {
                    "max_batch_size": number,
                    "batch_timeout_micros": number,
                    "max_enqueued_batches": number,
                    "num_batch_threads": number,
                    "thread_pool_name": ".google.protobuf.StringValue",
                    "allowed_batch_sizes": "repeated int64",
                    "pad_variable_length_inputs": "bool",
                }
            },
        ),
    )
    sizes = list(config.allowed_batch_sizes)
    assert sizes == sorted(sizes)
    # The server refuses another last one.
    assert sizes[-1] == config.max_batch_size.value
    assert config.batch_timeout_micros.value > 0


def test_the_monitoring_is_parsed():
    config = text_format.Parse(
        text("monitoring.config"),
        message(
            "MonitoringConfig",
            {
                "PrometheusConfig": {"enable": "bool", "path": "string"},
                "MonitoringConfig": {
                    "prometheus_config": ".test.PrometheusConfig"
                },
            },
        ),
    )
    assert config.prometheus_config.enable
    assert config.prometheus_config.path.startswith("/")


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

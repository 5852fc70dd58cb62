"""What is gRPC's own; the rest is in test_export_serving_rest and _server."""

import builtins

import pytest

from export.serving import grpc_transport
from export.serving.request import Server
from export.serving.request import Unavailable
from g2npan_tf.core.errors import InputError
from tests.image_files import GOOD
from tests.serving_stand_in import StandIn


def test_without_its_packages_it_says_what_to_install(monkeypatch):
    original = builtins.__import__

    def missing(name, *arguments, **options):
        if name == "grpc":
            raise ModuleNotFoundError(name=name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError, match=r"package grpc: pip install.*serving"):
        grpc_transport.connect(Server("127.0.0.1", 8500))


def test_a_batch_larger_than_4_mb_is_sent(served_model):
    pytest.importorskip("tensorflow_serving")
    with StandIn(served_model) as server:
        host, _, port = server.grpc.partition(":")
        predict = grpc_transport.connect(Server(host, int(port)))
        padded = GOOD["BMP RGB"] + bytes(5 * 2**20)
        (score,) = predict([padded])
        assert score.status == 0
        server.num_failures = 1
        with pytest.raises(Unavailable, match="UNAVAILABLE: The batch"):
            predict([padded])

"""The paper is the specification: each equation has exactly one home."""

import ast
import re

from tests.tiny import REPOSITORY

HOMES = {
    1: "reconstruction_loss",
    2: "generator_loss",
    3: "discriminator_loss",
    4: "discrepancy_map",
    5: "build_quality_network",
    6: "cam_loss",
    7: "quality_loss",
    8: "predicted_quality",
    9: "assessment_loss",
    10: "perception_weight",
    11: "discriminator_loss",
    12: "perceptual_loss",
}


def equation_claims():
    for path in (REPOSITORY / "g2npan_tf").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                docstring = ast.get_docstring(node) or ""
                for line in re.findall(r"^Equation: (.*)$", docstring, re.M):
                    for number in re.findall(r"\d+", line):
                        yield int(number), node.name


def test_every_equation_is_claimed_by_exactly_one_function():
    claims = list(equation_claims())
    assert sorted(number for number, _ in claims) == list(range(1, 13))
    assert dict(claims) == HOMES

"""What a command writes about DICOM files says nothing about patients."""

import numpy as np
import pytest

from g2npan_tf.scoring import score
from g2npan_tf.scoring.assessor import Assessor
from tests.dicom_files import PATIENT
from tests.dicom_files import dicom
from tests.dicom_files import ramp
from tests.score_reports import brightness

GREY = ramp(np.uint8)


@pytest.mark.parametrize("file_format", ["table", "csv", "jsonl"])
def test_no_output_of_the_command_names_a_patient(
    tmp_path, monkeypatch, capfd, file_format
):
    monkeypatch.setattr(
        score, "load_quietly", lambda *settings: Assessor(brightness)
    )
    images, made = tmp_path / "images", tmp_path / "made"
    images.mkdir()
    made.mkdir()
    files = {
        "whole.dcm": dicom(GREY),
        "frames.dcm": dicom(np.stack([GREY, GREY]), NumberOfFrames=2),
        "truncated.dcm": dicom(GREY)[:-9],
        "refused.dcm": dicom(GREY, Rows=9),
    }
    for name, data in files.items():
        assert PATIENT[0].encode() in data
        (images / name).write_bytes(data)
    code = score.score_command(
        "scorer.tflite",
        [str(images)],
        file_format=file_format,
        output=str(made / "rows"),
        explain=str(made / "explained"),
        report=str(made / "report"),
    )
    assert code == 1
    said = [*capfd.readouterr()]
    for path in made.rglob("*"):
        said.append(path.name)
        if path.is_file():
            said.append(path.read_bytes().decode("latin-1"))
    text = " ".join(said).lower()
    assert "frames.dcm#2" in text
    assert "whole_panel.png" in text
    assert "<html" in text
    for word in PATIENT:
        assert word.lower() not in text

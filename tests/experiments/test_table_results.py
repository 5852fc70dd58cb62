"""From runs to figures: what is compared, what is refused."""

import json

import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.experiments import table_results
from tests.made_up_runs import fill
from tests.made_up_runs import request
from tests.made_up_runs import results_of


def test_differences_are_to_g2npan_with_intervals(tmp_path, trainer, capsys):
    trainer.noise = {"--method=oefp": 3.0, "--use_gan=True": 0.1}
    text = fill(request(tmp_path), capsys)
    rows = {row["name"]: row for row in results_of(tmp_path)["rows"]}
    gain = rows["OEFP"]["difference"]
    assert rows["OEFP"]["against"] == "G2NPAN"
    assert gain["low"] <= gain["difference"] <= gain["high"] <= 0
    assert gain["difference"] < 0
    assert gain["images"] == 12
    # Of 13 differences: six to G2NPAN and seven to the algorithm's mean.
    assert gain["p_holm"] >= gain["p"]
    assert rows["G2NPAN"]["difference"] is None
    assert rows["G2NPAN"]["above_algorithm_mean"]["difference"] > 0
    assert "to G2NPAN |" in text


def test_table_3_compares_on_the_images_that_both_shares_test(
    tmp_path, trainer, capsys
):
    fill(request(tmp_path, "3", folds=(0, 2), protocol="ratio"), capsys)
    results = results_of(tmp_path)
    assert [row["name"] for row in results["rows"]][::6] == ["2:8", "8:2"]
    assert results["unit"] == "draw"
    assert results["rows"][1]["difference"]["images"] == 24
    shares = [
        flag
        for words in trainer.commands
        for flag in words
        if flag.startswith("--train_share")
    ]
    assert sorted(set(shares))[0] == "--train_share=0.2"
    assert len(shares) == 14


def test_simulated_and_real_scores_never_share_a_table(
    tmp_path, trainer, capsys
):
    fill(request(tmp_path, "fig6"), capsys)
    (config,) = tmp_path.glob("runs/*g2nn*/seed_0/fold_0/config.json")
    content = json.loads(config.read_text())
    content["data"]["scores"] = "three radiologists"
    config.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"scores=three radiologists.*never"):
        fill(request(tmp_path, "fig6"), capsys)


def test_the_paper_s_whole_setting_is_not_called_smaller(tmp_path):
    whole = request(tmp_path, preset="paper", epochs=1500, folds=range(5))
    assert not table_results.smaller(whole)


@pytest.mark.parametrize(("warmup", "told"), [(2, True), (1, False)])
def test_runs_that_end_in_the_warm_up_say_that_eq_11_was_not_active(
    tmp_path, trainer, capsys, warmup, told
):
    wanted = request(tmp_path, "fig6", perception_warmup=warmup)
    assert ("Eq. 11 was not active" in fill(wanted, capsys)) is told

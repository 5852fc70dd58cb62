"""A finished cross-validation with tiny scorers, none of them trained."""

import dataclasses

import keras
import numpy as np

from g2npan_tf.core import config as config_module
from g2npan_tf.core import folds as core_folds
from g2npan_tf.core.config import Config
from g2npan_tf.evaluation import results
from g2npan_tf.evaluation.results import CrossValidation
from g2npan_tf.model.quality_network import build_quality_network
from g2npan_tf.model.scorer import build_scorer
from tests.evaluation.test_results import figures
from tests.made_up_runs import write_predictions
from tests.made_up_runs import write_summary
from tests.tiny import TINY

FACTS = {"name": "tiny_fusion/1.0.0", "scores": "simulated"}
SETTINGS = {**TINY, "use_gan": False, "calibrate_scores": True}


def tiny_scorer(seed):
    """Every seed's scores are others."""
    keras.utils.set_random_seed(seed)
    network = build_quality_network(
        width=0.0625, use_batch_norm=True, ufw_shape=None
    )
    layer = network.get_layer("cam")
    kernel, bias = layer.get_weights()
    layer.set_weights([3 * kernel, bias + 0.3 * (seed % 5) - 0.6])
    return build_scorer(network)


def write(
    output,
    config=None,
    facts=FACTS,
    *,
    seeds=(0,),
    folds=range(5),
    best_epochs=(1,),
    scorer=tiny_scorer,
):
    """What cross_validate leaves, but for its pages and plots.

    The folds' best epochs are taken in turn.
    """
    config = config or Config(**SETTINGS)
    keys = [(seed, fold) for seed in seeds for fold in folds]
    for place, (seed, fold) in enumerate(keys):
        folder = core_folds.folder_of(output, seed, fold)
        (folder / "evaluation").mkdir(parents=True)
        own = dataclasses.replace(config, seed=seed, fold=fold)
        config_module.save(own, facts, folder / "config.json")
        best = best_epochs[place % len(best_epochs)]
        write_summary(folder, config.epochs, best)
        scorer(10 * seed + fold).save(folder / "scorer.keras")
        path = core_folds.predictions_of(output, seed, fold)
        write_predictions(path, [fold], 1.0, 10 * seed + fold)
    judged = results.Judged(
        images=60,
        pairs=20,
        methods={"g2npan": figures(0.6, 0.1)},
        gains={},
        network="VGG11",
    )
    results.write(
        output / "results.json",
        CrossValidation(
            data=facts,
            protocol="group (by case), folds pooled",
            preset=config.preset,
            settings=config.to_json(),
            seeds={str(seed): judged for seed in seeds},
            folds={str(key): 0.5 for key in keys},
        ),
    )
    return output


def mean_and_spread(scorers, images):
    """What a packed scorer must give: means, and the MOS' deviation (n - 1)."""
    found = [one.predict(images, verbose=0) for one in scorers]
    stacked = {
        name: np.stack([one[name] for one in found]) for name in found[0]
    }
    means = {name: np.mean(x, axis=0) for name, x in stacked.items()}
    return {**means, "mos_spread": np.std(stacked["mos"], axis=0, ddof=1)}

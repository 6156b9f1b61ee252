"""Finish a trained model: fit the temperature, measure, export. `python3 finish.py NAME` after `train.py NAME`.

Reads `out/NAME.pt`; writes `models/NAME.onnx`, the check set `models/NAME.check/`, the figures `models/NAME.json`, the
card `models/NAME.md`, and adds to `models/NAME.log`. The test set is read here and nowhere else.
"""
import argparse
import json
from pathlib import Path
from typing import Callable, Dict

import numpy as np
import torch

import train
from bitbayes_training import data, metrics
from bitbayes_training.card import write_card
from bitbayes_training.export import check_set, export, write_check_set
from bitbayes_training.modules import sites
from bitbayes_training.networks import NETWORKS
from bitbayes_training.predict import Prediction, deterministic_predict, exact_predict, flips, mc_predict, summarize

SAMPLES, SEED, CHECK_INPUTS, UNKNOWN_INPUTS = 20, 0, 32, 2000

Pixels = np.ndarray
Predictor = Callable[[torch.nn.Module, torch.Tensor], Prediction]


def sampled(model: torch.nn.Module, x: torch.Tensor) -> Prediction:
    return mc_predict(model, x, SAMPLES, SEED)


def fit_inverse_temperature(prediction: Prediction, labels: np.ndarray) -> float:
    """Find the factor on the logits that minimises the NLL of the mean of the softmaxes, by golden section."""
    loss = lambda log: metrics.nll(summarize(prediction.logits * np.exp(log), prediction.weights,
                                             prediction.distinct_leaves), labels)
    low, high, golden = -2.0, 2.0, (5**0.5 - 1) / 2
    while high - low > 1e-4:
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.float32(np.exp((low + high) / 2)))


def unknown_sets(name: str, test: Pixels, folder: Path) -> Dict[str, Pixels]:
    """Return the out-of-distribution sets as raw pixels, in the range and size of the model's own."""
    test = test[:UNKNOWN_INPUTS]
    top = 16 if name.startswith("digits") else 255
    unknown = {"noise": np.random.RandomState(0).randint(0, top + 1, test.shape).astype(np.uint8),
               "rotated": np.ascontiguousarray(np.rot90(test, axes=(2, 3)))}
    if not name.startswith("digits"):
        unknown["cifar10"] = data.cifar10_grey(folder)[::5]
    return unknown


def measure(model: torch.nn.Module, predict: Predictor, splits: data.Splits, unknown: Dict[str, Pixels],
            preprocess: data.Preprocessing) -> Dict:
    """Fill one column of the card: validation, test, and detection of every out-of-distribution set."""
    images, labels = splits.validation
    validation = metrics.classification(predict(model, preprocess(images)), labels)
    images, labels = splits.test
    inside = predict(model, preprocess(images))
    return {
        "validation": validation,
        "metrics": metrics.classification(inside, labels),
        "ood": {name: metrics.detection(inside, predict(model, preprocess(pixels)))
                for name, pixels in unknown.items()},
        "source": "companion",
    }


def rounded(figures):
    """Round all numbers in nested dictionaries to six digits behind the point."""
    if isinstance(figures, dict):
        return {key: rounded(value) for key, value in figures.items()}
    return round(figures, 6) if isinstance(figures, float) else figures


def rounding(model: torch.nn.Module, check, preprocess: data.Preprocessing) -> float:
    """Largest difference of the check set's logits from a float64 run of the same draws."""
    exact = check_set(model.double(), check.inputs, lambda pixels: preprocess(pixels).double())
    model.float()
    return float(np.abs(exact.logits - check.logits).max())


def finish(name: str, splits: data.Splits, preprocess: data.Preprocessing, folder: Path, log: train.Log) -> Dict:
    """Fit, measure and export; return the facts of the card."""
    model = NETWORKS[name]()
    model.load_state_dict(torch.load(train.OUT / f"{name}.pt"))
    images, labels = splits.validation
    x = preprocess(images)
    factor = fit_inverse_temperature(sampled(model, x), labels)
    model[-1].inverse_temperature.fill_(factor)
    log(f"inverse temperature {factor:.4f}, by validation NLL at T = {SAMPLES}")
    share = flips(model, x[:500])
    log(f"bits flipped per site on {len(x[:500])} validation images: " + ", ".join(f"{s:.2%}" for s in share))
    classes = [str(digit) for digit in range(10)]
    export(model, data.MODELS / f"{name}.onnx", x[:2], preprocess, classes)
    check = check_set(model, splits.test[0][:CHECK_INPUTS], preprocess)
    write_check_set(data.MODELS / f"{name}.check", check)
    difference = rounding(model, check, preprocess)
    log(f"check set: logits differ from a float64 run by at most {difference:.1e}")
    columns, unknown = {}, unknown_sets(name, splits.test[0], folder)
    predictors = {f"T = {SAMPLES}": sampled, "exact": exact_predict, "no draws": deterministic_predict}
    if any(site.elements > 1 for site in sites(model)):
        del predictors["exact"]
    for column, predict in predictors.items():
        columns[column] = rounded(measure(model, predict, splits, unknown, preprocess))
        log(f"{column}: " + json.dumps(columns[column]))
    return {
        "name": name, "recipe": train.RECIPES[name]._asdict(), "inverse_temperature": factor, "flips": share,
        "p": [site.p for site in sites(model)], "elements": [site.elements for site in sites(model)],
        "sizes": {part: len(split[1]) for part, split in splits._asdict().items()},
        "unknown_inputs": len(unknown["noise"]), "check_difference": difference,
        "bytes": (data.MODELS / f"{name}.onnx").stat().st_size, "columns": columns}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=list(NETWORKS))
    parser.add_argument("--data", type=Path, default=data.DATA, help="folder that holds mnist/ and cifar10-jpeg/")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    splits, preprocess = data.load(options.name, options.data)
    log = train.Log(data.MODELS / f"{options.name}.log", "a")
    facts = finish(options.name, splits, preprocess, options.data, log)
    (data.MODELS / f"{options.name}.json").write_text(json.dumps(facts, indent=1) + "\n")
    write_card(data.MODELS / f"{options.name}.md", facts)


if __name__ == "__main__":
    main()

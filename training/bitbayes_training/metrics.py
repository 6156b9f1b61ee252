"""Figures about a data set, by the definitions of the C runtime. Out-of-distribution is the positive class."""
from typing import Dict

import numpy as np

from .predict import Prediction

BINS = 15
TIE = 1e-12  # scores are rounded to this before ranking, so that rounding noise breaks no ties


def nll(prediction: Prediction, labels: np.ndarray) -> float:
    """Negative logarithm of the mean probability of the right class, averaged over the inputs."""
    return float(-prediction.log_probabilities()[np.arange(len(labels)), labels].mean())


def brier(prediction: Prediction, labels: np.ndarray) -> float:
    """Squared distance of the mean probabilities from the right answer, summed over classes: 0 to 2."""
    wanted = np.eye(prediction.mean_probabilities.shape[1])[labels]
    return float(((prediction.mean_probabilities - wanted) ** 2).sum(1).mean())


def ece(prediction: Prediction, labels: np.ndarray) -> float:
    """Expected calibration error: 15 equal-width bins [l, u) of the class's probability, the last one closed."""
    bins = np.minimum((prediction.probability * BINS).astype(int), BINS - 1)
    gap = (prediction.class_ == labels) - prediction.probability
    return float(np.abs(np.bincount(bins, gap, BINS)).sum() / len(labels))


def classification(prediction: Prediction, labels: np.ndarray) -> Dict[str, float]:
    return {
        "accuracy": float((prediction.class_ == labels).mean()),
        "nll": nll(prediction, labels),
        "brier": brier(prediction, labels),
        "ece": ece(prediction, labels),
        "mean_mutual_information": float(prediction.mutual_information.mean()),
    }


def rounded(scores: np.ndarray) -> np.ndarray:
    return np.round(scores / TIE)


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """Area under the ROC curve by mid-ranks: a tie between an inside and an outside score counts one half."""
    inside, outside = np.sort(rounded(inside)), rounded(outside)
    below = np.searchsorted(inside, outside, "left") + np.searchsorted(inside, outside, "right")
    return float(below.mean() / (2 * len(inside)))


def fpr95(inside: np.ndarray, outside: np.ndarray) -> float:
    """Share of inside scores at or above the largest threshold that 95 % of the outside scores reach."""
    inside, outside = rounded(inside), np.sort(rounded(outside))[::-1]
    threshold = outside[int(np.ceil(0.95 * len(outside))) - 1]
    return float((inside >= threshold).mean())


def detection(inside: Prediction, outside: Prediction) -> Dict[str, float]:
    """How well entropy and mutual information tell a second data set from the model's own."""
    figures = {}
    for short, name in (("entropy", "predictive_entropy"), ("mi", "mutual_information")):
        a, b = getattr(inside, name), getattr(outside, name)
        figures[f"auroc_{short}"], figures[f"fpr95_{short}"] = auroc(a, b), fpr95(a, b)
    return figures

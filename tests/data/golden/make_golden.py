#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write predictions.txt and metrics.txt: what the statistics must yield, computed in other ways.

One input is worked out in 60-digit decimals. Figures of data sets come from scikit-learn where it
has them and from the plainest numpy elsewhere. Floats stand as hexadecimal, so nothing is rounded.
Made with Debian 12's python3-numpy 1.24.2, python3-scipy 1.10.1 and python3-sklearn 1.2.1:

    cd tests/data/golden && /usr/bin/python3 make_golden.py
"""
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

getcontext().prec = 60
getcontext().Emin = -(10**15)
getcontext().Emax = 10**15
generator = np.random.default_rng(20260101)


# ---- one input ----------------------------------------------------------------------------------

def first_largest(values):
    return max(range(len(values)), key=lambda i: (values[i], -i))


def predict(logits, weights, label):
    """Everything in decimals; `weights` sum to anything."""
    total = sum(weights)
    shares = [w / total for w in weights]
    n_classes = len(logits[0])
    logs, votes = [], [Decimal(0)] * n_classes
    for row, share in zip(logits, shares):
        exact = [Decimal(float(z)) for z in row]
        top = max(exact)
        log_sum = sum((z - top).exp() for z in exact).ln()
        logs.append([z - top - log_sum for z in exact])
        votes[first_largest(exact)] += share
    leaves = [[v.exp() for v in row] for row in logs]
    mean = [sum(s * p[c] for s, p in zip(shares, leaves)) for c in range(n_classes)]
    top = first_largest([float(p) for p in mean])
    entropy = -sum(p * p.ln() for p in mean if p)
    expected = -sum(s * p * v for s, ps, vs in zip(shares, leaves, logs) for p, v in zip(ps, vs))
    variance = sum(s * (p[top] - mean[top]) ** 2 for s, p in zip(shares, leaves))
    best = max(row[label] for row in logs)
    likelihood = best + sum(s * (row[label] - best).exp() for s, row in zip(shares, logs)).ln()
    error = sum((p - (1 if c == label else 0)) ** 2 for c, p in enumerate(mean))
    return top, mean, [mean[top], entropy, expected, entropy - expected, 1 - max(votes),
                       variance.sqrt(), likelihood, error]


def write_prediction(out, name, logits, weights, label, exact=False):
    logits = np.asarray(logits, np.float32)
    n_leaves, n_classes = logits.shape
    top, mean, values = predict(logits, [Decimal(w) for w in weights], label)
    print("case", name, n_leaves, n_classes, label, int(exact), top, file=out)
    print(*(w.hex() if exact else w for w in weights), file=out)
    for row in logits:
        print(*(float(z).hex() for z in row), file=out)
    print(*(float(v).hex() for v in values), file=out)
    print(*(float(p).hex() for p in mean), file=out)


def write_predictions(out):
    def normal(n_leaves, n_classes, scale):
        return generator.normal(0, scale, (n_leaves, n_classes))

    write_prediction(out, "one-leaf", normal(1, 10, 3), [20], 4)
    write_prediction(out, "one-class", normal(3, 1, 3), [1, 2, 3], 0)
    write_prediction(out, "two-classes", normal(4, 2, 2), [7, 1, 2, 10], 1)
    write_prediction(out, "digits", normal(8, 10, 4), [5, 3, 4, 2, 2, 2, 1, 1], 7)
    write_prediction(out, "hundred-classes", normal(20, 100, 5), [1] * 20, 99)
    write_prediction(out, "sharp", normal(6, 10, 200), [1, 1, 1, 1, 1, 15], 3)
    write_prediction(out, "underflow", [[0, 2000, -1000], [0, 1500, -900]], [3, 1], 2)
    write_prediction(out, "p-zero-in-a-leaf", [[0, 5000], [5000, 0], [0, 0]], [1, 1, 2], 0)
    write_prediction(out, "huge", [[3e38, -3e38], [-3e38, 3e38]], [1, 3], 0)
    write_prediction(out, "equal-leaves", [[1, 2, 3]] * 3, [3, 1, 3], 0)
    write_prediction(out, "equal-logits", [[4, 4, 4], [2, 2, 2]], [1, 2], 2)
    write_prediction(out, "tied-votes", [[1, 0], [0, 1]], [10, 10], 1)
    base = normal(1, 10, 3)
    write_prediction(out, "nearly-equal-leaves", base + 1e-6 * normal(5, 10, 1), [4] * 5, 2)
    write_prediction(out, "many-passes", normal(2, 3, 1), [4000000000, 294967295], 0)
    weights = generator.random(16)
    write_prediction(out, "exact", normal(16, 10, 2), list(weights / weights.sum()), 5, True)
    write_prediction(out, "exact-tiny", normal(3, 4, 2), [1 - 2e-9, 1e-9, 1e-9], 1, True)
    print("end", file=out)


# ---- data sets ----------------------------------------------------------------------------------

FIELDS = ("probability", "entropy", "expected", "information", "votes", "likelihood", "error",
          "leaves", "correct")
SCORES = {
    "entropy": lambda s: s["entropy"],
    "mutual_information": lambda s: s["information"],
    "one_minus_probability": lambda s: 1 - s["probability"],
    "variation_ratio": lambda s: s["votes"],
}


def rounded(scores):
    return np.rint(scores * 1e12)


def calibration_error(bins, confidence, correct):
    gaps = (abs(correct[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean()
            for b in np.unique(bins))
    return sum(gaps)


def equal_width_bins(confidence):
    return np.clip(np.searchsorted(np.arange(16) / 15, confidence, side="right") - 1, 0, 14)


def equal_count_bins(confidence):
    middles = rankdata(-rounded(1 - confidence)) - 0.5  # inputs below and half of the tied ones
    return np.array([int(Fraction(m) * 15 / len(confidence)) for m in middles])


def risk_coverage_area(confidence, correct):
    """Each input's chance to be among the k most confident, for every k."""
    uncertainty = rounded(1 - confidence)
    n, total = len(uncertainty), 0.0
    for k in range(1, n + 1):
        before = (uncertainty[None, :] < uncertainty[:, None]).sum(1)
        tied = (uncertainty[None, :] == uncertainty[:, None]).sum(1)
        chance = np.clip((k - before) / tied, 0, 1)
        total += (chance * (1 - correct)).sum() / k
    return total / n


def metrics(first, second):
    result = {}
    if first["correct"][0] >= 0:
        result["accuracy"] = first["correct"].mean()
        result["nll"] = -first["likelihood"].mean()
        result["brier"] = first["error"].mean()
        confidence, correct = first["probability"], first["correct"]
        result["ece"] = calibration_error(equal_width_bins(confidence), confidence, correct)
        bins = equal_count_bins(confidence)
        result["adaptive_ece"] = calibration_error(bins, confidence, correct)
        result["aurc"] = risk_coverage_area(confidence, correct)
    result["predictive_entropy_nats"] = first["entropy"].mean()
    result["expected_entropy_nats"] = first["expected"].mean()
    result["mutual_information_nats"] = first["information"].mean()
    result["variation_ratio"] = first["votes"].mean()
    result["distinct_leaves"] = first["leaves"].mean()
    if second is None:
        return result
    truth = np.r_[np.zeros(len(first["votes"])), np.ones(len(second["votes"]))]
    for name, score in SCORES.items():
        values = rounded(np.r_[score(first), score(second)])
        false, true, _ = roc_curve(truth, values, drop_intermediate=False)
        result["auroc_" + name] = roc_auc_score(truth, values)
        result["aupr_" + name] = average_precision_score(truth, values)
        result["fpr95_" + name] = false[true >= 0.95][0]
    return result


def philox(counter, key):
    """Philox 4x32-10."""
    mask = 0xFFFFFFFF
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        p0, p1 = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & mask, (p0 >> 32) ^ c3 ^ k1, p0 & mask
        k0, k1 = (k0 + 0x9E3779B9) & mask, (k1 + 0xBB67AE85) & mask
    return c0, c1, c2, c3


assert philox((0, 0, 0, 0), (0, 0)) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)


def resample(data, seed, number, which):
    if data is None:
        return None
    n = len(data["votes"])
    key = (seed & 0xFFFFFFFF, seed >> 32)
    words = [w for block in range((n + 3) // 4)
             for w in philox((number, block, 1 << 24, which), key)]
    index = [(w * n) >> 32 for w in words[:n]]
    return {field: values[index] for field, values in data.items()}


def intervals(evaluate, seed, n_resamples):
    rows = [evaluate(lambda data, which: resample(data, seed, r, which))
            for r in range(n_resamples)]
    return {name: np.percentile([row[name] for row in rows], [2.5, 97.5]) for name in rows[0]}


def write_data(out, data):
    for row in zip(*(data[field] for field in FIELDS)):
        print(*(float(v).hex() for v in row[:-2]), int(row[-2]), int(row[-1]), file=out)


def write_figures(out, figures, ranges=None):
    for name, value in figures.items():
        low, high = ranges[name] if ranges else (float("nan"), float("nan"))
        print(name, *(float(v).hex() for v in (value, low, high)), file=out)
    print("end", file=out)


def size(data):
    return 0 if data is None else len(data["votes"])


def write_case(out, name, first, second=None, seed=0, n_resamples=0):
    print("case", name, size(first), size(second), seed, n_resamples, file=out)
    write_data(out, first)
    if second is not None:
        write_data(out, second)
    ranges = intervals(lambda pick: metrics(pick(first, 0), pick(second, 1)), seed, n_resamples) \
        if n_resamples else None
    write_figures(out, metrics(first, second), ranges)


def subtract(left, right):
    return {name: left[name] - right[name] for name in left}


def write_pair(out, name, sides, seed, n_resamples):
    (first, second), (other, other_second) = sides
    print("pair", name, size(first), size(second), seed, n_resamples, file=out)
    for data in (first, second, other, other_second):
        write_data(out, data)
    ranges = intervals(lambda pick: subtract(metrics(pick(first, 0), pick(second, 1)),
                                             metrics(pick(other, 0), pick(other_second, 1))),
                       seed, n_resamples)
    write_figures(out, subtract(metrics(first, second), metrics(other, other_second)), ranges)


def make(n, digits=None, labelled=True, shift=0.0):
    """Scores of `digits` decimals tie often."""
    def draw(low, high):
        values = np.clip(generator.uniform(low, high, n) + shift * (high - low), low, high)
        return values if digits is None else np.round(values, digits)

    data = {"probability": 1.1 - draw(0.1, 1.0), "entropy": draw(0, 2.3), "expected": draw(0, 2.3),
            "information": draw(0, 0.5), "votes": draw(0, 0.9), "likelihood": -draw(0, 8),
            "error": draw(0, 2), "leaves": generator.integers(1, 21, n).astype(float)}
    data["correct"] = (generator.random(n) < data["probability"]).astype(float) \
        if labelled else np.full(n, -1.0)
    return data


def constant(n, probability, correct):
    data = {field: np.full(n, 0.25) for field in FIELDS}
    data["probability"] = np.full(n, float(probability))
    data["likelihood"], data["leaves"] = np.full(n, -0.5), np.ones(n)
    data["correct"] = np.asarray(correct, float)
    return data


def with_probabilities(values, correct):
    data = make(len(values))
    data["probability"], data["correct"] = np.asarray(values, float), np.asarray(correct, float)
    return data


def write_metrics(out):
    write_case(out, "untied", make(40), make(31, shift=0.3), 0, 100)
    write_case(out, "tied", make(50, 1), make(40, 1, shift=0.2), 7 + (9 << 32), 100)
    write_case(out, "heavily-tied", make(60, 0), make(45, 0, shift=0.4), 1, 50)
    write_case(out, "all-equal", constant(20, 0.75, [1, 0] * 10), constant(15, 0.75, [1] * 15),
               3, 20)
    write_case(out, "certain-and-right", constant(9, 1.0, [1] * 9), constant(5, 1.0, [0] * 5))
    write_case(out, "certain-and-wrong", constant(9, 1.0, [0] * 9))
    write_case(out, "zero-confidence", constant(7, 0.0, [1, 0, 0, 0, 0, 0, 0]))
    write_case(out, "one-input", make(1), make(1))
    write_case(out, "unlabelled", make(12, 1, labelled=False), make(11, 1, labelled=False))
    edges = np.arange(16) / 15
    edges = np.clip(np.r_[np.nextafter(edges, 0), edges, np.nextafter(edges, 1)], 0, 1)
    write_case(out, "bin-edges", with_probabilities(edges, np.arange(len(edges)) % 3 == 0))
    close = 0.5 + np.r_[np.arange(10) * 1e-13, np.arange(10) * 1e-11]
    write_case(out, "nearly-tied", with_probabilities(close, np.arange(20) % 2),
               with_probabilities(close[::-1] - 1e-14, np.arange(20) % 2))
    both = make(20, 1)
    write_case(out, "same-data-twice", both, both)
    write_case(out, "separated", constant(19, 0.9, [1] * 19),
               with_probabilities([0.1] * 20, [0] * 20))
    write_pair(out, "paired", ((make(30, 1), make(25, 1, shift=0.3)),
                               (make(30, 1), make(25, 1, shift=0.2))), 5, 50)
    print("end", file=out)


if __name__ == "__main__":
    with open("predictions.txt", "w", encoding="ascii") as file:
        write_predictions(file)
    with open("metrics.txt", "w", encoding="ascii") as file:
        write_metrics(file)

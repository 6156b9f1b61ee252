"""The oracle's statistics and the figures about a data set, against their definitions."""
import numpy as np
import pytest
import torch

from bitbayes_training import metrics, philox
from bitbayes_training.modules import replay, sites
from bitbayes_training.networks import mlp_scale
from bitbayes_training.predict import (Prediction, deterministic_predict, entropy, exact_predict, mc_predict, summarize)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return mlp_scale((32, 32), p=0.3).eval()


@pytest.fixture(scope="module")
def x():
    return torch.randn(12, 1, 8, 8)


def uniform(n, passes):
    return np.full((n, passes), 1 / passes)


def random_prediction(n=7, passes=5, classes=4) -> Prediction:
    logits = np.random.RandomState(0).randn(n, passes, classes) * 3
    return summarize(logits, uniform(n, passes), np.full(n, passes))


def test_mutual_information_is_entropy_of_the_mean_minus_mean_entropy():
    p = random_prediction()
    assert np.allclose(p.mutual_information, p.predictive_entropy - p.expected_entropy)
    assert (p.mutual_information > 0).all()


def test_one_leaf_has_exactly_no_mutual_information():
    logits = np.repeat(np.random.RandomState(0).randn(50, 1, 10), 7, 1)
    assert (summarize(logits, uniform(50, 7), np.ones(50, int)).mutual_information == 0).all()


def test_variation_ratio_and_top_class_std_by_hand():
    share = np.array([[0.7, 0.3], [0.6, 0.4], [0.2, 0.8], [0.9, 0.1]])
    p = summarize(np.log(share)[None], uniform(1, 4), np.array([4]))
    assert p.class_[0] == 0 and p.probability[0] == pytest.approx(0.6)
    assert p.variation_ratio[0] == pytest.approx(0.25)
    assert p.top_class_std[0] == pytest.approx(share[:, 0].std())
    assert p.predictive_entropy[0] == pytest.approx(entropy(np.array([0.6, 0.4])))


def test_extreme_logits_stay_finite():
    p = summarize(np.array([[[0.0, 2000.0], [0.0, 3000.0]]]), uniform(1, 2), np.array([2]))
    assert all(np.isfinite(field).all() for field in p)
    assert metrics.nll(p, np.array([0])) == pytest.approx(2000 + np.log(2))


def test_prediction_of_an_input_depends_on_its_index_only(model, x):
    together = mc_predict(model, x, 6, seed=5, first_index=10)
    alone = mc_predict(model, x[7:8], 6, seed=5, first_index=17)
    assert np.allclose(together.logits[7], alone.logits[0], atol=1e-5)
    assert together.distinct_leaves[7] == alone.distinct_leaves[0]


def test_passes_are_the_philox_draws(model, x):
    p = mc_predict(model, x, 3, seed=2)
    with replay(model, philox.draws(sites(model), 2, np.arange(len(x)), 1)), torch.no_grad():
        assert np.array_equal(model(x).numpy().astype(np.float64), p.logits[:, 1])


def test_exact_prediction_is_what_sampling_tends_to(model, x):
    exact, many = exact_predict(model, x), mc_predict(model, x, 3000, seed=0)
    assert exact.weights[0].sum() == pytest.approx(1) and exact.distinct_leaves[0] == 4
    assert np.abs(exact.mean_probabilities - many.mean_probabilities).max() < 0.03


def test_without_draws_there_is_one_leaf(model, x):
    p = deterministic_predict(model, x)
    assert p.logits.shape[1] == 1 and (p.mutual_information == 0).all() and (p.top_class_std == 0).all()


def test_brier_and_ece_by_hand():
    p = summarize(np.log([[[0.9, 0.1]], [[0.4, 0.6]]]), uniform(2, 1), np.array([1, 1]))
    labels = np.array([0, 0])
    assert metrics.brier(p, labels) == pytest.approx((0.02 + 0.72) / 2)
    assert metrics.ece(p, labels) == pytest.approx((0.1 + 0.6) / 2)


def test_last_bin_is_closed():
    p = summarize(np.array([[[1000.0, 0.0]]]), uniform(1, 1), np.array([1]))
    assert p.probability[0] == 1 and metrics.ece(p, np.array([1])) == 1


def test_ties_count_one_half():
    assert metrics.auroc(np.array([0.0, 1.0]), np.array([1.0, 1.0 + 1e-14])) == 0.75
    assert metrics.auroc(np.zeros(5), np.zeros(3)) == 0.5


def test_auroc_equals_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.RandomState(0)
    inside, outside = rng.randint(0, 30, 400) / 8, rng.randint(5, 40, 300) / 8
    truth = np.r_[np.zeros(400), np.ones(300)]
    assert metrics.auroc(inside, outside) == pytest.approx(sklearn.roc_auc_score(truth, np.r_[inside, outside]))
    rates = sklearn.roc_curve(truth, np.r_[inside, outside], drop_intermediate=False)
    assert metrics.fpr95(inside, outside) == pytest.approx(min(f for f, t, _ in zip(*rates) if t >= 0.95))

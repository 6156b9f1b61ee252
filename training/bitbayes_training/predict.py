"""The oracle: Monte-Carlo prediction in plain PyTorch, with the names and definitions of the C runtime."""
import itertools
from typing import Iterator, List, NamedTuple, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from . import philox
from .modules import Sign, Site, deterministic, replay, sites

BATCH = 100  # small enough for the caches


class Prediction(NamedTuple):
    """What is known about n inputs after their passes. Entropies are in nats; all of it is float64."""

    logits: np.ndarray  # [n, passes, classes]
    weights: np.ndarray  # [n, passes], summing to 1
    class_: np.ndarray
    probability: np.ndarray  # of the class
    mean_probabilities: np.ndarray  # [n, classes]
    predictive_entropy: np.ndarray
    expected_entropy: np.ndarray
    mutual_information: np.ndarray
    variation_ratio: np.ndarray
    top_class_std: np.ndarray
    distinct_leaves: np.ndarray

    def log_probabilities(self) -> np.ndarray:
        """Logarithm of the mean probabilities by log-sum-exp, which stays finite where the mean underflows."""
        terms = log_softmax(self.logits) + np.log(self.weights)[..., None]
        top = terms.max(1)
        return top + np.log(np.exp(terms - top[:, None]).sum(1))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Entropy in nats along the last axis, with 0 log 0 = 0."""
    return -(probabilities * np.log(np.where(probabilities > 0, probabilities, 1))).sum(-1)


def summarize(logits: np.ndarray, weights: np.ndarray, distinct: np.ndarray) -> Prediction:
    """Reduce logits [n, passes, classes], with the weights [n, passes] of the passes, to the statistics per input."""
    logits = logits.astype(np.float64)
    each, w = np.exp(log_softmax(logits)), weights[..., None]
    mean = (each * w).sum(1)
    rows, top = np.arange(len(mean)), mean.argmax(1)
    ratio = np.where(each > 0, each, 1) / np.where(mean > 0, mean, 1)[:, None]
    information = np.where(distinct > 1, (w * each * np.log(ratio)).sum((1, 2)), 0)
    votes = (np.eye(mean.shape[1])[logits.argmax(2)] * w).sum(1)
    spread = each[rows, :, top] - mean[rows, top, None]
    return Prediction(logits, weights, top, mean[rows, top], mean, entropy(mean), (weights * entropy(each)).sum(1),
                      information, 1 - votes.max(1), np.sqrt((weights * spread**2).sum(1)), distinct)


def forward(model: nn.Module, x: Tensor, draws: List[Tensor]) -> np.ndarray:
    """Run one pass of all inputs with the given draws (one row per input) in batches."""
    model.eval()
    out = []
    with torch.no_grad():
        for rows in torch.arange(len(x)).split(BATCH):
            with replay(model, [draw[rows] for draw in draws]):
                out.append(model(x[rows]).numpy())
    return np.concatenate(out)


def mc_predict(model: nn.Module, x: Tensor, samples: int, seed: int, first_index: int = 0) -> Prediction:
    """Predict with `samples` passes, drawn by Philox for the inputs `first_index`, `first_index` + 1, ..."""
    inputs = first_index + np.arange(len(x), dtype=np.uint64)
    passes, leaves = [], []
    for pass_ in range(samples):
        draws = philox.draws(sites(model), seed, inputs, pass_)
        passes.append(forward(model, x, draws))
        leaves.append(np.concatenate([draw.numpy() for draw in draws], 1))
    distinct = np.array([len(np.unique(leaf, axis=0)) for leaf in np.stack(leaves, 1)])
    return summarize(np.stack(passes, 1), np.full((len(x), samples), 1 / samples), distinct)


def all_leaves(model: nn.Module) -> Iterator[Tuple[float, List[bool]]]:
    """Enumerate the joint draws of a model whose sites have one element each, with their probabilities."""
    if any(site.elements != 1 for site in sites(model)):
        raise ValueError("the model has mask sites; their draws are too many to enumerate")
    for leaf in itertools.product((False, True), repeat=len(sites(model))):
        chances = [site.p if drop else 1 - site.p for site, drop in zip(sites(model), leaf)]
        yield float(np.prod(chances)), list(leaf)


def exact_predict(model: nn.Module, x: Tensor) -> Prediction:
    """Predict with all draws, each weighted by its probability: no Monte-Carlo error is left."""
    leaves = [(chance, leaf) for chance, leaf in all_leaves(model) if chance > 0]
    run = lambda leaf: forward(model, x, [torch.full((len(x), 1), drop) for drop in leaf])
    logits = np.stack([run(leaf) for _, leaf in leaves], 1)
    weights = np.broadcast_to([chance for chance, _ in leaves], logits.shape[:2])
    return summarize(logits, weights, np.full(len(x), len(leaves)))


def deterministic_predict(model: nn.Module, x: Tensor) -> Prediction:
    """Predict with one pass without draws: all scales kept, or no mask and no factor."""
    model.eval()
    with torch.no_grad(), deterministic(model):
        logits = torch.cat([model(part) for part in x.split(BATCH)]).numpy()[:, None]
    return summarize(logits, np.ones(logits.shape[:2]), np.ones(len(x), int))


def bits_behind(model: nn.Module, site: Site, x: Tensor) -> Tensor:
    """Run the model and return the output of the first sign behind a site."""
    modules = list(model.modules())
    sign = next(module for module in modules[modules.index(site):] if isinstance(module, Sign))
    seen = []
    hook = sign.register_forward_hook(lambda module, args, out: seen.append(out))
    with torch.no_grad():
        model(x)
    hook.remove()
    return seen[0]


def flips(model: nn.Module, x: Tensor) -> List[float]:
    """Share of the bits behind each site that change when it alone drops (a mask site: by its draw of pass 0)."""
    shares = []
    model.eval()
    for number, site in enumerate(sites(model)):
        with deterministic(model):
            kept = bits_behind(model, site, x)
            drop = np.ones((len(x), 1), bool) if site.elements == 1 else \
                philox.dropped(0, np.arange(len(x)), 0, number, site.elements, site.p)
            site.mc, site.recorded = True, torch.from_numpy(drop)
            shares.append((bits_behind(model, site, x) != kept).float().mean().item())
            site.recorded = None
    return shares

"""Train one of the shipped models from a seed: `python3 train.py NAME`. Writes `out/NAME.pt` and `models/NAME.log`."""
import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from bitbayes_training import data
from bitbayes_training.modules import ScaleDropout, clamp_, deterministic
from bitbayes_training.networks import NETWORKS
from bitbayes_training.predict import flips

OUT = Path(__file__).resolve().parent / "out"


class Recipe(NamedTuple):
    """The hyperparameters of one training run; all of them are our own choices."""

    epochs: int
    batch: int
    top_rate: float
    shift: int
    margin: float = 0.7  # scales are kept this far from 1, on a log scale ...
    margin_weight: float = 1.0  # ... by a penalty of this weight
    seed: int = 0


RECIPES = {
    "digits-mlp-scale": Recipe(epochs=60, batch=50, top_rate=5e-3, shift=0),
    "mnist-conv-scale": Recipe(epochs=14, batch=200, top_rate=5e-3, shift=2),
    "mnist-conv-spatial": Recipe(epochs=22, batch=200, top_rate=5e-3, shift=2),
}


class Log:
    """Print lines and keep them in a file."""

    def __init__(self, path: Path, mode: str = "w"):
        self.file = path.open(mode)

    def __call__(self, line: str) -> None:
        print(line, flush=True)
        self.file.write(line + "\n")
        self.file.flush()


def accuracy(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The deterministic accuracy, in evaluation mode."""
    model.eval()
    with torch.no_grad(), deterministic(model):
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in zip(images.split(500), labels.split(500)))
    return right / len(labels)


def train_epoch(model, images, labels, recipe: Recipe, optimiser, schedule, log=None) -> float:
    """Run one epoch over all whole batches and return the mean loss."""
    model.train()
    scales = [module for module in model.modules() if isinstance(module, ScaleDropout)]
    order, total, started = torch.randperm(len(images)), 0.0, time.time()
    steps = len(images) // recipe.batch
    for step in range(steps):
        rows = order[step * recipe.batch:(step + 1) * recipe.batch]
        loss = F.cross_entropy(model(data.shifted(images[rows], recipe.shift)), labels[rows])
        cost = loss + recipe.margin_weight * sum(scale.collapse(recipe.margin) for scale in scales)
        optimiser.zero_grad()
        cost.backward()
        optimiser.step()
        schedule.step()
        clamp_(model)
        total += loss.item()
        if log and step == 99:
            log(f"first 100 steps: {time.time() - started:.1f} s")
    return total / steps


def train(name: str, recipe: Recipe, splits: data.Splits, preprocess: data.Preprocessing, log: Log) -> torch.nn.Module:
    """Train a model with Adam and a one-cycle learning rate; validation is only watched, never trained on."""
    torch.manual_seed(recipe.seed)
    model = NETWORKS[name]()
    images, held_back = preprocess(splits.train[0]), preprocess(splits.validation[0])
    labels, held_labels = (torch.from_numpy(part[1].astype(np.int64)) for part in splits[:2])
    steps = recipe.epochs * (len(images) // recipe.batch)
    optimiser = torch.optim.Adam(model.parameters(), recipe.top_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.top_rate, total_steps=steps)
    log(f"{name}: {recipe}, {len(images)} training and {len(held_back)} validation images, torch {torch.__version__}")
    started = time.time()
    for epoch in range(recipe.epochs):
        loss = train_epoch(model, images, labels, recipe, optimiser, schedule, None if epoch else log)
        OUT.mkdir(exist_ok=True)
        torch.save(model.state_dict(), OUT / f"{name}.pt")
        log(f"epoch {epoch + 1:3d}/{recipe.epochs}  loss {loss:.4f}  validation accuracy without draws "
            f"{accuracy(model, held_back, held_labels):.4f}  flips "
            f"{' '.join(f'{share:.2%}' for share in flips(model, held_back[:500]))}  {time.time() - started:.0f} s")
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=list(NETWORKS))
    parser.add_argument("--data", type=Path, default=data.DATA, help="folder that holds mnist/")
    parser.add_argument("--epochs", type=int, help="other than the recipe's number")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = RECIPES[options.name]
    if options.epochs:
        recipe = recipe._replace(epochs=options.epochs)
    splits, preprocess = data.load(options.name, options.data)
    train(options.name, recipe, splits, preprocess, Log(data.MODELS / f"{options.name}.log"))


if __name__ == "__main__":
    main()

"""Networks for speed, the same topologies as `bitbayes bench model` builds in C: weights are noise from a seed."""
from pathlib import Path
from typing import Callable, Dict

import numpy as np
import torch
from torch import Tensor, nn

from .data import Preprocessing
from .export import check_set, export, write_check_set
from .modules import BinaryConv2d, ScaleDropout, Sign, deterministic
from .networks import Head, ScaleBlock

PREPROCESS = Preprocessing(scale=1.0, mean=127.5, std=64.0)
CLASSES = [str(number) for number in range(10)]


def vgg_small(p: float = 0.1) -> nn.Sequential:
    """Six 3x3 binary convolutions for 32x32 RGB images, a Scale-Dropout site behind each, pools after 2, 4, 6."""
    widths = (3, 128, 128, 256, 256, 512, 512)
    blocks = [ScaleBlock(i, o, k % 2 == 1, p) for k, (i, o) in enumerate(zip(widths, widths[1:]))]
    return nn.Sequential(*blocks, nn.Flatten(), Head(widths[-1] * 16, 10))


class BirealLayer(nn.Module):
    """A 3x3 layer with its site, and around it a shortcut: the input, or with a step a binary 1x1 layer on its bits."""

    def __init__(self, inputs: int, outputs: int, step: int, p: float):
        super().__init__()
        self.sign = Sign()
        self.shortcut = None if step == 1 else nn.Sequential(BinaryConv2d(inputs, outputs, 1, stride=step),
                                                             nn.BatchNorm2d(outputs))
        self.conv = BinaryConv2d(inputs, outputs, 3, stride=step, padding=1)
        self.drop = ScaleDropout(outputs, p)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        bits = self.sign(x)
        return self.norm(self.drop(self.conv(bits))) + (x if self.shortcut is None else self.shortcut(bits))


def resnet18_cifar(p: float = 0.1) -> nn.Sequential:
    """ResNet-18 for 32x32 RGB images with a shortcut around each of its 16 layers; a Scale-Dropout site in each."""
    widths = [64 << group for group in range(4) for _ in range(4)]
    layers = [BirealLayer(i, o, 2 if i != o else 1, p) for i, o in zip([64, *widths], widths)]
    return nn.Sequential(BinaryConv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), *layers, nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), Head(512, 10))


NETWORKS: Dict[str, Callable[[], nn.Module]] = {"resnet18-cifar": resnet18_cifar, "vgg-small": vgg_small}


def pixels(count: int, seed: int) -> np.ndarray:
    """Return random images, uint8 [count, 3, 32, 32]."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)


def build(name: str, seed: int = 0) -> nn.Module:
    """Return a network with weights from the seed and BatchNorms that centre its sums, so that no bit is stuck."""
    torch.manual_seed(seed)
    model = NETWORKS[name]()
    norms = [module for module in model.modules() if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
        norm.momentum = None  # one pass in training mode: its statistics are the stored ones
    with torch.no_grad(), deterministic(model):
        model.train()(PREPROCESS(pixels(16, seed)))
    return model.eval()


def write(name: str, path: Path, check: Path = None, seed: int = 0, images: int = 2, passes: int = 4) -> nn.Module:
    """Write a network as ONNX and, if asked, draws with the logits that belong to them; return the network."""
    model = build(name, seed)
    export(model, path, PREPROCESS(pixels(2, seed)), PREPROCESS, CLASSES)
    if check is not None:
        write_check_set(check, check_set(model, pixels(images, seed + 1), PREPROCESS, passes))
    return model

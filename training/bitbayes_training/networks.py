"""The networks that the project ships. Each ends in raw logits, multiplied by one fitted inverse temperature."""
from typing import Callable, Dict, Sequence

import torch
from torch import Tensor, nn

from .modules import BinaryConv2d, BinaryLinear, ScaleDropout, Sign, SpatialDropout


class Head(nn.Module):
    """A binary dense layer, a BatchNorm with stored statistics, and the inverse temperature."""

    def __init__(self, features: int, classes: int):
        super().__init__()
        self.dense = BinaryLinear(features, classes)
        self.norm = nn.BatchNorm1d(classes)
        self.register_buffer("inverse_temperature", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.dense(x)) * self.inverse_temperature


class ScaleBlock(nn.Module):
    """Binary convolution, [max pool], Scale-Dropout, BatchNorm, sign."""

    def __init__(self, inputs: int, outputs: int, pool: bool, p: float):
        super().__init__()
        self.conv = BinaryConv2d(inputs, outputs, 3, padding=1)
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()
        self.drop = ScaleDropout(outputs, p)
        self.norm = nn.BatchNorm2d(outputs)
        self.sign = Sign()

    def forward(self, x: Tensor) -> Tensor:
        return self.sign(self.norm(self.drop(self.pool(self.conv(x)))))


class SpatialBlock(nn.Module):
    """[Spatial dropout], binary convolution, the dropout's factor, [max pool], BatchNorm, sign."""

    def __init__(self, inputs: int, outputs: int, pool: bool, p: float):
        super().__init__()
        self.drop = SpatialDropout(inputs, p) if p else None
        self.conv = BinaryConv2d(inputs, outputs, 3, padding=1)
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()
        self.norm = nn.BatchNorm2d(outputs)
        self.sign = Sign()

    def forward(self, x: Tensor) -> Tensor:
        z = self.conv(x) if self.drop is None else self.drop.compensate(self.conv(self.drop(x)))
        return self.sign(self.norm(self.pool(z)))


def conv_scale(widths: Sequence[int] = (32, 64, 64, 128), p: float = 0.1) -> nn.Sequential:
    """Four zero-padded 3x3 binary convolutions for 28x28 images, a Scale-Dropout site behind each."""
    blocks = [ScaleBlock(i, o, pool, p) for i, o, pool in zip((1, *widths), widths, (True, False, True, False))]
    return nn.Sequential(*blocks, nn.Flatten(), Head(widths[-1] * 49, 10))


def conv_spatial(widths: Sequence[int] = (32, 64, 64, 128), p: float = 0.1) -> nn.Sequential:
    """The same four convolutions with a spatial dropout before each but the first."""
    pools = (True, False, True, False)
    blocks = [SpatialBlock(i, o, pool, p if k else 0)
              for k, (i, o, pool) in enumerate(zip((1, *widths), widths, pools))]
    return nn.Sequential(*blocks, nn.Flatten(), Head(widths[-1] * 49, 10))


def mlp_scale(widths: Sequence[int] = (256, 256, 256), p: float = 0.15) -> nn.Sequential:
    """Three binary dense layers for 8x8 images, a Scale-Dropout site behind each."""
    layers = [nn.Flatten()]
    for inputs, outputs in zip((64, *widths), widths):
        layers += [BinaryLinear(inputs, outputs), ScaleDropout(outputs, p, dims=2), nn.BatchNorm1d(outputs), Sign()]
    return nn.Sequential(*layers, Head(widths[-1], 10))


NETWORKS: Dict[str, Callable[[], nn.Sequential]] = {
    "digits-mlp-scale": mlp_scale,
    "mnist-conv-scale": conv_scale,
    "mnist-conv-spatial": conv_spatial,
}

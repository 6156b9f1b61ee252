"""Binary layers and the dropouts of Bayesian binary networks, as plain `nn.Module`s.

The stochastic layers are always on: their switch `mc` does not depend on `train()` or `eval()`, because Bayesian
inference keeps drawing when training has ended. Each of them is one *site*, numbered in the order of execution. A site
draws with `torch.rand`, which survives ONNX export, unless a draw was handed to it in `replay`.
"""
from contextlib import contextmanager
from typing import Iterator, List, Optional, Sequence

import numpy
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _SignFunction(torch.autograd.Function):
    """The sign with sign(0) = +1; its gradient is the identity inside [-1, 1] and zero outside."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() <= 1)

    @staticmethod
    def symbolic(g, x):
        """Export as GreaterOrEqual and Where; ONNX's own Sign would map 0 to 0."""
        constant = lambda value: g.op("Constant", value_t=torch.tensor(value))
        return g.op("Where", g.op("GreaterOrEqual", x, constant(0.0)), constant(1.0), constant(-1.0)).setType(x.type())


class Sign(nn.Module):
    """Binary activation: +1 where the input is at least 0, else -1, trained with a straight-through gradient."""

    def forward(self, x: Tensor) -> Tensor:
        return _SignFunction.apply(x)


class _BinaryWeight:
    """What the binary layers share: real proxy weights in [-1, 1] for training, int8 signs once frozen."""

    weight: nn.Parameter
    signs: Optional[Tensor]

    def binary_weight(self) -> Tensor:
        """Return the weights as +-1 floats; from the frozen int8 signs if there are some."""
        if self.signs is not None:
            return self.signs.to(self.weight.dtype)
        return _SignFunction.apply(self.weight)

    def clamp_(self) -> None:
        """Bring the proxies back into [-1, 1]; call it after every optimiser step."""
        with torch.no_grad():
            self.weight.clamp_(-1, 1)

    def freeze(self) -> None:
        """Store the signs as int8, so that an exported file holds one byte a weight and a Cast."""
        self.signs = torch.where(self.weight >= 0, 1, -1).to(torch.int8)


class BinaryConv2d(_BinaryWeight, nn.Conv2d):
    """A convolution with weights +-1 and no bias. Zero padding counts 0, neither +1 nor -1."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, bias=False)
        self.register_buffer("signs", None)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.binary_weight(), None, self.stride, self.padding)


class BinaryLinear(_BinaryWeight, nn.Linear):
    """A dense layer with weights +-1 and no bias."""

    def __init__(self, in_features: int, out_features: int):
        super().__init__(in_features, out_features, bias=False)
        self.register_buffer("signs", None)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.binary_weight())


class Site(nn.Module):
    """A place where random bits enter. `elements` of them are drawn for every image and every pass."""

    def __init__(self, elements: int, p: float):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p is {p}; a probability is expected")
        self.elements = elements
        self.p = float(numpy.float32(p))  # an ONNX file holds p as float32: draw with the number that a reader sees
        self.mc = True
        self.recorded: Optional[Tensor] = None

    def dropped(self, x: Tensor) -> Tensor:
        """Return which elements drop, a bool tensor that broadcasts against `x`; one row per image."""
        ones = (1,) * (x.dim() - 2)
        if self.recorded is not None:
            return self.recorded.reshape(x.shape[0], self.elements, *ones)
        return torch.rand(x.shape[0], self.elements, *ones) < self.p


class ScaleDropout(Site):
    """Multiply by a learnt scale per channel; on a drop the whole scale vector is replaced by 1.

    One Bernoulli(p) for every image and pass: a mask per batch would cancel in the BatchNorm behind it. The scale
    starts log-normally spread around 1, since a scale that starts at 1 stays there and its drop then changes nothing.
    The loss also pulls it back to 1 in the course of training; `collapse` is a penalty against that.
    """

    def __init__(self, channels: int, p: float, dims: int = 4, spread: float = 0.7):
        super().__init__(1, p)
        self.scale = nn.Parameter(torch.exp(spread * torch.randn(1, channels, *(1,) * (dims - 2))))

    def forward(self, x: Tensor) -> Tensor:
        if not self.mc:
            return x * self.scale
        return x * torch.where(self.dropped(x), x.new_tensor(1.0), self.scale)

    def collapse(self, margin: float) -> Tensor:
        """Return the mean square of what the scales' magnitudes lack to be `margin` away from 1 on a log scale."""
        return F.relu(margin - self.scale.abs().clamp(min=1e-3).log().abs()).square().mean()


class SpatialDropout(Site):
    """Drop whole input feature maps of a binary convolution.

    The mask of zeros and ones comes before the convolution, so that its input stays binary; `compensate` applies the
    factor 1/(1-p) behind it, where it is one float32 multiplication per sum.
    """

    def __init__(self, channels: int, p: float):
        super().__init__(channels, p)
        if p == 1:
            raise ValueError("p is 1; the factor 1/(1-p) needs less")

    def forward(self, x: Tensor) -> Tensor:
        if not self.mc:
            return x
        return x * torch.where(self.dropped(x), x.new_tensor(0.0), x.new_tensor(1.0))

    def compensate(self, z: Tensor) -> Tensor:
        return z * (1 / (1 - self.p)) if self.mc else z


def sites(model: nn.Module) -> List[Site]:
    """List the sites of a model in order of registration, which has to be the order of execution."""
    return [module for module in model.modules() if isinstance(module, Site)]


@contextmanager
def deterministic(model: nn.Module) -> Iterator[None]:
    """Switch all draws off: every scale is kept, no feature map is masked, and the factor is 1."""
    before = [site.mc for site in sites(model)]
    for site in sites(model):
        site.mc = False
    try:
        yield
    finally:
        for site, mc in zip(sites(model), before):
            site.mc = mc


@contextmanager
def replay(model: nn.Module, draws: Sequence[Tensor]) -> Iterator[None]:
    """Use the given draws, one bool tensor [images, elements] per site (true = dropped), instead of `torch.rand`."""
    if len(draws) != len(sites(model)):
        raise ValueError(f"{len(draws)} draws were given; the model has {len(sites(model))} sites")
    for site, draw in zip(sites(model), draws):
        site.recorded = draw
    try:
        yield
    finally:
        for site in sites(model):
            site.recorded = None


def clamp_(model: nn.Module) -> None:
    """Bring all weight proxies of a model back into [-1, 1]."""
    for module in model.modules():
        if isinstance(module, _BinaryWeight):
            module.clamp_()

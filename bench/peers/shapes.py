"""The layers that are compared: read from the same file as `bitbayes bench` reads them from."""
from pathlib import Path
from typing import List, NamedTuple

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "shapes" / "peers.txt"


class Layer(NamedTuple):
    """A binary convolution with zero padding that keeps the map's size at step 1."""

    kernel: int
    height: int
    width: int
    inputs: int
    outputs: int
    step: int

    @property
    def pad(self) -> int:
        """Return how many rows of zeros stand on each side."""
        return self.kernel // 2

    @property
    def name(self) -> str:
        """Return the name that rows of `bitbayes bench kernels` carry, without the batch."""
        step = f"/step{self.step}" if self.step != 1 else ""
        return f"conv{self.kernel}x{self.kernel}/{self.height}x{self.width}x{self.inputs}x{self.outputs}{step}"

    @property
    def out_size(self):
        """Return height and width of the output."""
        return tuple((size + 2 * self.pad - self.kernel) // self.step + 1 for size in (self.height, self.width))

    @property
    def operations(self) -> int:
        """Return 2 x taps x input channels x outputs of one image."""
        height, width = self.out_size
        return 2 * self.kernel ** 2 * self.inputs * self.outputs * height * width


def layers(path: Path = FILE) -> List[Layer]:
    """Read the layers of a shapes file."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        if words:
            step = [int(word[5:]) for word in words[2:] if word.startswith("step=")]
            size = [int(number) for number in words[1].split("x")]
            found.append(Layer(int(words[0][4]), *size, step[0] if step else 1))
    return found


def signs(rng: np.random.Generator, shape) -> np.ndarray:
    """Draw -1 and +1 with equal probability, as float32."""
    return (2 * rng.integers(0, 2, shape) - 1).astype(np.float32)


def columns(layer: Layer, x: np.ndarray) -> np.ndarray:
    """Return the patches of `x` [n, c, h, w] as rows [n * positions, c * taps]; padding counts 0."""
    pad = ((0, 0), (0, 0), (layer.pad, layer.pad), (layer.pad, layer.pad))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, pad), (layer.kernel, layer.kernel), (2, 3))
    windows = windows[:, :, ::layer.step, ::layer.step]
    return np.ascontiguousarray(windows.transpose(0, 2, 3, 1, 4, 5)).reshape(-1, layer.inputs * layer.kernel ** 2)


def oracle(layer: Layer, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the exact sums [n, outputs, h, w]; they are whole numbers below 2**24, so float32 holds them."""
    sums = columns(layer, x) @ weights.reshape(layer.outputs, -1).T
    return sums.reshape(len(x), *layer.out_size, layer.outputs).transpose(0, 3, 1, 2)

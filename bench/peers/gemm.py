"""A float32 matrix product of the same shape as a layer, by the OpenBLAS that NumPy brings: [positions, taps] x [taps, outputs]."""
import time
from typing import List

import numpy as np

from shapes import Layer, columns, signs


def version() -> str:
    """Name the library behind NumPy's products."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}, NumPy {np.__version__}"


class Subject:
    """The product of one layer; making its rows from the map is not counted."""

    def __init__(self, layer: Layer, batch: int):
        rng = np.random.default_rng(list(layer))
        self.rows = columns(layer, signs(rng, (batch, layer.inputs, layer.height, layer.width)))
        self.weights = np.ascontiguousarray(signs(rng, (layer.outputs, self.rows.shape[1])).T)
        self.out = np.empty((len(self.rows), layer.outputs), np.float32)

    def problem(self) -> str:
        """Compare some rows with whole-number arithmetic."""
        np.matmul(self.rows, self.weights, out=self.out)
        some = slice(None, None, max(1, len(self.rows) // 64))
        wanted = self.rows[some].astype(np.int64) @ self.weights.astype(np.int64)
        n_wrong = int((self.out[some] != wanted).sum())
        return f"{n_wrong} of {wanted.size} sums differ" if n_wrong else ""

    def seconds(self, duration: float) -> List[float]:
        """Run for `duration` seconds and return the seconds of every product."""
        out, end = [], time.monotonic() + duration
        while time.monotonic() < end or len(out) < 3:
            begun = time.perf_counter()
            np.matmul(self.rows, self.weights, out=self.out)
            out.append(time.perf_counter() - begun)
        return out

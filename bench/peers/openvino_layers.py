"""OpenVINO's BinaryConvolution: bits in, threshold fused, bits out, timed by the plugin's own counters."""
import time
from typing import List

import numpy as np
import openvino
from openvino import opset1
from openvino.opset13 import constant

from shapes import Layer, oracle, signs

VERSION = openvino.__version__.split("-")[0]
SETTINGS = {"PERF_COUNT": True, "INFERENCE_NUM_THREADS": 2, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}


def _bits(weights: np.ndarray):
    packed = np.packbits((weights > 0).reshape(-1), bitorder="little")
    return constant(openvino.Tensor(packed, openvino.Shape(list(weights.shape)), openvino.Type.u1), shared_memory=False)


def _binarize(x, threshold: np.ndarray):
    """A two-level FakeQuantize to 0 and 1: the form that the plugin fuses. Bits are 1 above the threshold."""
    shape = (1, len(threshold), 1, 1)
    limit = [constant(threshold.reshape(shape).astype(np.float32)) for _ in range(2)]
    level = [constant(np.full(shape, value, np.float32)) for value in (0, 1)]
    return opset1.fake_quantize(x, *limit, *level, 2)


def _convolve(x, weights: np.ndarray, step: int, pad: int):
    return opset1.binary_convolution(x, _bits(weights), [step] * 2, [pad] * 2, [pad] * 2, [1, 1], "xnor-popcount", 0.0)


class Subject:
    """One layer in a network that makes bits before it and reads its bits behind it."""

    def __init__(self, layer: Layer, batch: int, core: openvino.Core):
        self.layer = layer
        rng = np.random.default_rng(list(layer))
        self.weights = signs(rng, (layer.outputs, layer.inputs, layer.kernel, layer.kernel))
        self.threshold = rng.integers(-8, 8, layer.outputs) + 0.5
        self.x = signs(rng, (batch, layer.inputs, layer.height, layer.width))
        given = opset1.parameter(list(self.x.shape), openvino.Type.f32)
        bits = _binarize(given, np.zeros(layer.inputs))
        self.node = _convolve(bits, self.weights, layer.step, layer.pad)
        out = _binarize(self.node, self.threshold)
        # y[k] = sum of all bits - 2 x bit k: every bit can be told from these
        reader = (1 - 2 * np.eye(layer.outputs, dtype=np.float32)).reshape(layer.outputs, layer.outputs, 1, 1)
        model = openvino.Model([_convolve(out, reader, 1, 0)], [given])
        self.compiled = core.compile_model(model, "CPU", SETTINGS)
        self.request = self.compiled.create_infer_request()

    def problem(self) -> str:
        """Say what is wrong with the layer, or return nothing: every bit is compared with the oracle."""
        y = self.request.infer([self.x])[0]
        total = y.sum(1, keepdims=True) / (self.layer.outputs - 2)
        found = (total - y) / 2
        wanted = np.where(oracle(self.layer, self.x, self.weights) > self.threshold.reshape(1, -1, 1, 1), 1, -1)
        n_wrong = int((found != wanted).sum())
        if n_wrong:
            return f"{n_wrong} of {wanted.size} bits differ from the oracle"
        for node in self.compiled.get_runtime_model().get_ordered_ops():
            if node.get_friendly_name() == self.node.get_friendly_name():
                info = node.get_rt_info()
                kind, precision = (str(info[key].value) for key in ("primitiveType", "outputPrecisions"))
                self.kernel = kind
                return "" if precision == "u1" and "jit" in kind else f"not the packed kernel: {kind}, output {precision}"
        return "the layer is not in the compiled network"

    def seconds(self, duration: float) -> List[float]:
        """Run for `duration` seconds and return the layer's own seconds of every run."""
        out, end = [], time.monotonic() + duration
        while time.monotonic() < end or len(out) < 3:
            self.request.infer([self.x])
            out += [node.real_time.total_seconds() for node in self.request.profiling_info
                    if node.node_name == self.node.get_friendly_name()]
        return out

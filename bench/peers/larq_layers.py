"""Larq Compute Engine as an oracle: larq_layers.py IN.npz OUT.npz, run in an environment of its own.

IN.npz holds x0, weights0, x1, weights1, ... as +-1 (NCHW and OIHW); OUT.npz gets sums0, sums1, ... (NCHW).
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import larq  # noqa: E402
import larq_compute_engine  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow  # noqa: E402


def sums(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Convert one zero-padded binary convolution and run it."""
    outputs, inputs, kernel = weights.shape[:3]
    layer = larq.layers.QuantConv2D(outputs, kernel, padding="same", use_bias=False, input_quantizer="ste_sign",
                                    kernel_quantizer="ste_sign")
    given = tensorflow.keras.Input(x.shape[2:] + (inputs,))
    model = tensorflow.keras.Model(given, layer(given))
    layer.set_weights([weights.transpose(2, 3, 1, 0)])
    engine = larq_compute_engine.testing.Interpreter(larq_compute_engine.convert_keras_model(model))
    return engine.predict(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


if __name__ == "__main__":
    with np.load(sys.argv[1]) as given:
        n_layers = len(given.files) // 2
        found = {f"sums{i}": sums(given[f"x{i}"], given[f"weights{i}"]) for i in range(n_layers)}
    np.savez(sys.argv[2], **found)

"""The exported files run unchanged in onnxruntime, and its passes agree with the exact probabilities.

onnxruntime comes from PyPI; without it, or without the built program, these tests are skipped by name.
"""
import csv
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

onnxruntime = pytest.importorskip("onnxruntime")

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("BB_PROGRAM", ROOT / "build" / "bitbayes"))
PASSES, IMAGES = 2000, 100
# what finish.py writes into the file as bitbayes.scale, .mean and .std
SCALE, MEAN, STD = 1 / 16, 0.3058, 0.3757


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def exact_probabilities(model, images, folder):
    """Mean probabilities over all leaves, by the C program."""
    np.save(folder / "images.npy", images)
    subprocess.run([PROGRAM, "score", model, "--data", folder / "images.npy", "-T", "exact", "-d", "ref", "-q",
                    "--probabilities", "--no-deterministic", "--out", folder], check=True, stdout=subprocess.DEVNULL)
    rows = list(csv.DictReader(open(folder / "scores.csv", encoding="utf-8")))
    return np.array([[float(row[f"p_{c}"]) for c in range(10)] for row in rows])


def test_mean_of_passes_agrees_with_exact(tmp_path):
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    model = ROOT / "models" / "digits-mlp-scale.onnx"
    images = np.load(ROOT / "models" / "digits" / "test-images.npy")[:IMAGES]
    exact = exact_probabilities(model, images, tmp_path)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    x = ((images.astype(np.float32) * SCALE - MEAN) / STD).astype(np.float32)
    passes = np.stack([softmax(session.run(None, {name: x})[0].astype(np.float64)) for _ in range(PASSES)])
    assert passes.std(0).max() > 0.01, "no pass differs from another: the draws are frozen"
    error = passes.std(0) / np.sqrt(PASSES)
    worst = (np.abs(passes.mean(0) - exact) / (6 * error + 1e-5)).max()
    print(f"largest |mean - exact| is {6 * worst:.2f} standard errors")
    assert worst <= 1


@pytest.mark.parametrize("model", sorted((ROOT / "models").glob("*.onnx")), ids=lambda path: path.stem)
def test_every_shipped_file_runs_and_draws(model):
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    x = np.random.default_rng(0).standard_normal((16, *given.shape[1:])).astype(np.float32)
    runs = np.stack([session.run(None, {given.name: x})[0] for _ in range(20)])
    assert runs.shape == (20, 16, 10) and np.isfinite(runs).all()
    assert (runs.std(0) > 0).any()


def bernoulli_model(helper, proto):
    """y = x * Bernoulli(constant 0.5), the spelling that we do not write."""
    nodes = [helper.make_node("Bernoulli", ["p"], ["u"]), helper.make_node("Mul", ["x", "u"], ["y"])]
    tensor = lambda n: helper.make_tensor_value_info(n, proto.FLOAT, [64])
    graph = helper.make_graph(nodes, "g", [tensor("x")], [tensor("y")],
                              [helper.make_tensor("p", proto.FLOAT, [64], [0.5] * 64)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def test_whether_bernoulli_would_have_been_frozen():
    onnx = pytest.importorskip("onnx")
    model = bernoulli_model(onnx.helper, onnx.TensorProto)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    ones = np.ones(64, np.float32)
    runs = {session.run(None, {"x": ones})[0].tobytes() for _ in range(20)}
    frozen = len(runs) == 1
    print(f"onnxruntime {onnxruntime.__version__}: a Bernoulli of a constant is {'frozen' if frozen else 'drawn'}")
    assert frozen or len(runs) == 20

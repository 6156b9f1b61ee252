"""VGG-Small in float32, all Monte Carlo passes of some images in one batch: onnxruntime and PyTorch."""
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

from bitbayes_training import philox, speed  # noqa: E402 (the companion is no installed package)
from bitbayes_training.export import frozen  # noqa: E402
from bitbayes_training.modules import BinaryConv2d, BinaryLinear, replay, sites  # noqa: E402
from bitbayes_training.predict import forward  # noqa: E402

THREADS = 2
CHECKED = 4  # images, each with CHECKED passes
TOLERANCE = 1e-3


def open_draws(model: onnx.ModelProto) -> onnx.ModelProto:
    """Turn every RandomUniformLike into an input, so that given draws can be replayed."""
    graph, kept = model.graph, []
    for node in graph.node:
        if node.op_type == "RandomUniformLike":
            shape = ["batch", 1, 1, 1]
            graph.input.append(onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, shape))
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
    return model


def session(model) -> onnxruntime.InferenceSession:
    """Return a session with two threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Networks:
    """The network, its file, and what every pass of a few images has to give."""

    def __init__(self, name: str, path: Path):
        torch.set_num_threads(THREADS)
        self.path = path
        self.model = speed.write(name, path, path.with_suffix(".check"))
        inputs = np.repeat(np.arange(CHECKED), CHECKED)
        pixels = speed.pixels(CHECKED, 2)[inputs]
        self.x = speed.PREPROCESS(pixels)
        passes = [philox.draws(sites(self.model), 0, np.arange(CHECKED), p) for p in range(CHECKED)]
        self.draws = [torch.stack([p[site] for p in passes], 1).flatten(0, 1) for site in range(len(passes[0]))]
        self.logits = forward(self.model, self.x, self.draws)


def problem(found: np.ndarray, wanted: np.ndarray) -> str:
    """Say by how much logits differ, or return nothing."""
    error = float(np.abs(found - wanted).max())
    return "" if error <= TOLERANCE else f"logits differ by up to {error:.3g} with the same draws"


class Onnxruntime:
    """The exported file as it is; draws come from its RandomUniformLike nodes."""

    name, version = "onnxruntime", onnxruntime.__version__

    def __init__(self, networks: Networks):
        self.networks = networks
        self.session = session(str(networks.path))

    def problem(self) -> str:
        """Replay draws through a copy of the file whose draws are inputs: above p is kept."""
        opened = session(open_draws(onnx.load(str(self.networks.path))).SerializeToString())
        draws = [np.where(draw.numpy(), 0, 1).astype(np.float32).reshape(-1, 1, 1, 1) for draw in self.networks.draws]
        names = [given.name for given in opened.get_inputs()]
        given = dict(zip(names, [self.networks.x.numpy(), *draws]))
        return problem(opened.run(None, given)[0], self.networks.logits)

    def prepare(self, images: int, passes: int) -> None:
        """Make a batch that holds every pass of every image."""
        self.x = speed.PREPROCESS(np.repeat(speed.pixels(images, 3), passes, 0)).numpy()

    def run(self) -> None:
        """Run the batch."""
        self.session.run(None, {"input": self.x})


class Pytorch:
    """The companion's network in evaluation mode, its weights already signs, channels last."""

    name, version = "PyTorch", torch.__version__

    def __init__(self, networks: Networks):
        self.networks = networks
        self.model = frozen(networks.model)
        for module in self.model.modules():
            if isinstance(module, (BinaryConv2d, BinaryLinear)):
                module.signs = module.signs.float()
        self.model = self.model.to(memory_format=torch.channels_last)

    def problem(self) -> str:
        """Replay draws."""
        with torch.inference_mode(), replay(self.model, self.networks.draws):
            found = self.model(self.networks.x.to(memory_format=torch.channels_last)).numpy()
        return problem(found, self.networks.logits)

    def prepare(self, images: int, passes: int) -> None:
        """Make a batch that holds every pass of every image."""
        x = speed.PREPROCESS(np.repeat(speed.pixels(images, 3), passes, 0))
        self.x = x.to(memory_format=torch.channels_last)

    def run(self) -> None:
        """Run the batch."""
        with torch.inference_mode():
            self.model(self.x)


def images_per_second(peer, images: int) -> float:
    """Run the prepared batch once."""
    begun = time.perf_counter()
    peer.run()
    return images / (time.perf_counter() - begun)


def best_batch(peer, passes: int, candidates=(1, 4, 16)) -> int:
    """Return how many images at a time suit the peer best."""
    rates = {}
    for images in candidates:
        peer.prepare(images, passes)
        peer.run()
        rates[images] = images_per_second(peer, images)
    best = max(rates, key=rates.get)
    peer.prepare(best, passes)
    return best

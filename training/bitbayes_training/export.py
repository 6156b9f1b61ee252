"""Write a model as one plain ONNX file, with what a reader needs to know, and a check set beside it."""
import copy
import inspect
import warnings
from pathlib import Path
from typing import Dict, NamedTuple, Sequence

import numpy as np
import torch
from torch import nn

from . import __version__, philox
from .data import Preprocessing
from .modules import BinaryConv2d, BinaryLinear, sites
from .predict import forward

OPSET = 15


class CheckSet(NamedTuple):
    """Raw inputs, the draws of every pass, and the logits that belong to them."""

    inputs: np.ndarray  # uint8 [inputs, ...]
    draws: np.ndarray  # uint8 [inputs, passes, bytes]
    logits: np.ndarray  # float32 [inputs, passes, classes]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def _field(number: int, content: bytes) -> bytes:
    """Encode one length-delimited protobuf field."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def metadata(properties: Dict[str, str]) -> bytes:
    """Encode metadata_props (field 14 of ModelProto); protobuf lets a repeated field follow at the end of a file."""
    return b"".join(_field(14, _field(1, key.encode()) + _field(2, value.encode()))
                    for key, value in properties.items())


def properties(preprocess: Preprocessing, classes: Sequence[str]) -> Dict[str, str]:
    """Say how raw pixels become the model's input, and what the classes are called."""
    number = lambda value: repr(float(np.float32(value)))
    return {
        "bitbayes.scale": number(preprocess.scale),
        "bitbayes.mean": number(preprocess.mean),
        "bitbayes.std": number(preprocess.std),
        "bitbayes.classes": ",".join(classes),
        "bitbayes.producer": f"bitbayes_training {__version__}, torch {torch.__version__}",
    }


def frozen(model: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode whose binary weights are int8 signs."""
    model = copy.deepcopy(model).eval()
    for module in model.modules():
        if isinstance(module, (BinaryConv2d, BinaryLinear)):
            module.freeze()
    return model


def export(model: nn.Module, path: Path, example: torch.Tensor, preprocess: Preprocessing,
           classes: Sequence[str]) -> None:
    """Write the ONNX file. Draws become RandomUniformLike nodes; nothing is folded, so int8 weights stay int8."""
    newer = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    axes = {"input": {0: "batch"}, "logits": {0: "batch"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns about every constant
        torch.onnx.export(frozen(model), example, str(path), opset_version=OPSET, do_constant_folding=False,
                          input_names=["input"], output_names=["logits"], dynamic_axes=axes, **newer)
    with open(path, "ab") as file:
        file.write(metadata(properties(preprocess, classes)))


def pack(draws: Sequence[torch.Tensor], elements: Sequence[int]) -> np.ndarray:
    """Encode the draws of one pass: a byte per bank (1 = dropped), ceil(C/8) bytes per mask (a set bit = kept)."""
    rows = [draw.numpy().astype(np.uint8) if count == 1 else np.packbits(~draw.numpy(), 1, "little")
            for draw, count in zip(draws, elements)]
    return np.concatenate(rows, 1)


def check_set(model: nn.Module, pixels: np.ndarray, preprocess: Preprocessing, passes: int = 8) -> CheckSet:
    """Run the inputs, numbered from 0, with seed 0, and record draws and logits."""
    inputs, elements = np.arange(len(pixels)), [site.elements for site in sites(model)]
    draws = [philox.draws(sites(model), 0, inputs, pass_) for pass_ in range(passes)]
    logits = [forward(model, preprocess(pixels), draw) for draw in draws]
    return CheckSet(pixels, np.stack([pack(draw, elements) for draw in draws], 1), np.stack(logits, 1))


def write_check_set(folder: Path, check: CheckSet) -> None:
    """Write `inputs.npy`, `draws.npy` and `logits.npy`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in check._asdict().items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array))

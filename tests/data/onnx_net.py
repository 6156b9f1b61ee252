"""Small ONNX graphs for the tests, and what they compute.

SPDX-License-Identifier: MIT
Beside a model that is to be read stands NAME.txt: one input as bytes, and the logits of three passes: nothing dropped,
all dropped, and every third element of each draw dropped. They come from `run`, which executes the ONNX nodes one by one
with numpy and torch and knows nothing of the importer.
"""
import os

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "onnx")
float32 = np.float32


class Net:
    """A graph under construction; calling it adds a node and returns the name of its output."""

    def __init__(self, name, shape=("N", 2, 6, 6), opset=15, element=TensorProto.FLOAT):
        self.name, self.opset, self.shape = name, opset, shape
        self.random = np.random.RandomState(sum(map(ord, name)))
        self.nodes, self.initializers, self.metadata = [], [], {}
        self.inputs = [helper.make_tensor_value_info("x", element, shape)]
        self.outputs, self.functions, self.inverted = None, [], False

    def const(self, array, name=None):
        array = np.asarray(array, float32) if isinstance(array, (float, list)) else np.asarray(array)
        name = name or f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def ints(self, *values):
        return self.const(np.array(values, np.int64))

    def __call__(self, op, *inputs, outputs=1, **attributes):
        names = [f"{op}{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, f"{op}_{len(self.nodes)}", **attributes))
        return names[0] if outputs == 1 else names

    def signs(self, *shape):
        return np.where(self.random.rand(*shape) < 0.5, -1, 1).astype(float32)

    def conv(self, x, inputs=2, outputs=8, weight=None, **attributes):
        weight = weight or self.const(self.signs(outputs, inputs, 3, 3))
        return self("Conv", x, weight, **{"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], **attributes})

    def norm(self, x, channels=8, **attributes):
        r = self.random
        parameters = [r.randn(channels), r.randn(channels), r.randn(channels), 0.5 + r.rand(channels)]
        return self("BatchNormalization", x, *[self.const(p.astype(float32)) for p in parameters], **attributes)

    def sign(self, x):
        return self("Where", self("GreaterOrEqual", x, self.const(0.0)), self.const(1.0), self.const(-1.0))

    def body(self, x="x"):
        """Convolution and norm: 8 real maps of 6 x 6."""
        return self.norm(self.conv(x))

    def head(self, x, features=288, classes=5):
        weight = self("Cast", self.const(self.signs(features, classes).astype(np.int8)), to=1)
        x = self("MatMul", self("Flatten", x), weight)
        return self.norm(x, classes)

    def draws(self, x, shape, dims=4):
        """Uniform numbers of [N, *shape], as PyTorch exports torch.rand(x.shape[0], *shape)."""
        n = self("Unsqueeze", self("Gather", self("Shape", x), self.const(np.int64(0)), axis=0), self.ints(0))
        shape = self("Concat", n, *[self.ints(s) for s in shape], axis=0)
        zero = numpy_helper.from_array(np.zeros(1, float32))
        return self("RandomUniformLike", self("ConstantOfShape", shape, value=zero))

    def dropped(self, x, *shape, p=0.25):
        return self("Less", self.draws(x, shape), self.const(p))

    def model(self, *outputs):
        names = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
        graph = helper.make_graph(self.nodes, "test", self.inputs, names, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], producer_name="")
        model.functions.extend(self.functions)
        helper.set_model_props(model, self.metadata)
        return model

    def save(self, *outputs):
        model = self.model(*outputs)
        with open(os.path.join(FOLDER, self.name + ".onnx"), "wb") as file:
            file.write(model.SerializeToString())
        return model

    def good(self, output):
        """Save, and write what the model computes."""
        self.metadata = self.metadata or {"bitbayes.scale": "0.015625", "bitbayes.mean": "2", "bitbayes.std": "1"}
        scale, mean, std = [np.array([float(n) for n in self.metadata["bitbayes." + key].split(",")], float32)
                            for key in ("scale", "mean", "std")]
        model = self.save(output)
        pixels = self.random.randint(0, 256, (1, *self.shape[1:]))
        rows = pixels.reshape(len(mean), -1).astype(float32) * scale
        x = ((rows - mean[:, None]) / std[:, None]).reshape(pixels.shape)
        with open(os.path.join(FOLDER, self.name + ".txt"), "w") as file:
            for row in [pixels] + [run(model, x, mode, self.inverted) for mode in range(3)]:
                file.write(" ".join("%.9g" % value for value in np.ravel(row)) + "\n")


# ---- the nodes one by one ----------------------------------------------------------------------


def uniform(shape, mode, inverted):
    """Numbers that drop nothing, everything, or every third element; inverted: small numbers keep."""
    drops = [np.zeros(shape, bool), np.ones(shape, bool), np.arange(int(np.prod(shape))).reshape(shape) % 3 == 0][mode]
    return np.where(drops != inverted, 0, 0.999).astype(float32)


def pool(x, a, function, fill):
    kernel, pads = a["kernel_shape"], a.get("pads", [0] * 4)
    x = F.pad(torch.from_numpy(x), (pads[1], pads[3], pads[0], pads[2]), value=fill)
    return function(x, kernel, a.get("strides", [1, 1])).numpy()


def convolution(x, w, b, a):
    pads, step = list(a.get("pads", [0] * 4)), a.get("strides", [1, 1])
    if a.get("auto_pad", b"NOTSET").startswith(b"SAME"):
        for i in range(2):
            total = max((-(-x.shape[2 + i] // step[i]) - 1) * step[i] + w.shape[2 + i] - x.shape[2 + i], 0)
            pads[i] = total // 2 if a["auto_pad"] == b"SAME_UPPER" else total - total // 2
            pads[2 + i] = total - pads[i]
    x = F.pad(torch.from_numpy(x), (pads[1], pads[3], pads[0], pads[2]))
    return F.conv2d(x, *(None if t is None else torch.from_numpy(np.array(t)) for t in (w, b)), step, 0,
                    a.get("dilations", 1), a.get("group", 1)).numpy()


def normalization(x, scale, bias, mean, variance, a):
    shape = (1, -1) + (1,) * (x.ndim - 2)
    k = scale / np.sqrt(variance.astype(float) + a.get("epsilon", 1e-5))
    return (x * k.reshape(shape) + (bias - mean * k).reshape(shape)).astype(float32)


def reshape(x, shape):
    return x.reshape([x.shape[i] if s == 0 else s for i, s in enumerate(shape)])


def axes(v, a):
    return tuple(int(i) for i in (v[1] if len(v) > 1 else a["axes"]))


def slices(v, a):
    at = [slice(None)] * v[0].ndim
    for start, end, axis in zip(*(v[1:4] if len(v) > 3 else (a["starts"], a["ends"], a["axes"]))):
        at[int(axis)] = slice(int(start), int(end))
    return v[0][tuple(at)]


def clip(v, a):
    return np.clip(v[0], v[1] if len(v) > 1 else a["min"], v[2] if len(v) > 2 else a["max"])


TYPES = {1: np.float32, 3: np.int8, 6: np.int32, 7: np.int64, 9: bool}
OPERATORS = {
    "Add": lambda v, a: v[0] + v[1], "Sum": lambda v, a: sum(v[1:], v[0]), "Sub": lambda v, a: v[0] - v[1], "Mul": lambda v, a: v[0] * v[1],
    "Div": lambda v, a: v[0] / v[1], "Neg": lambda v, a: -v[0], "Abs": lambda v, a: abs(v[0]),
    "Sqrt": lambda v, a: np.sqrt(v[0]), "Pow": lambda v, a: v[0] ** v[1], "Sign": lambda v, a: np.sign(v[0]),
    "Not": lambda v, a: ~v[0], "Less": lambda v, a: v[0] < v[1], "LessOrEqual": lambda v, a: v[0] <= v[1],
    "Greater": lambda v, a: v[0] > v[1], "GreaterOrEqual": lambda v, a: v[0] >= v[1],
    "Equal": lambda v, a: v[0] == v[1], "Where": lambda v, a: np.where(*v), "Identity": lambda v, a: v[0],
    "Relu": lambda v, a: np.maximum(v[0], 0), "Clip": clip, "Cast": lambda v, a: v[0].astype(TYPES[a["to"]]),
    "CastLike": lambda v, a: v[0].astype(v[1].dtype), "Dropout": lambda v, a: v[0],
    "BipolarQuant": lambda v, a: np.where(v[0] >= 0, v[1], -v[1]),
    "Constant": lambda v, a: numpy_helper.to_array(a["value"]) if "value" in a else
    np.array(a.get("value_float", a.get("value_ints")), float32 if "value_float" in a else np.int64),
    "Conv": lambda v, a: convolution(v[0], v[1], v[2] if len(v) > 2 else None, a),
    "MatMul": lambda v, a: v[0] @ v[1],
    "Gemm": lambda v, a: a.get("alpha", 1) * (v[0] @ (v[1].T if a.get("transB") else v[1])) + a.get("beta", 1) * v[2],
    "BatchNormalization": lambda v, a: normalization(*v, a),
    "MaxPool": lambda v, a: pool(v[0], a, F.max_pool2d, -np.inf),
    "AveragePool": lambda v, a: pool(v[0], a, F.avg_pool2d, 0),
    "GlobalAveragePool": lambda v, a: v[0].mean((2, 3), keepdims=True),
    "GlobalMaxPool": lambda v, a: v[0].max((2, 3), keepdims=True),
    "ReduceMean": lambda v, a: v[0].mean(axes(v, a), keepdims=bool(a.get("keepdims", 1))),
    "Flatten": lambda v, a: v[0].reshape(v[0].shape[0], -1), "Reshape": lambda v, a: reshape(v[0], v[1]),
    "Squeeze": lambda v, a: v[0].squeeze(axes(v, a)), "Unsqueeze": lambda v, a: np.expand_dims(v[0], axes(v, a)),
    "Transpose": lambda v, a: v[0].transpose(a.get("perm")), "Expand": lambda v, a: v[0] * np.ones(v[1], v[0].dtype),
    "Concat": lambda v, a: np.concatenate(v, a["axis"]), "Slice": slices,
    "Gather": lambda v, a: np.take(v[0], v[1], a.get("axis", 0)), "Shape": lambda v, a: np.array(v[0].shape),
    "ConstantOfShape": lambda v, a: np.full(v[0], numpy_helper.to_array(a["value"])[0]),
    "Pad": lambda v, a: np.pad(v[0], list(zip(v[1][:len(v[1]) // 2], v[1][len(v[1]) // 2:]))),
    "Softmax": lambda v, a: v[0], "LogSoftmax": lambda v, a: v[0],  # left out by the importer
}


def run(model, x, mode, inverted):
    """Execute all nodes; the result has one row, since the input has."""
    values = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    values.update({"x": x, "": None})
    for node in model.graph.node:
        a = {i.name: helper.get_attribute_value(i) for i in node.attribute}
        v = [values[i] for i in node.input]
        if node.op_type in ("RandomUniform", "RandomUniformLike"):
            result = uniform(v[0].shape if v else tuple(a["shape"]), mode, inverted)
        elif node.op_type == "Bernoulli":
            result = (uniform(v[0].shape, mode, inverted) < v[0]).astype(float32)
        elif node.op_type == "Dropout" and len(v) > 2 and v[2]:
            result = v[0] * (uniform(v[0].shape, mode, False) > 0) / (1 - v[1])
        else:
            result = OPERATORS[node.op_type](v, a)
        result = np.asarray(result)
        values[node.output[0]] = result.astype(float32) if result.dtype == np.float64 else result
    return values[model.graph.output[0].name]

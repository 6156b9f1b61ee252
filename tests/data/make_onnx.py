"""Write the models that tests/test_import.c and tests/test_model_errors.c read into tests/data/onnx.

SPDX-License-Identifier: MIT
Needs Debian's python3-onnx and python3-torch: `/usr/bin/python3 tests/data/make_onnx.py`
"""
import io
import os

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from onnx_net import FOLDER, Net, float32


# ---- spellings of a binary activation ------------------------------------------------------------


def good_signs():
    def spell(name, function, **options):
        net = Net("sign_" + name, **options)
        net.good(net.head(function(net, net.body())))

    def where(op, yes, no, bound=0.0):
        return lambda net, x: net("Where", net(op, x, net.const(bound)), net.const(yes), net.const(no))

    spell("sign", lambda net, x: net("Sign", x))
    for op in ("GreaterOrEqual", "Greater", "Less", "LessOrEqual"):
        spell(op.lower(), where(op, 1.0, -1.0))
        spell(op.lower() + "_reversed", where(op, -1.0, 1.0))
    spell("scaled", where("GreaterOrEqual", 0.75, -0.75, 0.5))
    spell("bound_left", lambda net, x: net("Where", net("Less", net.const(net.random.randn(8, 1, 1).astype(float32)), x),
                                           net.const(1.0), net.const(-1.0)))
    spell("not", lambda net, x: net("Where", net("Not", net("Less", x, net.const(0.0))), net.const(1.0),
                                    net.const(-1.0)))
    spell("cast", lambda net, x: net("Sub", net("Mul", net("Cast", net("GreaterOrEqual", x, net.const(0.0)), to=1),
                                                net.const(2.0)), net.const(1.0)))

    def bitorch(net, x):
        s = net("Sign", x)
        return net("Where", net("Equal", s, net.const(0.0)), net.const(1.0), s)

    def detach(net, x):
        clipped = net("Clip", x, net.const(-1.0), net.const(1.0))
        return net("Add", net("Sub", net("Sign", x), clipped), clipped)

    def detach_twice(net, x):  # the two clips are different nodes
        clips = [net("Clip", x, net.const(-1.0), net.const(1.0)) for _ in range(2)]
        return net("Add", clips[0], net("Sub", net("Sign", x), clips[1]))

    def bireal(net, x):  # ReActNet's and Bi-Real's activation, as torch 1.13 exports it
        def part(bound):
            mask = net("Cast", net("Less", x, net.const(bound)), to=1)
            return mask, net("Sub", net.const(1.0), mask)

        def poly(sign):
            square = net("Mul", x, x)
            square = net("Neg", square) if sign < 0 else square
            return net("Add", square, net("Mul", x, net.const(2.0)))

        (m1, n1), (m2, n2), (m3, n3) = part(-1.0), part(0.0), part(1.0)
        out = net("Add", net("Mul", m1, net.const(-1.0)), net("Mul", poly(1), n1))
        out = net("Add", net("Mul", out, m2), net("Mul", poly(-1), n2))
        out = net("Add", net("Mul", out, m3), net("Mul", n3, net.const(1.0)))
        return net("Add", net("Sub", net("Sign", x), out), out)

    spell("bitorch", bitorch)
    spell("detach", detach)
    spell("detach_twice", detach_twice)
    spell("bireal", bireal)
    spell("bipolar", lambda net, x: net("BipolarQuant", x, net.const(0.5), domain="qonnx.custom_op.general"))
    spell("hardtanh", lambda net, x: net.sign(net("Clip", x, net.const(-1.0), net.const(1.0))))
    spell("hardtanh9", lambda net, x: net("Sign", net("Clip", x, min=-1.0, max=1.0)), opset=9)
    spell("relu_strict", lambda net, x: net("Where", net("Greater", net("Relu", x), net.const(0.0)), net.const(1.0),
                                            net.const(-1.0)))


# ---- weights and layers --------------------------------------------------------------------------


def good_weights():
    def spell(name, function, **options):
        net = Net("weight_" + name, **options)
        x = net.norm(net.conv("x", weight=function(net, net.random.randn(8, 2, 3, 3).astype(float32))))
        net.good(net.head(net.sign(x)))

    def reactnet(net, w):
        w = net.const(w)
        scale = net("ReduceMean", net("Abs", w), axes=[1, 2, 3], keepdims=1)
        clipped = net("Clip", w, net.const(-1.0), net.const(1.0))
        return net("Add", net("Sub", net("Mul", scale, net("Sign", w)), clipped), clipped)

    def turned(net, w):  # through most of the operators that only move values
        w = net("Transpose", net("Transpose", net.const(w), perm=[1, 0, 2, 3]), perm=[1, 0, 2, 3])
        w = net("Reshape", w, net.ints(8, -1))
        halves = [net("Slice", w, net.ints(a), net.ints(b), net.ints(1)) for a, b in ((0, 9), (9, 2 ** 62))]
        w = net("Unsqueeze", net("Concat", *halves, axis=1), net.ints(0))
        return net("Sign", net("Reshape", net("Squeeze", w, net.ints(0)), net.ints(0, 2, 3, 3)))

    spell("sign", lambda net, w: net("Sign", net.const(w)))
    spell("where", lambda net, w: net("Where", net("Less", net.const(w), net.const(0.0)), net.const(-1.0),
                                      net.const(1.0)))
    spell("int8", lambda net, w: net("Cast", net.const(np.sign(w).astype(np.int8)), to=1))
    spell("castlike", lambda net, w: net("CastLike", net.const(np.sign(w).astype(np.int8)), "x"))
    spell("half", lambda net, w: net("Cast", net.const(np.sign(w).astype(np.float16)), to=1))
    spell("double", lambda net, w: net("Cast", net.const(np.sign(w).astype(np.float64)), to=1))
    spell("scaled", lambda net, w: net.const(np.sign(w) * np.linspace(0.1, 3, 8, dtype=float32).reshape(8, 1, 1, 1)))
    for name, jitter in (("rounded", 5e-7), ("nearly", 1e-5)):  # within and beyond the 1e-6 of a binary weight
        spell(name, lambda net, w: net.const((np.sign(w) * (0.3 + 0.3 * jitter * (np.abs(w) > 1))).astype(float32)))
    spell("identity", lambda net, w: net("Identity", net("Identity", net.const(np.sign(w)))))
    spell("float", lambda net, w: net.const(w))
    spell("reactnet", reactnet)
    spell("turned", turned)
    spell("bipolar", lambda net, w: net("BipolarQuant", net.const(w), net.const(0.25), domain="onnx.brevitas"))
    spell("gathered", lambda net, w: net("Gather", net.const(np.sign(w)), net.ints(*range(7, -1, -1)), axis=0))


def good_layers():
    def layer(name, function, features=288, **options):
        net = Net("layer_" + name, **options)
        net.good(net.head(function(net, net.sign(net.body())), features))

    def again(net, x, **attributes):
        return net.sign(net.norm(net.conv(x, 8, **attributes)))

    def spelled(net, x):
        r = net.random
        x, c = net.conv(x, 8), [net.const(r.rand(1, 8, 1, 1).astype(float32)) for _ in range(4)]
        x = net("Div", net("Sub", x, c[0]), net("Sqrt", net("Add", c[1], net.const(1e-5))))
        return net.sign(net("Add", net("Mul", c[2], x), c[3]))

    def odd(net, x):
        x = net("Neg", net("Sub", net.const(net.random.randn(8, 1, 1).astype(float32)), net.conv(x, 8)))
        return net.sign(net("Div", net("Mul", x, net.const(np.full((8, 6, 6), -2.5, float32))), net.const(4.0)))

    def reshaped(net, x):
        n = net("Unsqueeze", net("Gather", net("Shape", x), net.const(np.int64(0))), net.ints(0))
        return net("Reshape", x, net("Concat", n, net.const(np.array([-1])), axis=0))

    layer("strides", lambda net, x: again(net, x, strides=[2, 2]), 72)
    layer("same_upper", lambda net, x: net.sign(net.norm(net(
        "Conv", x, net.const(net.signs(8, 8, 2, 2)), auto_pad="SAME_UPPER", strides=[1, 1]))))
    layer("same_lower", lambda net, x: net.sign(net.norm(net(
        "Conv", x, net.const(net.signs(8, 8, 3, 3)), auto_pad="SAME_LOWER", strides=[2, 2]))), 72)
    layer("bias", lambda net, x: net.sign(net("Conv", x, net.const(net.signs(8, 8, 3, 3)),
                                              net.const(net.random.randn(8).astype(float32)))), 128)
    layer("pad", lambda net, x: again(net, net("Pad", x, net.ints(0, 0, 1, 2, 0, 0, 1, 0)), pads=[0, 0, 0, 0]), 288)
    layer("maxpool", lambda net, x: net("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 72)
    layer("maxpool_before", lambda net, x: net.sign(net.norm(net("MaxPool", net.conv(x, 8), kernel_shape=[3, 3],
                                                                  strides=[2, 2], pads=[1, 1, 1, 1]))), 72)
    layer("averagepool", lambda net, x: net.sign(net.norm(net("AveragePool", net.conv(x, 8), kernel_shape=[2, 2],
                                                               strides=[2, 2]))), 72)
    layer("averagepool_padded", lambda net, x: net.sign(net.norm(net(
        "AveragePool", net.conv(x, 8), kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1))))
    layer("global", lambda net, x: net.sign(net.norm(net("GlobalAveragePool", net.conv(x, 8)))), 8)
    layer("global_max", lambda net, x: net("GlobalMaxPool", x), 8)
    layer("mean", lambda net, x: net.sign(net.norm(net("ReduceMean", net.conv(x, 8), axes=[2, 3], keepdims=0))), 8)
    layer("spelled_norm", spelled)
    layer("odd_arithmetic", odd)
    layer("reshape_shape", reshaped)
    layer("reshape", lambda net, x: net("Reshape", x, net.ints(-1, 288)))
    layer("reshape_zero", lambda net, x: net("Reshape", x, net.ints(0, -1)))
    layer("reshape_fixed", lambda net, x: net("Reshape", x, net.ints(1, 288)), shape=(1, 2, 6, 6))
    layer("squeeze", lambda net, x: net("Squeeze", net("GlobalMaxPool", x), net.ints(2, 3)), 8)
    layer("dropout", lambda net, x: net("Dropout", x, net.const(0.5), net.const(np.array(False))))
    layer("dropout9", lambda net, x: net("Dropout", x, ratio=0.5), opset=9)
    layer("dead_branch", lambda net, x: (net("Concat", x, x, axis=1), x)[1])
    layer("relu", lambda net, x: net.sign(net.norm(net.conv(net("Relu", net.norm(net.conv(x, 8))), 8))))

    net = Net("dense", shape=("N", 12), opset=13)
    x = net.sign(net.norm(net("Gemm", "x", net.const(net.signs(9, 12)), net.const(net.random.randn(9).astype(float32)),
                              transB=1, alpha=0.5, beta=2.0), 9))
    x = net("Gemm", x, net.const(net.signs(9, 3)), net.const([0.5, -1.0, 0.25]))
    net.good(net("Softmax", net("Mul", net.norm(x, 3), net("Constant", value_float=1.25)), axis=1))

    net = Net("input_vector", shape=("N", 72))
    net.metadata = {"bitbayes.scale": "0.5", "bitbayes.mean": "1,2", "bitbayes.std": "0.25",
                    "bitbayes.classes": "a,b,c,d,e"}
    net.good(net.head(net.sign(net.body(net("Reshape", "x", net("Constant", value_ints=[-1, 2, 6, 6]))))))

    net = Net("kernel_1x1")  # a convolution in place of the dense layer, behind a flatten
    x = net("Unsqueeze", net("Flatten", net.sign(net.body())), net.ints(2, 3))
    x = net("Conv", x, net.const(net.signs(5, 288, 1, 1)))
    net.good(net("Flatten", net.norm(x, 5)))

    net = Net("typed_data")  # values in the typed fields, initializers listed as inputs
    x = net.head(net.sign(net.body()))
    for tensor in net.initializers:
        array = numpy_helper.to_array(tensor)
        tensor.CopyFrom(helper.make_tensor(tensor.name, tensor.data_type, array.shape, array.ravel().tolist()))
    net.inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in net.initializers]
    net.good(x)


# ---- branches, groups, dilations -----------------------------------------------------------------


class Sign(torch.nn.Module):
    def forward(self, x):
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))


class ScaleDropout(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.rand(1, channels, 1, 1) + 0.5)

    def forward(self, x):
        return x * torch.where(torch.rand(x.shape[0], 1, 1, 1) < 0.25, torch.ones_like(self.scale), self.scale)


class Binary(torch.nn.Conv2d):
    def forward(self, x):
        return self._conv_forward(x, torch.where(self.weight >= 0, 1.0, -1.0), None)


class Block(torch.nn.Module):
    """A Bi-Real block: one binary convolution and its own shortcut."""

    def __init__(self, inputs, outputs, step):
        super().__init__()
        self.sign, self.drop = Sign(), ScaleDropout(outputs)
        self.conv = Binary(inputs, outputs, 3, step, 1, bias=False)
        self.norm = torch.nn.BatchNorm2d(outputs)
        self.shortcut = torch.nn.Sequential(
            torch.nn.AvgPool2d(2), torch.nn.Conv2d(inputs, outputs, 1, bias=False),
            torch.nn.BatchNorm2d(outputs)) if step == 2 else torch.nn.Identity()

    def forward(self, x):
        return self.norm(self.drop(self.conv(self.sign(x)))) + self.shortcut(x)


def exported_resnet():
    """A small ResNet as PyTorch's exporter writes it."""
    torch.manual_seed(5)
    net = torch.nn.Sequential(
        Binary(2, 6, 3, 1, 1, bias=False), torch.nn.BatchNorm2d(6), Block(6, 6, 1), Block(6, 9, 2), Block(9, 9, 1),
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(9, 5))
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.running_mean, module.weight.data, module.bias.data):
                tensor.normal_()
            module.running_var.uniform_(0.5, 4)
    file = io.BytesIO()
    torch.onnx.export(net.eval(), torch.zeros(1, 2, 6, 6), file, opset_version=15, input_names=["x"],
                      dynamic_axes={"x": {0: "N"}})
    return onnx.load_from_string(file.getvalue()).graph


def good_branches():
    def branch(name, function, features=288, **options):
        net = Net("branch_" + name, **options)
        net.good(net.head(function(net, net.body()), features))

    def layer(net, x, inputs=8, outputs=8, **attributes):
        return net.norm(net.conv(net.sign(x), inputs, outputs, **attributes), outputs)

    def half(net, x):
        return net("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])

    def point(net, x, outputs, binary):
        r = net.random.randn(outputs, 8, 1, 1).astype(float32)
        return net("Conv", x, net.const(np.where(r < 0, -1, 1).astype(float32) if binary else r), kernel_shape=[1, 1])

    def bireal(net, x):
        x = net("Add", x, layer(net, x))
        return net.sign(net("Add", layer(net, x), x))

    def halved(net, x, binary):
        shortcut = half(net, x)
        shortcut = net.norm(point(net, net.sign(shortcut) if binary else shortcut, 12, binary), 12)
        return net.sign(net("Add", layer(net, x, 8, 12, strides=[2, 2]), shortcut))

    def doubled(net, x):  # a shortcut of no weights
        shortcut = half(net, x)
        return net.sign(net("Add", net("Concat", shortcut, shortcut, axis=1), layer(net, x, 8, 16, strides=[2, 2])))

    def dropped(net, x):  # sites in the branch, behind it and on bits that two layers read
        y = net("Mul", layer(net, x), net("Where", net.dropped(x, 1, 1, 1), net.const(1.0), scale_of(net)))
        x = net("Add", y, x)
        y = net("Mul", x, net("Where", net.dropped(x, 1, 1, 1), net.const(1.0), scale_of(net)))
        y = net("Mul", net.sign(y), net("Where", net.dropped(y, 8, 1, 1), net.const(0.0), net.const(1.0)))
        return net.sign(net("Sum", net.norm(net.conv(y, 8)), net.norm(net.conv(y, 8)), x))

    branch("bireal", bireal)
    branch("sum", lambda net, x: net.sign(net("Sum", layer(net, x), x, layer(net, x))))
    branch("float_point", lambda net, x: halved(net, x, False), 108)
    branch("binary_point", lambda net, x: halved(net, x, True), 108)
    branch("doubled", doubled, 144)
    branch("dense", lambda net, x: net.sign(net("Concat", x, layer(net, x, 8, 5), net("Neg", x), axis=1)), 756)
    branch("bits", lambda net, x: net("Concat", net.sign(x), net.sign(layer(net, x)), axis=-3), 576)
    branch("of_bits", lambda net, x: net.sign(net("Add", net.sign(x), layer(net, x))))
    branch("real_pool", lambda net, x: bireal(net, net("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2],
                                                       pads=[1, 1, 1, 1])), 72)
    branch("twice", lambda net, x: net.sign(layer(net, net("Add", x, x))))
    branch("dropped", dropped)
    branch("groups", lambda net, x: net.sign(layer(net, x, 4, group=2)))
    branch("depthwise", lambda net, x: net.sign(layer(net, x, 1, 16, group=8)), 576)
    branch("dilation", lambda net, x: net.sign(layer(net, x, dilations=[2, 1], pads=[2, 1, 2, 1])))

    net = Net("branch_groups_first")  # 8-bit input in two groups, dilated
    x = net.norm(net.conv("x", 1, 8, group=2, dilations=[1, 2], pads=[1, 2, 1, 2]))
    net.good(net.head(net.sign(x)))

    net, graph = Net("branch_exported"), exported_resnet()
    net.nodes, net.initializers = list(graph.node), list(graph.initializer)
    net.good(graph.output[0].name)


# ---- random nodes --------------------------------------------------------------------------------


def scale_of(net):
    return net.const(0.5 + net.random.rand(1, 8, 1, 1).astype(float32))


def good_random():
    def real(name, function, **options):
        net = Net("random_" + name, **options)
        net.good(net.head(net.sign(net.norm(function(net, net.conv("x"))))))

    def bits(name, function, inverted=False, factor=None):
        net = Net("random_" + name)
        net.inverted = inverted
        x = net.conv(function(net, net.sign(net.body())), 8)
        net.good(net.head(net.sign(net.norm(net("Mul", x, net.const(factor)) if factor else x))))

    def mixed(net, x):
        mask = net("Cast", net("GreaterOrEqual", net.draws(x, (1, 1, 1)), net.const(0.25)), to=1)
        dropped = net("Sub", net.const(1.0), mask)
        return net("Mul", x, net("Add", net("Mul", mask, scale_of(net)), dropped))

    def affine(net, x):
        r = net.random
        weight, bias = net.const(r.rand(8, 1, 1).astype(float32)), net.const(r.randn(8, 1, 1).astype(float32))
        x = net("Mul", x, net("Where", net.dropped(x, 1, 1, 1), net.const(1.0), weight))
        return net("Add", x, net("Where", net.dropped(x, 1, 1, 1, p=0.5), net.const(0.0), bias))

    def shared(net, x):
        drop = net.dropped(x, 1, 1, 1)
        x = net("Mul", x, net("Where", drop, net.const(1.0), scale_of(net)))
        return net("Add", x, net("Where", drop, net.const(0.5), net.const(-0.5)))

    def mask(net, x, k, *shape):
        return net("Mul", x, net("Where", net.dropped(x, *shape), net.const(0.0), net.const(k)))

    def unsqueezed(net, x):
        kept = net("Cast", net("GreaterOrEqual", net.draws(x, (8,)), net.const(0.25)), to=1)
        return net("Mul", x, net("Unsqueeze", net("Div", kept, net.const(0.75)), net.ints(2, 3)))

    def bernoulli(net, x):
        n = net("Unsqueeze", net("Gather", net("Shape", x), net.const(np.int64(0))), net.ints(0))
        shape = net("Concat", n, net.ints(8, 1, 1), axis=0)
        keep = net("ConstantOfShape", shape, value=numpy_helper.from_array(np.full(1, 0.75, float32)))
        return net("Mul", x, net("Bernoulli", keep))

    real("scale", lambda net, x: net("Mul", x, net("Where", net.dropped(x, 1, 1, 1), net.const(1.0), scale_of(net))))
    real("scale_one", lambda net, x: net("Mul", net("Where", net("Less", net("RandomUniform", shape=[1]),
                                                                 net.const(0.25)), net.const(1.0), scale_of(net)), x))
    real("scale_kept", lambda net, x: net("Mul", x, net("Where", net(
        "Greater", net.draws(x, (1, 1, 1)), net.const(0.25)), scale_of(net), net.const(1.0))))
    real("scale_mixed", mixed)
    real("divide", lambda net, x: net("Div", x, net("Where", net.dropped(x, 1, 1, 1), net.const(1.0), scale_of(net))))
    real("affine", affine)
    real("shared", shared)
    bits("spatial", lambda net, x: mask(net, x, 1 / 0.75, 8, 1, 1))
    bits("spatial_factor", lambda net, x: mask(net, x, 1.0, 8, 1, 1), factor=1 / 0.75)
    bits("spatial_unsqueezed", unsqueezed)
    bits("spatial_bernoulli", bernoulli, inverted=True)
    bits("spatial_pooled", lambda net, x: mask(net, net("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1]), 1.0,
                                               8, 1, 1))
    bits("spatial_filled", lambda net, x: net("Where", net.dropped(x, 8, 1, 1), net.const(0.0), x), factor=1 / 0.75)
    bits("elements_filled", lambda net, x: net("Where", net("Not", net.dropped(x, 8, 6, 6)), x, net.const(0.0)))
    bits("elements", lambda net, x: mask(net, x, 2.0, 8, 6, 6))
    bits("dropout", lambda net, x: net("Dropout", x, net.const(0.25), net.const(np.array(True))))
    bits("scale_bits", lambda net, x: net("MaxPool", net("Mul", x, net(
        "Where", net.dropped(x, 1, 1, 1), net.const(0.5), net.const(2.0))), kernel_shape=[3, 3], pads=[1, 1, 1, 1]))

    net = Net("random_flat")  # a mask over the features of a flattened map
    x = net("Flatten", net.sign(net.body()))
    net.good(net.head(mask(net, x, 1.25, 288)))


# ---- models that have to be refused --------------------------------------------------------------


def bad_nodes():
    def refuse(name, function, **options):
        net = Net("bad_" + name, **options)
        net.save(function(net, net.body()))

    def after_sign(name, function, features=288, **options):
        net = Net("bad_" + name, **options)
        net.save(net.head(function(net, net.sign(net.body())), features))

    def masked(net, x, *shape, k=1.0):
        return net("Mul", x, net("Where", net.dropped(x, *shape), net.const(0.0), net.const(k)))

    def two_ways(net, x, drop):
        x = net("Mul", x, net("Where", drop, net.const(0.0), net.const(1.0)))
        x = net.sign(net.norm(net.conv(x, 8)))
        return net("Mul", x, net("Where", drop, net.const(1.0), net.const(0.0)))

    def pool(net, x, **attributes):
        return net("MaxPool", x, kernel_shape=[2, 2], **attributes)

    refuse("relu", lambda net, x: net.head(net.sign(net("Relu", x))))
    refuse("relu_sign", lambda net, x: net.head(net("Sign", net("Clip", x, net.const(0.0), net.const(6.0)))))
    refuse("zero_one", lambda net, x: net.head(net("Cast", net("Greater", x, net.const(0.0)), to=1)))
    refuse("prelu", lambda net, x: net.head(net("PRelu", x, net.const(np.ones((8, 1, 1), float32)))))
    refuse("tanh", lambda net, x: net.head(net.sign(net("Tanh", x))))
    refuse("unknown", lambda net, x: net.head(net.sign(net("Frobnicate", x))))
    refuse("unknown_deep", lambda net, x: net.head(net.sign(net("Mul", net("Frobnicate", x), net.const(2.0)))))
    refuse("domain", lambda net, x: net.head(net.sign(net("Conv", x, net.const(net.signs(8, 8, 3, 3)), domain="com.x"))))
    refuse("quant", lambda net, x: net.head(net("Quant", x, net.const(1.0), domain="qonnx.custom_op.general")))
    refuse("add_shapes", lambda net, x: net.head(net.sign(net("Add", x, net("GlobalAveragePool", x)))))
    refuse("concat_axis", lambda net, x: net.head(net.sign(net("Concat", x, x, axis=2)), 576))
    refuse("concat_constant", lambda net, x: net.head(net.sign(net(
        "Concat", x, net.const(np.zeros((1, 8, 6, 6), float32)), axis=1)), 576))
    refuse("concat_maps", lambda net, x: net.head(net.sign(net(
        "Concat", net("Flatten", x), net("Flatten", net("GlobalAveragePool", x)), axis=1)), 296))
    refuse("sum_constant", lambda net, x: net.head(net.sign(net("Sum", x, x, net.const(1.0)))))
    refuse("product", lambda net, x: net.head(net.sign(net("Mul", x, x))))
    refuse("transpose", lambda net, x: net.head(net("Transpose", net.sign(x), perm=[0, 2, 3, 1])))
    refuse("softmax", lambda net, x: net.head(net.sign(net("Softmax", x))))
    refuse("divide", lambda net, x: net.head(net.sign(net("Div", net.const(1.0), x))))
    refuse("divide_zero", lambda net, x: net.head(net.sign(net("Div", x, net.const(0.0)))))
    refuse("pixel_constant", lambda net, x: net.head(net.sign(
        net("Add", x, net.const(net.random.randn(8, 6, 6).astype(float32))))))
    refuse("grow", lambda net, x: net.head(net.sign(net("Add", x, net.const(np.zeros((3, 8, 6, 6), float32))))))
    refuse("map_output", lambda net, x: net.sign(x))
    refuse("argmax", lambda net, x: net("ArgMax", net.head(net.sign(x)), axis=1))
    refuse("clip_empty", lambda net, x: net.head(net.sign(net("Clip", x, net.const(1.0), net.const(-1.0)))))
    refuse("nan_bound", lambda net, x: net.head(net("Where", net("Less", x, net.const(float("nan"))), net.const(1.0),
                                                    net.const(-1.0))))
    refuse("nan_constant", lambda net, x: net.head(net.sign(net("Mul", x, net.const(float("inf"), "weird")))))
    refuse("mask_real", lambda net, x: net.head(net.sign(masked(net, x, 8, 1, 1))))
    refuse("dropout_real", lambda net, x: net.head(net.sign(net("Dropout", x, net.const(0.5),
                                                                net.const(np.array(True))))))
    refuse("one_draw_pixel", lambda net, x: net.head(masked(net, net.sign(x), 1, 6, 6)))
    refuse("random_channel", lambda net, x: net.head(net.sign(
        net("Mul", x, net("Where", net.dropped(x, 8, 1, 1), net.const(1.0), scale_of(net))))))
    refuse("probability", lambda net, x: net.head(net.sign(net("Mul", x, net("Where", net.dropped(x, 1, 1, 1, p=1.5),
                                                                             net.const(1.0), scale_of(net))))))
    refuse("random_normal", lambda net, x: net.head(net.sign(net("Mul", x, net("RandomNormalLike", x)))))
    refuse("uniform_range", lambda net, x: net.head(net.sign(net("Mul", x, net("RandomUniform", shape=[1], high=2.0)))))
    refuse("uniform_bare", lambda net, x: net.head(net.sign(net("Mul", x, net("RandomUniform", shape=[1])))))
    refuse("bernoulli_computed", lambda net, x: net.head(net.sign(net("Mul", x, net("Bernoulli", net("Sigmoid", x))))))
    refuse("where_filled", lambda net, x: net.head(net("Where", net.dropped(x, 8, 1, 1), net.const(0.5), net.sign(x))))
    refuse("where_maps", lambda net, x: net.head(net.sign(net(
        "Where", net.dropped(x, 1, 1, 1), x, net("Mul", x, net.const(2.0))))))

    after_sign("group", lambda net, x: net.sign(net.norm(net.conv(x, 4, group=3))))
    after_sign("mask_added", lambda net, x: net("Add", masked(net, x, 8, 1, 1), x))
    after_sign("auto_pad", lambda net, x: net.sign(net(
        "Conv", x, net.const(net.signs(8, 8, 3, 3)), auto_pad="ODD")))
    after_sign("computed_weight", lambda net, x: net("Conv", x, net("Reshape", x, net.ints(8, 1, 6, 6))))
    after_sign("weight_channels", lambda net, x: net.conv(x, 7))
    after_sign("window", lambda net, x: net("Conv", x, net.const(net.signs(8, 8, 9, 9))))
    after_sign("mask_pool", lambda net, x: pool(net, masked(net, x, 8, 1, 1), strides=[2, 2]), 72)
    after_sign("mask_shift", lambda net, x: net("Add", masked(net, x, 8, 1, 1), net.const(0.5)))
    after_sign("pad_value", lambda net, x: net.conv(net("Pad", x, net.ints(0, 0, 1, 1, 0, 0, 1, 1), net.const(-1.0)), 8,
                                                    pads=[0, 0, 0, 0]))
    after_sign("pad_pool", lambda net, x: pool(net, net("Pad", x, net.ints(0, 0, 1, 1, 0, 0, 1, 1)), strides=[2, 2]), 128)
    after_sign("ceil", lambda net, x: net("MaxPool", x, kernel_shape=[4, 4], strides=[4, 4], ceil_mode=1), 8)
    after_sign("average", lambda net, x: net("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
    after_sign("norm_features", lambda net, x: net.sign(net.norm(net("Flatten", x), 288)))
    after_sign("reshape", lambda net, x: net("Reshape", x, net.ints(4, -1)))
    after_sign("reshape_all", lambda net, x: net("Reshape", x, net.ints(-1)))
    after_sign("reshape_map", lambda net, x: net.conv(net("Reshape", x, net.ints(-1, 2, 12, 12)), 2))
    after_sign("batch_arithmetic", lambda net, x: net("Reshape", x, net("Mul", net("Shape", x), net.ints(1, 1, 1, 1))))
    after_sign("training_norm", lambda net, x: net.sign(net.norm(net.conv(x, 8), training_mode=1)))
    after_sign("matrix_input", lambda net, x: net("MatMul", x, net.const(net.signs(6, 6))))
    after_sign("two_ways", lambda net, x: two_ways(net, x, net.dropped(x, 8, 1, 1)))


def bad_models():
    def refuse(name, change, classes=5, **options):
        net = Net("bad_" + name, **options)
        change(net)
        net.save(net.head(net.sign(net.body())))

    def change_model(name, change):
        net = Net("bad_" + name)
        model = net.model(net.head(net.sign(net.body())))
        change(model)
        with open(os.path.join(FOLDER, net.name + ".onnx"), "wb") as file:
            file.write(model.SerializeToString())

    def weight(model):
        return model.graph.initializer[0]

    def set_weight(model, value):
        array = numpy_helper.to_array(weight(model)).copy()
        array[3, 1, 2, 0] = value
        weight(model).raw_data = array.tobytes()

    def external(model, **entries):
        size = len(weight(model).raw_data)
        weight(model).ClearField("raw_data")
        weight(model).data_location = TensorProto.EXTERNAL
        for key, text in {"location": "external.bin", "offset": "16", "length": str(size), **entries}.items():
            entry = weight(model).external_data.add()
            entry.key, entry.value = key, text

    def swap(model):
        nodes = list(model.graph.node)
        del model.graph.node[:]
        model.graph.node.extend(nodes[::-1])

    def function(model):
        model.functions.extend([helper.make_function("local", "Conv", ["a"], ["b"], [],
                                                     [helper.make_opsetid("", 15)])])
        model.graph.node[0].domain = "local"

    def branch(model):
        graph = helper.make_graph([], "then", [], [])
        model.graph.node[0].CopyFrom(helper.make_node("If", ["x"], [model.graph.node[0].output[0]], "choose",
                                                      then_branch=graph, else_branch=graph))

    def set_type(model, field, value):
        setattr(model.graph.initializer[0], field, value)

    refuse("float64", lambda net: None, element=TensorProto.DOUBLE)
    refuse("dynamic", lambda net: None, shape=("N", 2, "H", 6))
    refuse("rank", lambda net: None, shape=("N", 2, 6, 6, 1))
    refuse("opset8", lambda net: None, opset=8)
    refuse("opset23", lambda net: None, opset=23)
    refuse("classes", lambda net: net.metadata.update({"bitbayes.classes": "a,b"}))
    refuse("mean", lambda net: net.metadata.update({"bitbayes.mean": "0.5,x"}))
    refuse("mean_count", lambda net: net.metadata.update({"bitbayes.mean": "1,2,3"}))
    refuse("std", lambda net: net.metadata.update({"bitbayes.std": "0"}))
    change_model("nan_weight", lambda m: set_weight(m, np.nan))
    change_model("inf_weight", lambda m: set_weight(m, -np.inf))
    change_model("data_size", lambda m: set_type(m, "raw_data", b"123"))
    change_model("negative", lambda m: weight(m).dims.__setitem__(0, -8))
    change_model("huge", lambda m: weight(m).dims.__setitem__(0, 2 ** 60))
    change_model("overflow", lambda m: weight(m).dims.__setitem__(slice(0, 4), [2 ** 32, 2 ** 32, 1, 1]))
    change_model("type", lambda m: set_type(m, "data_type", TensorProto.STRING))
    change_model("order", swap)
    change_model("missing", lambda m: m.graph.node[1].input.__setitem__(0, "nothing"))
    change_model("twice", lambda m: m.graph.node[2].output.__setitem__(0, m.graph.node[1].output[0]))
    change_model("cycle", lambda m: m.graph.node[0].input.__setitem__(0, m.graph.node[-1].output[0]))
    change_model("no_output", lambda m: m.graph.output.pop())
    change_model("two_outputs", lambda m: m.graph.output.append(helper.make_tensor_value_info("x", 1, None)))
    change_model("unused_input", lambda m: m.graph.node[0].input.__setitem__(0, m.graph.initializer[0].name))
    change_model("function", function)
    change_model("branch", branch)
    change_model("external_up", lambda m: external(m, location="../onnx/external.bin"))
    change_model("external_absolute", lambda m: external(m, location="/etc/passwd"))
    change_model("external_absent", lambda m: external(m, location="absent.bin"))
    change_model("external_offset", lambda m: external(m, offset="600"))
    change_model("external_negative", lambda m: external(m, offset="-1"))
    change_model("external_length", lambda m: external(m, length="4"))
    change_model("external_folder", lambda m: external(m, location="."))
    change_model("external_link", lambda m: external(m, location="link.bin"))

    net = Net("bad_two_inputs")
    net.inputs.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ("N", 8, 6, 6)))
    net.save(net.head(net.sign(net("Add", net.body(), "y"))))
    net = Net("bad_constant")
    net.save(net("Add", net.const(1.0), net.const(2.0)))
    net = Net("bad_conv1d", shape=("N", 2, 6))
    net.save(net("Conv", "x", net.const(net.signs(4, 2, 3))))
    net = Net("bad_bomb")  # 20 nodes that would unfold to more than a gigabyte
    x = net.const(np.ones((1, 1), float32))
    for _ in range(20):
        x = net("Concat", x, x, x, x, axis=0)
    net.save(net.head(net.sign(net("Add", net.body(), net("ReduceMean", x)))))

    net = Net("external")
    model = net.model(net.head(net.sign(net.body())))
    with open(os.path.join(FOLDER, "external.bin"), "wb") as file:
        file.write(b"0123456789abcdef" + weight(model).raw_data)
    net.good(model.graph.output[0].name)
    model = net.model(model.graph.output[0].name)
    external(model)
    with open(os.path.join(FOLDER, "external.onnx"), "wb") as file:
        file.write(model.SerializeToString())


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    good_signs()
    good_weights()
    good_layers()
    good_branches()
    good_random()
    bad_nodes()
    bad_models()

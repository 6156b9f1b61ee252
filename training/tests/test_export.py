"""The exported file: its structure, its metadata, and that its weights replay the recorded logits."""
import numpy as np
import pytest
import torch

from bitbayes_training import data
from bitbayes_training.export import check_set, export, metadata, pack
from bitbayes_training.modules import BinaryConv2d, BinaryLinear, replay, sites
from bitbayes_training.networks import NETWORKS, conv_scale, conv_spatial

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnx.numpy_helper")
pytest.importorskip("onnx.checker")

CLASSES = ["zero", "one"]


def exported(model, folder):
    path = folder / "model.onnx"
    export(model, path, torch.zeros(2, 1, 28, 28), data.MNIST_PREPROCESSING, CLASSES)
    file = onnx.load(str(path))
    onnx.checker.check_model(file)
    return file


def kinds(file):
    return [node.op_type for node in file.graph.node]


def consumers(file, node):
    return [other for other in file.graph.node if node.output[0] in other.input]


@pytest.fixture(scope="module", params=[conv_scale, conv_spatial])
def file(request, tmp_path_factory):
    return exported(request.param((4, 4, 4, 4)), tmp_path_factory.mktemp("onnx"))


def test_binary_weights_are_int8_behind_a_cast(file):
    arrays = {item.name: onnx.numpy_helper.to_array(item) for item in file.graph.initializer}
    casts = [node for node in file.graph.node if node.op_type == "Cast"]
    assert len(casts) == 5
    for cast in casts:
        weights = arrays[cast.input[0]]
        assert weights.dtype == np.int8 and set(np.unique(weights)) == {-1, 1}


def test_every_draw_is_compared_selected_and_multiplied(file):
    draws = [node for node in file.graph.node if node.op_type == "RandomUniformLike"]
    assert len(draws) in (3, 4)
    for node in draws:
        for expected in ("Less", "Where", "Mul"):
            (node,) = consumers(file, node)
            assert node.op_type == expected


def test_nothing_is_folded_or_unknown(file):
    assert kinds(file).count("BatchNormalization") == 5 and kinds(file).count("Conv") == 4
    assert {node.domain for node in file.graph.node} == {""}
    assert not {"Bernoulli", "Dropout", "If"} & set(kinds(file))


def test_batch_is_dynamic_and_logits_come_out(file):
    (graph_input,), (output,) = file.graph.input, file.graph.output
    assert graph_input.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [d.dim_value for d in graph_input.type.tensor_type.shape.dim][1:] == [1, 28, 28]
    assert output.type.tensor_type.shape.dim[0].dim_param == "batch" and kinds(file)[-1] == "Mul"


def test_the_factor_stands_between_convolution_and_pool(tmp_path):
    file = exported(conv_spatial((4, 4, 4, 4), p=0.25), tmp_path)
    convolutions = [node for node in file.graph.node if node.op_type == "Conv"]
    assert [consumers(file, node)[0].op_type for node in convolutions] == ["MaxPool", "Mul", "Mul", "Mul"]
    constants = {node.output[0]: onnx.numpy_helper.to_array(node.attribute[0].t)
                 for node in file.graph.node if node.op_type == "Constant"}
    for node in convolutions[1:]:
        (factor,) = [name for name in consumers(file, node)[0].input if name in constants]
        assert constants[factor] == np.float32(1 / 0.75)


def test_metadata_is_read_back(file):
    found = {item.key: item.value for item in file.metadata_props}
    assert found["bitbayes.classes"] == "zero,one"
    assert np.float32(float(found["bitbayes.scale"])) == np.float32(1 / 255)
    assert set(found) == {"bitbayes." + key for key in ("scale", "mean", "std", "classes", "producer")}


def test_long_metadata_needs_a_second_length_byte():
    file = onnx.ModelProto.FromString(metadata({"key": "x" * 300}))
    assert file.metadata_props[0].value == "x" * 300


def test_draws_are_packed_by_kept_bits():
    bank, mask = torch.tensor([[True], [False]]), torch.zeros(2, 10, dtype=torch.bool)
    mask[0, 0] = mask[1, 9] = True
    assert pack([bank, mask], [1, 10]).tolist() == [[1, 0xFE, 0x03], [0, 0xFF, 0x01]]


def unpack(draws, elements):
    """Turn one pass of a check set's draws back into what `replay` takes."""
    columns, start = [], 0
    for count in elements:
        width = 1 if count == 1 else (count + 7) // 8
        part = draws[:, start:start + width]
        drops = part != 0 if count == 1 else np.unpackbits(part, 1, count, "little") == 0
        columns.append(torch.from_numpy(drops))
        start += width
    assert start == draws.shape[1]
    return columns


def restored(name):
    """Build a shipped network from the initializers of its ONNX file, which carry the names of the state."""
    file = onnx.load(str(data.MODELS / f"{name}.onnx"))
    arrays = {item.name: torch.from_numpy(onnx.numpy_helper.to_array(item).copy()) for item in file.graph.initializer}
    state = {key.replace(".signs", ".weight"): array.float() for key, array in arrays.items()}
    model = NETWORKS[name]()
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all(key.endswith("num_batches_tracked") for key in missing)
    return model.eval()


@pytest.mark.parametrize("name", list(NETWORKS))
def test_shipped_file_replays_its_check_set(name):
    folder = data.MODELS / f"{name}.check"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing")
    model, preprocess = restored(name), data.DIGITS_PREPROCESSING if "digits" in name else data.MNIST_PREPROCESSING
    inputs, draws, logits = (np.load(folder / f"{part}.npy") for part in ("inputs", "draws", "logits"))
    assert inputs.dtype == draws.dtype == np.uint8 and logits.dtype == np.float32
    for pass_ in range(draws.shape[1]):
        with replay(model, unpack(draws[:, pass_], [site.elements for site in sites(model)])), torch.no_grad():
            assert np.allclose(model(preprocess(inputs)).numpy(), logits[:, pass_], atol=1e-3)
    assert np.array_equal(check_set(model, inputs, preprocess).draws, draws)


def test_export_leaves_the_model_as_it_was(tmp_path):
    model = conv_scale((4, 4, 4, 4)).train()
    exported(model, tmp_path)
    assert model.training and all(module.signs is None for module in model.modules()
                                  if isinstance(module, (BinaryConv2d, BinaryLinear)))

"""The layers: signs, gradients, what a drop does, and when."""
import numpy as np
import pytest
import torch

from bitbayes_training.modules import (BinaryConv2d, BinaryLinear, ScaleDropout, Sign, SpatialDropout, clamp_,
                                       deterministic, replay, sites)
from bitbayes_training.networks import NETWORKS, ScaleBlock


def test_sign_of_zero_is_plus_one():
    assert Sign()(torch.tensor([-0.5, -0.0, 0.0, 2.0])).tolist() == [-1, 1, 1, 1]


def test_sign_passes_gradients_inside_the_unit_interval():
    x = torch.tensor([-1.5, -1.0, 0.0, 1.0, 1.5], requires_grad=True)
    Sign()(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("layer", [BinaryConv2d(3, 5, 3, padding=1), BinaryLinear(6, 4)])
def test_binary_weights_are_signs_before_and_after_freezing(layer):
    before = layer.binary_weight()
    layer.freeze()
    assert layer.signs.dtype == torch.int8
    assert torch.equal(layer.binary_weight(), before) and set(before.unique().tolist()) <= {-1.0, 1.0}


def test_zero_padding_counts_nothing():
    layer = BinaryConv2d(1, 1, 3, padding=1)
    torch.nn.init.ones_(layer.weight)
    assert layer(torch.ones(1, 1, 3, 3))[0, 0].tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]


def test_clamp_reaches_every_proxy():
    model = torch.nn.Sequential(BinaryConv2d(1, 2, 3), BinaryLinear(2, 2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(3)
    clamp_(model)
    assert all(parameter.max() == 1 for parameter in model.parameters())


def test_a_dropped_scale_is_one_for_the_whole_image():
    layer, x = ScaleDropout(4, 0.5), torch.randn(2, 4, 3, 3)
    with replay(layer, [torch.tensor([[True], [False]])]):
        out = layer(x)
    assert torch.equal(out[0], x[0]) and torch.equal(out[1], (x * layer.scale)[1])


def test_draws_do_not_depend_on_training_mode():
    layer = ScaleDropout(4, 0.5)
    for mode in (layer.train(), layer.eval()):
        out = mode(torch.ones(200, 4, 1, 1))
        dropped = (out == 1).all(1).flatten()
        assert 50 < dropped.sum() < 150


def test_every_image_draws_for_itself_in_training():
    layer = ScaleDropout(4, 0.5).train()
    assert len(layer(torch.ones(64, 4, 1, 1)).unique(dim=0)) == 2


def test_scale_starts_away_from_one():
    assert ScaleDropout(1000, 0.1).scale.log().std() > 0.5


def test_spatial_dropout_masks_whole_maps_and_compensates_behind():
    layer, x = SpatialDropout(3, 0.25), torch.ones(1, 3, 2, 2)
    with replay(layer, [torch.tensor([[True, False, False]])]):
        assert layer(x)[0, :, 0, 0].tolist() == [0, 1, 1]
    assert layer.compensate(torch.tensor(3.0)) == pytest.approx(4)
    with deterministic(layer):
        assert torch.equal(layer(x), x) and layer.compensate(torch.tensor(3.0)) == 3


def test_deterministic_restores_the_switch():
    layer = SpatialDropout(3, 0.25)
    layer.mc = False
    with deterministic(layer):
        pass
    assert layer.mc is False


def test_replay_wants_one_draw_per_site():
    with pytest.raises(ValueError, match="1 sites"), replay(ScaleDropout(2, 0.5), []):
        pass


def test_p_is_the_float32_number_of_the_file():
    assert ScaleDropout(2, 0.15).p == float(np.float32(0.15))


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_p_is_a_probability(p):
    with pytest.raises(ValueError, match="probability"):
        ScaleDropout(2, p)


def test_dropping_a_spread_scale_flips_bits_and_a_scale_of_one_does_not():
    torch.manual_seed(0)
    block, x = ScaleBlock(3, 8, False, 0.5), (torch.randn(50, 3, 6, 6) + 1).sign()
    for _ in range(100):
        block.train()(x)
    run = lambda drop: replayed(block.eval(), x, drop)
    assert (run(True) != run(False)).float().mean() > 0.01
    torch.nn.init.ones_(block.drop.scale)
    assert torch.equal(run(True), run(False))


def replayed(model, x, drop):
    with replay(model, [torch.full((len(x), 1), drop)]), torch.no_grad():
        return model(x)


@pytest.mark.parametrize("name, elements", [("digits-mlp-scale", [1, 1, 1]), ("mnist-conv-scale", [1, 1, 1, 1]),
                                            ("mnist-conv-spatial", [32, 64, 64])])
def test_sites_of_the_shipped_networks(name, elements):
    assert [site.elements for site in sites(NETWORKS[name]())] == elements

"""The networks for speed: every draw counts, and their exported files give the C program the same logits."""
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from bitbayes_training import speed
from bitbayes_training.modules import sites
from bitbayes_training.predict import forward

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("BB_PROGRAM", ROOT / "build" / "bitbayes"))
SITES = {"resnet18-cifar": 16, "vgg-small": 6}


@pytest.fixture(scope="module", params=sorted(speed.NETWORKS))
def written(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("speed") / f"{request.param}.onnx"
    return request.param, path, speed.write(request.param, path, path.with_suffix(".check"), passes=3)


def test_every_draw_changes_the_logits(written):
    name, _, model = written
    count = len(sites(model))
    assert count == SITES[name]
    x = speed.PREPROCESS(speed.pixels(2, 5))
    drop = lambda chosen: [torch.full((2, 1), site == chosen) for site in range(count)]
    kept = forward(model, x, drop(None))
    for site in range(count):
        assert np.abs(forward(model, x, drop(site)) - kept).max() > 1e-3, f"site {site}"


def test_the_same_seed_gives_the_same_network(written):
    name, path, _ = written
    again = path.with_name("again.onnx")
    speed.write(name, again)
    assert again.read_bytes() == path.read_bytes()


def test_the_program_gives_the_same_logits(written):
    _, path, _ = written
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    check = path.with_suffix(".check")
    command = [PROGRAM, "verify", path, "-d", "ref"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    logits = np.load(check / "logits.npy")
    assert logits.std() > 0.1
    np.save(check / "logits.npy", logits[..., ::-1])
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1, "other logits have to be noticed"

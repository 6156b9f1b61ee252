"""Write the out-of-distribution sets that the shipped MNIST models are measured on, as .npy files of raw bytes.

uniform noise (NumPy's PCG64, seed 0); the MNIST test images turned by 90 degrees; the CIFAR-10 (JPEG) test images in
grey and scaled to 28x28. Ten thousand images each.
"""
import argparse
from pathlib import Path

import numpy as np

from bitbayes_training.data import DATA, cifar10_grey, mnist


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where noise.npy, rotated.npy and cifar10-grey.npy go")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with mnist/ and cifar10-jpeg/")
    arguments = parser.parse_args()
    test, _ = mnist(arguments.data).test
    sets = {
        "noise": np.random.default_rng(0).integers(0, 256, test.shape, np.uint8),
        "rotated": np.ascontiguousarray(np.rot90(test, axes=(2, 3))),
        "cifar10-grey": cifar10_grey(arguments.data),
    }
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, images in sets.items():
        np.save(arguments.folder / f"{name}.npy", images)


if __name__ == "__main__":
    main()

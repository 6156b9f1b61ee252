"""Data sets as raw uint8 images [n, channels, height, width] with uint8 labels, and how a model wants them scaled."""
import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import NamedTuple, Tuple

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"
DATA = Path(os.environ.get("BITBAYES_DATA", ROOT.parent / "shared" / "data"))

Labelled = Tuple[np.ndarray, np.ndarray]


class Preprocessing(NamedTuple):
    """A model's input is (pixel * scale - mean) / std."""

    scale: float
    mean: float
    std: float

    def __call__(self, pixels: np.ndarray) -> torch.Tensor:
        x = torch.from_numpy(np.array(pixels)).to(torch.float32)
        return (x * self.scale - self.mean) / self.std


class Splits(NamedTuple):
    """What training may see, what choices are made on, and what is looked at once, at the end."""

    train: Labelled
    validation: Labelled
    test: Labelled


MNIST_PREPROCESSING = Preprocessing(1 / 255, 0.1307, 0.3081)
DIGITS_PREPROCESSING = Preprocessing(1 / 16, 0.3058, 0.3757)


def read_idx(path: Path) -> np.ndarray:
    """Read a gzip-compressed IDX file of bytes."""
    content = gzip.decompress(path.read_bytes())
    dims = content[3]
    shape = np.frombuffer(content, ">u4", dims, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dims).reshape(shape)


def mnist(data: Path = DATA) -> Splits:
    """MNIST: the first 55,000 training images, the last 5,000 for validation, and the 10,000 of the test set."""
    read = lambda part: (read_idx(data / "mnist" / f"{part}-images-idx3-ubyte.gz")[:, None],
                         read_idx(data / "mnist" / f"{part}-labels-idx1-ubyte.gz"))
    images, labels = read("train")
    return Splits((images[:55000], labels[:55000]), (images[55000:], labels[55000:]), read("t10k"))


def digits() -> Splits:
    """The 8x8 digits shipped in `models/digits`; the last 200 training images are for validation."""
    read = lambda part: tuple(np.load(MODELS / "digits" / f"{part}-{what}.npy") for what in ("images", "labels"))
    images, labels = read("train")
    return Splits((images[:-200], labels[:-200]), (images[-200:], labels[-200:]), read("test"))


def load(name: str, data: Path = DATA) -> Tuple[Splits, Preprocessing]:
    """Return the data set that a shipped model belongs to, and its preprocessing."""
    if name.startswith("digits"):
        return digits(), DIGITS_PREPROCESSING
    return mnist(data), MNIST_PREPROCESSING


def write_digits(folder: Path = MODELS / "digits", test: int = 500) -> None:
    """Write scikit-learn's copy of the UCI digits as .npy files, in an order shuffled with seed 0."""
    from sklearn.datasets import load_digits

    source = load_digits()
    order = np.random.RandomState(0).permutation(len(source.target))
    images = source.images[order, None].astype(np.uint8)
    labels = source.target[order].astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in (("train", slice(None, -test)), ("test", slice(-test, None))):
        np.save(folder / f"{part}-images.npy", images[rows])
        np.save(folder / f"{part}-labels.npy", labels[rows])


def shifted(images: torch.Tensor, by: int) -> torch.Tensor:
    """Shift every image by its own random whole number of pixels, at most `by` each way; the border repeats."""
    n, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (by,) * 4, mode="replicate")
    top, left = torch.randint(0, 2 * by + 1, (2, n, 1))
    rows, columns = top + torch.arange(height), left + torch.arange(width)
    return padded[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cifar10_grey(data: Path = DATA, size: int = 28) -> np.ndarray:
    """The CIFAR-10 (JPEG) test images in grey, scaled to `size` pixels, in order of name."""
    from PIL import Image

    with tarfile.open(data / "cifar10-jpeg" / "cifar10-test.tar.xz") as archive:
        files = {m.name: archive.extractfile(m).read() for m in archive if m.name.endswith(".jpg")}
    grey = lambda content: np.asarray(Image.open(io.BytesIO(content)).convert("L").resize((size, size), Image.BILINEAR))
    return np.stack([grey(files[name]) for name in sorted(files)])[:, None]

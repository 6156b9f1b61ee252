"""Counter-based draws: Philox 4x32-10, the same numbers as the C runtime draws.

The key is the seed's low and high half, the counter is (global input index, pass, site, block). Element e of a draw
uses word e % 4 of block e // 4. So the draw of an input depends on nothing else: not on batch, device or order.
"""
import math
from typing import List, Sequence

import numpy as np
import torch

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
ROUNDS = 10
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def philox(key: Sequence, counter: Sequence) -> np.ndarray:
    """Encrypt counters: two key words and four counter words that broadcast, to uint32 words [..., 4]."""
    k0, k1 = (np.asarray(word, np.uint64) for word in key)
    c0, c1, c2, c3 = np.broadcast_arrays(*(np.asarray(word, np.uint64) for word in counter))
    for _ in range(ROUNDS):
        a, b = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2  # 32 x 32 bits never overflow 64
        c0, c1, c2, c3 = (b >> HALF) ^ c1 ^ k0, b & LOW, (a >> HALF) ^ c3 ^ k1, a & LOW
        k0, k1 = (k0 + WEYL[0]) & LOW, (k1 + WEYL[1]) & LOW
    return np.stack([c0, c1, c2, c3], -1).astype(np.uint32)


def words(seed: int, inputs: np.ndarray, pass_: int, site: int, elements: int) -> np.ndarray:
    """Return the words of one draw per input: uint32 [inputs, elements]."""
    if np.any(np.asarray(inputs, np.uint64) > LOW):
        raise ValueError("input indices from 2^32 on are not supported")
    blocks = np.arange((elements + 3) // 4, dtype=np.uint64)
    key = seed & 0xFFFFFFFF, seed >> 32
    drawn = philox(key, (np.asarray(inputs, np.uint64)[:, None], pass_, site, blocks[None]))
    return drawn.reshape(len(drawn), -1)[:, :elements]


def threshold(p: float) -> int:
    """A word below this number drops; 2^32 for p = 1, so that it always drops."""
    return math.ceil(p * 2**32)


def dropped(seed: int, inputs: np.ndarray, pass_: int, site: int, elements: int, p: float) -> np.ndarray:
    """Tell which elements drop: bool [inputs, elements]."""
    return words(seed, inputs, pass_, site, elements).astype(np.uint64) < np.uint64(threshold(p))


def member(word: np.ndarray, members: int) -> np.ndarray:
    """Turn words into draws of one of `members` equally likely members."""
    return ((word.astype(np.uint64) * np.uint64(members)) >> HALF).astype(np.uint32)


def draws(sites: Sequence, seed: int, inputs: np.ndarray, pass_: int) -> List[torch.Tensor]:
    """Draw one pass for all sites of a model, in the form that `replay` takes."""
    return [torch.from_numpy(dropped(seed, inputs, pass_, number, site.elements, site.p))
            for number, site in enumerate(sites)]

"""Write the test vectors that the C runtime and this companion share: `tests/data/philox.txt` and `draws.txt`."""
import numpy as np

from bitbayes_training import data, philox

TARGET = data.ROOT / "tests" / "data"
ONES = 0xFFFFFFFF

# The first three are the published known answers of Random123 (kat_vectors, philox4x32 10).
BLOCKS = (
    ((0, 0), (0, 0, 0, 0)),
    ((ONES, ONES), (ONES, ONES, ONES, ONES)),
    ((0xA4093822, 0x299F31D0), (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)),
    ((1, 0), (0, 0, 0, 0)),
    ((0, 1), (0, 0, 0, 0)),
    ((0, 0), (1, 0, 0, 0)),
    ((0, 0), (0, 1, 0, 0)),
    ((0, 0), (0, 0, 1, 0)),
    ((0, 0), (0, 0, 0, 1)),
    ((7, 0), (9999, 19, 3, 31)),
    ((0xDEADBEEF, 0x00C0FFEE), (ONES, 999, 0xFFFFFF, 15)),
)

# seed, input, pass, site, elements, p
DRAWS = (
    *((0, index, pass_, site, 1, 0.15) for index in (0, 1, 31) for pass_ in (0, 1, 2) for site in range(4)),
    *((seed, index, pass_, site, elements, p)
      for seed, index, pass_, site in ((0, 0, 0, 0), (0, 0, 1, 0), (0, 1, 0, 2), (2**40 + 5, ONES, 99, 7))
      for elements, p in ((3, 0.5), (64, 0.1), (65, 0.25), (128, 0.9))),
    (0, 0, 0, 0, 5, 0.0),
    (0, 0, 0, 0, 5, 1.0),
    (0, 0, 0, 0, 5, 2.0**-32),
    (2**64 - 1, 123456789, 1000000, 0xFFFFFF, 10, 1 / 3),
)

PHILOX_HEADER = """\
# Philox 4x32-10 test vectors, all words in hexadecimal. Written by training/write_vectors.py.
# The first three rows are the known answers that Random123 publishes (kat_vectors).
# key0 key1 c0 c1 c2 c3 w0 w1 w2 w3
"""

DRAWS_HEADER = """\
# Draws: which elements drop. Written by training/write_vectors.py.
# key = (seed low, seed high), counter = (input, pass, site, block); element e uses word e%4 of block e/4 and drops
# when the word is below ceil(p * 2^32). p is the decimal form of a double. The last field lists the dropped elements,
# separated by commas, or is - where there are none.
# seed input pass site elements p dropped
"""


def philox_row(key, counter) -> str:
    return " ".join(f"{word:08x}" for word in (*key, *counter, *philox.philox(key, counter).tolist()))


def draw_row(seed, index, pass_, site, elements, p) -> str:
    drops = philox.dropped(seed, np.array([index], np.uint64), pass_, site, elements, p)[0]
    listed = ",".join(map(str, np.flatnonzero(drops))) or "-"
    return f"{seed} {index} {pass_} {site} {elements} {float(p)!r} {listed}"


def main() -> None:
    (TARGET / "philox.txt").write_text(PHILOX_HEADER + "\n".join(philox_row(*block) for block in BLOCKS) + "\n")
    (TARGET / "draws.txt").write_text(DRAWS_HEADER + "\n".join(draw_row(*draw) for draw in DRAWS) + "\n")


if __name__ == "__main__":
    main()

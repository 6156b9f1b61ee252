"""Draws: the committed vectors, and the edges of the definition."""
import numpy as np
import pytest

from bitbayes_training import philox
from bitbayes_training.data import ROOT

VECTORS = ROOT / "tests" / "data"


def rows(name):
    lines = (VECTORS / name).read_text().splitlines()
    return [line.split() for line in lines if not line.startswith("#")]


def test_blocks_equal_the_vectors():
    for row in rows("philox.txt"):
        numbers = [int(word, 16) for word in row]
        assert philox.philox(numbers[:2], numbers[2:6]).tolist() == numbers[6:]


def test_published_answers_are_among_the_vectors():
    published = {"6627e8d5 e169c58d bc57ac4c 9b00dbd8", "408f276d 41c83b0e a20bc7c6 6d5451fd",
                 "d16cfe09 94fdcceb 5001e420 24126ea1"}
    assert published <= {" ".join(row[6:]) for row in rows("philox.txt")}


def test_draws_equal_the_vectors():
    for seed, index, pass_, site, elements, p, listed in rows("draws.txt"):
        inputs = np.array([int(index)], np.uint64)
        drops = philox.dropped(int(seed), inputs, int(pass_), int(site), int(elements), float(p))
        wanted = [] if listed == "-" else [int(element) for element in listed.split(",")]
        assert np.flatnonzero(drops[0]).tolist() == wanted


def test_element_uses_word_of_its_block():
    drawn = philox.words(3, np.array([5]), 2, 1, 11)[0]
    for element, word in enumerate(drawn):
        assert word == philox.philox((3, 0), (5, 2, 1, element // 4))[element % 4]


def test_draw_does_not_depend_on_the_batch():
    together = philox.words(1, np.arange(100), 4, 2, 9)
    alone = [philox.words(1, np.array([index]), 4, 2, 9)[0] for index in range(100)]
    assert np.array_equal(together, alone)


def test_certain_draws():
    inputs = np.arange(200)
    assert philox.dropped(0, inputs, 0, 0, 7, 1.0).all()
    assert not philox.dropped(0, inputs, 0, 0, 7, 0.0).any()


def test_share_of_drops():
    share = philox.dropped(0, np.arange(2000), 0, 0, 50, 0.15).mean()
    assert abs(share - 0.15) < 4 * (0.15 * 0.85 / 1e5) ** 0.5


def test_members_are_in_range_and_all_used():
    members = philox.member(philox.words(0, np.arange(1000), 0, 0, 1), 5)
    assert np.bincount(members.ravel(), minlength=5).min() > 150 and members.max() == 4


def test_large_inputs_are_refused():
    with pytest.raises(ValueError, match="2\\^32"):
        philox.words(0, np.array([2**32], np.uint64), 0, 0, 1)

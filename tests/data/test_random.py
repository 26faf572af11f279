import subprocess
import sys

import numpy as np

from mmvae_cli.data.random import keyed_generator


def test_same_seed_and_names_give_the_same_numbers_in_another_process():
    code = "from mmvae_cli.data.random import keyed_generator; print(keyed_generator(3, 'a', 'b').integers(2**62))"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(there) == keyed_generator(3, "a", "b").integers(2**62)


def test_seed_and_names_and_their_boundaries_all_matter():
    keys = [(0, "a", "b"), (1, "a", "b"), (0, "b", "a"), (0, "ab"), (0, "a"), (-1,)]
    first = {keyed_generator(*key).integers(2**62) for key in keys}
    assert len(first) == len(keys)


def test_generators_with_different_names_are_uncorrelated():
    a, b = (keyed_generator(0, name).standard_normal(10_000) for name in "ab")
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.04

"""While tests run, an array of another shape or type than a signature says is a failure."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from countenance.faces import embed


@pytest.mark.parametrize(
    "vectors",
    [np.ones(4, np.float32), np.ones((2, 4), np.float64), [[1.0, 0.0]]],
    ids=["one dimension", "double precision", "a list"],
)
def test_a_wrong_array_is_noticed(vectors):
    with pytest.raises(TypeCheckError):
        embed._unit(vectors)


def test_the_right_array_passes():
    assert embed._unit(np.ones((2, 4), np.float32)).shape == (2, 4)

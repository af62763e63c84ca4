"""Random numbers from a named seed, drawn in blocks: one by one numpy takes ten times as long."""

from __future__ import annotations

import numpy as np

_BLOCK = 4096


class Chance:
    """Uniform and normal numbers from one PCG64 stream."""

    def __init__(self, *seed: int) -> None:
        """`seed`: one or more numbers, which together name the stream."""
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._uniform: list[float] = []
        self._normal: list[float] = []

    def uniform(self) -> float:
        """In [0, 1)."""
        if not self._uniform:
            self._uniform = self._rng.random(_BLOCK).tolist()
        return self._uniform.pop()

    def normal(self) -> float:
        """Of mean 0 and standard deviation 1."""
        if not self._normal:
            self._normal = self._rng.standard_normal(_BLOCK).tolist()
        return self._normal.pop()

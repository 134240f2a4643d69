"""Random numbers that belong to an example: its batch, its process and a resume change nothing."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio
_GOLDEN = 0.6180339887498949

Bits = NDArray[np.uint64]


class Dice:
    """A stream of random numbers for each of B examples, set by seed, epoch and the example's number.

    Counter-based: SplitMix64 (Steele et al. 2014) of the example's key and the place in its stream.
    The first axis after B may be padded: what is drawn for the rest of it stays the same.
    """

    def __init__(self, seed: int, epoch: int, numbers: Sequence[int]):
        seeds, epochs, own = (
            np.array(x, np.int64).astype(np.uint64) for x in ([seed], [epoch], numbers)
        )
        self._own = _mix(_mix(seeds + _STEP) + own * _STEP)
        self._keys = _mix(self._own + (epochs + np.uint64(1)) * _STEP)[:, None]
        self._epoch = epoch
        self._calls = 0

    def uniform(self, *shape: int) -> Tensor:
        """Float32 [B, *shape] in 0 .. 1, without 1."""
        return torch.from_numpy(_fraction(self._bits(shape) >> np.uint64(40)))

    def normal(self, *shape: int) -> Tensor:
        """Float32 [B, *shape] of mean 0 and variance 1 (Box & Muller 1958)."""
        bits = self._bits(shape)
        radius = np.sqrt(-2 * np.log1p(-_fraction(bits >> np.uint64(40))))
        angle = 2 * np.float32(np.pi) * _fraction(bits & np.uint64(0xFFFFFF))
        return torch.from_numpy(radius * np.cos(angle))

    def spread(self) -> Tensor:
        """Float32 [B] in 0 .. 1, such that those of one example's epochs cover it evenly."""
        start = _fraction(self._own >> np.uint64(40)).astype(np.float64)
        return torch.from_numpy(((start + self._epoch * _GOLDEN) % 1).astype(np.float32))

    def _bits(self, shape: tuple[int, ...]) -> Bits:
        self._calls += 1
        places = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(self._calls << 32)
        return _mix(self._keys + places * _STEP).reshape(-1, *shape)


def _mix(bits: Bits) -> Bits:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _fraction(bits: Bits) -> NDArray[np.float32]:
    """24 bits as a number in 0 .. 1."""
    return bits.astype(np.float32) * np.float32(2**-24)

"""Sequences whose items are made when they are asked for."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar, overload

Item_co = TypeVar("Item_co", covariant=True)


class Numbered(Sequence[Item_co]):
    """A sequence by the number of an item; a slice is the list of its items."""

    @abstractmethod
    def item(self, i: int) -> Item_co:
        """Make item number `i`; IndexError where there is none."""

    @overload
    def __getitem__(self, i: int) -> Item_co: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Item_co]: ...
    def __getitem__(self, i: int | slice) -> Item_co | Sequence[Item_co]:
        if isinstance(i, slice):
            return [self.item(k) for k in range(*i.indices(len(self)))]
        return self.item(i)

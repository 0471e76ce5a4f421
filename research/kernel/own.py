"""Own indicators over whole arrays, compiled: the loop that `domain.indicators.batch` asks for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.indicators.onestep import Floats, Step

if TYPE_CHECKING:
    from numpy.typing import NDArray


def drive(
    step: Step,
    initial: Floats,
    rows: NDArray[np.float64],
    anew: NDArray[np.bool_],
    parameters: Floats,
    index: int,
) -> NDArray[np.float64]:
    """The own indicator over all rows; the same bits as `batch.drive`."""
    values: NDArray[np.float64] = _loop(step)(initial, rows, anew, parameters or (0.0,), index)
    return values


@lru_cache(maxsize=64)
def _loop(step: Step) -> Any:  # noqa: ANN401 - a dispatcher
    from numba import njit

    one = njit(nogil=True, error_model="python")(step)

    @njit(nogil=True)
    def loop(initial, rows, anew, parameters, index):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        values = np.empty(len(rows))
        state = initial
        for at in range(len(rows)):
            if anew[at]:
                state = initial
            bar = (rows[at, 0], rows[at, 1], rows[at, 2], rows[at, 3], rows[at, 4], rows[at, 5])
            state, outputs = one(state, bar, parameters)
            values[at] = outputs[index]
        return values

    return loop

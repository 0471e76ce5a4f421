"""Option values: Black's formula on the forward, with a skewed smile, equal to the intrinsic value at expiry."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

YEAR_SECONDS = 365.0 * 86_400.0
_SKEW = -0.8
_SMILE = 4.0
_MONEYNESS_MAX = 0.25
_TIME_MIN = 1e-9


def smiled(sigma: float, moneyness: Floats) -> Floats:
    """Volatility at log(strike / forward): dearer below the forward, and away from it."""
    m = np.clip(moneyness, -_MONEYNESS_MAX, _MONEYNESS_MAX)
    return np.asarray(sigma * (1.0 + _SKEW * m + _SMILE * m * m), dtype=np.float64)


def option_value(
    *, is_call: bool, spot: Floats, strike: float, years: Floats, sigma: float, carry: float, shift: float = 0.0
) -> Floats:
    """Value of a European option, in the spot's unit.

    years  to expiry, zero or more; at zero the value is the intrinsic value
    sigma  yearly volatility at the money; `shift` is added to it after the smile (a risk scenario's)
    """
    growth = np.exp(carry * years)
    forward = spot * growth
    moneyness = np.log(strike / forward)
    spread = np.maximum(smiled(sigma, moneyness) + shift, 0.01) * np.sqrt(np.maximum(years, _TIME_MIN))
    d1 = -moneyness / spread + 0.5 * spread
    call = (forward * normal_cdf(d1) - strike * normal_cdf(d1 - spread)) / growth
    value = call if is_call else call - (forward - strike) / growth
    intrinsic = np.maximum(spot - strike if is_call else strike - spot, 0.0)
    return np.where(years <= 0.0, intrinsic, np.maximum(value, 0.0))


def option_delta(*, is_call: bool, spot: float, strike: float, years: float, sigma: float, carry: float) -> float:
    """How much the value moves with the spot: 0 to 1 for a call, -1 to 0 for a put."""
    moneyness = math.log(strike / (spot * math.exp(carry * years)))
    m = max(-_MONEYNESS_MAX, min(moneyness, _MONEYNESS_MAX))
    spread = max(sigma * (1.0 + _SKEW * m + _SMILE * m * m), 0.01) * math.sqrt(max(years, _TIME_MIN))
    call = 0.5 * (1.0 + math.erf((-moneyness / spread + 0.5 * spread) / math.sqrt(2.0)))
    return call if is_call else call - 1.0


def normal_cdf(x: Floats) -> Floats:
    """The standard normal distribution, to about 1e-7 (Abramowitz and Stegun 26.2.17)."""
    t = 1.0 / (1.0 + 0.2316419 * np.abs(x))
    poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = 0.3989422804014327 * np.exp(-0.5 * x * x) * poly
    return np.asarray(np.where(x >= 0, 1.0 - tail, tail), dtype=np.float64)

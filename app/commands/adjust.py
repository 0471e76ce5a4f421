"""`adjust`: say what changed a position without a trade, while no trader runs."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from app.commands.operator_options import Who, Why
from app.operating import operate
from app.options import ConfigFile, Env, Json, Sets
from app.output import UsageError
from domain.messages.operator import Adjust, AdjustWhat
from domain.values import E4, Product, e4

What = Annotated[
    Literal["split", "convert", "settle", "peak"],
    Parameter(help="split (bonus, consolidation), convert (product), settle (a contract's end), peak (drawdown anew)."),
]
Instrument = Annotated[str, Parameter(show_default=False, help="EXCHANGE:SYMBOL; none for peak.")]
Ratio = Annotated[str, Parameter(name="--ratio", show_default=False, help="NEW:OLD units of a split: 10:1.")]
OfStrategy = Annotated[
    str | None, Parameter(name="--strategy", show_default=False, help="This strategy's alone; external: by hand.")
]
Quantity = Annotated[int, Parameter(name="--quantity", show_default=False, help="Units to convert.")]
From = Annotated[str, Parameter(name="--from", show_default=False, help="Product to convert from: MIS, CNC, NRML.")]
To = Annotated[str, Parameter(name="--to", show_default=False, help="Product to convert to.")]
Price = Annotated[str, Parameter(name="--price", show_default=False, help="Settlement price, rupees per unit.")]
Tax = Annotated[str, Parameter(name="--tax", show_default=False, help="Tax on a settlement, rupees.")]


def run(
    what: What,
    instrument: Instrument = "",
    /,
    *,
    why: Why,
    ratio: Ratio = "",
    strategy: OfStrategy = None,
    quantity: Quantity = 0,
    from_product: From = "",
    to_product: To = "",
    price: Price = "",
    tax: Tax = "0",
    who: Who = "",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Change the books by hand: journaled, with who and why, and exact. Refused where it does not fit what is held."""
    new, old = _ratio(ratio) if what == "split" else (0, 0)
    if what == "settle" and not price:
        raise UsageError("--price: found nothing; allowed: the settlement price in rupees, 0 for what ended worthless")
    if bool(instrument) is (what == "peak"):
        raise UsageError(f"{what}: found {instrument or 'no instrument'}; allowed: EXCHANGE:SYMBOL (none for peak)")
    asked = Adjust(
        why,
        what=AdjustWhat(what),
        instrument=instrument,
        strategy="" if strategy == "external" else strategy,
        new=new,
        old=old,
        quantity=quantity,
        product=_product("--from", from_product) if what == "convert" else None,
        to_product=_product("--to", to_product) if what == "convert" else None,
        price=_rupees("--price", price or "0"),
        tax=_rupees("--tax", tax),
    )
    return operate(env, config, sets, asked, who, as_json=as_json)


def _ratio(text: str) -> tuple[int, int]:
    new, _, old = text.partition(":")
    if not (new.isascii() and new.isdigit() and old.isascii() and old.isdigit()):
        raise UsageError(f"--ratio: found {text!r}; allowed: NEW:OLD units, such as 10:1")
    return int(new), int(old)


def _product(option: str, text: str) -> Product:
    try:
        return Product(text.upper())
    except ValueError:
        raise UsageError(f"{option}: found {text!r}; allowed: MIS, CNC, NRML, MTF") from None


def _rupees(option: str, text: str) -> E4:
    try:
        return e4(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None

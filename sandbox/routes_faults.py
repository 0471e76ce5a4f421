"""`/_sandbox/faults`: see, set and lift faults while the sandbox runs. Served only where faults are enabled."""

from sandbox.envelope import Reply, Request, failure, plain
from sandbox.fault_plan import Faults
from sandbox.faults import KINDS, parse, snake
from sandbox.refusal import Refusal

PATH = "/_sandbox/faults"


def control_faults(faults: Faults, request: Request) -> Reply:
    """GET lists; PUT sets these instead of all; POST adds; DELETE lifts all, or the one of `/{id}`."""
    rest = request.path.removeprefix(PATH).strip("/")
    if rest and request.method != "DELETE":
        return failure("Method not allowed.", "GeneralException", 405)
    match request.method:
        case "GET":
            return _listed(faults)
        case "PUT" | "POST":
            try:
                given = parse(request.body)
                if request.method == "PUT":
                    faults.replace(given)
                else:
                    Faults(0, lambda: 0, given)  # all of them, or none
                    for fault in given:
                        faults.add(fault)
            except ValueError as error:
                raise Refusal(f"Invalid fault: {error}") from None
            return _listed(faults)
        case "DELETE":
            number = int(rest) if rest.isascii() and rest.isdigit() and len(rest) < 10 else 0
            if not faults.remove(number if rest else None):
                return failure(f"There is no fault {rest[:20]!r}.", "GeneralException", 404)
            return _listed(faults)
        case _:
            return failure("Method not allowed.", "GeneralException", 405)


def _listed(faults: Faults) -> Reply:
    return plain({"faults": faults.rows(), "kinds": [snake(kind.__name__) for kind in KINDS]})

"""Check the whole backward pass of a published listing against the loss that it prints.

    python examples/check_backward.py [FILE]

The listing is a small multilayer perceptron with hand-written derivatives. It is run as it stands; then every entry of
every `dW` and `db` that its `backward` leaves behind is compared with the derivative of the printed loss, by difference
quotients with an error estimate. Every dW comes out 2 times, every db 0.002 times the derivative: the factor 2 is a
mistake in `dsigmoid`; the 0.002 = 2/1000 is the same mistake times a mean over 1000 samples, where the loss is a sum.
"""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np

from cauchy.calculus.ladder import slope

LISTING = Path(__file__).parent.parent / "tests" / "listings" / "l5_mlp.py"


def ratios(listing: Path) -> dict[str, np.ndarray]:
    """claimed / true for every parameter array of the model, at the initial weights; NaN where both are 0."""
    with contextlib.redirect_stdout(io.StringIO()):
        program = runpy.run_path(str(listing))
    model, X, y = program["model"], program["X"], program["y"]
    model.initialize()
    model.backward(y, model.forward(X))
    claimed = {f"d{name}[{l}]": getattr(model, f"d{name}")[l].copy() for name in "Wb" for l in range(1, len(model.W))}

    def printed_loss() -> Any:
        return program["cross_entropy"](y, model.forward(X)).item()

    found = {}
    for label, claim in claimed.items():
        parameter = getattr(model, label[1])[int(label[3:-1])]
        true = np.zeros_like(parameter)
        for index in np.ndindex(parameter.shape):
            kept = parameter[index]

            def along(t: float, index: tuple[int, ...] = index, parameter: np.ndarray = parameter) -> float:
                parameter[index] = t
                return printed_loss()

            true[index] = slope(along, float(kept)).value
            parameter[index] = kept
        dead = (claim == 0) & (true == 0)
        found[label] = np.divide(claim, true, out=np.full_like(claim, np.nan), where=~dead)
    return found


def main(argv: list[str]) -> int:
    found = ratios(Path(argv[0]) if argv else LISTING)
    print("hand-written gradient / derivative of the printed loss")
    for label, ratio in found.items():
        alive = ratio[~np.isnan(ratio)]
        zeros = f", {ratio.size - alive.size} are 0 in both" if alive.size < ratio.size else ""
        print(f"  {label}: {alive.size:2d} components, ratios {alive.min():.6f} to {alive.max():.6f}{zeros}")
    print(f"  {sum(r.size for r in found.values())} parameters in all")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

# requirements: requirements-interactions.txt
"""Makes crates/fi-core/tests/golden/interactions.json: interactions of a game given as a table.

`shapiq.ExactComputer` of order 2: SII, k-SII, STII and FSII of 6 players whose coalitions are worth
random numbers. Coalition `k` of the table has player `i` if bit `i` of `k` is set.

Run with the pinned versions of requirements-interactions.txt:  python xtask/golden/interactions.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from shapiq.game_theory.exact import ExactComputer

SEED = 22
N = 6

rng = np.random.default_rng(SEED)
worth = rng.normal(size=2**N).round(3)


def game(coalitions):
    return worth[np.asarray(coalitions).astype(int) @ (1 << np.arange(N))]


computer = ExactComputer(game, n_players=N)


def of(index):
    found = computer(index, order=2)
    pairs = [[float(found[(a, b)]) for b in range(a + 1, N)] for a in range(N)]
    return {"single": [float(found[(a,)]) for a in range(N)], "pairs": pairs}


golden = {
    "made_by": "xtask/golden/interactions.py",
    "seed": SEED,
    "versions": {"shapiq": version("shapiq"), "numpy": np.__version__},
    "worth": worth.tolist(),
    **{index: of(index) for index in ("SII", "k-SII", "STII", "FSII")},
}
path = Path(__file__).parents[2] / "crates/fi-core/tests/golden/interactions.json"
path.write_text(json.dumps(golden) + "\n")

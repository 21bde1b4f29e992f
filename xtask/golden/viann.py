"""Makes crates/fi-models/tests/golden/viann.json: the published VIANN scores, computed with
NumPy from random histories of first-layer weights.

The reference is the definition, not the package: np.var(ddof=1) over the ends of the epochs,
times the final |weight|, summed over hidden units, then min-max scaled.
"""

import json
from pathlib import Path

import numpy as np

SEED = 20190820
ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "crates/fi-models/tests/golden/viann.json"


def viann(epochs):
    variance = np.var(epochs, axis=0, ddof=1)
    raw = np.sum(variance * np.abs(epochs[-1]), axis=1)
    return variance, raw, (raw - raw.min()) / (raw.max() - raw.min())


def main():
    rng = np.random.default_rng(SEED)
    cases = []
    for n_epochs, n_inputs, n_hidden in [(2, 3, 1), (2, 4, 5), (7, 4, 6), (50, 5, 4)]:
        initial = rng.normal(scale=0.5, size=(n_inputs, n_hidden))
        steps = rng.normal(scale=0.1, size=(n_epochs, n_inputs, n_hidden))
        epochs = initial + np.cumsum(steps, axis=0)
        variance, raw, scores = viann(epochs)
        with_initial = np.concatenate([initial[None], epochs])
        cases.append(
            {
                "initial": initial.tolist(),
                "epochs": epochs.tolist(),
                "variance": variance.tolist(),
                "raw": raw.tolist(),
                "scores": scores.tolist(),
                "raw_with_initial": viann(with_initial)[1].tolist(),
            }
        )
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    golden = {"seed": SEED, "numpy": np.__version__, "cases": cases}
    TARGET.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()

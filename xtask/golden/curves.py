"""Write crates/fi-core/tests/golden/curves.json: partial dependence and ALE to compare with.

The model is a fixed formula of five columns, the last one categorical, with two outputs. Partial
dependence, also weighted and of pairs, and ICE are scikit-learn's (method `brute`); accumulated
local effects of first and second order are PyALE's, of the first output.

Run: python xtask/golden/curves.py   (versions: xtask/golden/requirements-curves.txt)
"""
# requirements: requirements-curves.txt

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from PyALE import ale
from PyALE._src.lib import order_groups
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import partial_dependence

SEED = 51
N_ROWS = 60
NAMES = ["a", "b", "c", "d", "kind"]
ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "crates" / "fi-core" / "tests" / "golden" / "curves.json"


def formula(rows):
    a, b, c, d, kind = np.asarray(rows, dtype=float).T
    slope = np.array([0.5, -1.0, 2.0, 0.25])[kind.astype(int)]
    first = a**2 + 2 * a * b - np.sin(c) * b + np.where(d > 0.25, 1.0, 0.0) + slope * c
    second = np.exp(0.3 * a) - b * c * d + 3.0 * kind
    return np.column_stack([first, second])


class Formula(RegressorMixin, BaseEstimator):
    def fit(self, rows, target):
        self.fitted_ = True
        self.n_features_in_ = rows.shape[1]
        return self

    def predict(self, rows):
        return formula(rows)


class First:
    def predict(self, rows):
        return formula(rows)[:, 0]


def data(rng):
    rows = rng.normal(size=(N_ROWS, 5))
    rows[:, 1] += 0.8 * rows[:, 0]
    rows[:, 3] = np.round(rows[:, 3])
    rows[:, 4] = rng.integers(0, 4, N_ROWS)
    # The kinds differ in the other columns, so that they have an order of similarity.
    rows[:, 2] += np.array([1.5, -1.0, 0.0, 0.6])[rows[:, 4].astype(int)]
    return np.round(rows, 3)


def partial(model, rows, weights):
    cases = []
    for features, n in [([0], 7), ([2], 5), ([0, 1], 4)]:
        for sample_weight in [None, weights]:
            if sample_weight is not None and len(features) > 1:
                continue
            found = partial_dependence(
                model,
                rows,
                features,
                grid_resolution=n,
                percentiles=(0, 1),
                method="brute",
                kind="both" if sample_weight is None else "average",
                sample_weight=sample_weight,
            )
            case = {
                "features": features,
                "n": n,
                "weighted": sample_weight is not None,
                "grid": [grid.tolist() for grid in found["grid_values"]],
                # (n_outputs, …grid)
                "average": found["average"].tolist(),
            }
            if features == [0] and sample_weight is None:
                # (n_outputs, n_rows, n_grid), the first rows only.
                case["individual"] = found["individual"][:, :12].tolist()
            cases.append(case)
    return cases


def accumulated(rows):
    frame = pd.DataFrame(rows, columns=NAMES)
    cases = []
    for feature, n in [("a", 6), ("c", 4), ("d", 5)]:
        found = ale(frame, First(), [feature], feature_type="continuous", grid_size=n, plot=False)
        cases.append(
            {
                "features": [NAMES.index(feature)],
                "grid": [found.index.tolist()],
                "values": found["eff"].tolist(),
            }
        )
    for pair, n in [(["a", "b"], 3), (["c", "b"], 5)]:
        # PyALE counts the second grid's sizes by the first's: both must have as many edges.
        found = ale(frame, First(), pair, feature_type="continuous", grid_size=n, plot=False)
        cases.append(
            {
                "features": [NAMES.index(name) for name in pair],
                "grid": [found.index.tolist(), found.columns.tolist()],
                "values": found.values.tolist(),
            }
        )
    numbered = order_groups(frame.assign(kind=frame["kind"].astype("category")), "kind")
    ordered = [int(kind) for kind in numbered.index]
    # The sign of the coordinate is free: the first category before the last, as fi has it.
    if ordered.index(0) > ordered.index(3):
        ordered.reverse()
    renumbered = frame.assign(kind=frame["kind"].map({k: i for i, k in enumerate(ordered)}))

    class Renumbered:
        def predict(self, rows):
            kinds = np.array(ordered)[rows["kind"].astype(int)]
            return First().predict(rows.assign(kind=kinds))

    found = ale(renumbered, Renumbered(), ["kind"], feature_type="discrete", plot=False)
    kinds = {"order": ordered, "values": found["eff"].tolist()}
    return cases, kinds


def main():
    rng = np.random.default_rng(SEED)
    rows = data(rng)
    weights = np.round(rng.uniform(0, 2, N_ROWS), 2)
    model = Formula().fit(rows, None)
    cases, kinds = accumulated(rows)
    golden = {
        "versions": {name: version(name) for name in ["scikit-learn", "PyALE", "numpy"]},
        "rows": rows.tolist(),
        "weights": weights.tolist(),
        "partial_dependence": partial(model, rows, weights),
        "ale": cases,
        "ale_kinds": kinds,
    }
    OUTPUT.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()

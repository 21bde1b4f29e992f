"""Write crates/fi-core/tests/golden/removal.json: fold indices and LOFO values to compare with.

Fold indices come from scikit-learn's splitters without shuffling, on small targets and groups;
LOFO's per-fold values from lofo-importance with ordinary least squares and fixed folds.
Permutation importance is scikit-learn's on the same linear model, its mean over many repeats.

Run: python xtask/golden/removal.py   (versions: xtask/golden/requirements.txt)
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from lofo import Dataset, LOFOImportance
from scipy.stats import spearmanr
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

SEED = 20
ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "crates" / "fi-core" / "tests" / "golden" / "removal.json"


def folds_of(splitter, n_rows, labels=None, groups=None):
    folds = splitter.split(np.zeros((n_rows, 1)), labels, groups)
    return [{"train": train.tolist(), "test": test.tolist()} for train, test in folds]


def fold_cases(rng):
    cases = []
    for n_rows, n_splits in [(10, 3), (11, 4), (5, 5), (23, 2)]:
        name = {"kind": "k-fold", "n_rows": n_rows, "n_splits": n_splits}
        cases.append({**name, "folds": folds_of(KFold(n_splits), n_rows)})
    for n_rows, n_splits, classes in [(20, 3, 2), (31, 5, 3), (47, 4, 4)]:
        labels = rng.integers(0, classes, n_rows)
        name = {"kind": "stratified", "n_splits": n_splits, "labels": labels.tolist()}
        cases.append({**name, "folds": folds_of(StratifiedKFold(n_splits), n_rows, labels)})
    # A class with fewer members than there are folds.
    labels = np.array([2, 0, 0, 2, 2, 1, 0, 0, 2, 0, 2, 2])
    name = {"kind": "stratified", "n_splits": 4, "labels": labels.tolist()}
    cases.append({**name, "folds": folds_of(StratifiedKFold(4), 12, labels)})
    for n_rows, n_splits, n_groups in [(20, 3, 6), (40, 4, 15), (30, 5, 7)]:
        labels = rng.integers(0, 3, n_rows)
        groups = rng.integers(0, n_groups, n_rows) * 7 + 1
        common = {"labels": labels.tolist(), "groups": groups.tolist()}
        for kind, splitter in [
            ("group", GroupKFold(n_splits)),
            ("stratified-group", StratifiedGroupKFold(n_splits)),
            ("leave-one-group-out", LeaveOneGroupOut()),
        ]:
            folds = folds_of(splitter, n_rows, labels, groups)
            cases.append({"kind": kind, "n_splits": n_splits, **common, "folds": folds})
    for n_rows, n_splits, gap, max_train, test_size in [
        (13, 3, 0, None, None),
        (20, 4, 2, None, None),
        (20, 4, 1, 5, None),
        (30, 3, 0, 7, 4),
    ]:
        splitter = TimeSeriesSplit(
            n_splits, gap=gap, max_train_size=max_train, test_size=test_size
        )
        name = {"kind": "time-series", "n_rows": n_rows, "n_splits": n_splits, "gap": gap}
        name |= {"max_train": max_train, "test_size": test_size}
        cases.append({**name, "folds": folds_of(splitter, n_rows)})
    return cases


def linear_data(rng, n_rows):
    rows = rng.normal(size=(n_rows, 4))
    rows[:, 3] = 0.9 * rows[:, 0] + 0.1 * rows[:, 3]
    rows = np.round(rows, 3)
    target = np.round(rows @ [1.5, -0.7, 0.0, 0.4] + 0.3 * rng.normal(size=n_rows), 3)
    return rows, target


def lofo_case(rng):
    rows, target = linear_data(rng, 36)
    names = ["a", "b", "c", "d"]
    frame = pd.DataFrame(rows, columns=names).assign(y=target)
    folds = list(KFold(4, shuffle=True, random_state=SEED).split(rows))

    def scores(features, feature_groups=None):
        found = LOFOImportance(
            Dataset(frame, "y", features, feature_groups=feature_groups),
            scoring="neg_mean_squared_error",
            model=LinearRegression(),
            cv=folds,
        ).get_importance()
        columns = [f"val_imp_{k}" for k in range(len(folds))]
        return {row["feature"]: row[columns].tolist() for _, row in found.iterrows()}

    # Automatic groups of lofo-importance 0.3.5 fail with pandas 3 (it writes into a view), so the
    # correlations come from SciPy and the group is given.
    singles = scores(names)
    grouped = scores(["b", "c"], {"a & d": frame[["a", "d"]].to_numpy()})
    return {
        "rows": rows.tolist(),
        "target": target.tolist(),
        "names": names,
        "folds": [{"train": a.tolist(), "test": b.tolist()} for a, b in folds],
        "importance": {name: singles[name] for name in names},
        "grouped_importance": {name: grouped[name] for name in ["a & d", "b", "c"]},
        "spearman": spearmanr(rows).statistic.tolist(),
    }


def permutation_case(rng):
    rows, target = linear_data(rng, 60)
    model = LinearRegression().fit(rows, target)
    weights = np.round(rng.uniform(0.2, 2.0, len(target)), 3)
    n_repeats = 5000
    case = {
        "rows": rows.tolist(),
        "target": target.tolist(),
        "weights": weights.tolist(),
        "coefficients": model.coef_.tolist(),
        "intercept": float(model.intercept_),
        "n_repeats": n_repeats,
    }
    for name, sample_weight in [("plain", None), ("weighted", weights)]:
        found = permutation_importance(
            model, rows, target, scoring="neg_mean_squared_error", n_repeats=n_repeats,
            random_state=SEED, sample_weight=sample_weight,
        )
        case[name] = {
            "mean": found.importances_mean.tolist(),
            "std": found.importances_std.tolist(),
        }
    return case


def main():
    rng = np.random.default_rng(SEED)
    packages = ["numpy", "pandas", "scipy", "scikit-learn", "lofo-importance"]
    golden = {
        "made_by": "xtask/golden/removal.py",
        "seed": SEED,
        "python": ".".join(map(str, sys.version_info[:2])),
        "versions": {name: version(name) for name in packages},
        "folds": fold_cases(rng),
        "lofo": lofo_case(rng),
        "permutation": permutation_case(rng),
    }
    OUTPUT.write_text(json.dumps(golden, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

"""Write crates/fi-core/tests/golden/lime_tables.json: explanations of lime to compare with.

`fits` holds neighbourhoods as lime sees them (scaled data, labels) with the kernel's weights, the
selections, coefficients, intercepts and R² that it computes from them: these are exact.
`entropy` holds the borders of bins by entropy, and the rows' bins.
`explanations` holds means and standard deviations over seeds of whole explanations of a fixed
model, with bins and with normals, for each selection.

Run: python xtask/golden/lime_tables.py
# requirements: requirements-lime.txt
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from lime.discretize import EntropyDiscretizer
from lime.lime_base import LimeBase
from lime.lime_tabular import LimeTabularExplainer

SEED = 31
N_SEEDS = 60
N_SAMPLES = 1000
N_FEATURES = 2
ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "crates" / "fi-core" / "tests" / "golden" / "lime_tables.json"
NAMES = {
    "all": "none",
    "forward-selection": "forward_selection",
    "highest-weights": "highest_weights",
    "lasso-path": "lasso_path",
    "auto": "auto",
}


def training(rng):
    rows = np.column_stack([
        rng.normal(1.0, 2.0, 120),
        rng.exponential(1.5, 120),
        rng.uniform(-1.0, 1.0, 120),
        rng.choice([0, 1, 2, 4], 120, p=[0.4, 0.3, 0.2, 0.1]),
    ])
    return np.round(rows, 3)


def model(rows):
    """Two classes; the test has the same formula."""
    score = 0.6 * rows[:, 0] - 0.8 * rows[:, 1] * rows[:, 2] + 0.9 * (rows[:, 3] == 2)
    p = 1.0 / (1.0 + np.exp(-score))
    return np.column_stack([1.0 - p, p])


def explainer(rows, kind, selection, seed):
    return LimeTabularExplainer(
        rows,
        categorical_features=[3],
        discretize_continuous=kind in ("quartile", "decile"),
        discretizer=kind if kind in ("quartile", "decile") else "quartile",
        sample_around_instance=kind == "around-instance",
        feature_selection=NAMES[selection],
        random_state=seed,
    )


def fit(data, labels, width, n_features, selections):
    """What lime makes of a neighbourhood, whose first row is the instance."""
    distances = np.sqrt(((data - data[0]) ** 2).sum(axis=1))
    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / width**2)), random_state=0)
    found = []
    for selection in selections:
        for label in range(labels.shape[1]):
            intercept, pairs, r2, local = base.explain_instance_with_data(
                data, labels, distances, label, n_features, NAMES[selection]
            )
            coefficients = np.zeros(data.shape[1])
            for feature, value in pairs:
                coefficients[feature] = value
            found.append({
                "selection": selection,
                "output": label,
                "chosen": sorted(int(feature) for feature, _ in pairs),
                "coefficients": coefficients.tolist(),
                "intercept": float(intercept),
                "r2": float(r2),
                "local": float(local[0]),
            })
    return {
        "width": width,
        "n_features": n_features,
        "data": data.tolist(),
        "labels": labels.tolist(),
        "weights": base.kernel_fn(distances).tolist(),
        "fits": found,
    }


def fit_cases(rng, rows):
    cases = []
    names = list(NAMES)
    for kind in ["quartile", "continuous"]:
        lime = explainer(rows, kind, "all", 3)
        data, inverse = lime._LimeTabularExplainer__data_inverse(rows[5], 40)
        data = np.round((data - lime.scaler.mean_) / lime.scaler.scale_, 4)
        labels = np.round(model(inverse), 5)
        labels[:, 0] = np.round(inverse[:, 0] ** 2 - inverse[:, 3], 4)
        cases.append(fit(data, labels, 1.5, 2, names))
    # Correlated players, so that lasso's paths turn back, and one that is constant; six players
    # for forward selection, which auto takes, and seven for the highest weights.
    for n_features in [3, 6, 7]:
        mixed = rng.normal(size=(36, 8)) @ (np.eye(8) + 0.8 * rng.normal(size=(8, 8)))
        mixed[:, 4] = 0.5
        mixed = np.round(mixed, 2)
        labels = np.round(mixed @ rng.normal(size=(8, 3)) + rng.normal(size=(36, 3)), 2)
        cases.append(fit(mixed, labels, 6.0, n_features, names))
    return cases


def explanation_cases(rows):
    cases = []
    instances = [5, 17]
    for kind in ["quartile", "decile", "continuous", "around-instance"]:
        selections = list(NAMES) if kind in ("quartile", "continuous") else ["all"]
        for selection in selections:
            found = []
            for seed in range(N_SEEDS):
                lime = explainer(rows, kind, selection, seed)
                for row in instances:
                    one = lime.explain_instance(
                        rows[row], model, labels=(1,), num_features=N_FEATURES,
                        num_samples=N_SAMPLES,
                    )
                    values = np.zeros(4)
                    for feature, value in one.local_exp[1]:
                        values[feature] = value
                    found.append([*values, one.intercept[1], one.local_pred[0], one.score])
            found = np.array(found).reshape(N_SEEDS, len(instances), 7)
            cases.append({
                "kind": kind,
                "selection": selection,
                "mean": np.round(found.mean(axis=0), 8).tolist(),
                "std": np.round(found.std(axis=0, ddof=1), 8).tolist(),
            })
    return {"instances": instances, "cases": cases}


def entropy_cases():
    """Where a tree of each column cuts, of rounded and of whole numbers with two to four classes."""
    rng = np.random.default_rng(SEED + 1)
    cases = []
    for n_rows, n_classes, digits in [(120, 2, 3), (90, 3, 1), (60, 4, 0), (7, 2, 2), (40, 1, 2)]:
        rows = np.round(rng.normal(size=(n_rows, 4)) * [1.0, 20.0, 0.01, 3.0], digits)
        rows[:, 2] = 2.5 if digits else rows[:, 2]
        labels = (rows[:, 0] + rows[:, 1] / 20.0 + rng.normal(size=n_rows) > 0).astype(int)
        labels = np.minimum(labels + rng.integers(0, max(n_classes - 1, 1), n_rows), n_classes - 1)
        names = ["a", "b", "c", "d"]
        found = EntropyDiscretizer(rows, [], names, labels=labels, random_state=0)
        cases.append({
            "rows": rows.tolist(),
            "labels": labels.tolist(),
            "borders": [np.array(found.maxs[f][:-1]).tolist() for f in range(4)],
            "bins": found.discretize(rows).astype(int).tolist(),
        })
    return cases


def main():
    rng = np.random.default_rng(SEED)
    rows = training(rng)
    quartile = explainer(rows, "quartile", "all", 0)
    packages = ["lime", "numpy", "scikit-learn", "scipy"]
    golden = {
        "made_by": "xtask/golden/lime_tables.py",
        "seed": SEED,
        "python": ".".join(map(str, sys.version_info[:2])),
        "versions": {name: version(name) for name in packages},
        "rows": rows.tolist(),
        "n_samples": N_SAMPLES,
        "n_seeds": N_SEEDS,
        "n_features": N_FEATURES,
        "frequencies": [quartile.feature_frequencies[f].tolist() for f in range(4)],
        "bins": [
            {"means": np.array(quartile.discretizer.means[f]).tolist(),
             "stds": np.array(quartile.discretizer.stds[f]).tolist(),
             "borders": quartile.discretizer.maxs[f][:-1]}
            for f in range(3)
        ],
        "entropy": entropy_cases(),
        "fits": fit_cases(rng, rows),
        "explanations": explanation_cases(rows),
    }
    OUTPUT.write_text(json.dumps(golden, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

"""Makes crates/fi-models/tests/golden/boosting/: predictions.json, what scikit-learn's
HistGradientBoosting predicts after 20 rounds of each loss on small data with missing values; and
scores.json, the held-out scores of scikit-learn's and LightGBM's boosting on the data sets of
`datasets/`, fold by fold.

scikit-learn 1.9.1, LightGBM 4.7.0, NumPy 2.5.5; Python 3.12. Deterministic, one thread.
"""
# requirements: requirements-trees.txt

import json
import pathlib
import warnings

import lightgbm
import numpy
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss, r2_score

SEED = 20261121
ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "crates/fi-models/tests/golden/boosting"
warnings.filterwarnings("ignore")
HEADER = {
    "scikit-learn": sklearn.__version__,
    "lightgbm": lightgbm.__version__,
    "numpy": numpy.__version__,
    "seed": SEED,
}


def rounded(values, digits):
    return [float(f"{v:.{digits}g}") for v in numpy.ravel(values)]


def predictions():
    """Equal trees predict the same up to scikit-learn's single-precision gradients."""
    rng = numpy.random.default_rng(SEED)
    n = 240
    x = rng.normal(size=(n, 4)).round(4)
    x[rng.random(n) < 0.2, 1] = numpy.nan
    signal = x[:, 0] + numpy.where(numpy.isnan(x[:, 1]), 1.5, x[:, 1] ** 2) - 0.5 * x[:, 2]
    noisy = signal + 0.5 * rng.normal(size=n)
    # No halves of the weight are equal: weighted medians are defined differently there.
    weights = rng.uniform(0.2, 2.0, size=n).round(5)
    targets = {
        "values": noisy.round(6),
        "counts": rng.poisson(numpy.exp(0.5 * signal)).astype(float),
        "positive": (numpy.exp(0.3 * noisy)).round(6),
        "labels": (noisy > 0.5).astype(int),
    }
    cases = []
    for name, target, loss, quantile in [
        ("SquaredError", "values", "squared_error", None),
        ("AbsoluteError", "values", "absolute_error", None),
        ("Poisson", "counts", "poisson", None),
        ("Gamma", "positive", "gamma", None),
        ("LogLoss", "labels", "log_loss", None),
    ]:
        for weighted in [False, True]:
            learner = (
                HistGradientBoostingClassifier
                if name == "LogLoss"
                else HistGradientBoostingRegressor
            )
            model = learner(
                loss=loss, max_iter=20, max_leaf_nodes=8, min_samples_leaf=10,
                l2_regularization=0.5, early_stopping=False, max_bins=255,
            )
            model.fit(x, targets[target], sample_weight=weights if weighted else None)
            raw = model._raw_predict(x).ravel()
            cases.append({"loss": name, "target": target, "weighted": weighted,
                          "raw": rounded(raw, 9)})
    rows = [[None if numpy.isnan(v) else float(v) for v in row] for row in x]
    return {
        **HEADER, "rows": rows, "weights": weights.tolist(),
        "targets": {name: values.tolist() for name, values in targets.items()}, "cases": cases,
    }


def load(name):
    lines = (ROOT / f"datasets/{name}.csv").read_text().splitlines()
    cells = [line.rsplit(",", 1) for line in lines[1:]]
    x = numpy.array([[float(v) for v in row.split(",")] for row, _ in cells])
    target = [label for _, label in cells]
    if name == "diabetes":
        return x, numpy.array([float(v) for v in target])
    classes = sorted(set(target))
    return x, numpy.array([classes.index(v) for v in target])


def scores():
    """R² for values, log loss for classes, of 100 rounds at the default settings."""
    answer = {}
    for name in ["diabetes", "breast-cancer", "wine", "iris"]:
        x, y = load(name)
        values = name == "diabetes"
        entry = {"folds": [], "scikit-learn": [], "lightgbm": []}
        for seed in range(3):
            fold = numpy.random.default_rng(SEED + seed).permutation(len(y)) % 5
            entry["folds"].append(fold.tolist())
            for k in range(5):
                train, test = fold != k, fold == k
                models = {
                    "scikit-learn": (
                        HistGradientBoostingRegressor if values else HistGradientBoostingClassifier
                    )(early_stopping=False),
                    "lightgbm": (lightgbm.LGBMRegressor if values else lightgbm.LGBMClassifier)(
                        n_jobs=1, verbose=-1, deterministic=True, seed=SEED
                    ),
                }
                for library, model in models.items():
                    model.fit(x[train], y[train])
                    if values:
                        score = r2_score(y[test], model.predict(x[test]))
                    else:
                        labels = list(range(max(y) + 1))
                        score = log_loss(y[test], model.predict_proba(x[test]), labels=labels)
                    entry[library].append(float(f"{score:.6g}"))
        answer[name] = entry
    return {**HEADER, "data": answer}


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for name, make in [("predictions", predictions), ("scores", scores)]:
        text = json.dumps(make(), separators=(",", ":"))
        (OUT / f"{name}.json").write_text(text + "\n")

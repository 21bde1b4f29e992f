"""Scores of scikit-learn on small tables: crates/fi-core/tests/golden/metrics.json.

Binary, multiclass, absent classes, margins, labels, numbers; tied scores; with and without
weights. Probabilities are multiples of 1/64, so they sum to 1 exactly and tie often.
Run: python xtask/golden/metrics.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
import scipy
import sklearn
from sklearn import metrics as m
from sklearn.preprocessing import label_binarize

SEED = 20260801
ROOT = Path(__file__).resolve().parents[2]
rng = np.random.default_rng(SEED)
warnings.simplefilter("error")
# A class that is predicted but never true, or absent altogether, is part of what is tested.
warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
warnings.filterwarnings("ignore", message="Only one class is present")
warnings.filterwarnings("ignore", message="No positive class found")


def dyadic(labels, n_classes):
    """Probabilities in 64ths that lean towards the label."""
    lean = 2.0 * np.eye(n_classes)[labels] + 0.7
    draws = np.stack([rng.dirichlet(row) for row in lean])
    counts = np.floor(draws * 16).astype(int) * 4
    counts[np.arange(len(labels)), rng.integers(n_classes, size=len(labels))] += 64 - counts.sum(1)
    return counts / 64


def ovo(y, scores, average, weight):
    """scikit-learn takes no weights here: repeat the rows instead."""
    rows = np.repeat(np.arange(len(y)), weight if weight is not None else 1)
    labels = np.arange(scores.shape[1])
    return m.roc_auc_score(y[rows], scores[rows], multi_class="ovo", average=average, labels=labels)


def of_labels(y, predicted, weight, n_classes):
    w = {"sample_weight": weight}
    yield "accuracy", m.accuracy_score(y, predicted, **w)
    yield "balanced_accuracy", m.balanced_accuracy_score(y, predicted, **w)
    yield "matthews_corrcoef", m.matthews_corrcoef(y, predicted, **w)
    averages = ["macro", "micro", "weighted"] + (["binary"] if n_classes == 2 else [])
    for average in averages:
        name = "f1" if average == "binary" else f"f1_{average}"
        yield name, m.f1_score(y, predicted, average=average, **w)


def of_probabilities(y, p, weight, n_classes):
    w = {"sample_weight": weight}
    labels = np.arange(n_classes)
    yield "neg_log_loss", m.log_loss(y, p, labels=labels, **w)
    yield "neg_brier_score", m.brier_score_loss(y, p, labels=labels, **w)
    if n_classes == 2:
        yield from of_scores(y, p[:, 1], weight)
        return
    everywhere = len(np.unique(y)) == n_classes
    for average in ["macro", "weighted", "micro"] if everywhere else ["weighted", "micro"]:
        name = "roc_auc_ovr" + ("" if average == "macro" else f"_{average}")
        one_hot = label_binarize(y, classes=labels)
        yield name, m.roc_auc_score(one_hot, p, average=average, **w)
        name = "average_precision" + ("" if average == "macro" else f"_{average}")
        yield name, m.average_precision_score(one_hot, p, average=average, **w)
    yield "roc_auc_ovo", ovo(y, p, "macro", weight)
    yield "roc_auc_ovo_weighted", ovo(y, p, "weighted", weight)


def of_scores(y, scores, weight):
    yield "roc_auc", m.roc_auc_score(y, scores, sample_weight=weight)
    yield "average_precision", m.average_precision_score(y, scores, sample_weight=weight)


def of_values(y, predicted, weight):
    w = {"sample_weight": weight}
    yield "neg_mean_squared_error", m.mean_squared_error(y, predicted, **w)
    yield "neg_root_mean_squared_error", m.root_mean_squared_error(y, predicted, **w)
    yield "neg_mean_absolute_error", m.mean_absolute_error(y, predicted, **w)
    yield "neg_median_absolute_error", m.median_absolute_error(y, predicted, **w)
    yield "neg_mean_absolute_percentage_error", m.mean_absolute_percentage_error(y, predicted, **w)
    yield "r2", m.r2_score(y, predicted, **w)
    yield "explained_variance", m.explained_variance_score(y, predicted, **w)
    for alpha in [0.1, 0.5, 0.9]:
        yield f"pinball:{alpha}", m.mean_pinball_loss(y, predicted, alpha=alpha, **w)
    if y.min() >= 0 and predicted.min() > 0:
        yield "neg_mean_poisson_deviance", m.mean_poisson_deviance(y, predicted, **w)
    if y.min() > 0 and predicted.min() > 0:
        yield "neg_mean_gamma_deviance", m.mean_gamma_deviance(y, predicted, **w)


def table(name, target, predictions, output, scores, n_classes=None):
    n = len(target)
    weights = {"none": None, "integer": rng.integers(1, 4, n)}
    if "roc_auc_ovo" not in dict(scores(None)):
        weights["real"] = rng.integers(1, 1000, n) / 300
    rows = np.asarray(predictions).reshape(n, -1)
    return {
        "name": name,
        "target": np.asarray(target).tolist(),
        "n_classes": n_classes,
        "output": output.capitalize(),
        "predictions": rows.tolist(),
        "cases": [
            {
                "weights": None if weight is None else weight.astype(float).tolist(),
                "scores": {key: float(score) for key, score in scores(weight)},
            }
            for weight in weights.values()
        ],
    }


def classes(name, y, n_classes):
    p = dyadic(y, n_classes)
    predicted = p.argmax(1)

    def scores(weight):
        yield from of_labels(y, predicted, weight, n_classes)
        yield from of_probabilities(y, p, weight, n_classes)

    yield table(name, y, p, "probabilities", scores, n_classes)
    yield table(
        f"{name}, labels",
        y,
        predicted.astype(float),
        "labels",
        lambda weight: of_labels(y, predicted, weight, n_classes),
        n_classes,
    )


def main():
    tables = []
    tables += classes("binary", rng.integers(0, 2, 24), 2)
    tables += classes("four classes", np.concatenate([np.arange(4), rng.integers(0, 4, 26)]), 4)
    tables += classes("an absent class", rng.choice([0, 1, 3], 20), 4)

    y = rng.integers(0, 2, 20)
    margin = rng.integers(-6, 7, 20) / 4 + y

    def scores(weight):
        yield from of_labels(y, (margin > 0).astype(int), weight, 2)
        yield from of_scores(y, margin, weight)

    tables.append(table("a margin", y, margin, "margins", scores, 2))
    certain = np.eye(2)[[0, 1, 1, 0]]
    wrong = np.array([0, 1, 0, 0])
    tables.append(
        table(
            "certain and wrong",
            wrong,
            certain,
            "probabilities",
            lambda weight: of_probabilities(wrong, certain, weight, 2),
            2,
        )
    )

    for name, y, predicted in [
        ("positive numbers", rng.gamma(2.0, 3.0, 21), rng.gamma(2.0, 3.0, 21)),
        ("signed numbers", rng.normal(size=20), rng.normal(size=20)),
        ("tied numbers", rng.integers(1, 4, 22) * 1.0, rng.integers(1, 5, 22) / 2.0),
    ]:
        y, predicted = y.round(4), predicted.round(4)
        scores = lambda weight, y=y, predicted=predicted: of_values(y, predicted, weight)
        tables.append(table(name, y, predicted, "values", scores))

    versions = {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "numpy": np.__version__}
    out = ROOT / "crates/fi-core/tests/golden/metrics.json"
    lines = ",\n".join(json.dumps(entry) for entry in tables)
    head = json.dumps({"versions": versions, "seed": SEED})[:-1]
    out.write_text(f'{head}, "tables": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()

"""Makes crates/fi-models/tests/golden/trees.json: scikit-learn's decision trees, node by node,
on small data whose best splits are unique, and the 5-fold scores of its random forest on five
data sets over 10 seeds.

A tree is taken only if 20 random states (which break ties) grow the same one. Features are
single-precision numbers, because scikit-learn rounds to those before it looks at them.
"""

import json
import pathlib
import warnings

import numpy
import sklearn
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

SEED = 20261121
warnings.filterwarnings("ignore")


def nodes(model):
    t = model.tree_
    return {
        "left": t.children_left.tolist(),
        "right": t.children_right.tolist(),
        "feature": t.feature.tolist(),
        "threshold": t.threshold.tolist(),
        "cover": t.weighted_n_node_samples.tolist(),
        "impurity": t.impurity.tolist(),
        "value": t.value.reshape(t.node_count, -1).tolist(),
        "missing_left": [bool(x) for x in t.missing_go_to_left],
    }


def structure(tree):
    """What must not depend on the random state; sums may, in their last bits."""
    return [tree[key] for key in ("left", "right", "feature", "threshold")]


def case(rng, name, kind, criterion, n_features, weighted, **limits):
    """Draws data until all random states grow the same tree."""
    while True:
        x = rng.normal(size=(80, n_features)).astype(numpy.float32).astype(float)
        signal = x[:, 0] + (0.5 * x[:, 1] * x[:, -1] if n_features > 1 else 0.0)
        if kind == "classes":
            cuts = numpy.quantile(signal, [0.4, 0.75])
            y = numpy.searchsorted(cuts, signal + 0.3 * rng.normal(size=80))
            learner = DecisionTreeClassifier
        else:
            y = signal + 0.3 * rng.normal(size=80)
            learner = DecisionTreeRegressor
        # Eighths add up exactly: scikit-learn splits pure nodes whose impurity rounding made > 0.
        weights = rng.integers(1, 25, size=80) / 8 if weighted else None
        first = None
        for state in range(20):
            model = learner(criterion=criterion, random_state=state, **limits)
            model.fit(x, y, sample_weight=weights)
            tree = nodes(model)
            first = first or tree
            if structure(tree) != structure(first) or len(tree["left"]) <= 5:
                break
        else:
            break
    print(name, len(first["left"]))
    return {
        "name": name,
        "criterion": criterion,
        "limits": limits,
        "rows": x.tolist(),
        "target": y.tolist(),
        "weights": None if weights is None else weights.tolist(),
        "tree": first,
        "importances": model.feature_importances_.tolist(),
    }


def forest_scores(name, load):
    """The mean 5-fold score (accuracy or R2) for each of 10 seeds."""
    x, y = load(return_X_y=True)
    classes = name != "diabetes"
    scores = []
    for seed in range(10):
        if classes:
            folds = StratifiedKFold(5, shuffle=True, random_state=seed).split(x, y)
            model = RandomForestClassifier(random_state=seed)
        else:
            folds = KFold(5, shuffle=True, random_state=seed).split(x)
            model = RandomForestRegressor(random_state=seed)
        each = [model.fit(x[a], y[a]).score(x[b], y[b]) for a, b in folds]
        scores.append(float(numpy.mean(each)))
    print(name, numpy.mean(scores), numpy.std(scores, ddof=1))
    return {
        "mean": float(numpy.mean(scores)),
        "std": float(numpy.std(scores, ddof=1)),
        "scores": scores,
    }


def main():
    rng = numpy.random.default_rng(SEED)
    # Not the smallest leaves: in small nodes several features part the rows equally well.
    small = {"min_samples_leaf": 5, "min_samples_split": 15}
    trees = [
        # With one feature there is nothing to tie: grown to the end.
        case(rng, "gini, one feature, fully grown", "classes", "gini", 1, False),
        case(rng, "entropy, one feature, weights, fully grown", "classes", "entropy", 1, True),
        case(rng, "squared error, one feature, weights, fully grown", "values", "squared_error", 1, True),
        case(rng, "gini, weights", "classes", "gini", 5, True, **small),
        case(rng, "gini", "classes", "gini", 5, False, **small),
        case(rng, "entropy", "classes", "entropy", 5, False, **small),
        case(rng, "squared error", "values", "squared_error", 5, False, **small),
        case(rng, "squared error, weights, depth 3", "values", "squared_error", 5, True, max_depth=3),
        case(rng, "squared error, 7 leaves", "values", "squared_error", 5, False, max_leaf_nodes=7, **small),
        case(rng, "gini, least decrease", "classes", "gini", 5, True, min_impurity_decrease=0.02, **small),
    ]
    loads = {
        "iris": datasets.load_iris,
        "wine": datasets.load_wine,
        "breast-cancer": datasets.load_breast_cancer,
        "digits": datasets.load_digits,
        "diabetes": datasets.load_diabetes,
    }
    golden = {
        "made_by": "xtask/golden/trees.py",
        "versions": {"scikit-learn": sklearn.__version__, "numpy": numpy.__version__},
        "seed": SEED,
        "trees": trees,
        "forests": {name: forest_scores(name, load) for name, load in loads.items()},
    }
    root = pathlib.Path(__file__).resolve().parents[2]
    path = root / "crates/fi-models/tests/golden/trees.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

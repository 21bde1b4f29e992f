"""Makes crates/fi-models/tests/golden/growing/trees.json: scikit-learn's decision trees, node by
node, trained on missing values, with class weights, with a least share of weight per leaf and
with cost-complexity pruning (and the whole pruning path), on small data whose best splits are
unique.

As in trees.py, a tree is taken only if 20 random states grow the same one, and features are
single-precision numbers. Missing values are written as null, infinite thresholds as "inf".

Made with Python 3.12, scikit-learn 1.9.1, numpy 2.5.5.
"""
# requirements: requirements-trees.txt

import json
import pathlib

import numpy
import sklearn
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from trees import SEED, nodes, structure


def case(rng, name, kind, criterion, n_features, missing=0.0, path=False, weighted=False, **limits):
    """Draws data until all random states grow the same tree."""
    while True:
        x = rng.normal(size=(80, n_features)).astype(numpy.float32).astype(float)
        signal = x[:, 0] + (0.5 * x[:, 1] * x[:, -1] if n_features > 1 else 0.0)
        gaps = rng.random(size=x.shape) < missing
        # Gaps that say something, on the one side or the other.
        gaps[:, 0] &= (signal > 0.5) | (rng.random(size=80) < 0.3)
        if kind == "values":
            y = signal + 0.3 * rng.normal(size=80)
            learner = DecisionTreeRegressor
        elif kind == "fifth":
            # 16 of 80 rows: balanced weights 2.5 and 0.625 add up exactly (see trees.py).
            y = (numpy.argsort(numpy.argsort(signal + 0.3 * rng.normal(size=80))) >= 64).astype(int)
            learner = DecisionTreeClassifier
        else:
            cuts = numpy.quantile(signal, [0.3, 0.75] if kind == "three" else [0.7])
            y = numpy.searchsorted(cuts, signal + 0.3 * rng.normal(size=80))
            learner = DecisionTreeClassifier
        x[gaps] = numpy.nan
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
    print(name, len(first["left"]), sum(t == numpy.inf for t in first["threshold"]))
    first["threshold"] = ["inf" if t == numpy.inf else t for t in first["threshold"]]
    answer = {
        "name": name,
        "criterion": criterion,
        "limits": limits,
        "rows": [[None if numpy.isnan(cell) else cell for cell in row] for row in x.tolist()],
        "target": y.tolist(),
        "weights": None if weights is None else weights.tolist(),
        "tree": first,
        "importances": model.feature_importances_.tolist(),
    }
    if path:
        steps = learner(criterion=criterion, random_state=0).cost_complexity_pruning_path(x, y, weights)
        answer["ccp_alphas"] = steps.ccp_alphas.tolist()
        answer["impurities"] = steps.impurities.tolist()
    return answer


def main():
    rng = numpy.random.default_rng(SEED + 1)
    small = {"min_samples_leaf": 5, "min_samples_split": 15}
    cases = [
        case(rng, "gini, missing", "two", "gini", 4, missing=0.2, **small),
        case(rng, "gini, three classes, missing", "three", "gini", 4, missing=0.2, **small),
        case(rng, "entropy, missing", "three", "entropy", 4, missing=0.2, **small),
        case(rng, "squared error, missing", "values", "squared_error", 4, missing=0.2, **small),
        case(rng, "squared error, much missing", "values", "squared_error", 3, missing=0.6, **small),
        case(rng, "gini, balanced", "fifth", "gini", 3, class_weight="balanced", **small),
        case(rng, "gini, class weights", "three", "gini", 3, class_weight={0: 0.5, 1: 2.0, 2: 1.25}, **small),
        case(rng, "gini, share of weight", "two", "gini", 3, weighted=True, min_weight_fraction_leaf=0.125),
        case(rng, "squared error, share of weight", "values", "squared_error", 3, weighted=True, min_weight_fraction_leaf=0.125),
        case(rng, "squared error, one feature, pruned", "values", "squared_error", 1, path=True, ccp_alpha=0.005),
        case(rng, "squared error, weights, pruned", "values", "squared_error", 1, path=True, weighted=True, ccp_alpha=0.01),
        case(rng, "gini, one feature, pruned", "two", "gini", 1, ccp_alpha=0.0071),
    ]
    golden = {
        "made_by": "xtask/golden/growing.py",
        "versions": {"scikit-learn": sklearn.__version__, "numpy": numpy.__version__},
        "seed": SEED + 1,
        "trees": cases,
    }
    root = pathlib.Path(__file__).resolve().parents[2]
    path = root / "crates/fi-models/tests/golden/growing/trees.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

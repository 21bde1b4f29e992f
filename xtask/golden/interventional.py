"""Interventional TreeSHAP of scikit-learn trees by shap's C extension.

Makes crates/fi-models/tests/golden/interventional/shap.json: the trees as arrays, background
rows, explained rows, and shap's values on the raw and the probability scale.

scikit-learn 1.9.1, shap 0.54.1, NumPy 2.5.5; Python 3.12.
"""
# requirements: requirements-trees.txt

import json
import pathlib

import numpy as np
import shap
import sklearn
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

SEED = 7
ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "crates/fi-models/tests/golden/interventional/shap.json"


def arrays(tree, values):
    """One tree: children are -1 in leaves; values per node, one list each."""
    return {
        "left": tree.children_left.tolist(),
        "right": tree.children_right.tolist(),
        "feature": tree.feature.tolist(),
        "threshold": tree.threshold.tolist(),
        "value": values.tolist(),
    }


def explain(model, background, rows, output):
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.TreeExplainer(
        model, masker, feature_perturbation="interventional", model_output=output
    )
    values = np.asarray(explainer.shap_values(rows, check_additivity=False))
    if values.ndim == 2:
        values = values[:, :, None]
    return {
        "base": np.atleast_1d(explainer.expected_value).astype(float).tolist(),
        # rows x outputs x features
        "values": values.transpose(0, 2, 1).tolist(),
    }


def main():
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(400, 8)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] * x[:, 2] + 0.3 * rng.normal(size=400) > 0).astype(int)
    three = y + (x[:, 3] > 0.5)
    background, rows = x[:130].astype(float), x[200:206].astype(float)

    boosting = GradientBoostingClassifier(n_estimators=12, max_depth=5, random_state=SEED)
    boosting.fit(x, y)
    rate = boosting.learning_rate
    boosted = [e[0].tree_ for e in boosting.estimators_]
    prior = float(np.ravel(boosting.decision_function(x[:1]))[0]) - rate * sum(
        float(t.predict(x[:1])[0, 0]) for t in boosted
    )

    forest = RandomForestClassifier(n_estimators=6, max_depth=7, random_state=SEED, n_jobs=1)
    forest.fit(x, three)
    shares = [
        (e.tree_, e.tree_.value[:, 0, :] / e.tree_.value[:, 0, :].sum(axis=1, keepdims=True))
        for e in forest.estimators_
    ]
    golden = {
        "versions": {"shap": shap.__version__, "sklearn": sklearn.__version__,
                     "numpy": np.__version__},
        "seed": SEED,
        "background": background.tolist(),
        "rows": rows.tolist(),
        "boosting": {
            "base": [prior],
            "trees": [arrays(t, rate * t.value[:, 0, :]) for t in boosted],
            "raw": explain(boosting, background, rows, "raw"),
            "probability": explain(boosting, background, rows, "probability"),
        },
        "forest": {
            "base": [0.0, 0.0, 0.0],
            "trees": [arrays(t, v) for t, v in shares],
            "raw": explain(forest, background, rows, "raw"),
        },
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

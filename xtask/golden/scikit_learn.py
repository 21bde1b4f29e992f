"""Makes crates/fi-models/tests/golden/scikit_learn: small tree models of scikit-learn, saved by
docs/guide/export.py, and for each what scikit-learn and shap say of
them: predictions, leaves, importances, SHAP values, interactions, interventional SHAP values.

Made with Python 3.12, scikit-learn 1.9.1, shap 0.54.1 and numpy 2.5.5.
"""
# requirements: requirements-trees.txt

import json
import pathlib
import sys
import warnings

import numpy
import shap
import sklearn
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

SEED = 20261121
ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "crates/fi-models/tests/golden/scikit_learn"
N_FEATURES = 5
warnings.filterwarnings("ignore")


def null(array):
    """Lists in which None stands for NaN, which JSON does not have."""
    array = numpy.asarray(array, dtype=float)
    return numpy.where(numpy.isnan(array), None, array).tolist()


def explained(model, rows, background, probability):
    tree_path = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    golden = {
        "contribs": numpy.asarray(tree_path.shap_values(rows, check_additivity=False)).tolist(),
        "expected_value": numpy.ravel(tree_path.expected_value).tolist(),
        "interactions": numpy.asarray(tree_path.shap_interaction_values(rows[:3])).tolist(),
    }
    masker = shap.maskers.Independent(background, max_samples=len(background))
    kinds = {"interventional": "raw"}
    if probability:
        kinds["interventional_probability"] = "probability"
    for key, output in kinds.items():
        explainer = shap.TreeExplainer(
            model, masker, feature_perturbation="interventional", model_output=output
        )
        golden[key] = numpy.asarray(explainer.shap_values(rows, check_additivity=False)).tolist()
        golden[key + "_expected_value"] = numpy.ravel(explainer.expected_value).tolist()
    return golden


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(ROOT / "docs/guide"))
    from export import export

    rng = numpy.random.default_rng(SEED)
    x = rng.normal(size=(160, N_FEATURES)).round(3)
    x[:, 3] = rng.integers(0, 6, size=160) * 2
    holes = x.copy()
    holes[rng.random(x.shape) < 0.12] = numpy.nan
    signal = x[:, 0] + x[:, 1] * x[:, 2] + (x[:, 3] % 4 == 0)
    values = signal + 0.2 * rng.normal(size=160)
    two = (values > 0.5).astype(int)
    three = numpy.array(["low", "mid", "high"])[numpy.digitize(values, [-0.3, 1.0])]
    counts = rng.poisson(numpy.exp(0.4 * signal))
    weights = rng.integers(1, 9, size=160) / 4
    both = numpy.column_stack([values, x[:, 2] - x[:, 3]])
    few = {"n_estimators": 5, "max_depth": 4, "random_state": 1, "n_jobs": 1}
    boost = {"n_estimators": 6, "max_depth": 3, "random_state": 1}
    hist = {"max_iter": 5, "max_leaf_nodes": 8, "min_samples_leaf": 5, "random_state": 1}
    cats = {"categorical_features": [3]}
    cases = {
        "tree_regressor": (DecisionTreeRegressor(max_depth=5, random_state=1), x, values, weights),
        "tree_classifier": (DecisionTreeClassifier(max_depth=4, criterion="entropy", random_state=1), holes, three, None),
        "forest_regressor": (RandomForestRegressor(**few), holes, values, weights),
        "forest_classifier": (RandomForestClassifier(**few), x, three, None),
        "forest_two_outputs": (RandomForestRegressor(**few), x, both, None),
        "extra_regressor": (ExtraTreesRegressor(**few), x, values, None),
        "extra_classifier": (ExtraTreesClassifier(**few), holes, two, None),
        "boosting_regressor": (GradientBoostingRegressor(**boost), x, values, None),
        "boosting_binary": (GradientBoostingClassifier(subsample=0.7, **boost), x, two, weights),
        "boosting_exponential": (GradientBoostingClassifier(loss="exponential", **boost), x, two, None),
        "boosting_multiclass": (GradientBoostingClassifier(**boost), x, three, None),
        "hist_regressor": (HistGradientBoostingRegressor(**hist), holes, values, None),
        "hist_poisson": (HistGradientBoostingRegressor(loss="poisson", **hist), x, counts, None),
        "hist_binary": (HistGradientBoostingClassifier(**hist), holes, two, None),
        "hist_multiclass": (HistGradientBoostingClassifier(**hist), x, three, None),
        "hist_categories": (HistGradientBoostingRegressor(**cats, **hist), holes, values, None),
    }
    for name, (model, rows, target, weight) in cases.items():
        model.fit(rows, target, sample_weight=weight)
        export(model, FOLDER / f"{name}.model.json")
        # Off the training rows, at their values, and nothing but missing values.
        test = numpy.concatenate([rows[:12], rng.normal(size=(8, N_FEATURES))])
        if numpy.isnan(rows).any():
            test[-1] = numpy.nan
        if name == "hist_categories":
            test[12:18, 3] = [0, 3, 10, 99, -1, 4]
        golden = {
            "made_by": "xtask/golden/scikit_learn.py",
            "versions": {"scikit-learn": sklearn.__version__, "shap": shap.__version__},
            "seed": SEED,
            "rows": null(test),
            "predict": model.predict(test).tolist(),
        }
        for method in ("predict_proba", "decision_function"):
            if hasattr(model, method):
                golden[method] = getattr(model, method)(test).tolist()
        if hasattr(model, "apply"):
            golden["apply"] = numpy.reshape(model.apply(test), (len(test), -1)).astype(int).tolist()
        if hasattr(model, "feature_importances_"):
            golden["feature_importances"] = model.feature_importances_.tolist()
        if name.startswith("tree_") or name.startswith("forest_reg"):
            golden["train"] = {
                "rows": null(rows),
                "target": target.tolist(),
                "weights": None if weight is None else weight.tolist(),
            }
        # shap takes the link of `log_loss` for all losses, and has none for several classes.
        probability = name in ("boosting_binary", "hist_binary")
        background = rows[20:50]
        # shap refuses multiclass gradient boosting, and reads categories as thresholds.
        if name not in ("boosting_multiclass", "hist_categories"):
            golden |= explained(model, test[:6], background, probability)
            golden["background"] = null(background)
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        size = path.stat().st_size + (FOLDER / f"{name}.model.json").stat().st_size
        print(name, size)


if __name__ == "__main__":
    main()

"""Saves trees of scikit-learn as JSON that fi reads: copy this file beside your script."""

import json

import numpy
import sklearn


def export(model, path):
    """Writes a fitted tree model of scikit-learn to a JSON file that fi reads."""
    get = lambda name: getattr(model, name, None)
    text = lambda names: None if names is None else [str(name) for name in names]
    out = {"format": "fi-scikit-learn-trees", "version": 1, "scikit_learn": sklearn.__version__}
    out |= {"model": type(model).__name__, "n_features": model.n_features_in_}
    out |= {"feature_names": text(get("feature_names_in_")), "loss": get("loss")}
    out |= {"n_outputs": get("n_outputs_") or 1, "learning_rate": get("learning_rate")}
    out["class_names"] = text(get("classes_")) if out["n_outputs"] == 1 else None
    if hasattr(model, "_predictors"):  # histogram gradient boosting
        base, found = model._baseline_prediction, [t for row in model._predictors for t in row]
        names = {"feature": "feature_idx", "threshold": "num_threshold", "cover": "count"}
        names |= {"missing_left": "missing_go_to_left", "gain": "gain", "value": "value"}
        trees = [{key: t.nodes[name] for key, name in names.items()} for t in found]
        for tree, t in zip(trees, found):
            for side in ("left", "right"):
                tree[side] = numpy.where(t.nodes["is_leaf"], -1, t.nodes[side].astype(int))
            sets = t.nodes["bitset_idx"].astype(int)
            tree["set"] = numpy.where(t.nodes["is_categorical"], sets, -1)
            tree["bits"] = t.raw_left_cat_bitsets.ravel()
        if model.is_categorical_ is not None:
            categories = model._preprocessor.named_transformers_["encoder"].categories_
            out["categories"] = [[c for c in each if c == c] for each in categories]
            out["columns"] = numpy.argsort(~model.is_categorical_, kind="stable")
    else:
        boosted, found = hasattr(model, "init_"), get("estimators_")
        base = model._raw_predict_init(numpy.zeros((1, model.n_features_in_))) if boosted else None
        if boosted:
            out["init"] = model.init_ if model.init_ == "zero" else type(model.init_).__name__
        found = [model.tree_] if found is None else [e.tree_ for e in numpy.ravel(found)]
        names = {"left": "children_left", "right": "children_right", "feature": "feature"}
        names |= {"threshold": "threshold", "missing_left": "missing_go_to_left"}
        names |= {"cover": "weighted_n_node_samples", "impurity": "impurity", "value": "value"}
        old = lambda t: numpy.zeros(t.node_count, int)  # before 1.3 nothing could be missing
        get = lambda t, name: numpy.ravel(getattr(t, name, old(t)))
        trees = [{key: get(t, name) for key, name in names.items()} for t in found]
    for tree in trees:
        tree["threshold"] = numpy.nan_to_num(tree["threshold"])  # JSON has no infinity
    out |= {"base": None if base is None else numpy.ravel(base), "trees": trees}
    if base is not None:
        out["n_outputs"] = numpy.size(base)
    with open(path, "w") as file:
        json.dump(out, file, default=lambda array: array.tolist())

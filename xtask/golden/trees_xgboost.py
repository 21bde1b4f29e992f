"""Makes crates/fi-models/tests/golden/xgboost/: small models of XGBoost, as files, and what
XGBoost itself says about some rows.

For each model NAME there are NAME.json (saved by save_model), for some NAME.ubj, and in
NAME.golden.json:

    version        of XGBoost
    rows           (n_rows, n_features), "nan" as a text; numbers of single precision; among
                   them missing values in all columns, the largest numbers there are (XGBoost
                   takes no infinite ones), values equal to thresholds and just below, and
                   categories that training did not have
    leaves         (n_rows, n_trees) pred_leaf: XGBoost's numbers of nodes
    margins        (n_rows, n_outputs) output_margin=True, of single precision
    predictions    (n_rows, n_predictions), of single precision
    scores         get_score by importance type, features in the order of columns, 0 if never
                   split on; null where XGBoost has none
    contribs       (n_shap_rows, n_outputs, n_features + 1) pred_contribs of the first rows, the
                   last column is the base value; null where this version cannot
    interactions   (n_shap_rows, n_outputs, n_features + 1, n_features + 1) pred_interactions

Versions: XGBoost 3.4.1 with NumPy 2.5.5 and pandas 3.1.1 (Python 3.12). Run with another version of XGBoost, only
its own file of each kind that it has is written; 1.7.6 (Python 3.9, NumPy 1.23.5), 2.1.4, 3.0.5
and 3.2.0 (Python 3.12) made the others. Seed 20261121, nthread 1.
"""
# requirements: requirements-trees.txt

import json
import pathlib
import warnings

import numpy as np
import pandas
import xgboost as xgb

SEED = 20261121
N_ROWS, N_SHAP = 32, 5
OUT = pathlib.Path(__file__).resolve().parents[2] / "crates/fi-models/tests/golden/xgboost"
VERSION = xgb.__version__
NEWEST = VERSION.startswith("3.4.")
MAJOR = tuple(int(part) for part in VERSION.split(".")[:2])
warnings.filterwarnings("ignore")


def data(rng, n, n_categories):
    """Rows of 3 numbers, 1 small whole number and 2 categories, one in ten missing."""
    x = rng.normal(size=(n, 6)).astype(np.float32)
    x[:, 3] = rng.integers(0, 4, n)
    x[:, 4] = rng.integers(0, 3, n)
    x[:, 5] = rng.integers(0, n_categories, n)
    signal = x[:, 0] + (x[:, 1] > 0.3) * x[:, 3] + (x[:, 4] == 1) * 1.5 + np.sin(x[:, 5] * 2.3)
    x[rng.random((n, 6)) < 0.1] = np.nan
    return x, signal + 0.2 * rng.normal(size=n)


def thresholds(booster):
    found = []
    for tree in trees_of(booster):
        categorical = tree["split_type"]
        for node, left in enumerate(tree["left_children"]):
            if left != -1 and not categorical[node]:
                found.append((tree["split_indices"][node], tree["split_conditions"][node]))
    return found


def trees_of(booster):
    learner = json.loads(booster.save_raw("json"))["learner"]
    model = learner["gradient_booster"]
    return model.get("gbtree", model)["model"]["trees"]


def probes(rng, booster, x, categorical):
    """Rows that look at every edge."""
    rows = x[:N_ROWS].copy()
    rows[0] = np.nan
    largest = np.finfo(np.float32).max
    rows[1, :4], rows[2, :4] = largest, -largest
    if categorical:
        rows[1, 4:], rows[2, 4:] = 3.0, 1.0
        rows[3, 4:] = [7.0, 40.0]  # not in training
        rows[4, 5] = 90.0
    for row, (feature, threshold) in zip(rows[6:], thresholds(booster)):
        row[feature] = threshold
        if feature + 1 < 4:
            row[feature + 1] = np.nextafter(np.float32(threshold), np.float32(-np.inf))
    return rows


def numbers(array):
    def one(value):
        value = float(value)
        if np.isfinite(value):
            return value
        return "nan" if np.isnan(value) else ("inf" if value > 0 else "-inf")

    if array.ndim == 1:
        return [one(value) for value in array]
    return [numbers(row) for row in array]


def scores(booster, n_features):
    names = booster.feature_names or [f"f{i}" for i in range(n_features)]
    result = {}
    for kind in ("weight", "gain", "total_gain", "cover", "total_cover"):
        try:
            found = booster.get_score(importance_type=kind)
            result[kind] = [float(found.get(name, 0.0)) for name in names]
        except xgb.core.XGBoostError:
            result[kind] = None
    return result


def attempt(predict):
    try:
        return predict()
    except xgb.core.XGBoostError:
        return None


def write(name, booster, rows, feature_types, ubjson=False):
    n_rows, n_features = rows.shape
    options = dict(feature_types=feature_types, feature_names=booster.feature_names)
    if feature_types:
        options["enable_categorical"] = True
    matrix = xgb.DMatrix(rows, **options)
    head = xgb.DMatrix(rows[:N_SHAP], **options)
    margins = booster.predict(matrix, output_margin=True).reshape(n_rows, -1)
    n_outputs = margins.shape[1]
    size = n_features + 1
    # Older versions crash on leaves of several values.
    vector = "vector" in name and MAJOR < (3, 4)
    contribs = None if vector else attempt(lambda: booster.predict(head, pred_contribs=True))
    pairs = None if vector else attempt(lambda: booster.predict(head, pred_interactions=True))
    golden = {
        "version": VERSION,
        "seed": SEED,
        "rows": numbers(rows),
        "leaves": booster.predict(matrix, pred_leaf=True).reshape(n_rows, -1).astype(int).tolist(),
        "margins": numbers(margins),
        "predictions": numbers(booster.predict(matrix).reshape(n_rows, -1)),
        "scores": None if vector else scores(booster, n_features),
        "contribs": None if contribs is None else contribs.reshape(N_SHAP, n_outputs, size).tolist(),
        "interactions": None
        if pairs is None
        else pairs.reshape(N_SHAP, n_outputs, size, size).tolist(),
    }
    name = name if NEWEST else f"{name}-{VERSION}"
    (OUT / f"{name}.golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    booster.save_model(OUT / f"{name}.json")
    if ubjson and MAJOR in ((1, 7), (3, 4)):
        booster.save_model(OUT / f"{name}.ubj")


def train(params, x, y, rounds, feature_types=None, feature_names=None, group=None, categories=False):
    params = dict(params, nthread=1, seed=SEED, verbosity=0)
    params.setdefault("max_depth", 4)
    params.setdefault("tree_method", "hist")
    matrix = xgb.DMatrix(
        x,
        label=y,
        feature_types=feature_types,
        feature_names=feature_names,
        enable_categorical=categories or feature_types is not None,
    )
    if group is not None:
        matrix.set_group(group)
    if params.get("objective") == "survival:aft":
        matrix.set_float_info("label_lower_bound", y)
        matrix.set_float_info("label_upper_bound", y + 0.5)
    return xgb.train(params, matrix, rounds)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    x, y = data(rng, 300, 12)
    binary = (y > np.median(y)).astype(float)
    classes = np.digitize(y, np.quantile(y, [0.3, 0.7])).astype(float)
    several = np.stack([y, -2.0 * y + x[:, 3], np.nan_to_num(x[:, 1])], axis=1)
    several = np.nan_to_num(several)
    kinds = ["q", "q", "float", "int", "c", "c"]
    names = ["length", "width", "height", "rooms", "colour", "town"]
    plain = x.copy()
    positive = np.exp(0.4 * y)

    def case(name, params, target, rounds=5, categorical=False, named=False, ubjson=False, **more):
        types = kinds if categorical else None
        booster = train(
            params,
            plain,
            target,
            rounds,
            feature_types=types,
            feature_names=names if named else None,
            **more,
        )
        write(name, booster, probes(rng, booster, plain, categorical), types, ubjson)

    def categories():
        params = {"max_cat_to_onehot": 2, "eta": 0.5}
        case("categorical", params, y, categorical=True, named=True, ubjson=True)

    case("regression", {"eta": 0.3, "gamma": 0.5}, y, named=True, ubjson=True)
    case("logistic", {"objective": "binary:logistic"}, binary, ubjson=True)
    case("multiclass", {"objective": "multi:softprob", "num_class": 3, "max_depth": 3}, classes)
    case("dart", {"booster": "dart", "rate_drop": 0.4, "one_drop": 1}, y, ubjson=True)
    categories()
    if MAJOR >= (2, 0):
        multi = {"multi_strategy": "multi_output_tree", "max_depth": 3}
        case("vector", multi, several, rounds=3, ubjson=True)
    # An exact tree that is pruned after it was grown: numbers of nodes have holes.
    case("pruned", {"tree_method": "exact", "gamma": 6.0, "max_depth": 5}, y)
    if not NEWEST:
        return

    forest = {"num_parallel_tree": 4, "subsample": 0.6, "colsample_bynode": 0.5, "max_depth": 3}
    case("forest", forest, y, rounds=2)
    multi = {"objective": "multi:softmax", "num_class": 3, "max_depth": 3, "eta": 0.5}
    case("multiclass-categorical", multi, classes, rounds=5, categorical=True)
    case("one-output-per-tree", {"max_depth": 2}, several, rounds=4)
    labels = np.stack([binary, classes > 0], axis=1).astype(float)
    case("labels", {"objective": "binary:logistic", "max_depth": 2}, labels, rounds=4)
    multi = {"multi_strategy": "multi_output_tree", "max_depth": 3, "objective": "multi:softprob"}
    case("vector-multiclass", {**multi, "num_class": 3}, classes, rounds=4)
    case("stump", {"min_child_weight": 1e6}, y, rounds=1)
    case("vector-stump", {"multi_strategy": "multi_output_tree", "min_child_weight": 1e6}, several, 1)
    deep = {"max_depth": 12, "min_child_weight": 0, "eta": 1.0}
    case("deep", deep, y, rounds=1)
    small = dict(rounds=3)
    case("poisson", {"objective": "count:poisson", "max_depth": 2}, np.floor(positive), **small)
    case("gamma", {"objective": "reg:gamma", "max_depth": 2}, positive, **small)
    case("tweedie", {"objective": "reg:tweedie", "max_depth": 2}, positive, **small)
    case("cox", {"objective": "survival:cox", "max_depth": 2}, positive, **small)
    case("aft", {"objective": "survival:aft", "max_depth": 2}, positive, **small)
    case("ranking", {"objective": "rank:ndcg", "max_depth": 2}, binary, group=[30] * 10, **small)
    case("logitraw", {"objective": "binary:logitraw", "max_depth": 2}, binary, **small)
    case("sigmoid", {"objective": "reg:logistic", "max_depth": 2}, binary * 0.8 + 0.1, **small)
    case("absolute", {"objective": "reg:absoluteerror", "max_depth": 2}, y, **small)
    case("quantile", {"objective": "reg:quantileerror", "quantile_alpha": 0.7, "max_depth": 2}, y, **small)
    case("certain", {"objective": "binary:logistic", "max_depth": 2}, binary * 0 + 1, rounds=2, ubjson=True)
    # From a data frame: the file holds the categories' names too, the rows their codes.
    frame = pandas.DataFrame({name: plain[:, column] for column, name in enumerate(names)})
    for name, values in (("colour", list("rgb")), ("town", [3 * code for code in range(12)])):
        codes = frame[name].fillna(-1).astype(int)
        frame[name] = pandas.Categorical.from_codes(codes, categories=values)
    booster = train({"max_cat_to_onehot": 2}, frame, y, 3, feature_types=None, categories=True)
    write("frame", booster, probes(rng, booster, plain, True), kinds[:2] + ["float"] * 2 + ["c"] * 2, True)
    # Columns where only missing or not tells something: thresholds at infinity.
    marked = plain.copy()
    marked[~np.isnan(marked)] = 1.0
    plain[:, :3] = marked[:, :3]
    case("missing-only", {"max_depth": 3}, np.isnan(x[:, 0]) * 2.0 + np.isnan(x[:, 1]), **small)


if __name__ == "__main__":
    main()

"""Makes crates/fi-models/tests/golden/lightgbm/: small models of LightGBM as it saves them (.txt),
and for each what LightGBM says of hard rows (.json): leaf indices, raw scores, predictions,
importances, and its SHAP values.

Made with Python 3.12, lightgbm 4.7.0, numpy 2.5.5, scipy 1.18.1; single-threaded, seeds below.
Numbers that JSON does not have are the strings "nan", "inf", "-inf".

What the keys of a .json file hold:
  rows                        the rows
  leaves                      pred_leaf of each row and tree
  raw                         raw_score, for random forests divided by the number of rounds
  predictions                 predict: one column, or one per class
  split, gain                 feature_importance of either type
  contribs                    pred_contrib of each contribs_step-th row:
                              rows x (n_outputs * (n_features + 1))
                              (of random forests as LightGBM answers it: the sum over the trees)
"""
# requirements: requirements-trees.txt

import json
import math
import pathlib

import lightgbm
import numpy

SEED = 20261121
ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "crates/fi-models/tests/golden/lightgbm"
TINY = 1e-35
SOME = 16  # the step between rows with SHAP values where not all have them


def plain(value):
    """Numbers as JSON has them."""
    if isinstance(value, (list, tuple, numpy.ndarray)):
        return [plain(x) for x in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def data(rng, n=400):
    """Two columns of numbers with missing values and zeros, one of counts, one of categories."""
    x = rng.normal(size=(n, 4))
    x[rng.random(n) < 0.2, 0] = numpy.nan
    x[rng.random(n) < 0.2, 1] = 0.0
    x[:, 2] = rng.integers(0, 5, size=n)
    x[:, 3] = rng.integers(0, 40, size=n)
    signal = (
        numpy.where(numpy.isnan(x[:, 0]), 1.5, x[:, 0])
        + numpy.where(x[:, 1] == 0.0, -1.0, 0.5 * x[:, 1])
        + 0.3 * x[:, 2]
        + numpy.isin(x[:, 3] % 7, [1, 4])
        + 0.1 * rng.normal(size=n)
    )
    return x, signal


def thresholds(booster):
    """Of each feature, the thresholds of all numeric splits."""
    found = [set() for _ in range(booster.num_feature())]

    def walk(node):
        if "split_feature" in node:
            if node["decision_type"] == "<=":
                found[node["split_feature"]].add(float(node["threshold"]))
            walk(node["left_child"])
            walk(node["right_child"])

    for tree in booster.dump_model()["tree_info"]:
        walk(tree["tree_structure"])
    return [sorted(x) for x in found]


def hard_rows(rng, booster, x, categories, n=24):
    """Training rows whose values are then replaced by the worst ones there are."""
    rows = x[rng.choice(len(x), n, replace=False)].copy()
    n_features = x.shape[1]
    nan, inf = math.nan, math.inf
    specials = [nan, inf, -inf, 0.0, -0.0, TINY, -TINY, 1e-36, -1e-36, 1.1e-35, -1.1e-35, 1e300]
    for feature, cuts in enumerate(thresholds(booster)):
        worst = list(specials)
        for cut in rng.permutation(cuts)[:6] if cuts else []:
            worst += [cut, math.nextafter(cut, inf), math.nextafter(cut, -inf)]
        if feature in categories:
            # Negative, unseen, cut to a whole number, as large as no category is.
            worst = [nan, -1.0, -7.0, 39.0, 40.0, 63.0, 64.0, 1000.0, 3.7, 1e9, 1e300, inf, -inf]
        block = x[rng.choice(len(x), len(worst))].copy()
        block[:, feature] = worst
        rows = numpy.vstack([rows, block])
    same = [numpy.full(n_features, value) for value in (nan, 0.0, inf, -inf)]
    return numpy.vstack([rows, same])


def write(name, booster, rows, contribs=False):
    booster.save_model(FOLDER / f"{name}.txt")
    booster = lightgbm.Booster(model_file=FOLDER / f"{name}.txt")
    raw = booster.predict(rows, raw_score=True)
    text = (FOLDER / f"{name}.txt").read_text()
    # The raw score of a random forest is a sum, its prediction follows from the mean.
    if "\naverage_output\n" in text:
        raw = raw / (booster.num_trees() // booster.num_model_per_iteration())
    golden = {
        "made_by": "xtask/golden/trees_lightgbm.py",
        "versions": {"lightgbm": lightgbm.__version__, "numpy": numpy.__version__},
        "seed": SEED,
        "rows": plain(rows),
        "leaves": plain(booster.predict(rows, pred_leaf=True)),
        "raw": plain(raw.reshape(len(rows), -1)),
        "predictions": plain(booster.predict(rows).reshape(len(rows), -1)),
        "split": plain(booster.feature_importance("split")),
        "gain": plain(booster.feature_importance("gain")),
    }
    step = 1 if contribs else SOME
    golden["contribs_step"] = step
    golden["contribs"] = plain(booster.predict(rows[::step], pred_contrib=True))
    (FOLDER / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(name, booster.num_trees(), len(rows), (FOLDER / f"{name}.json").stat().st_size)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = numpy.random.default_rng(SEED)
    x, signal = data(rng)
    classes = numpy.digitize(signal, numpy.quantile(signal, [0.3, 0.7]))
    binary = (signal > numpy.median(signal)).astype(int)
    share = 1 / (1 + numpy.exp(-signal))
    counts = rng.poisson(numpy.exp(0.4 * signal)).astype(float)
    common = {
        "num_leaves": 7,
        "min_data_in_leaf": 10,
        "min_data_per_group": 5,
        "cat_smooth": 1.0,
        "learning_rate": 0.3,
        "verbose": -1,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": SEED % 1000,
    }

    def train(target, rounds=4, categories=(3,), group=None, **parameters):
        target = numpy.asarray(target, dtype=float)
        made = lightgbm.Dataset(x, target, categorical_feature=list(categories), group=group)
        return lightgbm.train({**common, **parameters}, made, rounds)

    def case(name, target, contribs=False, categories=(3,), **parameters):
        booster = train(target, categories=categories, **parameters)
        write(name, booster, hard_rows(rng, booster, x, categories), contribs)

    forest = {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1}
    case("regression", signal, objective="regression", contribs=True)
    case("no-average", signal, objective="regression", boost_from_average=False)
    case("numeric", signal, objective="regression", categories=(), contribs=True)
    case("zero-as-missing", signal, objective="regression", zero_as_missing=True, contribs=True)
    case("no-missing", signal, objective="regression", use_missing=False)
    case("one-hot", signal, objective="regression", categories=(2, 3), max_cat_to_onehot=8)
    case("quantile", signal, objective="quantile", alpha=0.8)
    case("poisson", counts, objective="poisson")
    case("gamma", share, objective="gamma")
    case("tweedie", counts, objective="tweedie", tweedie_variance_power=1.3)
    case("binary", binary, objective="binary", contribs=True)
    case("sigmoid", binary, objective="binary", sigmoid=0.6, is_unbalance=True)
    case("cross-entropy", share, objective="cross_entropy")
    case("multiclass", classes, objective="multiclass", num_class=3, contribs=True)
    case("one-vs-all", classes, objective="multiclassova", num_class=3, sigmoid=1.7)
    case("rank", classes, objective="lambdarank", group=[40] * 10)
    case("dart", signal, objective="regression", boosting="dart", drop_rate=0.5, rounds=8)
    case("forest", signal, objective="regression", contribs=True, **forest)
    case("forest-binary", binary, objective="binary", **forest)
    case("forest-multiclass", classes, objective="multiclass", num_class=3, **forest)
    case("monotone", signal, objective="regression", monotone_constraints=[1, 0, 1, 0])
    case("single-leaf", numpy.full(len(x), 2.5), objective="regression")
    # No row is of class 2, so its trees are single leaves.
    case("single-leaves", binary, objective="multiclass", num_class=3)
    case("custom", signal, objective=lambda p, d: (p - d.get_label(), numpy.ones_like(p)))

    # Refused, so there is nothing to compare with.
    refused = {
        "linear": train(signal, rounds=1, objective="regression", linear_tree=True),
        "square-root": train(signal, rounds=1, objective="regression", reg_sqrt=True),
        "cross-entropy-lambda": train(share, rounds=1, objective="cross_entropy_lambda"),
    }
    for name, booster in refused.items():
        booster.save_model(FOLDER / f"refused-{name}.txt")


if __name__ == "__main__":
    main()

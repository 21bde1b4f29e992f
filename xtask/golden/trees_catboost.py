"""Makes crates/fi-models/tests/golden/catboost/: small models of CatBoost as it saves them
(NAME-model.json), and for each what CatBoost says of hard rows (NAME.json): leaf indices, raw
scores, predictions, importances, and its SHAP values.

Made with Python 3.12, catboost 1.2.10, numpy 2.5.5, pandas; single-threaded, seeds below.
Numbers that JSON does not have are the strings "nan", "inf", "-inf". Of the training parameters,
a model file keeps only the loss: they take 20 kB and hold a time.

What the keys of a NAME.json file hold:
  rows                        the rows, categories as numbers
  leaves                      calc_leaf_indexes of each row and tree
  raw                         RawFormulaVal
  predictions                 Probability or Exponent where the loss has one, otherwise raw
  importance                  PredictionValuesChange
  contribs                    ShapValues of each contribs_step-th row:
                              rows x (outputs) x (n_features + 1)
  interactions                ShapInteractionValues of the first 5 rows: rows x (outputs) x
                              (n_features + 1) x (n_features + 1), some models
"""
# requirements: requirements-trees.txt

import json
import math
import pathlib

import catboost
import numpy
import pandas

SEED = 20261121
ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "crates/fi-models/tests/golden/catboost"
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
    """Two columns of numbers, one with missing values, one of counts, one of categories."""
    x = rng.normal(size=(n, 4))
    x[rng.random(n) < 0.2, 0] = numpy.nan
    x[:, 2] = rng.integers(0, 5, size=n)
    x[:, 3] = rng.choice([0, 1, 2, 3, 7, 12, 99, 105, 2026, 98765], size=n)
    signal = (
        numpy.where(numpy.isnan(x[:, 0]), 1.5, x[:, 0])
        + 0.5 * x[:, 1]
        + 0.3 * x[:, 2]
        + 2.0 * numpy.isin(x[:, 3], [1, 12, 2026])
        + 4.0 * numpy.isin(x[:, 3], [7, 98765])
        + 0.1 * rng.normal(size=n)
    )
    return x, signal


def table(rows, categories):
    """Categories as whole numbers, all else as CatBoost takes it: single precision."""
    with numpy.errstate(over="ignore"):
        frame = pandas.DataFrame(rows.astype(numpy.float32))
    for column in categories:
        frame[column] = rows[:, column].astype(int)
    return frame


def hard_rows(rng, model, x, categories, nan, n=24):
    """Training rows whose values are then replaced by the worst ones there are."""
    rows = x[rng.choice(len(x), n, replace=False)].copy()
    inf = math.inf
    specials = [inf, -inf, 0.0, -0.0, 1e-36, -1e-36, 1e300, -1e300, 3.4e38, -3.4e38, -3.5e38]
    for feature in range(x.shape[1]):
        if feature in categories:
            worst = [-1.0, 0.0, 1.0, 2.0, 99.0, 1000.0, 98765.0, 131071.0, 131072.0, 1e6]
        else:
            worst = list(specials) + ([math.nan] if nan or feature == 0 else [])
            borders = model.get_borders().get(feature, [])
            for border in rng.permutation(borders)[:6] if borders else []:
                single = numpy.float32(border)
                worst += [float(x) for x in (single, numpy.nextafter(single, numpy.float32(9)))]
                worst += [float(numpy.nextafter(single, numpy.float32(-9)))]
                # Equal to the border only once it is rounded to single precision.
                worst += [math.nextafter(float(single), 9.0), math.nextafter(float(single), -9.0)]
        block = x[rng.choice(len(x), len(worst))].copy()
        block[:, feature] = worst
        rows = numpy.vstack([rows, block])
    return rows


def save(name, model, pool=None):
    path = FOLDER / f"{name}-model.json"
    model.save_model(path, format="json", **({"pool": pool} if pool else {}))
    loaded = catboost.CatBoost()
    loaded.load_model(path, format="json")
    full = json.loads(path.read_text())
    info = full["model_info"]
    kept = {"params": {"loss_function": info["params"]["loss_function"]}}
    if "class_params" in info:
        kept["class_params"] = info["class_params"]
    full["model_info"] = kept
    full.pop("ctr_data", None)
    path.write_text(json.dumps(full, separators=(",", ":")) + "\n")
    return loaded


def write(name, model, rows, pool, categories, kind, shap, with_pool):
    loaded = save(name, model, pool if with_pool else None)
    frame = table(rows, categories)
    frame.columns = model.feature_names_
    hard = catboost.Pool(frame, cat_features=list(categories))
    # What is loaded from JSON numbers leaves of trees that are not oblivious in their order.
    leaves = loaded.calc_leaf_indexes(hard)
    columns = lambda values: plain(numpy.asarray(values, dtype=float).reshape(len(rows), -1))
    golden = {
        "made_by": "xtask/golden/trees_catboost.py",
        "versions": {"catboost": catboost.__version__, "numpy": numpy.__version__},
        "seed": SEED,
        "rows": plain(rows),
        "leaves": plain(leaves),
        "raw": columns(model.predict(hard, prediction_type="RawFormulaVal")),
        "predictions": columns(model.predict(hard, prediction_type=kind)),
        "importance": plain(model.get_feature_importance(type="PredictionValuesChange", data=pool)),
    }
    step = 1 if shap else SOME
    golden["contribs_step"] = step
    some = catboost.Pool(frame[::step], cat_features=list(categories))
    if model.get_scale_and_bias()[0] == 1.0:  # CatBoost refuses others
        golden["contribs"] = plain(model.get_feature_importance(data=some, type="ShapValues"))
    if shap:
        few = catboost.Pool(frame[:5], cat_features=list(categories))
        pairs = model.get_feature_importance(data=few, type="ShapInteractionValues")
        golden["interactions"] = plain(pairs)
    (FOLDER / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(name, model.tree_count_, len(rows), (FOLDER / f"{name}.json").stat().st_size)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = numpy.random.default_rng(SEED)
    x, signal = data(rng)
    classes = numpy.digitize(signal, numpy.quantile(signal, [0.3, 0.7]))
    binary = (signal > numpy.median(signal)).astype(int)
    counts = rng.poisson(numpy.exp(0.4 * signal)).astype(float)
    common = {
        "iterations": 4,
        "depth": 3,
        "learning_rate": 0.3,
        "border_count": 16,
        "one_hot_max_size": 16,
        "thread_count": 1,
        "random_seed": SEED % 1000,
        "allow_writing_files": False,
        "verbose": 0,
    }

    def train(target, categories=(3,), names=None, weights=None, x=x, **parameters):
        frame = table(x, categories)
        frame.columns = names or frame.columns
        pool = catboost.Pool(frame, target, cat_features=list(categories), weight=weights)
        return catboost.CatBoost({**common, **parameters}).fit(pool), pool

    def case(
        name, target, kind="RawFormulaVal", shap=False, nan=False, with_pool=False, scale=None,
        categories=(3,), **parameters,
    ):
        model, pool = train(target, categories=categories, **parameters)
        if scale:
            model.set_scale_and_bias(*scale)
        rows = hard_rows(rng, model, x, categories, nan)
        write(name, model, rows, pool, categories, kind, shap, with_pool)

    chance, power = "Probability", "Exponent"
    text = numpy.array(["low", "middle", "high"])[classes]
    case("regression", signal, loss_function="RMSE", shap=True)
    case("numeric", signal, loss_function="RMSE", categories=(), shap=True, names=list("abcd"))
    case("nan-max", signal, loss_function="RMSE", nan_mode="Max", categories=())
    case("weights", signal, loss_function="RMSE", weights=rng.integers(1, 9, len(x)) / 4)
    case("ignored", signal, loss_function="RMSE", ignored_features=[0, 2])
    case("scaled", signal, loss_function="RMSE", scale=(0.25, 3.5))
    case("with-pool", signal, loss_function="RMSE", with_pool=True)
    case("quantile", signal, loss_function="Quantile:alpha=0.8")
    case("poisson", counts, power, loss_function="Poisson")
    case("tweedie", counts, power, loss_function="Tweedie:variance_power=1.3")
    case("logloss", binary, chance, loss_function="Logloss", shap=True)
    case("multiclass", text, chance, loss_function="MultiClass", shap=True)
    case("one-vs-all", classes, chance, loss_function="MultiClassOneVsAll")
    case("multi-rmse", numpy.c_[signal, x[:, 1]], loss_function="MultiRMSE")
    labels = numpy.c_[binary, x[:, 1] > 0].astype(int)
    case("multi-logloss", labels, chance, loss_function="MultiLogloss")
    case("stumps", signal, loss_function="RMSE", depth=1)
    depthwise = {"grow_policy": "Depthwise", "min_data_in_leaf": 20}
    case("depthwise", signal, loss_function="RMSE", shap=True, **depthwise)
    lossguide = {"grow_policy": "Lossguide", "max_leaves": 7, "depth": 6}
    case("lossguide", classes, chance, loss_function="MultiClass", **lossguide)

    # Refused, so there is nothing to compare with.
    statistics, _ = train(signal, loss_function="RMSE", one_hot_max_size=2)
    save("refused-ctr", statistics)
    uncertain, _ = train(signal, loss_function="RMSEWithUncertainty")
    save("refused-loss", uncertain)
    frame = pandas.DataFrame({"width": x[:, 1], "colour": numpy.array(["red", "green", "blue"])[
        numpy.arange(len(x)) % 3]})
    target = x[:, 1] + (frame["colour"] == "red")
    pool = catboost.Pool(frame, target, cat_features=["colour"])
    colours = catboost.CatBoost({**common, "loss_function": "RMSE"}).fit(pool)
    save("refused-text", colours)
    save("refused-text-known", colours, pool)


if __name__ == "__main__":
    main()

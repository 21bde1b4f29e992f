"""Does one piece of work of one peer for each line of the input (clock.py).

    python works.py FOLDER WORK PEER THREADS REPEATS [ROWS]

Data and model are loaded before the first one.
"""

import os
import sys
from pathlib import Path

FOLDER, WORK, PEER, THREADS, REPEATS = sys.argv[1:6]
ROWS = int(sys.argv[6]) if len(sys.argv) > 6 else None
FOLDER, THREADS, REPEATS = Path(FOLDER), int(THREADS), int(REPEATS)
for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"]:
    os.environ[variable] = str(THREADS)

import numpy as np  # noqa: E402  (the threads are set before)

import clock  # noqa: E402


def load(name):
    return np.load(FOLDER / f"{name}.npy")


def rows(name):
    return load(name)[:ROWS]


def booster(work):
    import xgboost

    model = xgboost.Booster({"nthread": THREADS}, model_file=FOLDER / f"{work}.json")
    return model


# --- each function answers a closure that does the work once ---


def xgboost_contribs(depth):
    import xgboost

    model = booster(f"xgboost_d{depth}")
    data = xgboost.DMatrix(rows("x50").astype(np.float32), nthread=THREADS)
    return lambda: model.predict(data, pred_contribs=True)


def xgboost_interactions(depth):
    import xgboost

    model = booster(f"xgboost_d{depth}")
    data = xgboost.DMatrix(rows("x50").astype(np.float32), nthread=THREADS)
    return lambda: model.predict(data, pred_interactions=True)


def xgboost_predict(depth):
    import xgboost

    model = booster(f"xgboost_d{depth}")
    data = rows("x50").astype(np.float32)
    # A DMatrix caches its predictions: every repetition needs one of its own.
    fresh = [xgboost.DMatrix(data, nthread=THREADS) for _ in range(REPEATS + 1)]
    return lambda: model.predict(fresh.pop())


def woodelf_path(depth):
    import pandas as pd
    from woodelf import WoodelfExplainer

    model, data = booster(f"xgboost_d{depth}"), pd.DataFrame(rows("x50").astype(np.float32))
    data.columns = [f"f{i}" for i in range(data.shape[1])]
    return lambda: WoodelfExplainer(model, feature_perturbation="tree_path_dependent").shap_values(data)


def woodelf_background(depth):
    import pandas as pd
    from woodelf import WoodelfExplainer

    model, data = booster(f"xgboost_d{depth}"), pd.DataFrame(load("x50").astype(np.float32))
    data.columns = [f"f{i}" for i in range(data.shape[1])]
    background, data = data.iloc[10_000:11_000], data.iloc[:ROWS]
    return lambda: WoodelfExplainer(model, background).shap_values(data)


def shap_background(depth):
    import shap

    model, data = booster(f"xgboost_d{depth}"), load("x50").astype(np.float32)
    background = shap.maskers.Independent(data[10_000:11_000], max_samples=1000)
    data = data[:ROWS]
    return lambda: shap.TreeExplainer(model, background).shap_values(data, check_additivity=False)


def lightgbm_contribs(_):
    import lightgbm

    model, data = lightgbm.Booster(model_file=FOLDER / "lightgbm.txt"), rows("x8")
    return lambda: model.predict(data, pred_contrib=True, num_threads=THREADS)


def lightgbm_predict(_):
    import lightgbm

    model, data = lightgbm.Booster(model_file=FOLDER / "lightgbm.txt"), rows("x8")
    return lambda: model.predict(data, raw_score=True, num_threads=THREADS)


def catboost_contribs(_):
    import catboost

    model, data = catboost.CatBoostRegressor(), catboost.Pool(rows("x8"))
    model.load_model(str(FOLDER / "catboost.cbm"))
    return lambda: model.get_feature_importance(data, type="ShapValues", thread_count=THREADS)


def catboost_predict(_):
    import catboost

    model, data = catboost.CatBoostRegressor(), catboost.Pool(rows("x8"))
    model.load_model(str(FOLDER / "catboost.cbm"))
    return lambda: model.predict(data, thread_count=THREADS)


def forest(name):
    import joblib

    model = joblib.load(FOLDER / f"{name}.joblib")
    model.n_jobs = THREADS
    return model


def shap_forest(name):
    import shap

    model, data = forest(name), rows("x8")
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    return lambda: explainer.shap_values(data, check_additivity=False)


def fasttreeshap_forest(name):
    import fasttreeshap

    model, data = forest(name), rows("x8")
    explainer = fasttreeshap.TreeExplainer(model, algorithm="v2", n_jobs=THREADS)
    return lambda: explainer.shap_values(data, check_additivity=False)


def sklearn_forest_predict(name):
    data = rows("x20" if name == "forest_classes" else "x8")
    model = forest(name)
    predict = model.predict_proba if name == "forest_classes" else model.predict
    return lambda: predict(data)


def sklearn_permutation_xgboost(depth):
    import xgboost
    from sklearn.inspection import permutation_importance

    model = xgboost.XGBRegressor(n_jobs=THREADS)
    model.load_model(FOLDER / f"xgboost_d{depth}.json")
    x, y = rows("x50").astype(np.float32), rows("y50")
    return lambda: permutation_importance(
        model, x, y, scoring="neg_mean_squared_error", n_repeats=5, random_state=0, n_jobs=1
    )


def sklearn_permutation_forest(name):
    from sklearn.inspection import permutation_importance

    model, x, y = forest(name), load("x20")[:10_000], load("classes20")[:10_000].astype(int)
    return lambda: permutation_importance(
        model, x, y, scoring="accuracy", n_repeats=5, random_state=0, n_jobs=1
    )


def sklearn_forest_training(kind):
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    x = load("x20")
    if kind == "classes":
        y = load("classes20").astype(int)
        return lambda: RandomForestClassifier(100, n_jobs=THREADS, random_state=0).fit(x, y)
    y = load("y20")
    return lambda: RandomForestRegressor(
        100, max_features=1 / 3, n_jobs=THREADS, random_state=0
    ).fit(x, y)


def histgb_training(_):
    from sklearn.ensemble import HistGradientBoostingRegressor

    x, y = load("x20"), load("y20")
    return lambda: HistGradientBoostingRegressor(
        max_iter=500, max_leaf_nodes=31, early_stopping=False, random_state=0
    ).fit(x, y)


def lightgbm_training(_):
    import lightgbm

    x, y = load("x20"), load("y20")
    return lambda: lightgbm.LGBMRegressor(
        n_estimators=500, num_leaves=31, n_jobs=THREADS, verbose=-1, random_state=0
    ).fit(x, y)


def accuracy(model):
    """What a trained model scores on rows it has not seen."""
    x = load("x20_test")
    if hasattr(model, "predict_proba"):
        return float((model.predict(x) == load("classes20_test")).mean())
    return float(1 - ((model.predict(x) - load("y20_test")) ** 2).mean() / load("y20_test").var())


def main():
    name, _, argument = WORK.partition(":")
    work = globals()[f"{PEER}_{name}"](argument)
    clock.each_line(work, accuracy if name.endswith("training") else None)


if __name__ == "__main__":
    main()

"""Trains the models that the peers and fi explain, and writes them with their data.

    python models.py FOLDER      (Python 3.12, requirements.txt)

One thread, fixed seeds: the same models every time. Data are written as float64 `.npy`; where the
library reads single precision the values are single-precision numbers already.
"""

import sys
from pathlib import Path

import catboost
import joblib
import lightgbm
import numpy as np
import xgboost
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from export import export


def table(n_rows, n_features, seed):
    """Standard normal features in single precision, and a target that most of them matter to."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n_rows, n_features)).astype(np.float32).astype(np.float64)
    weights = rng.standard_normal(n_features) / np.arange(1, n_features + 1) ** 0.5
    y = x @ weights + np.sin(3 * x[:, 0]) * x[:, 1] + np.abs(x[:, 2]) * (x[:, 3] > 0)
    return x, y + 0.3 * rng.standard_normal(n_rows)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    save = lambda name, array: np.save(folder / f"{name}.npy", np.asarray(array, dtype=np.float64))

    x50, y50 = table(20_000, 50, 1)
    save("x50", x50)
    save("y50", y50)
    train = xgboost.DMatrix(x50.astype(np.float32), y50)
    for depth, rounds in [(4, 200), (6, 200), (8, 200), (10, 200), (16, 20)]:
        params = {"max_depth": depth, "eta": 0.1, "tree_method": "hist", "nthread": 1, "seed": 0}
        params |= {"min_child_weight": 1}
        xgboost.train(params, train, rounds).save_model(folder / f"xgboost_d{depth}.json")

    x8, y8 = table(10_000, 8, 2)
    save("x8", x8)
    save("y8", y8)
    lightgbm.LGBMRegressor(
        n_estimators=500, num_leaves=64, n_jobs=1, verbose=-1, random_state=0, deterministic=True
    ).fit(x8, y8).booster_.save_model(folder / "lightgbm.txt")
    model = catboost.CatBoostRegressor(
        iterations=500, depth=6, thread_count=1, random_seed=0, verbose=False, allow_writing_files=False
    ).fit(x8, y8)
    model.save_model(str(folder / "catboost.json"), format="json")
    model.save_model(str(folder / "catboost.cbm"))

    for name, depth in [("forest_d10", 10), ("forest_deep", None)]:
        forest = RandomForestRegressor(100, max_depth=depth, n_jobs=1, random_state=0).fit(x8, y8)
        joblib.dump(forest, folder / f"{name}.joblib")
        export(forest, folder / f"{name}.json")

    # The last 20,000 rows are held out, to compare accuracy on.
    x, y = table(70_000, 20, 3)
    x20, y20 = x[:50_000], y[:50_000]
    classes = (y20 > np.median(y20)).astype(np.int64)
    save("x20", x20)
    save("y20", y20)
    save("classes20", classes)
    save("x20_test", x[50_000:])
    save("y20_test", y[50_000:])
    save("classes20_test", y[50_000:] > np.median(y20))
    forest = RandomForestClassifier(100, n_jobs=1, random_state=0).fit(x20[:10_000], classes[:10_000])
    joblib.dump(forest, folder / "forest_classes.joblib")
    export(forest, folder / "forest_classes.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

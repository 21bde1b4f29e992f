"""One work of a peer on the table of `cargo xtask bench --large`, which it holds in memory.

    large.py FOLDER train
    large.py FOLDER (predict | permutation | shap) ROWS THREADS

The runner measures the process from its start to its end, reading included.
"""

import sys
from pathlib import Path

import numpy as np
import xgboost

TREES, TRAINING_ROWS = 100, 200_000


def main(folder, work, rows=None, threads=None):
    table = np.load(folder / "rows.npy", mmap_mode="r")
    if work == "train":
        x, y = table[:TRAINING_ROWS, :-1], table[:TRAINING_ROWS, -1]
        model = xgboost.XGBRegressor(n_estimators=TREES, max_depth=6, learning_rate=0.1)
        model.fit(x, y)
        model.save_model(folder / "model.json")
        return
    table = table[: int(rows)]
    x, y = np.ascontiguousarray(table[:, :-1], dtype=np.float32), np.array(table[:, -1])
    model = xgboost.XGBRegressor()
    model.load_model(folder / "model.json")
    model.set_params(n_jobs=int(threads))
    if work == "predict":
        np.save(folder / "theirs.npy", model.predict(x))
    elif work == "permutation":
        from sklearn.inspection import permutation_importance

        found = permutation_importance(
            model, x, y, scoring="neg_mean_squared_error", n_repeats=1, random_state=0
        )
        print(found.importances_mean)
    elif work == "shap":
        values = model.get_booster().predict(xgboost.DMatrix(x), pred_contribs=True)
        print(np.abs(values).mean(axis=0))


main(Path(sys.argv[1]), *sys.argv[2:])

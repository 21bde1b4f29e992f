"""Trains one library's trees on rows that the runner wrote, and predicts the rows held out.

    python accuracy.py FOLDER LIBRARY LEARNER CLASSES SEED...

`FOLDER/SEED` holds a split; CLASSES is 0 for values. Predictions (one probability per class, or
one value) go to `predictions.bin` beside it, and then a line of JSON says so. One thread.
"""

import json
import os
import sys
from pathlib import Path

for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[variable] = "1"

import numpy as np  # noqa: E402  (the threads are set before)

FOLDER, LIBRARY, LEARNER, CLASSES, *SEEDS = sys.argv[1:]
CLASSES = int(CLASSES)


def sklearn(seed):
    import sklearn
    from sklearn import ensemble

    kind = "Classifier" if CLASSES else "Regressor"
    name = {"forest": "RandomForest", "extra-trees": "ExtraTrees"}[LEARNER]
    settings = {"n_estimators": 100, "n_jobs": 1, "random_state": seed}
    if LEARNER == "forest" and not CLASSES:
        settings["max_features"] = 1 / 3
    return getattr(ensemble, name + kind)(**settings), f"scikit-learn {sklearn.__version__}"


def histgb(seed):
    import sklearn
    from sklearn import ensemble

    kind = "Classifier" if CLASSES else "Regressor"
    # fi and LightGBM multiply the Hessian of K > 2 classes by K/(K − 1), scikit-learn does not:
    # steps are as long with a rate that is shorter by this factor.
    factor = (CLASSES - 1) / CLASSES if CLASSES > 2 else 1
    model = getattr(ensemble, f"HistGradientBoosting{kind}")(
        max_iter=100,
        learning_rate=0.1 * factor,
        max_leaf_nodes=31,
        min_samples_leaf=20,
        max_bins=255,
        early_stopping=False,
        random_state=seed,
    )
    return model, f"scikit-learn {sklearn.__version__} HistGradientBoosting"


def lightgbm(seed):
    import lightgbm

    kind = lightgbm.LGBMClassifier if CLASSES else lightgbm.LGBMRegressor
    model = kind(
        n_estimators=100,
        learning_rate=0.1,
        num_leaves=31,
        min_child_samples=20,
        min_child_weight=1e-3,
        max_bin=255,
        min_data_in_bin=1,
        n_jobs=1,
        random_state=seed,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
    return model, f"lightgbm {lightgbm.__version__}"


def main():
    for seed in SEEDS:
        folder = Path(FOLDER) / seed
        load = lambda name: np.load(folder / f"{name}.npy")
        y = load("y_train")
        model, version = globals()[LIBRARY](int(seed))
        model.fit(load("x_train"), y.astype(int) if CLASSES else y)
        predict = model.predict_proba if CLASSES else model.predict
        predict(load("x_test")).astype("<f8").tofile(folder / "predictions.bin")
        print(json.dumps({"seed": int(seed), "version": version}), flush=True)


if __name__ == "__main__":
    main()

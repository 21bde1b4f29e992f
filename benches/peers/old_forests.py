"""Trains the forests that fasttreeshap explains, with the scikit-learn that it needs.

    python old_forests.py FOLDER      (Python 3.9, requirements-fasttreeshap.txt)
"""

import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.ensemble import RandomForestRegressor

from export import export

folder = Path(sys.argv[1])
x, y = np.load(folder / "x8.npy"), np.load(folder / "y8.npy")
for name, depth in [("old_forest_d10", 10), ("old_forest_deep", None)]:
    forest = RandomForestRegressor(100, max_depth=depth, n_jobs=1, random_state=0).fit(x, y)
    joblib.dump(forest, folder / f"{name}.joblib")
    export(forest, folder / f"{name}.json")

"""Makes crates/fi-core/tests/golden/clusters.json: hierarchical clusterings of features.

`scipy.cluster.hierarchy.linkage` on the distances 1 - |Spearman's rho|, which is scikit-learn's
recipe for correlated features, with its leaves and flat clusters.

Run with the pinned versions of requirements.txt:  python xtask/golden/clusters.py
"""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform
from scipy.stats import spearmanr

SEED = 7
N_ROWS, N_FEATURES = 40, 12

rng = np.random.default_rng(SEED)
factors = rng.normal(size=(N_ROWS, 4))
mixing = rng.normal(size=(4, N_FEATURES)) * (rng.uniform(size=(4, N_FEATURES)) < 0.5)
rows = (factors @ mixing + 0.6 * rng.normal(size=(N_ROWS, N_FEATURES))).round(3)
# Ties in a column, and a column in reverse.
rows[:, 3] = rows[:, 3].round(0)
rows[:, 5] = -rows[:, 4] ** 3 + 0.1 * rows[:, 5]
rows = rows.round(3)

distances = 1 - np.abs(spearmanr(rows).statistic)
distances = (distances + distances.T) / 2
np.fill_diagonal(distances, 0)
condensed = squareform(distances)
assert len(np.unique(condensed.round(12))) == len(condensed)


def of(method):
    tree = linkage(condensed, method)
    heights = (tree[:-1, 2] + tree[1:, 2]) / 2
    return {
        "linkage": tree.tolist(),
        "leaves": leaves_list(tree).tolist(),
        "by_distance": [
            {"distance": t, "labels": fcluster(tree, t, "distance").tolist()}
            for t in [0.0, *heights[::3].tolist(), 10.0]
        ],
        "by_number": [
            {"n": n, "labels": fcluster(tree, n, "maxclust").tolist()} for n in (1, 3, 5, 12)
        ],
    }


golden = {
    "made_by": "xtask/golden/clusters.py",
    "seed": SEED,
    "versions": {"scipy": scipy.__version__, "numpy": np.__version__},
    "rows": rows.tolist(),
    "linkages": {method: of(method) for method in ("single", "complete", "average", "ward")},
}
path = Path(__file__).parents[2] / "crates/fi-core/tests/golden/clusters.json"
path.write_text(json.dumps(golden) + "\n")

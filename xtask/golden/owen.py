"""Makes crates/fi-core/tests/golden/owen.json: Owen values of a small tanh network.

`shap.explainers.Partition` on a binary tree, with a budget that asks for everything: then its
recursion is the Owen value of that tree. The network's weights are in the file.

Run with the pinned versions of requirements.txt:  python xtask/golden/owen.py
"""

import json
from pathlib import Path

import numpy as np
import shap

SEED = 21
N_FEATURES, N_HIDDEN, N_OUTPUTS = 7, 5, 2

rng = np.random.default_rng(SEED)
hidden = rng.normal(size=(N_FEATURES, N_HIDDEN)).round(3)
hidden_bias = rng.normal(size=N_HIDDEN).round(3)
output = rng.normal(size=(N_HIDDEN, N_OUTPUTS)).round(3)
output_bias = rng.normal(size=N_OUTPUTS).round(3)
background = rng.normal(size=(8, N_FEATURES)).round(3)
rows = rng.normal(size=(3, N_FEATURES)).round(3)
# ((0, 4), ((1, 2), (3, (5, 6)))): scipy's linkage, cluster 7 + k made by line k.
tree = np.array(
    [[0, 4, 0.1, 2], [1, 2, 0.2, 2], [5, 6, 0.3, 2], [3, 9, 0.4, 3], [8, 10, 0.5, 5], [7, 11, 0.6, 7]]
)


def model(x):
    return np.tanh(x @ hidden + hidden_bias) @ output + output_bias


masker = shap.maskers.Partition(background, clustering=tree)
explainer = shap.explainers.Partition(model, masker)
found = explainer(rows, max_evals=100_000, silent=True)

golden = {
    "made_by": "xtask/golden/owen.py",
    "seed": SEED,
    "versions": {"shap": shap.__version__, "numpy": np.__version__},
    "hidden": hidden.tolist(),
    "hidden_bias": hidden_bias.tolist(),
    "output": output.tolist(),
    "output_bias": output_bias.tolist(),
    "background": background.tolist(),
    "rows": rows.tolist(),
    "tree": tree.tolist(),
    "values": found.values.transpose(0, 2, 1).tolist(),
    "base_values": found.base_values[0].tolist(),
}
path = Path(__file__).parents[2] / "crates/fi-core/tests/golden/owen.json"
path.write_text(json.dumps(golden) + "\n")

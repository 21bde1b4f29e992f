"""Makes crates/fi-core/tests/golden/shapley.json: Shapley values of a small tanh network.

The network has 8 inputs, 5 hidden units and 2 outputs; its weights are in the file, so that the
Rust test evaluates the same function. `shap.KernelExplainer` gets all 2^8 coalitions and no
feature selection; `shap.explainers.Exact` gets the same background. Both are exact.

Run with the pinned versions of requirements.txt:  python xtask/golden/shapley.py
"""

import json
from pathlib import Path

import numpy as np
import shap

SEED = 20
N_FEATURES, N_HIDDEN, N_OUTPUTS = 8, 5, 2

rng = np.random.default_rng(SEED)
hidden = rng.normal(size=(N_FEATURES, N_HIDDEN)).round(3)
hidden_bias = rng.normal(size=N_HIDDEN).round(3)
output = rng.normal(size=(N_HIDDEN, N_OUTPUTS)).round(3)
output_bias = rng.normal(size=N_OUTPUTS).round(3)
background = rng.normal(size=(10, N_FEATURES)).round(3)
weights = rng.uniform(0.5, 2.0, size=10).round(3)
rows = rng.normal(size=(4, N_FEATURES)).round(3)


def model(x):
    return np.tanh(x @ hidden + hidden_bias) @ output + output_bias


def kernel(data):
    explainer = shap.KernelExplainer(model, data)
    values = explainer.shap_values(rows, nsamples=2**N_FEATURES, l1_reg=False, silent=True)
    return np.asarray(values).transpose(0, 2, 1), np.asarray(explainer.expected_value)


kernel_values, base_values = kernel(background)
weighted_values, weighted_base = kernel(
    shap.utils._legacy.DenseData(background, [f"x{i}" for i in range(N_FEATURES)], None, weights)
)
exact = shap.explainers.ExactExplainer(model, shap.maskers.Independent(background))(rows)
exact_values = exact.values.transpose(0, 2, 1)
assert np.abs(kernel_values - exact_values).max() < 1e-9

golden = {
    "made_by": "xtask/golden/shapley.py",
    "seed": SEED,
    "versions": {"shap": shap.__version__, "numpy": np.__version__},
    "hidden": hidden.tolist(),
    "hidden_bias": hidden_bias.tolist(),
    "output": output.tolist(),
    "output_bias": output_bias.tolist(),
    "background": background.tolist(),
    "weights": weights.tolist(),
    "rows": rows.tolist(),
    "kernel": kernel_values.tolist(),
    "exact": exact_values.tolist(),
    "base_values": base_values.tolist(),
    "weighted_kernel": weighted_values.tolist(),
    "weighted_base_values": weighted_base.tolist(),
}
path = Path(__file__).parents[2] / "crates/fi-core/tests/golden/shapley.json"
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps(golden, indent=1) + "\n")

# requirements: requirements-sage.txt
"""Makes crates/fi-core/tests/golden/sage.json: SAGE values of sage-importance, with their
standard errors, for a tanh network of 6 correlated inputs: its number with the squared error, and
the probability of a class made of it with the cross entropy.

The network's weights, the rows and the background are in the file, so that the Rust test asks the
same function. sage-importance draws rows and orders; both of its estimators run far beyond their
own convergence. Its clipping of probabilities is not reached.

Run with the pinned versions of requirements-sage.txt:  python xtask/golden/sage_importance.py
"""

import json
from pathlib import Path

import numpy as np
import sage

SEED = 5
N_FEATURES, N_HIDDEN, N_ROWS, N_BACKGROUND = 6, 4, 60, 40
N_PERMUTATIONS, N_SAMPLES, BATCH = 24_576, 131_072, 512

rng = np.random.default_rng(SEED)
hidden = rng.normal(size=(N_FEATURES, N_HIDDEN)).round(3)
hidden[5] = 0
output = rng.normal(size=N_HIDDEN).round(3)
mixing = np.eye(N_FEATURES) + 0.6 * np.eye(N_FEATURES, k=1)
table = (rng.normal(size=(N_ROWS + N_BACKGROUND, N_FEATURES)) @ mixing).round(3)
rows, background = table[:N_ROWS], table[N_ROWS:]


def number(x):
    return 1.5 * np.tanh(x @ hidden) @ output


def probabilities(x):
    p = 1 / (1 + np.exp(-number(x)))
    return np.stack([1 - p, p], axis=1)


target = (number(rows) + 0.5 * rng.normal(size=N_ROWS)).round(3)
labels = (target > 0).astype(int)


def converged(model, truth, loss):
    imputer = sage.MarginalImputer(model, background)
    settings = {"batch_size": BATCH, "detect_convergence": False, "bar": False}
    walks = sage.PermutationEstimator(imputer, loss, random_state=0)
    walks = walks(rows, truth, n_permutations=N_PERMUTATIONS, **settings)
    kernel = sage.KernelEstimator(imputer, loss, random_state=0)
    kernel = kernel(rows, truth, n_samples=N_SAMPLES, **settings)
    return {
        name: {"values": found.values.tolist(), "std": found.std.tolist()}
        for name, found in (("permutation", walks), ("kernel", kernel))
    }


golden = {
    "peer": "sage-importance 0.0.6",
    "hidden": hidden.tolist(),
    "output": output.tolist(),
    "rows": rows.tolist(),
    "background": background.tolist(),
    "target": target.tolist(),
    "labels": labels.tolist(),
    "mse": converged(lambda x: number(x)[:, np.newaxis], target, "mse"),
    "log_loss": converged(probabilities, labels, "cross entropy"),
}
path = Path(__file__).parents[2] / "crates/fi-core/tests/golden/sage.json"
path.write_text(json.dumps(golden) + "\n")

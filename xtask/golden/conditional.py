"""Write crates/fi-core/tests/golden/conditional.json: hidimstat's scores of dependent features.

On half of drawn rows with correlated features, linear regression is trained; on the other half
hidimstat scores its features:

- CFI, conditional feature importance: each feature is replaced by its linear regression on the
  others plus a permuted residual; the mean over many permutations, and its standard error
- LOCO, the loss without a feature after training again
- LOCI, the loss of the mean of the training targets without the loss of a feature alone

(Its p-values test means of residuals and are left out.)

Run: python xtask/golden/conditional.py   (versions: xtask/golden/requirements.txt)
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from hidimstat import CFI, LOCI, LOCO
from sklearn.linear_model import LinearRegression

SEED = 31
N_ROWS = 160
N_PERMUTATIONS = 2000
ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "crates" / "fi-core" / "tests" / "golden" / "conditional.json"


class Curved(LinearRegression):
    """f(x) = x0² + x1 x2 - x3, whatever it is trained on."""

    def predict(self, X):
        return X[:, 0] ** 2 + X[:, 1] * X[:, 2] - X[:, 3]


def main():
    rng = np.random.default_rng(SEED)
    mixing = np.array([[1, 0.9, 0.5, 0], [0, 0.6, 0.4, 0], [0, 0, 0.8, 0], [0, 0, 0, 1]])
    rows = np.round(rng.normal(size=(N_ROWS, 4)) @ mixing, 4)
    target = np.round(rows @ [1.0, 0.5, 0.0, -0.7] + rng.normal(size=N_ROWS), 4)
    half = N_ROWS // 2
    train, test = (rows[:half], target[:half]), (rows[half:], target[half:])
    estimator = LinearRegression().fit(*train)
    cases = {}
    for name, model in [("linear", estimator), ("curved", Curved().fit(*train))]:
        cfi = CFI(
            model,
            n_permutations=N_PERMUTATIONS,
            imputation_model_continuous=LinearRegression(),
            feature_types="continuous",
            random_state=SEED,
        )
        # The imputation is fitted on the rows that are scored, as the Gaussian is in the test.
        values = cfi.fit_importance(*test)
        errors = [np.std(cfi.loss_[j], ddof=1) / np.sqrt(N_PERMUTATIONS) for j in range(4)]
        cases[name] = {"values": values.tolist(), "std_errors": errors}
    loco = LOCO(LinearRegression().fit(*train)).fit(*train).importance(*test)
    loci = LOCI(LinearRegression()).fit(*train).importance(*test)
    golden = {
        "versions": {name: version(name) for name in ["hidimstat", "scikit-learn", "numpy"]},
        "rows": rows.tolist(),
        "target": target.tolist(),
        "n_train": half,
        "coefficients": [*estimator.coef_.tolist(), float(estimator.intercept_)],
        "cfi": cases,
        "loco": loco.tolist(),
        "loci": loci.tolist(),
    }
    OUTPUT.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()

"""Makes crates/fi-models/tests/golden/linear.json: linear models on the committed data sets.

Least squares with standard errors (numpy's closed form, scipy's t distribution), scikit-learn's
StandardScaler, ElasticNet, Lasso, Ridge and LogisticRegression. No randomness. Run from anywhere.
"""

import csv
import json
import pathlib

import numpy as np
import scipy
import scipy.stats
import sklearn
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

ROOT = pathlib.Path(__file__).resolve().parents[2]


def table(name):
    with open(ROOT / "datasets" / f"{name}.csv", newline="") as file:
        rows = list(csv.reader(file))[1:]
    x = np.array([[float(cell) for cell in row[:-1]] for row in rows])
    return x, [row[-1] for row in rows]


def least_squares():
    x, y = table("diabetes")
    y = np.array([float(cell) for cell in y])
    design = np.column_stack([x, np.ones(len(x))])
    # Standardised columns keep the normal equations well conditioned.
    scale = np.append(x.std(axis=0), 1.0)
    scaled = design / scale
    inverse = np.linalg.inv(scaled.T @ scaled)
    beta = inverse @ scaled.T @ y
    freedom = len(x) - design.shape[1]
    residuals = y - scaled @ beta
    errors = np.sqrt(np.diag(inverse) * (residuals @ residuals) / freedom)
    t = beta / errors
    p = 2 * scipy.stats.t.sf(np.abs(t), freedom)
    width = scipy.stats.t.ppf(0.975, freedom)
    return {
        "coefficients": (beta / scale)[:-1].tolist(),
        "intercept": float(beta[-1]),
        "standard_errors": (errors / scale)[:-1].tolist(),
        "degrees_of_freedom": freedom,
        "p_values": p[:-1].tolist(),
        "t_quantile": float(width),
    }


def penalised():
    x, y = table("diabetes")
    y = np.array([float(cell) for cell in y])
    z = StandardScaler().fit_transform(x) + 3.0  # not centred, to test the intercept
    exact = {"tol": 1e-12, "max_iter": 1_000_000}
    models = {
        "elastic_net": ElasticNet(alpha=0.5, l1_ratio=0.3, **exact),
        "lasso": Lasso(alpha=2.0, **exact),
        # linfa's ridge penalty is that of the mean loss: n times as large in scikit-learn.
        "ridge": Ridge(alpha=0.1 * len(y), solver="cholesky"),
    }
    out = {}
    for name, model in models.items():
        model.fit(z, y)
        out[name] = {"coefficients": model.coef_.tolist(), "intercept": float(model.intercept_)}
    return out


def logistic(name):
    x, labels = table(name)
    classes = sorted(set(labels))
    y = np.array([classes.index(label) for label in labels])
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(scaler.transform(x), y)
    return {
        "mean": scaler.mean_.tolist(),
        "scale": scaler.scale_.tolist(),
        "coefficients": model.coef_.T.tolist(),
        "intercepts": model.intercept_.tolist(),
        "accuracy": float(model.score(scaler.transform(x), y)),
    }


def weighted_scaler():
    x, _ = table("wine")
    weights = 1.0 + np.arange(len(x)) % 3
    scaler = StandardScaler().fit(x, sample_weight=weights)
    return {"mean": scaler.mean_.tolist(), "scale": scaler.scale_.tolist()}


golden = {
    "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "sklearn": sklearn.__version__},
    "least_squares": least_squares(),
    "penalised": penalised(),
    "iris": logistic("iris"),
    "breast_cancer": logistic("breast-cancer"),
    "weighted_scaler": weighted_scaler(),
}
path = ROOT / "crates" / "fi-models" / "tests" / "golden" / "linear.json"
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps(golden, indent=1) + "\n")

"""Does one piece of work of a peer that only predicts, for each line of the input (clock.py).

    python black_box.py FOLDER models
    python black_box.py FOLDER WORK PEER THREADS REPEATS ROWS
        (Python 3.12, requirements-black-box.txt)

`models` trains the models and writes them. After each work the model is asked alone, in batches of
the same sizes, for as many rows as the work asked of it.
"""

import json
import os
import sys
import warnings
from pathlib import Path

for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"]:
    os.environ[variable] = "1"
os.environ["TQDM_DISABLE"] = "1"
warnings.filterwarnings("ignore")

import joblib  # noqa: E402  (the threads are set before)
import numpy as np  # noqa: E402
from sklearn.base import BaseEstimator  # noqa: E402

import clock  # noqa: E402

FOLDER = Path(sys.argv[1])
N_BACKGROUND, N_COALITIONS, N_PERMUTATIONS, N_REPEATS = 100, 2048, 20, 5
N_SAMPLES, TOLERANCE = 5_000, 0.025


def load(name):
    return np.load(FOLDER / f"{name}.npy")


def models():
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    from export import export

    FOLDER.mkdir(parents=True, exist_ok=True)
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    np.save(FOLDER / "black_box_x.npy", x)
    np.save(FOLDER / "black_box_y.npy", y.astype(np.float64))
    network = MLPClassifier((64, 64), max_iter=300, random_state=0).fit(x, y)
    joblib.dump(network, FOLDER / "black_box_network.joblib")
    tensors = {}
    for i, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_)):
        # PyTorch's order of axes.
        tensors |= {f"{i}.weight": weights.T, f"{i}.bias": bias}
    save_safetensors(FOLDER / "black_box_network.safetensors", tensors)
    layers = [
        {"type": "linear", "tensors": "0", "activation": "relu"},
        {"type": "linear", "tensors": "1", "activation": "relu"},
        {"type": "linear", "tensors": "2", "activation": "sigmoid"},
    ]
    network = {"framework": "pytorch", "input": {"features": 30}, "output": "probabilities"}
    (FOLDER / "black_box_network.json").write_text(json.dumps(network | {"layers": layers}))
    forest = RandomForestClassifier(100, n_jobs=1, random_state=0).fit(x, y)
    joblib.dump(forest, FOLDER / "black_box_forest.joblib")
    export(forest, FOLDER / "black_box_forest.json")
    rng = np.random.default_rng(4)
    x = rng.standard_normal((4_000, 20))
    y = x[:, :8] @ rng.standard_normal(8) + np.sin(3 * x[:, 0]) * x[:, 1] + rng.standard_normal(4_000)
    np.save(FOLDER / "lofo_x.npy", x)
    np.save(FOLDER / "lofo_y.npy", (y > np.median(y)).astype(np.float64))


def save_safetensors(path, tensors):
    header, numbers = {}, b""
    for name, array in tensors.items():
        piece = np.ascontiguousarray(array, dtype="<f8").tobytes()
        span = [len(numbers), len(numbers) + len(piece)]
        header[name] = {"dtype": "F64", "shape": list(array.shape), "data_offsets": span}
        numbers += piece
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + numbers)


class Asked(BaseEstimator):
    """A model that remembers, of the first work, what it was asked."""

    def __init__(self, model):
        self.model, self.sizes, self.batches, self.listens = model, [], {}, True
        self.classes_, self.n_features_in_ = model.classes_, model.n_features_in_

    def fit(self, *_):
        """scikit-learn wants an estimator to have it."""

    def predict_proba(self, rows):
        if self.listens:
            self.sizes.append(len(rows))
            kept = self.batches.setdefault(len(rows), [])
            if len(kept) < 4:
                kept.append(rows.copy())
        return self.model.predict_proba(rows)

    def again(self):
        self.listens = False
        for i, size in enumerate(self.sizes):
            kept = self.batches[size]
            self.model.predict_proba(kept[i % len(kept)])
        return sum(self.sizes)

    def log_loss(self):
        """By which the record says that both sides ask the same model."""
        from sklearn.metrics import log_loss

        return log_loss(load("black_box_y"), self.model.predict_proba(load("black_box_x")))


def asked(name):
    return Asked(joblib.load(FOLDER / f"black_box_{name}.joblib"))


def sklearn_permutation(model, _):
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import log_loss

    x, y = load("black_box_x"), load("black_box_y").astype(int)
    score = lambda model, x, y: -log_loss(y, model.predict_proba(x))
    return lambda: permutation_importance(
        model, x, y, scoring=score, n_repeats=N_REPEATS, random_state=0, n_jobs=1
    )


def shap_kernel(model, n_rows):
    import shap

    x = load("black_box_x")
    explainer = shap.KernelExplainer(model.predict_proba, x[:N_BACKGROUND])
    # The background's own predictions belong to the explainer.
    model.sizes.clear()
    rows = x[N_BACKGROUND : N_BACKGROUND + n_rows]
    return lambda: explainer.shap_values(
        rows, nsamples=N_COALITIONS - 2, l1_reg=False, silent=True
    )


# fi's other way, of which shap has none.
shap_kernel_equal = shap_kernel


def shap_walks(model, n_rows):
    import shap

    x = load("black_box_x")
    masker = shap.maskers.Independent(x[:N_BACKGROUND], max_samples=N_BACKGROUND)
    explainer = shap.PermutationExplainer(model.predict_proba, masker, seed=0)
    rows = x[N_BACKGROUND : N_BACKGROUND + n_rows]
    # A permutation and its reverse are one of shap's.
    return lambda: explainer(rows, max_evals=N_PERMUTATIONS * 30 + 1, silent=True)


def lofo_forest():
    import pandas as pd
    from lofo import Dataset, LOFOImportance
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import KFold, cross_val_score

    x, y = load("lofo_x"), load("lofo_y").astype(int)
    names = [f"x{i}" for i in range(x.shape[1])]
    data = Dataset(pd.DataFrame(x, columns=names).assign(y=y), target="y", features=names)
    forest = lambda: RandomForestClassifier(100, n_jobs=1, random_state=0)
    folds = KFold(5, shuffle=True, random_state=0)
    work = lambda: LOFOImportance(
        data, scoring="accuracy", model=forest(), cv=folds, n_jobs=1
    ).get_importance()
    return work, lambda _: float(cross_val_score(forest(), x, y, cv=folds).mean())


def sage_sage(model, _):
    import sage

    x, y = load("black_box_x"), load("black_box_y").astype(int)
    imputer = sage.MarginalImputer(model.predict_proba, x[:N_BACKGROUND])
    # Its draws are from the seed that it is called with, each time.
    estimator = sage.PermutationEstimator(imputer, "cross entropy", random_state=0)
    return lambda: estimator(x, y, batch_size=512, thresh=TOLERANCE, bar=False)


def lime_lime(model, n_rows):
    from lime.lime_tabular import LimeTabularExplainer

    x = load("black_box_x")
    rows = x[:n_rows]
    explainer = lambda: LimeTabularExplainer(x, random_state=0)
    explain = lambda explainer: [
        explainer.explain_instance(row, model.predict_proba, labels=(0, 1), num_samples=N_SAMPLES)
        for row in rows
    ]
    if n_rows == 1:
        ready = explainer()
        return lambda: explain(ready)
    return lambda: explain(explainer())


def hidimstat_gaussian(model, _):
    from hidimstat import CFI
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import log_loss

    x, y = load("black_box_x"), load("black_box_y").astype(int)

    def work():
        importance = CFI(
            estimator=model,
            imputation_model_continuous=LinearRegression(),
            feature_types="continuous",
            method="predict_proba",
            loss=log_loss,
            n_permutations=N_REPEATS,
            random_state=0,
        )
        return importance.fit(x, y).importance(x, y)

    return work


def fippy_gaussian(model, _):
    import pandas as pd
    from fippy.explainer import Explainer
    from fippy.samplers.gaussian import GaussianSampler

    x, y = load("black_box_x"), load("black_box_y").astype(int)
    x = pd.DataFrame(x, columns=[f"x{i}" for i in range(x.shape[1])])
    predict = lambda rows: model.predict_proba(rows.to_numpy())[:, 1]
    eps = np.finfo(float).eps

    def loss(y, p):
        p = np.clip(p, eps, 1 - eps)
        return -np.where(y == 1, np.log(p), np.log(1 - p))

    def work():
        explainer = Explainer(predict, x, loss, sampler=GaussianSampler(x))
        return explainer.cfi(x, y, n_repeats=N_REPEATS)

    return work


def main():
    work, peer, _, _, n_rows = sys.argv[2:7]
    kind, _, argument = work.partition(":")
    if kind == "lofo":
        clock.each_line(*globals()[f"{peer}_{argument}"]())
        return
    method, _, name = argument.rpartition("-")
    model = asked(name)
    work = globals()[f"{peer}_{method}"](model, int(n_rows))
    clock.each_line(work, score=lambda _: model.log_loss(), forward=model.again)


if __name__ == "__main__":
    models() if sys.argv[2] == "models" else main()

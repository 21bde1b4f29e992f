"""Makes crates/fi-cli/tests/golden/guide: small models as docs/guide trains them, saved as there, and
what each library says of them itself. The command's test answers the same by its own output files.

Numbers of rows are kept for every `STEP`th row of a table.
"""
# requirements: requirements-guide.txt

import json
import logging
import pathlib
import sys
import warnings

import catboost
import lightgbm
import numpy
import onnx
import pandas
import palmerpenguins
import shap
import skl2onnx
import sklearn
import torch
import xgboost
from safetensors.torch import save_file
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "crates/fi-cli/tests/golden/guide"
STEP = 20
REPEATS = 400
SEED = 20261128
logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")
sys.path.insert(0, str(ROOT / "docs/guide"))


def table(name):
    frame = pandas.read_csv(ROOT / f"datasets/{name}.csv")
    return frame.drop(columns="target"), frame["target"]


def some(array):
    return numpy.asarray(array, float)[::STEP].tolist()


def by_name(names, values):
    return dict(zip(map(str, names), map(float, values)))


def of_permutation(model, X, y, scoring):
    found = permutation_importance(
        model, X, y, scoring=scoring, n_repeats=REPEATS, random_state=SEED
    )
    return {
        "repeats": REPEATS,
        "mean": by_name(X.columns, found.importances_mean),
        "std": by_name(X.columns, found.importances_std),
    }


def of_xgboost():
    X, y = table("diabetes")
    model = xgboost.XGBRegressor(n_estimators=30, max_depth=3, learning_rate=0.2, n_jobs=1).fit(X, y)
    booster, rows = model.get_booster(), xgboost.DMatrix(X)
    booster.save_model(FOLDER / "xgboost.ubj")
    contributions = booster.predict(rows, pred_contribs=True)
    scores = {
        ours: by_name(X.columns, [booster.get_score(importance_type=theirs).get(n, 0) for n in X])
        for ours, theirs in [
            ("gain", "gain"), ("total-gain", "total_gain"), ("cover", "cover"), ("split-count", "weight"),
        ]
    }
    return {
        "predictions": some(booster.predict(rows)),
        "shap": some(contributions),
        "pairs": some(booster.predict(rows, pred_interactions=True)),
        "shap importance": by_name(X.columns, numpy.abs(contributions[:, :-1]).mean(axis=0)),
        "scores": scores,
    }


def penguins():
    """The rows with measurements; their text as numbers, as docs/guide writes them."""
    frame = palmerpenguins.load_penguins().dropna(subset="body_mass_g").drop(columns="year")
    frame = frame.reset_index(drop=True)
    for name in ["species", "island", "sex"]:
        frame[name] = frame[name].astype("category").cat.codes
    return frame


def of_lightgbm():
    frame = penguins()
    frame["sex"] = frame["sex"].replace(-1, numpy.nan)
    frame.to_csv(FOLDER / "penguins-missing.csv", index=False)
    X, y = frame.drop(columns="species"), frame["species"]
    model = lightgbm.LGBMClassifier(n_estimators=12, num_leaves=6, n_jobs=1, verbose=-1)
    model.fit(X, y, categorical_feature=["island", "sex"])
    booster = model.booster_
    booster.save_model(FOLDER / "lightgbm.txt")
    shape = (len(X), 3, X.shape[1] + 1)
    return {
        "predictions": some(booster.predict(X)),
        "shap": some(booster.predict(X, pred_contrib=True).reshape(shape)),
        "scores": {
            "total-gain": by_name(X.columns, booster.feature_importance("gain")),
            "split-count": by_name(X.columns, booster.feature_importance("split")),
        },
        "permutation": of_permutation(model, X, y, "neg_log_loss"),
    }


def of_catboost():
    frame = penguins()
    frame["sex"] = frame["sex"].replace(-1, 2)
    frame.to_csv(FOLDER / "penguins-unknown.csv", index=False)
    X, y = frame.drop(columns="body_mass_g"), frame["body_mass_g"]
    texts = ["species", "island", "sex"]
    model = catboost.CatBoostRegressor(
        iterations=30, depth=3, cat_features=texts, one_hot_max_size=10, random_seed=0,
        thread_count=1, verbose=False, allow_writing_files=False,
    ).fit(X, y)
    model.save_model(str(FOLDER / "catboost.json"), format="json")
    pool = catboost.Pool(X, cat_features=texts)
    values = model.get_feature_importance(pool, type="ShapValues")
    return {
        "predictions": some(model.predict(pool)),
        "shap": some(values),
        "shap importance": by_name(X.columns, numpy.abs(values[:, :-1]).mean(axis=0)),
    }


def of_forest():
    from export import export

    X, y = table("diabetes")
    model = RandomForestRegressor(n_estimators=10, max_depth=5, random_state=0).fit(X, y)
    export(model, FOLDER / "forest.json")
    X[:30].to_csv(FOLDER / "background.csv", index=False)
    of_paths = shap.TreeExplainer(model)
    # shap 0.54's TreeExplainer with rows does not add up for this forest.
    masker = shap.maskers.Independent(X[:30].to_numpy(), max_samples=30)
    predict = lambda rows: model.predict(pandas.DataFrame(rows, columns=X.columns))
    of_rows = shap.ExactExplainer(predict, masker)(X.to_numpy()[::STEP])
    return {
        "predictions": some(model.predict(X)),
        "shap": some(of_paths.shap_values(X)),
        "pairs": some(of_paths.shap_interaction_values(X)),
        "interventional": of_rows.values.tolist(),
        "scores": {"impurity": by_name(X.columns, model.feature_importances_)},
        "permutation": of_permutation(model, X, y, "r2"),
    }


def of_pipeline():
    X, y = table("wine")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    graph = skl2onnx.to_onnx(model, X[:1].to_numpy(numpy.float32), options={"zipmap": False})
    (FOLDER / "pipeline.onnx").write_bytes(graph.SerializeToString())
    return {
        "predictions": some(model.predict_proba(X)),
        "permutation": of_permutation(model, X, y, "neg_log_loss"),
    }


class Whole(torch.nn.Module):
    def __init__(self, net, mean, scale):
        super().__init__()
        self.net = net
        self.register_buffer("mean", mean.float())
        self.register_buffer("scale", scale.float())

    def forward(self, rows):
        return self.net((rows - self.mean) / self.scale).softmax(1)


def of_network():
    torch.manual_seed(0)
    X, y = table("iris")
    classes, labels = numpy.unique(y, return_inverse=True)
    rows, labels = torch.tensor(X.to_numpy()), torch.tensor(labels)
    mean, scale = rows.mean(0), rows.std(0, correction=0)
    inputs = (rows - mean) / scale
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    adam = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(100):
        adam.zero_grad()
        torch.nn.functional.cross_entropy(net(inputs.float()), labels).backward()
        adam.step()
    save_file(net.state_dict(), FOLDER / "net.safetensors")
    layers = {
        "framework": "pytorch",
        "input": {"features": 4},
        "output": "probabilities",
        "names": list(X.columns),
        "classes": list(classes),
        "standardize": {"mean": mean.tolist(), "scale": scale.tolist()},
        "layers": [
            {"type": "linear", "tensors": "0", "activation": "tanh"},
            {"type": "linear", "tensors": "2"},
        ],
    }
    (FOLDER / "net.json").write_text(json.dumps(layers, indent=1) + "\n")
    torch.onnx.export(
        Whole(net, mean, scale).eval(), (torch.zeros(3, 4),), FOLDER / "net.onnx", verbose=False,
        external_data=False, dynamic_shapes=({0: torch.export.Dim("rows")},),
    )
    # Where each operator comes from in somebody's folders is nobody's business.
    model = onnx.load(FOLDER / "net.onnx")
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    model.graph.ClearField("metadata_props")
    onnx.save(model, FOLDER / "net.onnx")
    net.double()
    inputs.requires_grad_()
    scores = net(inputs)
    slopes = [torch.autograd.grad(scores[:, k].sum(), inputs, retain_graph=True)[0] for k in range(3)]
    predict = lambda rows: net((torch.tensor(rows) - mean) / scale).softmax(1).detach().numpy()
    masker = shap.maskers.Independent(X.to_numpy(), max_samples=len(X))
    exact = shap.ExactExplainer(predict, masker)(X.to_numpy()[::STEP]).values
    return {
        "predictions": some(scores.softmax(1).detach()),
        "gradient": some(torch.stack(slopes, dim=1)),
        "shap": exact.transpose(0, 2, 1).tolist(),
    }


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    golden = {
        "made_by": "xtask/golden/guide.py",
        "versions": {
            package.__name__: package.__version__
            for package in [catboost, lightgbm, numpy, shap, skl2onnx, sklearn, torch, xgboost]
        },
        "step": STEP,
        "xgboost": of_xgboost(),
        "lightgbm": of_lightgbm(),
        "catboost": of_catboost(),
        "forest": of_forest(),
        "pipeline": of_pipeline(),
        "network": of_network(),
    }
    text = json.dumps(golden, separators=(",", ":"))
    (FOLDER / "peers.json").write_text(text + "\n")


if __name__ == "__main__":
    main()

"""Makes crates/fi-models/tests/golden/onnx_graphs: pipelines and networks as skl2onnx and PyTorch
write them, each with what onnxruntime answers, and graphs put together by hand to be refused.

Made with Python 3.12, scikit-learn 1.9.1, skl2onnx 1.20.0, torch 2.15.0, onnx 1.23.2,
onnxruntime 1.31.1 and numpy 2.5.5.
"""
# requirements: requirements-onnx.txt

import json
import pathlib
import warnings

import numpy
import onnx
import onnxruntime
import skl2onnx
import sklearn
import torch
from onnx import TensorProto, helper, numpy_helper
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    SGDClassifier,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC

SEED = 20261128
ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "crates/fi-models/tests/golden/onnx_graphs"
N_FEATURES = 4
warnings.filterwarnings("ignore")


def lists(array):
    """Lists in which None stands for NaN, which JSON does not have."""
    array = numpy.asarray(array, dtype=float)
    return numpy.where(numpy.isfinite(array), array, None).tolist()


def pipelines(x, values):
    """Name, pipeline, target, options of to_onnx."""
    two = (values > 0).astype(int)
    three = numpy.array(["low", "mid", "high"])[numpy.digitize(values, [-0.5, 0.7])]
    four = numpy.digitize(values, [-1, 0, 1]) * 10
    flat = {"zipmap": False}
    gaps = x.copy()
    gaps[::7, 1] = numpy.nan
    few = {"n_estimators": 4, "max_depth": 3, "random_state": 1}
    mlp = {"hidden_layer_sizes": (6, 5), "max_iter": 60, "random_state": 1}
    scale = StandardScaler
    columns = ColumnTransformer([("a", scale(), [2, 0]), ("b", MinMaxScaler(), [3])])
    return {
        "scaler_logistic": (make_pipeline(scale(), LogisticRegression()), two, flat),
        "scaler_logistic_zipmap": (make_pipeline(scale(), LogisticRegression()), three, None),
        "scaler_logistic_columns": (
            make_pipeline(scale(), LogisticRegression()), three, {"zipmap": "columns"}),
        "logistic_numbers": (LogisticRegression(C=3.0), four, None),
        "logistic_one_vs_rest": (OneVsRestClassifier(LogisticRegression()), three, flat),
        "sgd": (make_pipeline(scale(), SGDClassifier(loss="log_loss", random_state=1)), four, flat),
        "mlp_binary": (make_pipeline(scale(), MLPClassifier(**mlp)), two, flat),
        "mlp_classes": (make_pipeline(scale(), MLPClassifier(activation="tanh", **mlp)), three, None),
        "mlp_regressor": (
            make_pipeline(MinMaxScaler(), MLPRegressor(activation="logistic", **mlp)), values, None),
        "linear": (make_pipeline(RobustScaler(), LinearRegression()), values, None),
        "linear_double": (make_pipeline(scale(), LinearRegression()), values, None),
        "logistic_double": (make_pipeline(scale(), LogisticRegression()), three, flat),
        "mlp_double": (make_pipeline(scale(), MLPClassifier(**mlp)), three, flat),
        "two_targets": (LinearRegression(), numpy.column_stack([values, x[:, 3]]), None),
        "imputer": (
            make_pipeline(SimpleImputer(), MaxAbsScaler(), ElasticNet(0.01)), values, None, gaps),
        "imputer_median": (
            make_pipeline(SimpleImputer(strategy="median"), LogisticRegression()), two, flat, gaps),
        "normalizer": (make_pipeline(Normalizer(), LogisticRegression()), two, flat),
        "normalizer_l1": (make_pipeline(Normalizer("l1"), LinearRegression()), values, None),
        "normalizer_max": (make_pipeline(Normalizer("max"), LinearRegression()), values, None),
        "binarizer": (make_pipeline(Binarizer(threshold=0.2), LogisticRegression()), two, flat),
        "columns": (make_pipeline(columns, LogisticRegression()), two, flat),
        "select": (make_pipeline(SelectKBest(k=2), LogisticRegression()), two, flat),
        "pca": (make_pipeline(scale(), PCA(3), LogisticRegression()), two, flat),
        "polynomial": (make_pipeline(PolynomialFeatures(2), LinearRegression()), values, None),
        "poisson": (PoissonRegressor(), numpy.abs(values), None),
        "bayes": (GaussianNB(), three, flat),
        "svr": (make_pipeline(scale(), SVR(C=2.0)), values, None),
        "svr_linear": (SVR(kernel="linear"), values, None),
        "svr_polynomial": (SVR(kernel="poly", degree=2, coef0=1.0), values, None),
        "svc": (make_pipeline(scale(), SVC()), two, flat),
        "svc_classes": (SVC(kernel="linear"), three, flat),
        "svc_probability": (make_pipeline(scale(), SVC(probability=True, random_state=1)), two, flat),
        "linear_svc": (LinearSVC(), two, None),
        "calibrated": (CalibratedClassifierCV(LinearSVC(), cv=2), two, flat),
        "voting": (
            VotingClassifier(
                [("a", LogisticRegression()), ("b", GaussianNB())], voting="soft", flatten_transform=False), two, flat),
        "scaler_forest": (make_pipeline(scale(), RandomForestClassifier(**few)), three, flat),
        "scaler_boosting": (make_pipeline(scale(), GradientBoostingRegressor(**few)), values, None),
    }


def networks():
    """Name, module, options of torch.onnx.export."""
    torch.manual_seed(SEED)
    nn = torch.nn
    normed = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.GELU(), nn.Dropout(0.3),
                           nn.Linear(6, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 3))
    with torch.no_grad():
        normed.train()(torch.randn(64, 4) * 2 + 1)
    mixed = nn.Sequential(nn.Linear(4, 8), nn.ELU(), nn.Linear(8, 8), nn.LeakyReLU(),
                          nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 1))
    return {
        "torch_softmax": nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3), nn.Softmax(1)),
        "torch_sigmoid": nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1), nn.Sigmoid()),
        "torch_logits": normed,
        "torch_regression": mixed,
        "torch_double": nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1)).double(),
        "torch_fixed": nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)),
    }


def exported(name, module):
    module.eval()
    kind = torch.float64 if name == "torch_double" else torch.float32
    batch = torch.export.Dim("batch", min=1)
    shapes = None if name == "torch_fixed" else ({0: batch},)
    made = torch.onnx.export(
        module, (torch.zeros(3, N_FEATURES, dtype=kind),), dynamo=True, dynamic_shapes=shapes,
        verbose=False)
    model = made.model_proto
    # What the exporter says of Python's stack is most of a small file.
    for node in [*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output]:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    model.graph.ClearField("metadata_props")
    return model


def by_hand(nodes, shape=(None, N_FEATURES), kind=TensorProto.FLOAT, outputs=("y",),
            output=TensorProto.FLOAT, inputs=("x",), tensors=(), more=()):
    made = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info(name, kind, shape) for name in inputs],
        [helper.make_tensor_value_info(name, output, None) for name in outputs],
        list(tensors))
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3), *more]
    return helper.make_model(made, opset_imports=domains, ir_version=8)


def refused():
    """Graphs that are refused, or that a reader must survive."""
    node = helper.make_node
    weights = numpy_helper.from_array(numpy.ones((N_FEATURES, 2), numpy.float32), "w")
    external = onnx.TensorProto.FromString(weights.SerializeToString())
    external.ClearField("raw_data")
    external.data_location = TensorProto.EXTERNAL
    external.external_data.add(key="location", value="../weights.bin")
    huge = onnx.TensorProto.FromString(weights.SerializeToString())
    huge.dims[:] = [1 << 40, 1 << 40]
    short = onnx.TensorProto.FromString(weights.SerializeToString())
    short.dims[:] = [N_FEATURES, 3]
    sizes = numpy_helper.from_array(numpy.array([1 << 20, 1 << 20, 4]), "s")
    product = node("MatMul", ["x", "w"], ["y"])
    strange = [helper.make_opsetid("org.example", 1)]
    return {
        "cycle": by_hand([node("Add", ["x", "b"], ["a"]), node("Add", ["a", "x"], ["b"]),
                          node("Relu", ["b"], ["y"])]),
        "unknown": by_hand([node("Bogus", ["x"], ["y"], domain="org.example")], more=strange),
        "external": by_hand([product], tensors=[external]),
        "huge": by_hand([product], tensors=[huge]),
        "short": by_hand([product], tensors=[short]),
        "expand": by_hand([node("Expand", ["x", "s"], ["y"])], tensors=[sizes]),
        "expand_constant": by_hand([node("Constant", [], ["s"], value=sizes),
                                    node("Expand", ["x", "s"], ["y"])]),
        "two_inputs": by_hand([node("Add", ["x", "z"], ["y"])], inputs=["x", "z"]),
        "three_dimensions": by_hand([node("Relu", ["x"], ["y"])], shape=(None, 5, N_FEATURES)),
        "text": by_hand([node("Identity", ["x"], ["y"])], kind=TensorProto.STRING,
                        output=TensorProto.STRING),
        "labels": by_hand([node("ArgMax", ["x"], ["y"], axis=1, keepdims=0)],
                          output=TensorProto.INT64),
        "nothing": by_hand([node("Add", ["x", "z"], ["y"])]),
        "no_output": by_hand([node("Relu", ["x"], ["z"])]),
        "mixes": by_hand([node("Softmax", ["x"], ["y"], axis=0)]),
        "random": by_hand([node("RandomNormalLike", ["x"], ["z"]), node("Add", ["x", "z"], ["y"])]),
        "shapes": by_hand([product], shape=(None, 3), tensors=[weights]),
        "columns": by_hand([node("Relu", ["x"], ["y"])], shape=(None, None)),
        "several": by_hand([node("Relu", ["x"], ["a"]), node("Neg", ["x"], ["b"])],
                           outputs=("a", "b")),
        "probit": by_hand([node("LinearClassifier", ["x"], ["l", "y"], domain="ai.onnx.ml",
                                coefficients=[1.0] * 4, intercepts=[0.0], classlabels_ints=[0, 1],
                                post_transform="PROBIT")]),
        "scaler_lengths": by_hand([node("Scaler", ["x"], ["y"], domain="ai.onnx.ml",
                                        offset=[1.0] * 3, scale=[1.0] * 2)]),
    }


def plain_numbers():
    """skl2onnx mixes numbers of NumPy and Python in lists, which onnx refuses."""
    make = helper.make_attribute

    def made(key, value, *more, **options):
        if isinstance(value, list) and any(isinstance(x, numpy.integer) for x in value):
            value = [int(x) for x in value]
        return make(key, value, *more, **options)

    helper.make_attribute = made


def scores(answers):
    """The probabilities of a classifier, the values of a regressor, as one table."""
    last = answers[-1]
    if isinstance(last, list):  # ZipMap
        return numpy.array([list(row.values()) for row in last])
    if len(answers) > 2:  # one column per output
        return numpy.column_stack([column.ravel() for column in answers[1:]])
    return last


def main():
    plain_numbers()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.onnx"):
        old.unlink()
    rng = numpy.random.default_rng(SEED)
    x = (rng.normal(size=(150, N_FEATURES)) * [1, 2, 1, 3] + [0, 1, 0, -2]).astype(numpy.float32)
    values = x[:, 0] + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=150)
    test = numpy.concatenate([x[:8], 2 * rng.normal(size=(6, N_FEATURES))]).astype(numpy.float32)
    models, goldens = {}, {}
    for name, (pipeline, target, options, *gaps) in pipelines(x, values).items():
        pipeline.fit(gaps[0] if gaps else x, target)
        kind = DoubleTensorType if name.endswith("double") else FloatTensorType
        options = {id(pipeline): options} if options else None
        models[name] = skl2onnx.to_onnx(
            pipeline, initial_types=[("x", kind([None, N_FEATURES]))], options=options,
            target_opset={"": 18, "ai.onnx.ml": 3})
    for name, module in networks().items():
        models[name] = exported(name, module)
    for name, model in models.items():
        text = model.SerializeToString()
        (FOLDER / f"{name}.onnx").write_bytes(text)
        session = onnxruntime.InferenceSession(text, providers=["CPUExecutionProvider"])
        asked = session.get_inputs()[0]
        rows = test.astype(numpy.float64 if "double" in asked.type else numpy.float32)
        if name.startswith("imputer"):
            rows[::3, 1] = numpy.nan
        size = asked.shape[0] if isinstance(asked.shape[0], int) else len(rows)
        # A fixed batch is filled up with zeros.
        parts = []
        for start in range(0, len(rows), size):
            part = numpy.zeros((size, N_FEATURES), rows.dtype)
            part[: len(rows[start : start + size])] = rows[start : start + size]
            answers = session.run(None, {asked.name: part})
            parts.append(scores(answers))
        answer = numpy.concatenate(parts)[: len(rows)]
        goldens[name] = {
            "operators": sorted({node.op_type for node in model.graph.node}),
            "outputs": [(o.name, o.type, o.shape) for o in session.get_outputs()],
            "scores": lists(answer.reshape(len(rows), -1)),
        }
        print(name, len(text), goldens[name]["operators"])
    for name, model in refused().items():
        (FOLDER / f"refused_{name}.onnx").write_bytes(model.SerializeToString())
    golden = {
        "made_by": "xtask/golden/onnx_graphs.py",
        "versions": {
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
            "skl2onnx": skl2onnx.__version__,
            "scikit-learn": sklearn.__version__,
            "torch": torch.__version__,
        },
        "seed": SEED,
        "rows": lists(test),
        "models": goldens,
    }
    (FOLDER / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

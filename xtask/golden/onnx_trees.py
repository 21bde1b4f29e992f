"""Makes crates/fi-models/tests/golden/onnx: small tree ensembles as skl2onnx and onnxmltools write
them, and graphs put together by hand, each with what onnxruntime answers.

Made with Python 3.12, scikit-learn 1.9.1, skl2onnx 1.20.0, onnx 1.23.2, onnxruntime 1.31.1,
onnxmltools with xgboost 3.4.1 and lightgbm 4.7.0, and numpy 2.5.5.
"""
# requirements: requirements-trees.txt

import json
import pathlib
import sys
import warnings

import lightgbm
import numpy
import onnx
import onnxruntime
import skl2onnx
import xgboost
from onnx import TensorProto, helper
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

SEED = 20261121
ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "crates/fi-models/tests/golden/onnx"
N_FEATURES = 4
warnings.filterwarnings("ignore")


def null(array):
    """Lists in which None stands for what is not finite, which JSON does not have."""
    array = numpy.asarray(array, dtype=float)
    return numpy.where(numpy.isfinite(array), array, None).tolist()


def by_hand(modes, tracks, thresholds=(0.5, 0.0, 0.0), double=False, **more):
    """One tree of three splits and four leaves; its root stands first, as onnxruntime wants it."""
    attributes = {
        "nodes_treeids": [7] * 7,
        "nodes_nodeids": [0, 1, 2, 3, 4, 5, 6],
        "nodes_featureids": [0, 1, 2, 0, 0, 0, 0],
        "nodes_values": [*thresholds, 0.0, 0.0, 0.0, 0.0],
        "nodes_modes": [*modes, "LEAF", "LEAF", "LEAF", "LEAF"],
        "nodes_truenodeids": [1, 3, 5, 0, 0, 0, 0],
        "nodes_falsenodeids": [2, 4, 6, 0, 0, 0, 0],
        "nodes_missing_value_tracks_true": [*tracks, 0, 0, 0, 0],
        "target_treeids": [7, 7, 7, 7],
        "target_nodeids": [3, 4, 5, 6],
        "target_ids": [0, 0, 0, 0],
        "target_weights": [1.0, 2.0, 4.0, 8.0],
        "n_targets": 1,
    } | more
    if double:
        for key in ("nodes_values", "target_weights"):
            numbers = attributes.pop(key)
            tensor = helper.make_tensor(key, TensorProto.DOUBLE, [len(numbers)], numbers)
            attributes[key + "_as_tensor"] = tensor
    node = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **attributes
    )
    return graph([node], TensorProto.DOUBLE if double else TensorProto.FLOAT)


def several(n_trees, ids, weights, n_targets, **more):
    """Small trees of one split each, whose leaves have any number of weights."""
    attributes = {
        "nodes_treeids": [tree for tree in range(n_trees) for _ in range(3)],
        "nodes_nodeids": [0, 1, 2] * n_trees,
        "nodes_featureids": [value for tree in range(n_trees) for value in (tree % 4, 0, 0)],
        "nodes_values": [value for tree in range(n_trees) for value in (0.25 * tree, 0.0, 0.0)],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"] * n_trees,
        "nodes_truenodeids": [1, 0, 0] * n_trees,
        "nodes_falsenodeids": [2, 0, 0] * n_trees,
        "target_treeids": [tree for tree, _, _ in ids],
        "target_nodeids": [leaf for _, leaf, _ in ids],
        "target_ids": [target for _, _, target in ids],
        "target_weights": weights,
        "n_targets": n_targets,
    } | more
    node = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **attributes
    )
    return graph([node], TensorProto.FLOAT)


LEQ, LT, GTE, GT, EQ, NEQ, MEMBER = range(7)


def ensemble(modes, splits, double=False, members=None, **more):
    """The operator of version 5, put together by hand."""
    kind = TensorProto.DOUBLE if double else TensorProto.FLOAT
    tensor = lambda name, values, kind=kind: helper.make_tensor(name, kind, [len(values)], values)
    n = len(modes)
    attributes = {
        # One tree of three splits, unless others are given.
        "nodes_featureids": list(range(n)),
        "nodes_truenodeids": [1, 0, 2],
        "nodes_falsenodeids": [2, 1, 3],
        "nodes_trueleafs": [0, 1, 1],
        "nodes_falseleafs": [0, 1, 1],
        "leaf_targetids": [0, 0, 0, 0],
        "tree_roots": [0],
        "n_targets": 1,
    } | more
    weights = attributes.pop("leaf_weights", [1.0, 2.0, 4.0, 8.0])
    attributes["leaf_weights"] = tensor("leaf_weights", weights)
    attributes["nodes_splits"] = tensor("nodes_splits", splits)
    attributes["nodes_modes"] = tensor("nodes_modes", modes, TensorProto.UINT8)
    if members is not None:
        attributes["membership_values"] = tensor("membership_values", members)
    node = helper.make_node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", **attributes)
    return graph([node], kind, version=5, output=kind)


# Two trees of one split, the leaves of different targets.
TWO = {
    "nodes_truenodeids": [0, 2],
    "nodes_falsenodeids": [1, 3],
    "nodes_trueleafs": [1, 1],
    "nodes_falseleafs": [1, 1],
    "leaf_targetids": [0, 2, 1, 1],
    "tree_roots": [0, 1],
    "n_targets": 3,
}


def ensembles():
    """Models of version 5, by name."""
    nan = float("nan")
    tracks = {"nodes_missing_value_tracks_true": [1, 0, 1]}
    single = {
        "nodes_truenodeids": [0, 1],
        "nodes_falsenodeids": [1, 2],
        "nodes_trueleafs": [1, 1],
        "nodes_falseleafs": [1, 1],
        "leaf_targetids": [0, 0, 0],
        "leaf_weights": [0.5, -1.5, 2.5],
    }
    return {
        "v5_leq": ensemble([LEQ, LEQ, LEQ], [0.5, 0.0, 0.0], **tracks),
        "v5_less": ensemble([LT, LT, GTE], [0.5, 0.0, 1.0], **tracks),
        "v5_mixed": ensemble([GT, LT, GTE], [0.5, 0.5, 0.5], **tracks),
        "v5_equal": ensemble([EQ, EQ, NEQ], [1.0, 0.0, 2.0]),
        "v5_member": ensemble(
            [LEQ, MEMBER, MEMBER], [0.5, 0.0, 0.0], members=[0.0, 3.0, nan, 1.0, nan], **tracks
        ),
        "v5_members_in_the_order_of_nodes": ensemble(
            [MEMBER, MEMBER, LEQ],
            [0.0, 0.0, 0.5],
            members=[1.0, 3.0, nan, 0.0, 2.0, nan],
            nodes_featureids=[1, 0, 2],
            nodes_truenodeids=[0, 2, 3],
            nodes_falsenodeids=[1, 0, 2],
            nodes_trueleafs=[1, 0, 1],
            nodes_falseleafs=[1, 0, 1],
            tree_roots=[1],
        ),
        "v5_double": ensemble([LEQ, LT, LEQ], [0.1, 0.5, 0.0], double=True),
        "v5_two_trees": ensemble([LEQ, LT], [0.5, 0.0], nodes_featureids=[0, 1], **TWO),
        "v5_average": ensemble([LEQ, LT], [0.5, 0.0], aggregate_function=0, **TWO),
        "v5_softmax": ensemble([LEQ, LT], [0.5, 0.0], post_transform=1, **TWO),
        "v5_logistic": ensemble([LEQ, LT], [0.5, 0.0], post_transform=2, **TWO),
        "v5_minimum": ensemble([LEQ, LT], [0.5, 0.0], aggregate_function=2, **TWO),
        "v5_maximum": ensemble([LEQ, LT], [0.5, 0.0], aggregate_function=3, **TWO),
        "v5_softmax_zero": ensemble([LEQ, LT], [0.5, 0.0], post_transform=3, **TWO),
        "v5_probit": ensemble([LEQ, LT], [0.5, 0.0], post_transform=4, **(TWO | {"n_targets": 3})),
        "v5_logistic_of_one": ensemble([LEQ, LEQ, LEQ], [0.5, 0.0, 0.0], post_transform=2),
        "v5_fraction": ensemble([MEMBER, LEQ, LEQ], [0.0, 0.0, 0.0], members=[0.5, nan]),
        # The second tree is a leaf: a split whose branches are the same leaf.
        "v5_single_leaf": ensemble(
            [LEQ, LEQ], [0.5, 0.0], tree_roots=[0, 1], **(single | {"nodes_falsenodeids": [1, 2],
            "nodes_truenodeids": [0, 2]})
        ),
    }


def graph(nodes, kind, outputs=("y",), version=3, output=TensorProto.FLOAT):
    made = helper.make_graph(
        nodes,
        "trees",
        [helper.make_tensor_value_info("x", kind, [None, N_FEATURES])],
        [helper.make_tensor_value_info(name, output, None) for name in outputs],
    )
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", version)]
    return helper.make_model(made, opset_imports=domains, ir_version=10 if version > 3 else 8)


def plain_numbers():
    """skl2onnx mixes numbers of NumPy and Python in lists, which onnx refuses."""
    make = helper.make_attribute

    def made(key, value, *more, **options):
        if isinstance(value, list) and any(isinstance(x, numpy.integer) for x in value):
            value = [int(x) for x in value]
        return make(key, value, *more, **options)

    helper.make_attribute = made


def main():
    plain_numbers()
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = numpy.random.default_rng(SEED)
    x = rng.normal(size=(150, N_FEATURES)).astype(numpy.float32)
    values = x[:, 0] + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=150)
    two = (values > 0).astype(int)
    three = numpy.array(["low", "mid", "high"])[numpy.digitize(values, [-0.5, 0.7])]
    both = numpy.column_stack([values, x[:, 3]])
    few = {"n_estimators": 4, "max_depth": 3, "random_state": 1}
    sk = {
        "tree_regressor": (DecisionTreeRegressor(max_depth=4, random_state=1), values),
        "tree_classifier": (DecisionTreeClassifier(max_depth=4, random_state=1), three),
        "forest_regressor": (RandomForestRegressor(**few), values),
        "forest_two_outputs": (RandomForestRegressor(**few), both),
        "forest_binary": (RandomForestClassifier(**few), two),
        "forest_multiclass": (RandomForestClassifier(**few), three),
        "boosting_regressor": (GradientBoostingRegressor(**few), values),
        "boosting_binary": (GradientBoostingClassifier(**few), two),
        "boosting_multiclass": (GradientBoostingClassifier(**few), three),
        "hist_regressor": (HistGradientBoostingRegressor(max_iter=3, max_leaf_nodes=5), values),
        "hist_binary": (HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=5), two),
        "hist_multiclass": (HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=4), three),
        "pipeline": (make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=2, random_state=1)), values),
        "linear": (LinearRegression(), values),
    }
    models = {}
    for name, (model, target) in sk.items():
        model.fit(x, target)
        kind = FloatTensorType([None, N_FEATURES])
        models[name] = skl2onnx.to_onnx(
            model, initial_types=[("x", kind)], target_opset={"": 17, "ai.onnx.ml": 3}
        )
        if name == "forest_multiclass":
            kind = DoubleTensorType([None, N_FEATURES])
            models[name + "_double"] = skl2onnx.to_onnx(
                model, initial_types=[("x", kind)], target_opset={"": 17, "ai.onnx.ml": 3}
            )
    tools = {"initial_types": [("x", ToolsFloat([None, N_FEATURES]))], "target_opset": 15}
    codes = numpy.digitize(values, [-0.5, 0.7])
    small = {"n_estimators": 4, "max_depth": 3, "random_state": 1, "n_jobs": 1}
    for name, model, target in [
        ("xgboost_regressor", xgboost.XGBRegressor(**small), values),
        ("xgboost_binary", xgboost.XGBClassifier(**small), two),
        ("xgboost_multiclass", xgboost.XGBClassifier(**small), codes),
        ("lightgbm_regressor", lightgbm.LGBMRegressor(verbose=-1, **small), values),
        ("lightgbm_binary", lightgbm.LGBMClassifier(verbose=-1, **small), two),
        ("lightgbm_multiclass", lightgbm.LGBMClassifier(verbose=-1, **small), codes),
    ]:
        try:
            model.fit(x, target)
            convert = convert_xgboost if name.startswith("xgb") else convert_lightgbm
            models[name] = convert(model, **tools)
        except Exception as error:  # the converters lag behind the libraries
            print(name, "does not convert:", type(error).__name__, str(error)[:100], file=sys.stderr)
    leq, lt, gte, gt, eq = (f"BRANCH_{mode}" for mode in ("LEQ", "LT", "GTE", "GT", "EQ"))
    models["hand_leq"] = by_hand([leq, leq, leq], [1, 0, 1])
    models["hand_lt"] = by_hand([lt, lt, lt], [1, 0, 1])
    models["hand_gte"] = by_hand([gte, gte, gte], [1, 0, 1])
    models["hand_gt"] = by_hand([gt, gt, gt], [1, 0, 0])
    models["hand_mixed"] = by_hand([leq, lt, gte], [0, 1, 0], (0.5, 0.5, 0.5))
    models["hand_equal"] = by_hand([eq, eq, "BRANCH_NEQ"], [0, 0, 0], (1.0, 0.0, 2.0))
    # 0.1 in double precision lies below the number that 0.1 is in single precision.
    models["hand_double"] = by_hand([leq, lt, leq], [0, 0, 0], (0.1, 0.5, 0.0), double=True)
    models["hand_average"] = by_hand(
        [leq, leq, leq], [0, 0, 0], aggregate_function="AVERAGE", base_values=[0.25]
    )
    models["hand_max"] = by_hand([leq, leq, leq], [0, 0, 0], aggregate_function="MAX")
    models["hand_probit"] = by_hand([leq, leq, leq], [0, 0, 0], post_transform="PROBIT")
    models["hand_logistic"] = by_hand([leq, leq, leq], [0, 0, 0], post_transform="LOGISTIC")
    models["hand_fraction"] = by_hand([eq, leq, leq], [0, 0, 0])
    # One tree more for the first target than for the second, and none for the third.
    ids = [(0, 1, 0), (0, 2, 0), (1, 1, 1), (1, 2, 1), (2, 1, 0), (2, 2, 0)]
    weights = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    average = {"aggregate_function": "AVERAGE"}
    models["hand_average_of_targets"] = several(3, ids, weights, 3, **average)
    # As many trees for each.
    even = [(tree, leaf, tree) for tree in range(3) for leaf in (1, 2)]
    base = {"base_values": [0.5, -0.5, 1.0]}
    models["hand_average_by_target"] = several(3, even, weights, 3, **average, **base)
    models["hand_sum_by_target"] = several(3, even, weights, 3, **base)
    # Leaves with weights for several targets, and for one twice.
    mixed = [(0, 1, 0), (0, 1, 1), (0, 2, 1), (1, 1, 0), (1, 1, 0), (1, 2, 1)]
    models["hand_average_mixed"] = several(2, mixed, weights, 2, **average)
    models["hand_softmax"] = several(2, mixed, weights, 2, post_transform="SOFTMAX")
    models["hand_logistic_of_two"] = several(2, mixed, weights, 2, post_transform="LOGISTIC", base_values=[-1.0, 0.5])
    models["hand_min"] = several(2, mixed, weights, 2, aggregate_function="MIN")
    models["hand_softmax_zero"] = several(2, mixed, weights, 2, post_transform="SOFTMAX_ZERO")
    models |= ensembles()

    test = numpy.concatenate([x[:10], rng.normal(size=(8, N_FEATURES)).astype(numpy.float32)])
    edges = numpy.array([[numpy.nan] * 4, [0.5] * 4, [1, 0, 2, 0], [0, 1, 1, 3]])
    edges = numpy.concatenate([edges, [[1, 3, 1, 0], [5, 0, 2, 0], [5, 0, 3, 0], [-1, 0, 2, 0]]])
    edges = numpy.concatenate([edges, [[0.5, numpy.nan, 0.5, 0], [2, 0, numpy.nan, 0]]])
    test = numpy.concatenate([test, edges.astype(numpy.float32)])
    goldens, sizes = {}, {}
    for name, model in models.items():
        text = model.SerializeToString()
        (FOLDER / f"{name}.onnx").write_bytes(text)
        sizes[name] = len(text)
        try:
            session = onnxruntime.InferenceSession(text, providers=["CPUExecutionProvider"])
        except Exception as error:  # what the converters write is not always valid
            print(name, "is refused by onnxruntime:", str(error)[:200], file=sys.stderr)
            (FOLDER / f"{name}.onnx").unlink()
            continue
        kind = numpy.float64 if "double" in session.get_inputs()[0].type else numpy.float32
        answers = session.run(None, {session.get_inputs()[0].name: test.astype(kind)})
        scores = answers[-1]
        if isinstance(scores, list):  # ZipMap
            scores = [list(row.values()) for row in scores]
        goldens[name] = {
            "operators": [node.op_type for node in model.graph.node],
            "scores": null(scores),
        }
        print(name, sizes[name], goldens[name]["operators"])
    golden = {
        "made_by": "xtask/golden/onnx_trees.py",
        "versions": {
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
            "skl2onnx": skl2onnx.__version__,
            "xgboost": xgboost.__version__,
            "lightgbm": lightgbm.__version__,
        },
        "seed": SEED,
        "rows": null(test),
        "models": goldens,
    }
    (FOLDER / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

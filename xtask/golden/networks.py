# requirements: requirements-networks.txt
"""Makes crates/fi-models/tests/golden/networks: tiny networks of PyTorch and Keras as
`NAME.safetensors` and `NAME.json`, with what the framework itself predicts for some rows and the
slopes of a weighted sum of its predictions by what it reads (`NAME.golden.json`).

The weights are random, those of normalisations and biases too, so that no array is passed over
unseen. Rows of sequences are flat, step after step, with null where they are padded; PyTorch is
told of padding by packed sequences, Keras by its masks.
"""

import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from torch import nn

SEED = 2718
ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "crates/fi-models/tests/golden/networks"
RNG = np.random.default_rng(SEED)
SEEDS = [1.0, -0.5, 0.25, 2.0]


def rows_of(*shape):
    return RNG.normal(size=shape).round(3)


def ragged(n_rows, steps):
    """Lengths from 1 to `steps`, both among them."""
    lengths = RNG.integers(1, steps + 1, size=n_rows)
    lengths[0], lengths[1] = steps, 1
    return lengths


def write(name, tensors, layers, rows, predictions, gradients, dtype, lengths=None):
    """The three files of a network; `rows` (n, features), (n, steps, channels) or (n, steps)."""
    flat = rows.reshape(len(rows), -1).astype(object)
    width = flat.shape[1] // rows.shape[1]
    for row, length in enumerate(lengths if lengths is not None else []):
        flat[row, length * width:] = None
    safetensors.numpy.save_file(tensors, TARGET / f"{name}.safetensors")
    text = json.dumps(layers, indent=1)
    (TARGET / f"{name}.json").write_text(text + "\n")
    golden = {
        "torch": torch.__version__.split("+")[0],
        "keras": keras.__version__,
        "dtype": dtype,
        "rows": flat.tolist(),
        "predictions": predictions.tolist(),
        "gradients": gradients.reshape(len(rows), -1).tolist(),
    }
    (TARGET / f"{name}.golden.json").write_text(json.dumps(golden) + "\n")


def answers(forward, inputs, output):
    """Predictions, and the slopes of their weighted sum by the leaf `inputs`."""
    margins = forward()
    if output == "probabilities" and margins.shape[1] == 1:
        second = torch.sigmoid(margins)
        predictions = torch.cat([1 - second, second], dim=1)
    elif output == "probabilities":
        predictions = torch.softmax(margins, dim=1)
    else:
        predictions = margins
    seeds = torch.tensor(SEEDS[: predictions.shape[1]], dtype=predictions.dtype)
    (predictions * seeds).sum().backward()
    return predictions.detach().numpy(), inputs.grad.numpy()


def packed(x, lengths):
    return nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)


def unpacked(x, steps):
    return nn.utils.rnn.pad_packed_sequence(x, batch_first=True, total_length=steps)[0]


def of_torch(name, model, forward, layers, rows, lengths=None, embedding=None, stored=None):
    """`forward(model, x)` in the precision of `model`, or in f64 from weights that were `stored`
    in another."""
    generator = torch.Generator().manual_seed(SEED)
    for key, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            draw = torch.randn(tensor.shape, generator=generator, dtype=torch.float64) * 0.6
            tensor.copy_(draw.abs() + 0.3 if key.endswith("running_var") else draw)
    if stored is not None:
        model = model.to(stored).to(torch.float64)
    model.eval()
    dtype = next(model.parameters()).dtype
    state = model.state_dict()
    if stored is not None:
        state = {
            k: v.to(stored) if v.is_floating_point() else v for k, v in state.items()
        }
    if embedding is None:
        scaled = rows
        if "standardize" in layers:
            scaled = (rows - layers["standardize"]["mean"]) / layers["standardize"]["scale"]
        leaf = torch.tensor(scaled, dtype=dtype, requires_grad=True)
    else:
        leaf = embedding(torch.tensor(rows)).detach().requires_grad_(True)
    predictions, gradients = answers(lambda: forward(model, leaf), leaf, layers["output"])
    layers = {"framework": "pytorch", **layers}
    if stored is torch.bfloat16:
        # numpy has no such type.
        write(name, {}, layers, rows, predictions, gradients, "float64", lengths)
        safetensors.torch.save_file(state, TARGET / f"{name}.safetensors")
        return
    tensors = {k: v.numpy() for k, v in state.items()}
    write(name, tensors, layers, rows, predictions, gradients, str(dtype)[6:], lengths)


def of_keras(name, model, layers, rows, dtype, lengths=None, behind=None):
    """A network of Keras, asked as a whole, or `behind` its embedding with the tokens' mask."""
    for variable in model.weights:
        if "seed" in variable.path:
            continue
        draw = RNG.normal(size=variable.shape) * 0.6
        variable.assign(np.abs(draw) + 0.3 if "variance" in variable.path else draw)
    torch_type = {"float64": torch.float64, "float32": torch.float32}[dtype]
    if behind is None:
        leaf = torch.tensor(rows, dtype=torch_type, requires_grad=True)
        predictions, gradients = answers(lambda: model(leaf, training=False), leaf, "values")
    else:
        embedding, rest = behind
        leaf = embedding(torch.tensor(rows)).detach().requires_grad_(True)
        mask = torch.tensor(rows != 0)
        predictions, gradients = answers(lambda: rest(leaf, mask), leaf, "values")
    if layers["output"] == "probabilities" and predictions.shape[1] == 1:
        # Slopes of 1 · (1 − p) − 0.5 · p, where those of 1 · p were taken.
        predictions = np.hstack([1 - predictions, predictions])
        gradients = -1.5 * gradients
    tensors = {v.path: np.asarray(v.numpy()) for v in model.weights}
    layers = {"framework": "keras", **layers}
    # With this backend Keras rounds some results to single precision where all else is double.
    write(name, tensors, layers, rows, predictions, gradients, "float32", lengths)


def torch_networks():
    double = torch.float64

    model = nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(), nn.BatchNorm1d(6), nn.Linear(6, 5, bias=False),
        nn.LeakyReLU(0.1), nn.Dropout(0.5), nn.Linear(5, 4), nn.PReLU(), nn.Linear(4, 4),
        nn.ELU(1.5), nn.Linear(4, 3), nn.Softplus(), nn.Linear(3, 3),
    ).to(double)
    layers = {
        "input": {"features": 4},
        "output": "probabilities",
        "names": ["length", "width", "height", "weight"],
        "classes": ["low", "middle", "high"],
        "standardize": {"mean": [0.1, -0.2, 0.3, 0.0], "scale": [1.5, 0.5, 1.0, 2.0]},
        "layers": [
            {"type": "linear", "tensors": "0", "activation": "relu"},
            {"type": "batch_norm", "tensors": "2"},
            {"type": "linear", "tensors": "3", "bias": False,
             "activation": {"leaky_relu": {"slope": 0.1}}},
            {"type": "dropout", "rate": 0.5},
            {"type": "linear", "tensors": "6"},
            {"type": "prelu", "tensors": "7"},
            {"type": "dense", "tensors": ["8.weight", "8.bias"],
             "activation": {"elu": {"alpha": 1.5}}},
            {"type": "dense", "tensors": "10"},
            {"type": "activation", "function": "softplus"},
            {"type": "dense", "tensors": "12"},
        ],
    }
    of_torch("torch_dense", model, lambda m, x: m(x), layers, rows_of(6, 4))

    for name, stored in [("torch_half", torch.float16), ("torch_bfloat", torch.bfloat16)]:
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).to(double)
        layers = {
            "input": {"features": 3},
            "output": "probabilities",
            "classes": ["no", "yes"],
            "layers": [
                {"type": "linear", "tensors": "0", "activation": "tanh"},
                {"type": "linear", "tensors": "2"},
            ],
        }
        of_torch(name, model, lambda m, x: m(x), layers, rows_of(5, 3), stored=stored)

    steps, channels = 7, 3
    lengths = ragged(6, steps)
    model = nn.ModuleDict(
        {"lstm": nn.LSTM(channels, 4, num_layers=2, batch_first=True), "head": nn.Linear(4, 3)}
    ).to(double)
    layers = {
        "input": {"sequence": {"steps": steps, "channels": channels}},
        "output": "probabilities",
        "names": ["pitch", "roll", "yaw"],
        "standardize": {"mean": [0.5, 0.0, -0.5], "scale": [2.0, 1.0, 0.5]},
        "layers": [
            {"type": "lstm", "tensors": "lstm", "num_layers": 2},
            {"type": "linear", "tensors": "head"},
        ],
    }

    def last(m, x):
        return m["head"](m["lstm"](packed(x, lengths))[1][0][-1])

    of_torch("torch_lstm", model, last, layers, rows_of(6, steps, channels), lengths)

    model = nn.ModuleDict(
        {"gru": nn.GRU(channels, 4, num_layers=2, batch_first=True), "head": nn.Linear(4, 1)}
    ).to(double)
    layers = {
        "input": {"sequence": {"steps": steps, "channels": channels}},
        "output": "values",
        "layers": [
            {"type": "gru", "tensors": "gru", "num_layers": 2, "return_sequences": True},
            {"type": "pool", "kind": "mean"},
            {"type": "linear", "tensors": "head"},
        ],
    }

    def mean(m, x):
        states = unpacked(m["gru"](packed(x, lengths))[0], steps)
        return m["head"](states.sum(1) / torch.tensor(lengths)[:, None])

    of_torch("torch_gru", model, mean, layers, rows_of(6, steps, channels), lengths)

    model = nn.ModuleDict(
        {"lstm": nn.LSTM(2, 3, batch_first=True, bias=False), "head": nn.Linear(3, 2)}
    )
    layers = {
        "input": {"sequence": {"steps": 5, "channels": 2}},
        "output": "margins",
        "layers": [
            {"type": "lstm", "tensors": ["lstm.weight_ih_l0", "lstm.weight_hh_l0"],
             "bias": False, "reverse": True},
            {"type": "linear", "tensors": "head"},
        ],
    }
    of_torch(
        "torch_lstm_reverse", model, lambda m, x: m["head"](m["lstm"](x.flip(1))[0][:, -1]),
        layers, rows_of(5, 5, 2),
    )

    model = nn.ModuleDict(
        {"lstm": nn.LSTM(2, 3, batch_first=True), "head": nn.Linear(15, 2)}
    ).to(double)
    layers = {
        "input": {"sequence": {"steps": 5, "channels": 2}},
        "output": "probabilities",
        "layers": [
            {"type": "lstm", "tensors": "lstm", "return_sequences": True},
            {"type": "flatten", "order": "steps"},
            {"type": "linear", "tensors": "head"},
        ],
    }
    of_torch(
        "torch_lstm_flatten", model, lambda m, x: m["head"](m["lstm"](x)[0].flatten(1)),
        layers, rows_of(5, 5, 2),
    )

    model = nn.Sequential(
        nn.Conv1d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv1d(4, 3, 2, stride=2),
        nn.BatchNorm1d(3, eps=0.01), nn.PReLU(3), nn.Flatten(), nn.Dropout(0.2), nn.Linear(12, 2),
    ).to(double)
    layers = {
        "input": {"sequence": {"steps": 8, "channels": 2}},
        "output": "probabilities",
        "layers": [
            {"type": "conv1d", "tensors": "0", "padding": 1, "activation": "relu"},
            {"type": "conv1d", "tensors": "2", "stride": 2},
            {"type": "batch_norm", "tensors": "3", "epsilon": 0.01},
            {"type": "prelu", "tensors": "4"},
            {"type": "flatten", "order": "channels"},
            {"type": "dropout"},
            {"type": "linear", "tensors": "7"},
        ],
    }
    channels_first = lambda m, x: m(x.transpose(1, 2))
    of_torch("torch_conv", model, channels_first, layers, rows_of(5, 8, 2))

    model = nn.Sequential(
        nn.Conv1d(2, 4, 4, padding="same"), nn.Tanh(), nn.Conv1d(4, 3, 2, bias=False),
        nn.Sigmoid(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(3, 1),
    )
    layers = {
        "input": {"sequence": {"steps": 8, "channels": 2}},
        "output": "values",
        "layers": [
            {"type": "conv1d", "tensors": "0", "padding": "same", "activation": "tanh"},
            {"type": "conv1d", "tensors": "2", "bias": False},
            {"type": "activation", "function": "sigmoid"},
            {"type": "pool", "kind": "max"},
            {"type": "linear", "tensors": "6"},
        ],
    }
    of_torch("torch_pool", model, channels_first, layers, rows_of(5, 8, 2))

    model = nn.ModuleDict(
        {"embedding": nn.Embedding(9, 3), "gru": nn.GRU(3, 4, batch_first=True),
         "head": nn.Linear(4, 2)}
    )
    layers = {
        "input": {"tokens": {"steps": 6, "vocabulary": 9}},
        "output": "probabilities",
        "classes": ["bad", "good"],
        "layers": [
            {"type": "embedding", "tensors": "embedding"},
            {"type": "gru", "tensors": "gru", "return_sequences": True},
            {"type": "pool", "kind": "last"},
            {"type": "linear", "tensors": "head"},
        ],
    }
    lengths_of_tokens = ragged(6, 6)
    of_torch(
        "torch_tokens", model,
        lambda m, x: m["head"](m["gru"](packed(x, lengths_of_tokens))[1][-1]),
        layers, RNG.integers(0, 9, size=(6, 6)), lengths_of_tokens, embedding=model["embedding"],
    )


def keras_networks():
    layer = keras.layers

    def sequential(shape, *layers, dtype="float64"):
        keras.backend.clear_session()
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        built = [make() for make in layers]
        return keras.Sequential([keras.Input(shape, dtype=dtype), *built])

    model = sequential(
        (4,), lambda: layer.Dense(5, activation="relu", name="hidden"),
        lambda: layer.BatchNormalization(name="norm"), lambda: layer.PReLU(name="slopes"),
        lambda: layer.Dropout(0.3),
        lambda: layer.Dense(3, activation="softmax", use_bias=False, name="head"),
        dtype="float32",
    )
    layers = {
        "input": {"features": 4},
        "output": "probabilities",
        "classes": ["a", "b", "c"],
        "layers": [
            {"type": "dense", "tensors": "sequential/hidden", "activation": "relu"},
            {"type": "batch_norm", "tensors": "sequential/norm"},
            {"type": "prelu", "tensors": "sequential/slopes"},
            {"type": "dropout", "rate": 0.3},
            {"type": "dense", "tensors": "sequential/head", "bias": False},
        ],
    }
    of_keras("keras_dense", model, layers, rows_of(6, 4), "float32")

    steps, channels = 6, 2
    lengths = ragged(6, steps)
    padded = rows_of(6, steps, channels)
    for row, length in enumerate(lengths):
        padded[row, length:] = -9.0
    model = sequential(
        (steps, channels), lambda: layer.Masking(-9.0),
        lambda: layer.LSTM(4, return_sequences=True, name="first"),
        lambda: layer.LSTM(3, name="second"), lambda: layer.Dense(1, name="head"),
    )
    layers = {
        "input": {"sequence": {"steps": steps, "channels": channels}},
        "output": "values",
        "layers": [
            {"type": "lstm", "tensors": "sequential/first", "return_sequences": True},
            {"type": "lstm", "tensors": "sequential/second/lstm_cell"},
            {"type": "dense", "tensors": "sequential/head"},
        ],
    }
    of_keras("keras_lstm", model, layers, padded, "float64", lengths)

    model = sequential(
        (steps, channels), lambda: layer.Masking(-9.0),
        lambda: layer.GRU(4, return_sequences=True, name="cells"),
        lambda: layer.GlobalAveragePooling1D(), lambda: layer.Dense(1, name="head"),
    )
    layers = {
        "input": {"sequence": {"steps": steps, "channels": channels}},
        "output": "values",
        "layers": [
            {"type": "gru", "tensors": "sequential/cells", "return_sequences": True},
            {"type": "pool", "kind": "mean"},
            {"type": "dense", "tensors": "sequential/head"},
        ],
    }
    of_keras("keras_gru", model, layers, padded, "float64", lengths)

    model = sequential(
        (steps, channels), lambda: layer.GRU(4, go_backwards=True, name="cells"),
        lambda: layer.Dense(2, activation="tanh", name="head"),
    )
    layers = {
        "input": {"sequence": {"steps": steps, "channels": channels}},
        "output": "values",
        "layers": [
            {"type": "gru", "tensors": "sequential/cells", "reverse": True},
            {"type": "dense", "tensors": "sequential/head", "activation": "tanh"},
        ],
    }
    of_keras("keras_gru_reverse", model, layers, rows_of(5, steps, channels), "float64")

    model = sequential(
        (steps, channels), lambda: layer.Masking(-9.0),
        lambda: layer.GRU(4, reset_after=False, name="cells"),
        lambda: layer.Dense(1, name="head"), dtype="float32",
    )
    layers = {
        "input": {"sequence": {"steps": steps, "channels": channels}},
        "output": "values",
        "layers": [
            {"type": "gru", "tensors": "sequential/cells", "reset_after": False},
            {"type": "dense", "tensors": "sequential/head"},
        ],
    }
    of_keras("keras_gru_before", model, layers, padded, "float32", lengths)

    model = sequential(
        (8, channels), lambda: layer.Conv1D(4, 3, padding="same", strides=2, name="same"),
        lambda: layer.Conv1D(3, 3, padding="causal", activation="tanh", name="causal"),
        lambda: layer.Conv1D(3, 2, padding="valid", name="valid"),
        lambda: layer.PReLU(name="slopes"),
        lambda: layer.BatchNormalization(scale=False, name="norm"),
        lambda: layer.PReLU(shared_axes=[1], name="shared"), lambda: layer.Flatten(),
        lambda: layer.Dense(2, activation="sigmoid", name="head"), dtype="float32",
    )
    layers = {
        "input": {"sequence": {"steps": 8, "channels": channels}},
        "output": "values",
        "layers": [
            {"type": "conv1d", "tensors": "sequential/same", "padding": "same", "stride": 2},
            {"type": "conv1d", "tensors": "sequential/causal", "padding": "causal",
             "activation": "tanh"},
            {"type": "conv1d", "tensors": "sequential/valid"},
            {"type": "prelu", "tensors": "sequential/slopes"},
            {"type": "batch_norm", "tensors": "sequential/norm", "scale": False},
            {"type": "prelu", "tensors": "sequential/shared"},
            {"type": "flatten"},
            {"type": "dense", "tensors": "sequential/head", "activation": "sigmoid"},
        ],
    }
    of_keras("keras_conv", model, layers, rows_of(5, 8, channels), "float32")

    keras.backend.clear_session()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    embedding = layer.Embedding(7, 3, mask_zero=True, name="words")
    cells, head = layer.LSTM(4, name="cells"), layer.Dense(1, activation="sigmoid", name="head")
    model = keras.Sequential([keras.Input((5,), dtype="int64"), embedding, cells, head])
    tokens, lengths = RNG.integers(1, 7, size=(6, 5)), ragged(6, 5)
    for row, length in enumerate(lengths):
        tokens[row, length:] = 0
    layers = {
        "input": {"tokens": {"steps": 5, "vocabulary": 7}},
        "output": "probabilities",
        "layers": [
            {"type": "embedding", "tensors": "sequential/words"},
            {"type": "lstm", "tensors": "sequential/cells"},
            {"type": "dense", "tensors": "sequential/head", "activation": "sigmoid"},
        ],
    }
    of_keras(
        "keras_tokens", model, layers, tokens, "float64", lengths,
        behind=(embedding, lambda vectors, mask: head(cells(vectors, mask=mask))),
    )


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    torch_networks()
    keras_networks()


if __name__ == "__main__":
    main()

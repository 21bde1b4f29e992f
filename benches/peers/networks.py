"""Trains one library's network for each line of the input (clock.py).

    python networks.py FOLDER WORK PEER THREADS      (Python 3.12, requirements-networks.txt)

The runner writes `FOLDER/digits` and `FOLDER/sequences`. Adam with a rate of 0.001 and its usual
constants, no penalty, every row in every epoch, rows shuffled; single precision, as the frameworks
have it (scikit-learn: double, as it is used).
"""

import os
import sys
from pathlib import Path

FOLDER, WORK, PEER, THREADS = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[variable] = str(THREADS)
os.environ["KERAS_BACKEND"] = "torch"

import numpy as np  # noqa: E402  (the threads are set before)

import clock  # noqa: E402


def tables(name, dtype):
    load = lambda part: np.load(FOLDER / name / f"{part}.npy")
    return tuple(load(part).astype(dtype) for part in ["x_train", "y_train", "x_test", "y_test"])


def sklearn_mlp_digits():
    from sklearn.neural_network import MLPClassifier

    x, y, x_test, y_test = tables("digits", np.float64)

    def work():
        # No early end: 30 epochs are 30 epochs, and their warning is no news.
        model = MLPClassifier(
            (50, 100, 50), alpha=0, batch_size=64, max_iter=30, n_iter_no_change=31, random_state=0
        )
        return model.fit(x, y)

    return work, lambda model: (model.predict(x_test) == y_test).mean()


def torch_training(make, loss, x, y, epochs, batch):
    import torch

    torch.set_num_threads(THREADS)
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def work():
        torch.manual_seed(0)
        model = make()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(batch):
                optimizer.zero_grad()
                loss(model(x[rows]), y[rows]).backward()
                optimizer.step()
        return model

    return work


def torch_mlp_digits():
    import torch
    from torch import nn

    x, y, x_test, y_test = tables("digits", np.float32)

    def make():
        return nn.Sequential(
            nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 100), nn.ReLU(), nn.Linear(100, 50),
            nn.ReLU(), nn.Linear(50, 10),
        )

    def score(model):
        with torch.no_grad():
            return (model(torch.from_numpy(x_test)).argmax(1).numpy() == y_test).mean()

    return torch_training(make, nn.CrossEntropyLoss(), x, y.astype(np.int64), 30, 64), score


def keras_mlp_digits():
    import keras
    import torch

    torch.set_num_threads(THREADS)
    x, y, x_test, y_test = tables("digits", np.float32)

    def work():
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(units, activation="relu") for units in [50, 100, 50]]
        model = keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(10)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.Adam(0.001), loss=loss)
        model.fit(x, y, epochs=30, batch_size=64, verbose=0)
        return model

    return work, lambda model: (model.predict(x_test, verbose=0).argmax(1) == y_test).mean()


def torch_lstm_50():
    import torch
    from torch import nn

    x, y, x_test, y_test = tables("sequences", np.float32)
    steps = lambda table: table.reshape(len(table), 50, 8)

    class Lstm(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(8, 64, batch_first=True), nn.Linear(64, 1)

        def forward(self, rows):
            return self.head(self.lstm(rows)[0][:, -1])[:, 0]

    def score(model):
        with torch.no_grad():
            errors = model(torch.from_numpy(steps(x_test))).numpy() - y_test
        return 1 - (errors**2).mean() / y_test.var()

    return torch_training(Lstm, nn.MSELoss(), steps(x), y, 5, 32), score


def main():
    name = WORK.removeprefix("network:").replace("-", "_")
    work, score = globals()[f"{PEER}_{name}"]()
    clock.each_line(work, lambda model: float(score(model)))


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore", message="Stochastic Optimizer")
    main()

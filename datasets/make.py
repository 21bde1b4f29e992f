"""Writes the data sets of this folder from the copies that ship with scikit-learn and aeon.

    python datasets/make.py [WHEEL]

(scikit-learn 1.9, aeon 1.6 without its dependencies; the wheel is scikit-learn 1.1.3's)

One CSV per table: a header, numbers as scikit-learn holds them, the column `target` last.
One .npy of int16 per set of sequences: a row per step, with the number of the series, its class,
and a column per channel in units of 0.0001; the training series first.
The licence and the source of each are in datasets.toml, with the SHA-256 of the file.

Boston housing left scikit-learn with version 1.2. It is here because a published experiment used
it, and is read from an older wheel without running any of it:

    pip download scikit-learn==1.1.3 --no-deps --only-binary=:all: --python-version 3.10
"""

import csv
import hashlib
import io
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn import datasets

FOLDER = Path(__file__).resolve().parent


def number(value):
    """The shortest text that reads back as the same double; whole numbers without a point."""
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def write(name, names, rows, target):
    path = FOLDER / f"{name}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*names, "target"])
        for row, label in zip(rows, target):
            writer.writerow([*map(number, row), label])
    print(name, hashlib.sha256(path.read_bytes()).hexdigest())


def classification(name, load, rename=lambda names: names):
    data = load()
    labels = [str(data.target_names[label]) for label in data.target]
    write(name, rename([str(n) for n in data.feature_names]), data.data, labels)


classification("iris", datasets.load_iris, lambda names: [n.removesuffix(" (cm)") for n in names])
classification("wine", datasets.load_wine, lambda names: [n.replace("_", " ") for n in names])
classification("breast-cancer", datasets.load_breast_cancer)
classification("digits", datasets.load_digits, lambda names: [n.replace("pixel_", "pixel ").replace("_", ",") for n in names])
diabetes = datasets.load_diabetes(scaled=False)
write("diabetes", diabetes.feature_names, diabetes.data, map(number, diabetes.target))

if len(sys.argv) > 1:
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        text = wheel.read("sklearn/datasets/data/boston_house_prices.csv").decode()
    _sizes, names, *rows = csv.reader(io.StringIO(text))
    write("boston", names[:-1], [row[:-1] for row in rows], (number(row[-1]) for row in rows))

def series(path):
    """Channels × steps and the class of each series of a .ts file."""
    for line in path.read_text().splitlines():
        if line and line[0] not in "#@":
            *channels, label = line.split(":")
            yield np.array([channel.split(",") for channel in channels], float), int(label)


def sequences(name, folder, problem):
    # The files are read without importing aeon, which would ask for its dependencies.
    data = Path(find_spec("aeon").origin).parent / "datasets" / "data" / folder
    both = [series(data / f"{problem}_{part}.ts") for part in ("TRAIN", "TEST")]
    rows = [
        [number, label, *step]
        for number, (channels, label) in enumerate(s for part in both for s in part)
        for step in np.rint(channels.T * 10_000).astype(int)
    ]
    path = FOLDER / f"{name}.npy"
    np.save(path, np.array(rows, np.int16))
    print(name, hashlib.sha256(path.read_bytes()).hexdigest())


sequences("japanese-vowels", "JapaneseVowels", "JapaneseVowels")

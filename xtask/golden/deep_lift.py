# requirements: requirements-deep-lift.txt
"""Makes crates/fi-models/tests/golden/deep_lift.json: contributions of captum's DeepLiftShap and
shap's DeepExplainer for small PyTorch networks with random weights, over a few baselines.

captum and shap share a maximum's difference among steps in ways of their own: networks with a pool
come from shap, whose way is ours.
"""

import json
from pathlib import Path

import captum
import numpy as np
import shap
import torch
from captum.attr import DeepLiftShap
from torch import nn

SEED = 31415
TARGET = Path(__file__).resolve().parents[2] / "crates/fi-models/tests/golden/deep_lift.json"


def parameters(model):
    """Arrays by name, as the networks' golden files hold them."""
    return {name: tensor.detach().numpy().tolist() for name, tensor in model.state_dict().items()}


def case(name, model, shape, by):
    generator = torch.Generator().manual_seed(SEED + len(name))
    for tensor in model.state_dict().values():
        tensor.copy_(torch.randn(tensor.shape, generator=generator, dtype=torch.float64) * 0.7)
    model = model.double().eval()
    rows = torch.randn((4, *shape), generator=generator, dtype=torch.float64)
    background = torch.randn((3, *shape), generator=generator, dtype=torch.float64)
    margins = model(rows).detach().numpy()
    n_outputs = margins.shape[1]
    if by == "captum":
        found = [
            DeepLiftShap(model).attribute(rows, background, target=k).detach().numpy()
            for k in range(n_outputs)
        ]
        values = np.stack(found, axis=1)
    else:
        found = shap.DeepExplainer(model, background).shap_values(rows, check_additivity=False)
        values = np.moveaxis(np.asarray(found), -1, 1)
    gap = values.reshape(4, n_outputs, -1).sum(-1) + model(background).detach().numpy().mean(0) - margins
    assert np.abs(gap).max() < 1e-5, (name, gap)
    # PyTorch has channels before steps; rows of sequences are flat, step after step.
    flat = lambda x: (np.swapaxes(x, -1, -2) if len(shape) == 2 else x).reshape(*x.shape[: x.ndim - len(shape)], -1)
    return {
        "name": name,
        "by": by,
        "parameters": parameters(model),
        "rows": flat(rows.numpy()).tolist(),
        "background": flat(background.numpy()).tolist(),
        "margins": margins.tolist(),
        "values": flat(values).tolist(),
    }


def main():
    torch.manual_seed(SEED)
    dense = lambda activation: nn.Sequential(
        nn.Linear(5, 6), activation, nn.Linear(6, 4), type(activation)(), nn.Linear(4, 2)
    )
    conv = nn.Sequential(
        nn.Conv1d(2, 4, 3), nn.ReLU(), nn.MaxPool1d(4), nn.Flatten(), nn.Linear(4, 2)
    )
    cases = [
        case(name, dense(activation), (5,), "captum")
        for name, activation in [
            ("relu", nn.ReLU()),
            ("tanh", nn.Tanh()),
            ("sigmoid", nn.Sigmoid()),
            ("softplus", nn.Softplus()),
        ]
    ]
    cases.append(case("conv", conv, (2, 6), "shap"))
    golden = {
        "captum": captum.__version__,
        "shap": shap.__version__,
        "torch": torch.__version__.split("+")[0],
        "cases": cases,
    }
    TARGET.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()

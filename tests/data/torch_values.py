"""Work out the numbers in torch_values.json, which tests/test_torch_values.py compares with.

    pip install torch==2.13.0
    python tests/data/torch_values.py

The inputs are in the file too, so that the tests need neither torch nor this script.
"""

import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)

ACTIVATIONS = {
    "identity": lambda z: z,
    "logistic": torch.sigmoid,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "prelu": lambda z: F.prelu(z, torch.tensor(0.25)),
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "maxout": lambda z: torch.stack([z, torch.zeros_like(z)]).amax(dim=0),  # the second piece 0
}


def activations():
    values = {}
    for name, f in ACTIVATIONS.items():
        z = torch.tensor([-30.0, -3, -1, -0.5, -0.1, 0.1, 0.5, 1, 3, 30], requires_grad=True)
        A = f(z)
        (slope,) = torch.autograd.grad(A.sum(), z)
        values[name] = {"z": z, "A": A, "slope": slope}
    return values


def normalization(layer, n_features=5):
    """Two training steps, then evaluation: outputs, gradients, running statistics."""
    with torch.no_grad():
        layer.weight.copy_(torch.linspace(0.5, 1.5, n_features))
        layer.bias.copy_(torch.linspace(-0.2, 0.2, n_features))
    steps = []
    for n_samples in (8, 3):
        X = (3 * torch.randn(n_samples, n_features) + 2).requires_grad_()
        G = torch.randn(n_samples, n_features)
        Y = layer(X)
        dX, dgamma, dbeta = torch.autograd.grad((Y * G).sum(), [X, layer.weight, layer.bias])
        steps.append({"X": X, "G": G, "Y": Y, "dX": dX, "dgamma": dgamma, "dbeta": dbeta})
    statistics = {name: getattr(layer, name, None) for name in ("running_mean", "running_var")}
    layer.eval()
    return {
        "gamma": layer.weight,
        "beta": layer.bias,
        "steps": steps,
        "statistics": {name: value for name, value in statistics.items() if value is not None},
        "prediction": layer(steps[0]["X"]),
    }


def initializers(fan_in=30, fan_out=20):
    """The bound or standard deviation that each initialiser draws with.

    torch computes them inside; what it passes to the random generator is caught here.
    """
    seen = {}
    uniform, normal = torch.Tensor.uniform_, torch.Tensor.normal_
    torch.Tensor.uniform_ = lambda self, low=0, high=1, **_: seen.update(bound=high) or self
    torch.Tensor.normal_ = lambda self, mean=0, std=1, **_: seen.update(std=std) or self
    W = torch.empty(fan_out, fan_in)
    relu = nn.init.calculate_gain("relu")
    calls = {
        "xavier_uniform": lambda: nn.init.xavier_uniform_(W),
        "xavier_normal": lambda: nn.init.xavier_normal_(W),
        "he_uniform": lambda: nn.init.kaiming_uniform_(W, nonlinearity="relu"),
        "he_normal": lambda: nn.init.kaiming_normal_(W, nonlinearity="relu"),
        "lecun_uniform": lambda: nn.init.kaiming_uniform_(W, nonlinearity="linear"),
        "lecun_normal": lambda: nn.init.kaiming_normal_(W, nonlinearity="linear"),
    }
    values = {"fan_in": fan_in, "fan_out": fan_out, "gain": relu, "laws": {}}
    for name, call in calls.items():
        seen.clear()
        call()
        values["laws"][name] = dict(seen)
    torch.Tensor.uniform_, torch.Tensor.normal_ = uniform, normal
    return values


def adam(kind, **options):
    """Five steps along gradients of different sizes; epsilon, which we add elsewhere, is tiny."""
    theta = torch.randn(6)
    grads = torch.randn(5, 6) * torch.logspace(-3, 1, 6)
    parameter = nn.Parameter(theta.clone())
    optimizer = kind([parameter], lr=0.01, betas=(0.8, 0.99), eps=1e-12, **options)
    path = []
    for grad in grads:
        parameter.grad = grad.clone()
        optimizer.step()
        path.append(parameter.detach().clone())
    return {"theta": theta, "grads": grads, "path": torch.stack(path)}


def losses():
    Z = (4 * torch.randn(7, 4)).requires_grad_()
    y = torch.randint(0, 4, (7,))
    targets = torch.rand(7, 4)
    values = {"Z": Z, "y": y, "targets": targets}
    by_name = {
        "softmax": F.cross_entropy(Z, y),
        "softmax_smoothed": F.cross_entropy(Z, y, label_smoothing=0.2),
        "logistic": F.binary_cross_entropy_with_logits(Z, targets.round(), reduction="none").sum() / 7,
        "huber": F.huber_loss(Z, targets, reduction="none", delta=1.0).sum() / 7,
        "poisson": F.poisson_nll_loss(Z, targets, log_input=True, reduction="none").sum() / 7,
    }
    for name, loss in by_name.items():
        (dZ,) = torch.autograd.grad(loss, Z, retain_graph=True)
        values[name] = {"loss": loss, "dZ": dZ}
    return values


def plain(value):
    """Turn tensors into lists and numbers."""
    if isinstance(value, dict):
        return {name: plain(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value.tolist() if isinstance(value, torch.Tensor) else value


if __name__ == "__main__":
    values = {
        "torch": torch.__version__.partition("+")[0],
        "activations": activations(),
        "batchnorm": normalization(nn.BatchNorm1d(5)),
        "layernorm": normalization(nn.LayerNorm(5)),
        "initializers": initializers(),
        "adam": adam(torch.optim.Adam),
        "adamw": adam(torch.optim.AdamW, weight_decay=0.3),
        "losses": losses(),
    }
    sections = [f"{json.dumps(name)}: {json.dumps(plain(value))}" for name, value in values.items()]
    Path(__file__).with_suffix(".json").write_text("{" + ",\n".join(sections) + "}\n")

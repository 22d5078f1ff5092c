"""Build the network that a training starts from, with initial or with fitted weights."""

from typing import Any

from numpy.random import Generator

from sknn6.estimators.fitted import arrays_of, scaling_of, structure_of
from sknn6.nn.activations import find_activation
from sknn6.nn.architecture import Architecture
from sknn6.nn.network import Network
from sknn6.training.settings import Settings
from sknn6.warn import warn_user

__all__ = ["build", "fitted_parameters"]


# Fields of an architecture that must not change when a training is continued, and the parameters that
# determine them.
PARAMETERS = {
    "batchnorm": "batchnorm",
    "batchnorm_group_size": "batchnorm_group_size",
    "layernorm": "layernorm",
    "residual": "residual",
    "hidden": "hidden_layer_sizes and depth",
    "members": "ensemble_size",
    "input_scaling": "input_scaling",
    "numeric_embedding": "numeric_embedding",
}


def build(estimator: Any, architecture: Architecture, settings: Settings, rng: Generator) -> Network:
    """Return the network, with the fitted weights if the training continues, otherwise with initial ones.

    Raises
    ------
    ValueError
        If the training is to continue with another architecture than the fitted one.
    """
    if settings.continues:
        check_same(estimator, architecture, settings)
    # L-BFGS needs the same loss at each evaluation, so it has no dropout. It sees all data at once, so its
    # running averages are those of the last evaluation.
    stochastic = settings.stochastic
    network = architecture.build(
        init=settings.init,
        init_scale=float(settings.init_scale),
        batchnorm_momentum=float(settings.batchnorm_momentum) if stochastic else 1.0,
        dropout=float(settings.dropout) if stochastic else 0.0,
        rng=rng,
        input_scaling=scaling_of(estimator) if settings.continues else None,
    ).allocate(settings.network_dtype)
    if settings.continues:
        network.load(arrays_of(estimator))
    else:
        network.initialize(rng)
        warn_of_init(network, settings)
    return network


def warn_of_init(network: Network, settings: Settings) -> None:
    """Warn of initial weights from which the hidden layers do not learn well."""
    given = f"init={settings.given['init']!r} with init_scale={settings.init_scale}"
    hidden = [layer.W for layer in network.dense()[:-1]]
    if any(W.shape[-1] > 1 and (W[..., :1] == W).all() for W in hidden):
        advice = "init='auto'" if settings.init_scale else "init_scale=1"
        warn_user(
            f"{given} gives all units of a hidden layer the same weights. They then have the same gradient "
            f"and stay equal forever. Use {advice}."
        )
        return
    activations = map(find_activation, settings.activations)
    shrinking = [act for act in activations if act.gain > 1.1 and act.init.startswith("he_")]
    normalised = settings.batchnorm or settings.layernorm
    if settings.init in ("xavier_uniform", "xavier_normal") and shrinking and not normalised:
        warn_user(
            f"{given} suits activations such as tanh. With {shrinking[0].forward.__name__}, whose gain is "
            f"{shrinking[0].gain:.2f}, the activations shrink from layer to layer. Use init='auto' or "
            "'he_uniform'."
        )


def fitted_parameters(estimator: Any) -> dict[str, Any]:
    """Return the fitted network's values of the parameters that may be "auto"."""
    structure = structure_of(estimator)
    fitted = {
        "input_scaling": "learned" if structure.get("learned_scale") else scaling_of(estimator) is not None,
        "numeric_embedding": None if structure.get("bins") is None else "piecewise",
    }
    if structure:
        fitted |= {"hidden_layer_sizes": structure["hidden"], "activation": structure["activation"]}
    if structure and getattr(estimator, "ensemble_members_", None) is None:  # all networks are kept
        fitted["ensemble_size"] = structure["members"]
    return fitted


def check_same(estimator: Any, architecture: Architecture, settings: Settings) -> None:
    """Raise ValueError if a continued training is to have another architecture than the fitted one."""
    now = vars(architecture)
    before = (structure_of(estimator) or now) | fitted_parameters(estimator)
    embedding = settings.numeric_embedding if before["numeric_embedding"] else None
    now = now | {"input_scaling": settings.input_scaling, "numeric_embedding": embedding}
    for field, parameter in PARAMETERS.items():
        if before[field] != now[field]:
            raise ValueError(
                f"A continued training needs the {parameter} that the network was fitted with, "
                f"{before[field]!r}, got {now[field]!r}. Fit anew with warm_start=False."
            )

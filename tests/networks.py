"""Networks as the tests need them."""

from inspect import signature

from sknn6.nn.architecture import Architecture

FOR_BUILD = signature(Architecture.build).parameters


def perceptron(*args, **params):
    """Build a network, from the fields of its architecture and the arguments of `build` together."""
    for_build = {name: params.pop(name) for name in [*params] if name in FOR_BUILD}
    return Architecture(*args, **params).build(**for_build)

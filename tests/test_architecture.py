"""The architecture: a description from which networks are built."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.architecture import Architecture

# What saved models have, by these names.
SAVED = {
    "n_inputs": 4,
    "hidden": [6, 5],
    "n_outputs": 3,
    "activation": ["tanh", "relu"],
    "batchnorm": "whiten",
    "batchnorm_group_size": 5,
    "layernorm": True,
    "residual": True,
    "members": 2,
    "learned_scale": True,
    "bins": [3, 0, 0, 0],
    "one_hot": [3],
    "embedded": [40],
}


def kinds(layers):
    return [layer.kind for layer in layers]


def test_it_is_what_saved_models_have():
    assert vars(Architecture(**SAVED)) == SAVED


def test_the_first_saved_models_lack_what_came_later():
    assert vars(Architecture(4, [6, 5], 3, "tanh")) == SAVED | {
        "activation": "tanh",
        "batchnorm": None,
        "batchnorm_group_size": 16,
        "layernorm": False,
        "residual": False,
        "members": 1,
        "learned_scale": False,
        "bins": None,
        "one_hot": None,
        "embedded": None,
    }


def test_it_does_not_change():
    with pytest.raises(FrozenInstanceError):
        Architecture(**SAVED).members = 3


def test_each_column_of_the_first_layer_comes_from_an_input():
    """A number has a column and one for each piece. Categories follow: one-hot, then with learned vectors."""
    network = Architecture(5, [6], 3, "relu", bins=[2, 0, 0, 0, 0], one_hot=[3, 2], embedded=[40])
    assert network.sources()[:9].tolist() == [0, 0, 0, 1, 2, 2, 2, 3, 3]
    assert set(network.sources()[9:]) == {4}
    assert len(network.sources()) == network.build().dense()[0].fan_in


def test_order_of_the_layers():
    network = Architecture(4, [6, 5], 3, "tanh", batchnorm="batch", layernorm=True).build(
        dropout=0.5, rng=np.random.default_rng(0)
    )
    hidden = ["dense", "batchnorm", "layernorm", "activate", "dropout"]
    assert kinds(network.layers) == [*hidden, *hidden, "dense"]


def test_each_layer_has_its_activation_and_the_output_none():
    """Its gain and its initialiser too, which "auto" leaves to it."""
    dense = Architecture(4, [6, 5], 3, ["tanh", "relu"]).build().dense()
    assert [layer.gain for layer in dense] == [
        ACTIVATIONS[name].gain for name in ("tanh", "relu", "identity")
    ]
    assert [layer.initializer.__name__ for layer in dense] == [
        "xavier_uniform",
        "he_uniform",
        "xavier_uniform",
    ]


def test_shortcuts_lead_from_each_hidden_dense_to_the_next():
    """With a projection where the widths differ; maxout's are twice the units."""
    network = Architecture(4, [6, 6, 5], 3, "maxout", residual=True).build()
    assert kinds(network.layers) == ["dense", "residual", "residual", "activate", "dense"]
    same, narrower = network.layers[1:3]
    assert same.projection is None
    assert (narrower.projection.fan_in, narrower.projection.width) == (12, 10)
    assert kinds(narrower.body) == ["activate", "dense"]


def test_the_first_layer_alone_has_learned_factors():
    network = Architecture(4, [6], 3, "tanh", learned_scale=True).build()
    assert ["u" in layer.parameters for layer in network.dense()] == [True, False]
    linear = Architecture(4, [], 3, "tanh", learned_scale=True).build()
    assert ["u" in layer.parameters for layer in linear.dense()] == [True]


def test_groups_are_no_wider_than_the_input_of_the_layer():
    """So many units depend on each other otherwise."""
    network = Architecture(4, [16, 16], 3, "tanh", batchnorm="whiten").build()
    assert [layer.group_size for layer in network.leaves if layer.statistics] == [4, 16]


def test_no_hidden_layer_is_a_linear_model():
    network = Architecture(4, [], 3, "relu").build().allocate(np.float64)
    network.initialize(np.random.default_rng(0))
    X = np.random.default_rng(1).standard_normal((8, 4))
    np.testing.assert_allclose(network.predict(X), X @ network.layers[0].W + network.layers[0].b)

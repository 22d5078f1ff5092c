"""Targets: classes, labels and numbers, as a training and a prediction take them."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.class_weight import compute_class_weight

from sknn6.training.targets import Classes, Labels, Numbers, check_discrete, discrete_targets

FLOAT = np.dtype(float)
rng = np.random.default_rng(0)
Z = rng.standard_normal((20, 3))
MEMBERS = rng.standard_normal((4, 20, 3))
WORDS = np.array(["ham", "eggs", "spam", "eggs"] * 5)
INDICATORS = rng.integers(0, 2, (20, 3))


def test_what_y_is_shows_in_its_form():
    assert isinstance(discrete_targets(WORDS, None, 0.0, None), Classes)
    assert isinstance(discrete_targets(INDICATORS, None, 0.0, None), Labels)
    assert discrete_targets(WORDS, ["eggs", "ham", "spam", "toast"], 0.0, None).n_outputs == 4
    assert discrete_targets(WORDS[1::2], None, 0.0, None).n_outputs == 1  # eggs and eggs
    with pytest.raises(ValueError, match=r"y must have one column of classes .* got multiclass-multioutput"):
        check_discrete(np.arange(6).reshape(3, 2))


def test_classes():
    targets = Classes(np.unique(WORDS))
    y = targets.encode(WORDS, FLOAT)
    np.testing.assert_array_equal(targets.classes[y], WORDS)
    np.testing.assert_allclose(targets.probabilities(Z), softmax(Z, axis=1))
    np.testing.assert_allclose(targets.probabilities(MEMBERS), softmax(MEMBERS, axis=2).mean(axis=0))
    for logits in (Z, MEMBERS):
        np.testing.assert_array_equal(targets.decide(logits), targets.probabilities(logits).argmax(axis=1))
    weight = rng.uniform(size=20)
    assert targets.score(Z, y, weight) == pytest.approx(
        accuracy_score(WORDS, targets.classes[targets.decide(Z)], sample_weight=weight)
    )


def test_two_classes_are_one_logit():
    targets = Classes(np.array([3, 7]))
    y = targets.encode(np.array([7, 3, 7]), FLOAT)
    np.testing.assert_array_equal(y, [[1], [0], [1]])
    z = np.array([[-2.0], [0.5], [40.0]])
    np.testing.assert_allclose(targets.probabilities(z), np.hstack([expit(-z), expit(z)]))
    np.testing.assert_array_equal(targets.decide(z), [0, 1, 1])
    assert targets.score(z, y, None) == pytest.approx(1 / 3)


def test_labels():
    targets = Labels(np.arange(3))
    Y = targets.encode(sparse.csr_matrix(INDICATORS), FLOAT)
    np.testing.assert_array_equal(Y, INDICATORS)
    np.testing.assert_allclose(targets.probabilities(Z), expit(Z))
    np.testing.assert_array_equal(targets.decide(Z), Z > 0)
    np.testing.assert_array_equal(targets.decide(MEMBERS), expit(MEMBERS).mean(axis=0) > 0.5)
    assert targets.score(Z, Y, None) == accuracy_score(INDICATORS, Z > 0)


@pytest.mark.parametrize(("loss", "link"), [("squared_error", lambda z: z), ("poisson", np.exp)])
def test_numbers(loss, link):
    targets = Numbers(loss, 3)
    Y = targets.encode(np.abs(Z), np.dtype("float32"))
    assert Y.dtype == np.float32
    np.testing.assert_allclose(targets.decide(Z), link(Z))
    np.testing.assert_allclose(targets.decide(MEMBERS), link(MEMBERS).mean(axis=0))
    assert targets.score(Z, np.abs(Z), None) == pytest.approx(r2_score(np.abs(Z), link(Z)))


def test_balanced_weights_are_scikit_learns():
    targets = Classes(np.unique(WORDS), class_weight="balanced")
    expected = compute_class_weight("balanced", classes=targets.classes, y=WORDS)
    weight = targets.weigh(None, WORDS)
    np.testing.assert_allclose(weight, expected[np.searchsorted(targets.classes, WORDS)])


@pytest.mark.parametrize(
    ("targets", "y", "message"),
    [
        (Classes(np.arange(3)), np.array([0, 5]), "`y` has classes not in `self.classes_`"),
        (Classes(np.arange(3)), INDICATORS, "y must be classes as in the fit before"),
        (Labels(np.arange(3)), np.array([0, 1]), "y must be indicators of labels as in the fit before"),
        (Labels(np.arange(3)), INDICATORS[:, :2], "y must have 3 columns of indicators .*, got 2"),
        (Labels(np.arange(3)), INDICATORS + 1, "y, as indicators of labels, must be 0 or 1, got 2"),
        (Numbers("squared_error", 2), np.ones((3, 1)), "y must have 2 columns as in the fit before, got 1"),
        (Numbers("poisson", 1), np.array([1.0, -2.0]), "y must not be below 0 with loss='poisson', got -2"),
    ],
)
def test_another_y_is_refused(targets, y, message):
    with pytest.raises(ValueError, match=message):
        targets.encode(y, FLOAT)

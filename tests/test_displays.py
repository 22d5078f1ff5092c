"""Pictures of trainings and networks: what is drawn stands where the numbers say, and is labelled."""

from itertools import pairwise

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps
from matplotlib import pyplot as plt
from plain import MLPClassifier as Plain
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn6 import MLPClassifier, MLPRegressor, Standardizer, Whitener
from sknn6.inspection import (
    FilterDisplay,
    LayerStatisticsDisplay,
    LearningRateDisplay,
    LearningRateRange,
    LossCurveDisplay,
    WhiteningDisplay,
    layer_statistics,
)
from sknn6.inspection.displays.theme import BLUE, CYCLE, SIGNED, VERMILLION

matplotlib.use("Agg")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X = X / 16


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    return Plain(20, max_iter=8, random_state=0).fit(X[:1000], Y[:1000], X_val=X[1000:], y_val=Y[1000:])


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def lightness(colour):
    """CIE 1931 luminance of an sRGB colour, to CIE 1976 L*."""
    rgb = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16


def test_colours_are_apart_in_grey():
    """By 5 of 100 in lightness for the first pairs, by their style for all; that of images only rises."""
    for first, second in (CYCLE["color"][:2], CYCLE["color"][1:3], [BLUE, VERMILLION]):
        assert abs(lightness(first) - lightness(second)) > 5
    assert len(set(CYCLE["linestyle"])) == len(CYCLE["linestyle"])
    ramp = [lightness(colour) for colour in colormaps[SIGNED](np.linspace(0, 1, 64))[:, :3]]
    assert (np.diff(ramp) > 0).all()


def test_loss_curves_are_those_of_the_history(fitted):
    display = LossCurveDisplay.from_estimator(make_pipeline(Standardizer(), fitted), name="ours")
    train, held_out = display.lines_
    assert train.get_ydata().tolist() == fitted.loss_curve_
    assert train.get_xdata().tolist() == list(range(1, 9))
    losses = [record["validation_loss"] for record in fitted.history_]
    assert held_out.get_ydata().tolist() == losses
    (best,) = held_out.get_markevery()
    assert losses[best] == min(losses)
    assert texts(display.ax_.get_legend()) == ["ours", f"ours, validation, lowest in epoch {1 + best}"]


def test_two_trainings_share_axes_in_two_colours(fitted):
    other = Plain(5, max_iter=3, random_state=0).fit(X, Y)
    first = LossCurveDisplay.from_estimator(fitted)
    second = LossCurveDisplay.from_estimator(other, name="narrow", ax=first.ax_, log=True)
    assert second.ax_ is first.ax_
    assert second.ax_.get_yscale() == "log"
    assert len(second.lines_) == 1
    assert first.lines_[0].get_color() != second.lines_[0].get_color()
    held_out = first.lines_[1].get_label()
    assert texts(second.ax_.get_legend()) == ["MLPClassifier", held_out, "narrow"]


def test_learning_rates_and_what_they_suggest():
    means = np.array([10.0, 9.0, 6.0, 4.1, 4.0, 2.0, 8.0])
    found = LearningRateRange(np.logspace(-4, 2, 7), means + 0.5, means)
    display = LearningRateDisplay(found).plot()
    batches, mean, suggestion = display.lines_
    assert batches.get_ydata().tolist() == found.losses.tolist()
    assert mean.get_ydata().tolist() == found.smoothed.tolist()
    np.testing.assert_allclose(suggestion.get_xdata(), 1.0)
    assert display.ax_.get_xscale() == "log"
    assert "suggestion, 1" in texts(display.ax_.get_legend())
    (span,) = display.ax_.patches
    np.testing.assert_allclose(
        span.get_extents().transformed(display.ax_.transData.inverted()).intervalx, found.bounds
    )


def test_the_legend_of_the_rates_does_not_touch_the_label_of_small_axes():
    means = np.array([10.0, 9.0, 6.0, 4.1, 4.0, 2.0, 8.0])
    _, ax = plt.subplots(figsize=(5, 2.5))
    LearningRateDisplay(LearningRateRange(np.logspace(-4, 2, 7), means + 0.5, means)).plot(ax=ax)
    ax.figure.canvas.draw()
    assert not ax.get_legend().get_window_extent().overlaps(ax.xaxis.label.get_window_extent())


def test_no_suggestion_draws_none():
    found = LearningRateRange(np.logspace(-4, 2, 7), np.arange(7.0), np.arange(7.0))
    assert len(LearningRateDisplay(found).plot().lines_) == 2


def test_histograms_count_every_output(fitted):
    found = layer_statistics(fitted, X)
    display = LayerStatisticsDisplay.from_estimator(fitted, X, bins=12)
    for panel, name, outputs in zip(display.axes_, found.names, found.outputs, strict=True):
        assert panel.get_title(loc="left") == name
        assert sum(bar.get_height() for bar in panel.patches) == outputs.size
        assert len(panel.patches) == 12
    assert f"std {found.std[0]:.2g}" in display.axes_[0].get_xlabel()
    assert f"dead {found.dead[0]:.0%}" in display.axes_[0].get_xlabel()
    assert "dead" not in display.axes_[-1].get_xlabel()


def edges(panel):
    return [bar.get_x() for bar in panel.patches]


def test_hidden_layers_share_their_bins_if_asked():
    """A signal that dies away fills one bin in the end; the output has another unit."""
    rng = np.random.default_rng(0)
    shrinking = Plain(50, "tanh", depth=6, init="normal", init_scale=0.01, random_state=0)
    noise, labels = rng.standard_normal((200, 50)), np.arange(200) % 2
    display = LayerStatisticsDisplay.from_estimator(shrinking, noise, labels)
    first, *others, output = display.axes_
    for panel in others:
        assert edges(panel) == edges(first)
        assert panel.get_xlim() == first.get_xlim()
    assert np.count_nonzero([bar.get_height() for bar in others[-1].patches]) == 1
    assert edges(output) != edges(first)
    own = display.plot(sharex=False).axes_
    assert np.count_nonzero([bar.get_height() for bar in own[-2].patches]) > 10


def test_ticks_of_histograms_have_no_exponent_beside_them():
    """It would stand in the caption. The labels of a panel do not run into those of its neighbour."""
    noise = np.random.default_rng(0).standard_normal((200, 50))
    small = Plain(50, "tanh", depth=8, init="normal", init_scale=0.01, random_state=0)
    how = {"sharex": False, "n_cols": 9}
    display = LayerStatisticsDisplay.from_estimator(small, noise, np.arange(200) % 2, **how)
    display.figure_.canvas.draw()
    boxes = []
    for panel in display.axes_:
        low, high = panel.get_xlim()
        ticks = [tick for tick in panel.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
        assert panel.xaxis.get_offset_text().get_text() == ""
        assert len(ticks) >= 2
        boxes += [tick.label1.get_window_extent() for tick in ticks]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_filters_are_the_first_weights_of_the_largest_norm(fitted):
    display = FilterDisplay.from_estimator(fitted, n_filters=5)
    W = fitted.coefs_[0]
    units = np.argsort(-np.linalg.norm(W, axis=0))[:5]
    assert [panel.get_title() for panel in display.axes_] == [f"unit {unit}" for unit in units]
    for panel, unit in zip(display.axes_, units, strict=True):
        (image,) = panel.images
        np.testing.assert_array_equal(image.get_array(), W[:, unit].reshape(8, 8))
        assert image.get_clim() == (-np.abs(display.filters).max(), np.abs(display.filters).max())


def test_filters_hold_the_learned_factors_of_the_input():
    """What a filter gives for an image is what the unit's preactivation changes by."""
    model = MLPClassifier(6, "identity", dtype="float64", max_iter=2, random_state=0).fit(X, Y)
    display = FilterDisplay.from_estimator(model, member=2, n_filters=6)
    mean, scale = model.layer_state_["input.mean"], model.layer_state_["input.scale"]
    z = (X[:1] - mean) / scale
    z /= np.sqrt(1 + (z / 3) ** 2)
    units = [int(title.split()[1]) for title in display.titles]
    hidden = np.empty(6)
    hidden[units] = display.filters.reshape(6, 64) @ z[0]
    expected = layer_statistics(model, X[:1]).outputs[0][0].reshape(4, 6)[2]
    np.testing.assert_allclose(hidden + model.intercepts_[0][2], expected, rtol=1e-6)


@pytest.mark.parametrize("input_scaling", [False, True])
def test_filters_of_an_ensemble_without_learned_factors_are_its_weights(input_scaling):
    model = MLPClassifier(6, input_scaling=input_scaling, max_iter=2, random_state=0).fit(X, Y)
    display = FilterDisplay.from_estimator(model, member=2, n_filters=6)
    units = [int(title.split()[1]) for title in display.titles]
    np.testing.assert_array_equal(display.filters.reshape(6, 64), model.coefs_[0][2][:, units].T)


def test_filters_of_a_frame_are_told_by_name():
    """A number is a row of weights; of a category, or with positions between quantiles, it is their norm."""
    frame = pd.DataFrame({"age": X[:, 20], "kind": Y % 3, "size": X[:, 43]}).astype({"kind": "category"})
    model = Plain(6, max_iter=2, random_state=0, categorical_features="from_dtype").fit(frame, Y)
    display = FilterDisplay.from_estimator(model, n_filters=4)
    (panel,) = display.axes_
    assert [label.get_text() for label in panel.get_yticklabels()] == ["age", "kind", "size"]
    units = [int(label.get_text().split()[1]) for label in panel.get_xticklabels()]
    W = model.coefs_[0][:, units]  # the rows of age, size, and of no, the first, second and third kind
    expected = np.sqrt(np.stack([W[0] ** 2, np.square(W[2:]).sum(axis=0), W[1] ** 2]))
    np.testing.assert_allclose(panel.images[0].get_array(), expected)
    display.figure_.canvas.draw()
    bar = display.figure_.axes[1]
    label, within = bar.yaxis.label.get_window_extent(), display.figure_.bbox
    assert (within.y0 <= label.y0) & (label.y1 <= within.y1)  # few rows leave room for the label of the bar
    assert FilterDisplay.from_estimator(model, image_shape=(1, 3)).filters.shape == (6, 1, 3)


def test_filters_of_columns_without_names_that_make_no_square():
    """As those of a frame, one image of all units, with scikit-learn's names."""
    X, y = load_diabetes(return_X_y=True)
    model = MLPRegressor(hidden_layer_sizes=8, max_iter=2, random_state=0).fit(X, y)
    display = FilterDisplay.from_estimator(model)
    assert display.filters.shape == (8, 10, 1)
    assert list(display.feature_names) == [f"x{i}" for i in range(10)]


def test_filters_of_named_numbers_keep_their_sign():
    model = Plain(6, max_iter=2, random_state=0).fit(pd.DataFrame(X[:, 20:24]).add_prefix("pixel "), Y)
    (panel,) = FilterDisplay.from_estimator(model, n_filters=6).axes_
    order = np.argsort(-np.linalg.norm(model.coefs_[0], axis=0), kind="stable")
    np.testing.assert_array_equal(panel.images[0].get_array(), model.coefs_[0][:, order])


def test_covariances_of_a_frame_are_told_by_name():
    frame = pd.DataFrame(X[:, 20:23], columns=["a", "b", "c"])
    before, after = WhiteningDisplay.from_estimator(Whitener(), frame).axes_[:2]
    for axis in (before.xaxis, before.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == ["a", "b", "c"]
    names = Whitener().fit(frame).get_feature_names_out().tolist()
    assert [label.get_text() for label in after.get_yticklabels()] == names


def test_covariances_before_and_after():
    whitener = Whitener()
    display = WhiteningDisplay.from_estimator(whitener, X)
    before, after = (panel.images[0].get_array() for panel in display.axes_[:2])
    np.testing.assert_allclose(before, np.cov(X, rowvar=False))
    np.testing.assert_allclose(after, np.cov(whitener.fit_transform(X), rowvar=False), atol=1e-9)
    spectra = [line.get_ydata() for line in display.axes_[2].lines]
    rank = np.linalg.matrix_rank(X - X.mean(axis=0))
    assert np.isfinite(spectra[0]).sum() == rank
    np.testing.assert_allclose(spectra[1][:50], 1, atol=0.01)  # those far above the whitener's eps
    assert WhiteningDisplay.from_estimator(StandardScaler().fit(X), X).after.shape == (64, 64)


def test_the_legend_of_the_spectra_lies_beside_them():
    Z = Standardizer().fit_transform(X)
    _, axes = plt.subplots(1, 3, figsize=(7, 4), layout="constrained")
    *_, spectrum = WhiteningDisplay.from_estimator(Whitener(eps=0.01), Z, ax=axes).axes_
    spectrum.figure.canvas.draw()
    box = spectrum.get_legend().get_window_extent()
    for line in spectrum.lines:
        drawn = line.get_xydata()[np.isfinite(line.get_ydata())]
        assert box.count_contains(spectrum.transData.transform(drawn)) == 0


def test_what_cannot_be_drawn(fitted):
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(MLPClassifier())
    with pytest.raises(TypeError, match="estimator must be an MLPClassifier"):
        FilterDisplay.from_estimator(LogisticRegression())
    with pytest.raises(ValueError, match="as many pixels as the 64 features, got \\(3, 5\\)"):
        FilterDisplay.from_estimator(fitted, image_shape=(3, 5))
    for member in (1, 0.0):
        with pytest.raises(ValueError, match=f"member must be an int from 0 to 0, got {member}"):
            FilterDisplay.from_estimator(fitted, member=member)
    for n_filters in (0, -2, 1.5):
        with pytest.raises(ValueError, match=f"n_filters must be an int of at least 1, got {n_filters}"):
            FilterDisplay.from_estimator(fitted, n_filters=n_filters)
    with pytest.raises(ValueError, match="X must have at least 2 rows"):
        WhiteningDisplay.from_estimator(Whitener().fit(X), X[:1])
    with pytest.raises(ValueError, match="ax must be 3 Axes, one per panel, got 1"):
        WhiteningDisplay.from_estimator(Whitener(), X, ax=plt.figure().add_subplot())

"""Export to ONNX: ONNX Runtime computes what the estimators predict."""

import numpy as np
import pandas as pd
import pytest
from networks import perceptron
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn6 import MLPClassifier, MLPRegressor, Standardizer, Whitener
from sknn6.nn.activations import ACTIVATIONS, Activation
from sknn6.nn.losses import REGRESSION_LOSSES
from sknn6.nn.normalization import NORMALIZATIONS
from sknn6.onnx import layers, register
from sknn6.onnx.activations import NODES
from sknn6.preprocessing import standardizer, whitener

skl2onnx = pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TOLERANCE = 1e-5


@pytest.fixture(autouse=True)
def registered():
    register()


def exported(model, X, options=None, target_opset=None):
    """Return what ONNX Runtime makes of X."""
    proto = skl2onnx.to_onnx(model, X[:1], options=options, target_opset=target_opset)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: X})


def assert_predicts_the_same(model, X, tolerance=TOLERANCE):
    label, P = exported(model, X, options={"zipmap": False})
    expected = model.predict_proba(X)
    assert P.dtype == expected.dtype
    np.testing.assert_allclose(P, expected, rtol=0, atol=tolerance)
    certain = np.sort(abs(expected - 0.5) if label.ndim == 2 else expected, axis=1)
    certain = certain[:, 0] if label.ndim == 2 else np.diff(certain[:, -2:], axis=1)[:, 0]
    sure = certain > 2 * tolerance
    np.testing.assert_array_equal(label[sure], model.predict(X)[sure])
    assert sure.mean() > 0.9


def draw_targets(rng, score):
    """Return two classes, several, strings or indicators of labels, that have to do with the score."""
    noisy = score[:, None] + rng.normal(size=(len(score), 3))
    return {
        "binary": (noisy[:, 0] > 0).astype(int),
        "multiclass": noisy.argmax(axis=1),
        "strings": np.array(["ash", "beech", "oak"])[noisy.argmax(axis=1)],
        "multilabel": (noisy > 0).astype(int),
    }[rng.choice(["binary", "multiclass", "strings", "multilabel"])]


def draw(seed):
    """Draw a fitted classifier and data for it."""
    rng = np.random.default_rng(seed)
    dtype = rng.choice([np.float32, np.float64])
    X = (rng.normal(size=(80, 5)) @ rng.normal(size=(5, 5)) + rng.normal(size=5)).astype(dtype)
    depth = int(rng.integers(1, 4))
    params = {
        "hidden_layer_sizes": tuple(int(n) for n in rng.choice([3, 6, 20], depth)),
        "activation": [str(name) for name in rng.choice(sorted(ACTIVATIONS), depth)],
        "batchnorm": [False, True, *NORMALIZATIONS][rng.integers(2 + len(NORMALIZATIONS))],
        "batchnorm_group_size": int(rng.choice([4, 16])),
        "layernorm": bool(rng.integers(2)),
        "residual": bool(rng.integers(2)),
        "ensemble_size": int(rng.integers(1, 4)),
        "input_scaling": [False, True, "learned"][rng.integers(3)],
        "solver": str(rng.choice(["adam", "sgd", "lbfgs"], p=[0.6, 0.2, 0.2])),
        "dtype": str(rng.choice(["float32", "float64"])),
        "numeric_embedding": [None, "piecewise"][seed % 2],
    }
    model = MLPClassifier(**params, batch_size=20, learning_rate_init=0.01, max_iter=4, random_state=seed)
    return model.fit(X, draw_targets(rng, X[:, 0])), X


def check_drawn(seed):
    model, X = draw(seed)
    tolerance = TOLERANCE
    if model.batchnorm == "whiten" and X.dtype == np.float32:
        # It divides by deviations down to 0.003 and can make much of a last bit, here as in predict_proba.
        last_bit = model.predict_proba(np.nextafter(X, np.float32(np.inf))) - model.predict_proba(X)
        tolerance += 10 * abs(last_bit).max()
    assert_predicts_the_same(model, X, tolerance)


@pytest.mark.parametrize("seed", range(40))
def test_drawn_configurations_predict_the_same(seed):
    check_drawn(seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_more_drawn_configurations_predict_the_same(seed):
    check_drawn(seed)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 6)) @ rng.normal(size=(6, 6)) + 3
    return X, (X[:, 0] + rng.normal(size=120) > 3).astype(int)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_exported_or_refused_by_name(name, dtype, data):
    X, y = data[0].astype(dtype), data[1]
    model = MLPClassifier((9, 7), activation=name, max_iter=3, random_state=0).fit(X, y)
    if ACTIVATIONS[name].learned:
        model.layer_state_["activate_0.slope"] += np.linspace(-0.5, 0.5, 9).astype(dtype)
    if name in NODES:
        assert_predicts_the_same(model, np.vstack([X, -X, 30 * X]))
    else:
        with pytest.raises(NotImplementedError, match=ACTIVATIONS[name].forward.__name__):
            exported(model, X)


def test_an_activation_without_a_row_is_refused_by_name(data, monkeypatch):
    model = MLPClassifier(4, activation="tanh", max_iter=2, random_state=0).fit(*data)
    monkeypatch.delitem(NODES, "tanh")
    with pytest.raises(NotImplementedError, match="'tanh'"):
        exported(model, data[0])


def cube(Z):
    return Z**3, Z


def cube_backward(dA, Z):
    return 3 * dA * Z**2


def test_an_activation_of_ones_own_is_refused_by_name(data):
    model = MLPClassifier(4, activation=Activation(cube, cube_backward), max_iter=2, random_state=0)
    with pytest.raises(NotImplementedError, match="'cube'"):
        exported(model.fit(*data), data[0])


def operators(model, X):
    return [node.op_type for node in skl2onnx.to_onnx(model, X[:1], options={"zipmap": False}).graph.node]


@pytest.mark.parametrize("batchnorm", [True, "batch", "whiten"])
def test_batch_normalisation_becomes_part_of_the_layer_before_it(batchnorm, data):
    def count(**params):
        model = MLPClassifier(
            (8, 8), ensemble_size=1, input_scaling=False, max_iter=2, random_state=0, **params
        )
        return operators(model.fit(*data), data[0])

    assert count(batchnorm=batchnorm) == count()
    assert len(count(batchnorm=batchnorm, residual=True)) > len(count(residual=True))  # a sum lies between


@pytest.mark.parametrize("opset", [13, 15, 17, 18, None])
def test_old_operators_will_do(opset, data):
    X, y = data
    model = MLPClassifier(
        (6, 5), activation=["maxout", "gelu"], layernorm=True, ensemble_size=2, max_iter=3, random_state=0
    ).fit(X, y)
    P = exported(model, X, options={"zipmap": False}, target_opset=opset)[1]
    np.testing.assert_allclose(P, model.predict_proba(X), rtol=0, atol=1e-6)


def test_operators_that_are_too_old_are_refused(data):
    model = MLPClassifier(4, max_iter=2, random_state=0).fit(*data)
    with pytest.raises(ValueError, match="target_opset must be at least 13, got 12"):
        exported(model, data[0], target_opset=12)


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("ensemble_size", [1, 3])
def test_regressors_predict_the_same(loss, n_targets, ensemble_size, data):
    X, _ = data
    Y = 1 + np.random.default_rng(0).poisson(2, (len(X), n_targets))
    Y = Y[:, 0] if n_targets == 1 else Y
    model = MLPRegressor(loss, 8, ensemble_size=ensemble_size, input_scaling=True, max_iter=5, random_state=0)
    model.fit(X, Y)
    for dtype in (np.float32, np.float64):
        (predicted,) = exported(model, X.astype(dtype))
        assert predicted.shape == (len(X), n_targets)
        assert predicted.dtype == dtype
        expected = model.predict(X.astype(dtype)).reshape(predicted.shape)
        np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("quantile", [[0.5], [0.1, 0.5, 0.9]])
@pytest.mark.parametrize("ensemble_size", [1, 3])
def test_quantiles_are_exported_in_order(quantile, ensemble_size, data):
    X, y = data[0], data[0][:, 0] + data[1]
    params = {"ensemble_size": ensemble_size, "max_iter": 5, "random_state": 0}
    model = MLPRegressor("quantile", 8, quantile=quantile, **params).fit(X, y)
    far = 10 * np.random.default_rng(0).standard_normal(X.shape)
    for dtype in (np.float32, np.float64):
        (predicted,) = exported(model, far.astype(dtype))
        expected = model.predict(far.astype(dtype))
        np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("clip", [None, 2.5])
@pytest.mark.parametrize("method", standardizer.METHODS)
def test_every_standardizer_transforms_the_same(method, clip, dtype, data):
    X = data[0].astype(dtype)
    model = Standardizer(method, clip=clip).fit(X)
    extreme = X.copy()
    extreme[0, :4] = np.nan, 1e30, -1e30, 0
    (Z,) = exported(model, extreme)
    assert Z.dtype == dtype
    np.testing.assert_allclose(Z, model.transform(extreme), rtol=1e-5, atol=1e-6)


def test_a_standardizer_of_sparse_data_scales_only(data):
    model = Standardizer().fit(sparse.csr_array(data[0]))
    np.testing.assert_allclose(exported(model, data[0])[0], model.transform(data[0]), rtol=1e-12)


@pytest.mark.parametrize("rows", [120, 4])
@pytest.mark.parametrize("method", whitener.METHODS)
def test_every_whitener_transforms_the_same(method, rows, data):
    X = data[0]
    model = Whitener(method, shrinkage=0.1).fit(X[:rows])
    for dtype, tolerance in ((np.float32, 1e-4), (np.float64, 1e-10)):
        (Z,) = exported(model, X.astype(dtype))
        assert Z.dtype == dtype
        np.testing.assert_allclose(Z, model.transform(X.astype(dtype)), rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_whole_pipeline_predicts_the_same(dtype, data):
    X, y = data[0].astype(dtype), data[1]
    mlp = MLPClassifier(max_iter=5, random_state=0)
    for method in standardizer.METHODS:
        for whitening in whitener.METHODS:
            model = make_pipeline(Standardizer(method, clip=3), Whitener(whitening, eps=0.1), mlp).fit(X, y)
            assert_predicts_the_same(model, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_outliers_are_bent_as_in_the_network(dtype, data):
    X, y = data
    model = MLPClassifier(8, max_iter=5, input_scaling=True, random_state=0).fit(X.astype(dtype), y)
    far = X[:9].astype(dtype)
    far[:, 0] = np.finfo(dtype).max / 4
    assert_predicts_the_same(model, far)


@pytest.mark.parametrize("method", ["zscore", "minmax", "robust"])
def test_float32_far_from_0_is_scaled_as_by_transform(method):
    """Neither rounds the centre to float32."""
    X = (np.random.default_rng(0).standard_normal((200, 3)) + 1e4).astype(np.float32)
    model = Standardizer(method).fit(X)
    np.testing.assert_allclose(exported(model, X)[0], model.transform(X), rtol=0, atol=1e-6)


def exported_frame(model, frame, **options):
    """Return what ONNX Runtime makes of a frame: each column is an input of its own."""
    proto = skl2onnx.to_onnx(model, frame[:1], **options)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == list(frame.columns)
    return session.run(None, {name: frame[[name]].to_numpy() for name in frame.columns})


FRAMES = {
    "float32": dict.fromkeys("abcdef", np.float32),
    "float64": dict.fromkeys("abcdef", np.float64),
    "whole numbers and float64": {name: np.float64 if name > "c" else np.int64 for name in "abcdef"},
    "float32 and float64": {name: np.float64 if name > "c" else np.float32 for name in "abcdef"},
}


@pytest.mark.parametrize("kinds", FRAMES)
@pytest.mark.parametrize("scaled", [True, False])
def test_a_model_of_a_frame_has_an_input_a_column(scaled, kinds, data):
    frame = pd.DataFrame(3 * data[0], columns=list("abcdef")).astype(FRAMES[kinds])
    classifier = MLPClassifier(8, max_iter=5, random_state=0)
    model = make_pipeline(Standardizer(), classifier) if scaled else classifier
    label, P = exported_frame(model.fit(frame, data[1]), frame, options={"zipmap": False})
    assert P.dtype == (np.float32 if kinds == "float32" else np.float64)
    expected = model.predict_proba(frame)
    np.testing.assert_allclose(P, expected, rtol=0, atol=TOLERANCE)
    sure = abs(expected[:, 0] - 0.5) > 2 * TOLERANCE
    np.testing.assert_array_equal(label[sure], model.predict(frame)[sure])


@pytest.mark.parametrize(
    "model", [Standardizer(), Whitener(), MLPRegressor(hidden_layer_sizes=8, max_iter=5, random_state=0)]
)
def test_transformers_and_regressors_of_a_frame(model, data):
    frame = pd.DataFrame(data[0], columns=list("abcdef"))
    model.fit(frame, data[0][:, 0])
    (found,) = exported_frame(model, frame)
    expected = model.predict(frame)[:, None] if hasattr(model, "predict") else model.transform(frame)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("columns", ["bacdef", "abcde", "abcdefg", "fedcba"])
@pytest.mark.parametrize("model", [Standardizer(), MLPRegressor(hidden_layer_sizes=8, max_iter=5)])
def test_an_example_with_other_columns_is_refused(model, columns, data):
    """They would be taken for those of fit by their positions."""
    frame = pd.DataFrame(data[0], columns=list("abcdef"))
    model.fit(frame, data[0][:, 0])
    with pytest.raises(ValueError, match=rf"columns of fit in their order, .*got \['{columns[0]}', "):
        skl2onnx.to_onnx(model, frame.assign(g=0.0)[list(columns)][:1])


def test_an_array_stands_for_the_columns_of_a_frame(data):
    """Its name in the graph may be that of a column."""
    frame = pd.DataFrame(data[0][:, :2], columns=["X", "Y"])
    model = MLPRegressor(hidden_layer_sizes=8, max_iter=5, random_state=0).fit(frame, data[0][:, 0])
    (found,) = exported(model, frame.to_numpy())
    np.testing.assert_allclose(found[:, 0], model.predict(frame), rtol=0, atol=1e-5)


def test_columns_that_are_scaled_before_a_model_of_categories(data):
    """The graph joins them to one input of strings."""
    frame = pd.DataFrame(data[0][:, :2], columns=["a", "b"]).assign(c=np.where(data[0][:, 2] > 0, "x", "y"))
    scaled = ColumnTransformer([("s", StandardScaler(), ["b", "a"]), ("o", "passthrough", ["c"])])
    model = make_pipeline(scaled, MLPRegressor(hidden_layer_sizes=8, max_iter=5, random_state=0))
    model.fit(frame, data[0][:, 0])
    proto = skl2onnx.to_onnx(model, frame[:1])
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {name: frame[[name]].to_numpy() for name in frame})
    np.testing.assert_allclose(found[:, 0], model.predict(frame), rtol=0, atol=1e-5)


def test_a_number_that_is_an_object_in_the_example_is_refused(data):
    frame = pd.DataFrame({"a": data[0][:, 0], "b": data[0][:, 1] > 0}).astype({"b": object})
    frame.loc[3, "b"] = None
    model = MLPClassifier(8, max_iter=5, random_state=0).fit(frame, data[1])
    with pytest.raises(ValueError, match=r"Column 'b' of the example .* must be of numbers"):
        skl2onnx.to_onnx(model, frame[:1])


def test_truth_values_that_are_categories(data):
    frame = pd.DataFrame({"a": data[0][:, 0], "b": data[0][:, 1] > 0}).astype({"b": "category"})
    model = MLPRegressor(hidden_layer_sizes=8, max_iter=5, random_state=0).fit(frame, data[0][:, 1])
    proto = skl2onnx.to_onnx(model, frame[:1])
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = {"a": frame[["a"]].to_numpy(), "b": frame[["b"]].to_numpy().astype(np.int64)}
    np.testing.assert_allclose(session.run(None, inputs)[0][:, 0], model.predict(frame), rtol=0, atol=1e-5)


@pytest.mark.parametrize("input_scaling", [True, "learned"])
def test_columns_far_from_zero_keep_their_digits_in_float32(input_scaling):
    rng = np.random.default_rng(0)
    X = (1e4 + rng.normal(size=(100, 3))).astype(np.float32)
    y = (X[:, 0] > 1e4).astype(int)
    network = MLPClassifier(8, input_scaling=input_scaling, max_iter=10, random_state=0)
    for model in (network, make_pipeline(Whitener(), network)):
        assert_predicts_the_same(model.fit(X, y), X)


@pytest.mark.parametrize(("second", "expected"), [([1, 1], 1), ([-1, -1], 0), ([1, -1], 0.5)])
def test_logits_beyond_the_floats_give_finite_probabilities(second, expected, data):
    """Infinity is held to the largest number; infinity - infinity, which cannot be told, is taken as 0."""
    X = 1 + abs(data[0].astype(np.float32))
    model = MLPClassifier(2, ensemble_size=1, input_scaling=False, max_iter=2, random_state=0).fit(X, data[1])
    model.coefs_ = [np.full((6, 2), 3e38, np.float32), np.array(second, np.float32)[:, None]]
    P = exported(model, X, options={"zipmap": False})[1]
    np.testing.assert_allclose(P[:, 1], expected, atol=1e-6)
    np.testing.assert_allclose(P, model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize(
    ("classes", "exported_classes"),
    [
        (np.array([False, True]), [0, 1]),
        (np.array([-3, 7]), [-3, 7]),
        (np.array([1.0, 2.0]), [1, 2]),
        (np.array(["ash", "öak"]), ["ash", "öak"]),
        (np.array(["ash", "öak"], dtype=object), ["ash", "öak"]),
    ],
)
def test_classes_are_whole_numbers_or_strings(classes, exported_classes, data):
    X, y = data
    model = MLPClassifier(4, max_iter=5, random_state=0).fit(X, classes[y])
    label, P = exported(model, X, options={"zipmap": False})
    assert label.tolist() == np.array(exported_classes)[P.argmax(axis=1)].tolist()
    assert set(label) == set(exported_classes)


def test_classes_between_whole_numbers_are_refused(data):
    model = MLPClassifier(4, max_iter=2, random_state=0).fit(*data)
    model.classes_ = np.array([0.5, 1.5])
    with pytest.raises(ValueError, match="whole numbers or strings"):
        exported(model, data[0], options={"zipmap": False})


def test_the_options_are_those_of_the_converter_of_scikit_learns(data):
    X, y = data[0].astype(np.float32), data[1]
    model = MLPClassifier(4, max_iter=2, random_state=0).fit(X, np.array(["no", "yes"])[y])
    P = model.predict_proba(X)
    label, dicts = exported(model, X)
    assert dicts[3] == pytest.approx(dict(zip(["no", "yes"], P[3], strict=True)), abs=1e-6)
    label, no, yes = exported(model, X, options={"zipmap": "columns"})
    np.testing.assert_allclose(np.c_[no.ravel(), yes.ravel()], P, atol=1e-6)
    *_, classes = exported(model, X, options={"zipmap": False, "output_class_labels": True})
    assert classes.tolist() == ["no", "yes"]
    label, _ = exported(model, X, options={"zipmap": False, "nocl": True})
    assert label.tolist() == P.argmax(axis=1).tolist()


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.int64])
def test_whole_numbers_are_scaled_as_they_are_and_computed_in_float32(kind, data):
    """Integers of any size, such as times in seconds, which float32 would round by 64."""
    X = (np.round(10 * data[0]) + 100 + 1_700_000_000 * (kind is np.int64)).clip(0, None).astype(kind)
    plain = MLPClassifier(4, recipe="plain", max_iter=2, random_state=0)
    whole = MLPClassifier(4, max_iter=2, random_state=0)
    for model in (make_pipeline(Standardizer(), plain), make_pipeline(Whitener(), plain), whole):
        P = exported(model.fit(X, data[1]), X, options={"zipmap": False})[1]
        assert P.dtype == np.float32
        np.testing.assert_allclose(P, model.predict_proba(X), atol=1e-5)


def test_columns_of_whole_numbers_are_scaled_as_they_are(data):
    frame = pd.DataFrame(
        {"t": 1_700_000_000 + np.arange(len(data[0])), "x": data[0][:, 0].astype(np.float32)}
    )
    model = MLPClassifier(4, random_state=0).fit(frame, data[1])
    proto = skl2onnx.to_onnx(model, frame[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    _, P = session.run(None, {name: frame[[name]].to_numpy() for name in frame})
    np.testing.assert_allclose(P, model.predict_proba(frame), atol=1e-5)


@pytest.mark.parametrize("model", [MLPClassifier(), MLPRegressor(), Standardizer(), Whitener()])
def test_an_unfitted_estimator_is_refused(model, data):
    with pytest.raises(NotFittedError):
        exported(model, data[0], options={"zipmap": False} if isinstance(model, MLPClassifier) else None)


def test_what_is_no_number_is_refused(data):
    model = Standardizer().fit(data[0])
    strings = skl2onnx.common.data_types.StringTensorType([None, 6])
    with pytest.raises(RuntimeError, match="StringTensorType"):
        skl2onnx.convert_sklearn(model, initial_types=[("X", strings)])


def test_every_layer_of_a_network_has_nodes():
    norms = (None, *NORMALIZATIONS)
    options = {"layernorm": True, "residual": True, "learned_scale": True, "dropout": 0.1}
    networks = [perceptron(2, [3, 4], 1, "relu", batchnorm=norm, **options) for norm in norms]
    assert {type(layer) for network in networks for layer in network.leaves} <= set(layers.NODES)


def mixed(rows=200):
    """Return a frame of strings, few and many, of numbers of many kinds, with missing ones, and targets."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "colour": rng.choice(["red", "green", "blue"], rows),
            "number": rng.standard_normal(rows).astype(np.float32),
            "shop": rng.integers(0, 40, rows).astype(str),
            "size": rng.integers(0, 5, rows).astype(np.int32),
            "member": rng.random(rows) < 0.5,
        }
    )
    y = (frame["number"] > 0) ^ (frame["colour"] == "red")
    frame.loc[::7, "number"] = np.nan
    frame.loc[::5, "colour"] = None
    return frame, y.to_numpy().astype(int)


def session_of(model, frame, **options):
    """Return an ONNX Runtime session of a model of a frame, whose strings are without gaps in a first row."""
    proto = skl2onnx.to_onnx(model, frame.assign(colour="red")[1:2], **options)
    return onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("given", ["from_dtype", ["colour", "shop", "size"]])
@pytest.mark.parametrize("number", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_table_of_strings_and_gaps_is_encoded_in_the_graph(given, number, solver):
    """A missing string is an empty one there; what `fit` has not seen is unknown in both."""
    frame, y = mixed()
    frame["number"] = frame["number"].astype(number)
    # Without the penalty, the sums of L-BFGS are tens, and so is the rounding that they add to.
    model = MLPClassifier(categorical_features=given, solver=solver, alpha=1.0, max_iter=20, random_state=0)
    model.fit(frame, y)
    other = frame.assign(shop=np.where(np.arange(len(y)) % 3, frame["shop"], "elsewhere"))
    session = session_of(model, frame, options={"zipmap": False})
    columns = {name: other[[name]].fillna("") if name == "colour" else other[[name]] for name in other}
    _, P = session.run(None, {name: column.to_numpy() for name, column in columns.items()})
    expected = model.predict_proba(other)
    assert P.dtype == expected.dtype
    np.testing.assert_allclose(P, expected, rtol=0, atol=1e-6)


def test_an_array_with_gaps_is_encoded_in_the_graph(data):
    X = data[0].copy()
    X[::5, 1], X[::3, 4] = np.nan, 0
    X[:, 2] = np.arange(len(X)) % 4
    model = MLPRegressor(categorical_features=[2], max_iter=5, random_state=0).fit(X, X[:, 0])
    (found,) = exported(model, X)
    np.testing.assert_allclose(found[:, 0], model.predict(X), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_gap_that_fit_has_not_seen_is_the_mean_in_the_graph_too(dtype, data):
    X = data[0].astype(dtype)
    model = MLPRegressor(max_iter=5, random_state=0).fit(X, X[:, 0])
    with_gaps = X.copy()
    with_gaps[::5, 1] = np.nan
    (found,) = exported(model, with_gaps)
    np.testing.assert_allclose(found[:, 0], model.predict(with_gaps), rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
@pytest.mark.parametrize("gaps", [False, True])
def test_numbers_that_are_categories_have_their_codes_in_the_graph(dtype, gaps):
    """Fractions, missing numbers, truth values, and numbers that `fit` has not seen."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2 if dtype is bool else 4, 300)
    is_float = np.dtype(dtype).kind == "f"
    column = (np.array([0, 0.1, 1, 0.6])[codes] if is_float else codes).astype(dtype)
    X = pd.DataFrame({"code": column, "number": rng.standard_normal(300).astype(np.float32)})
    if gaps and is_float:
        X.loc[::5, "code"] = np.nan
    model = MLPClassifier((16,), categorical_features=["code"], max_iter=10, random_state=0)
    model.fit(X, codes % 2)
    proto = skl2onnx.to_onnx(model, X[1:2], options={"zipmap": False})
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    new = np.roll(column, 1)
    if is_float:
        new[::7], new[1::7] = 0.6 + 1e-6, np.nan
    if dtype is np.int64:
        new[::7] = 9
    other = X.assign(code=new)
    label, P = session.run(None, {name: other[[name]].to_numpy() for name in other})
    np.testing.assert_allclose(P, model.predict_proba(other), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(label, model.predict(other))


@pytest.mark.parametrize("dtype", [np.int64, np.float64, str])
@pytest.mark.filterwarnings("ignore:Column .* different categories")
def test_a_column_of_rare_categories_has_code_0_in_the_graph(dtype):
    X = pd.DataFrame({"code": np.arange(60).astype(dtype), "number": np.arange(60, dtype=np.float32) % 7})
    model = MLPClassifier((8,), categorical_features=["code"], max_iter=5, random_state=0)
    model.fit(X, X["number"] > 3)
    proto = skl2onnx.to_onnx(model, X[1:2], options={"zipmap": False})
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    _, P = session.run(None, {name: X[[name]].to_numpy() for name in X})
    np.testing.assert_allclose(P, model.predict_proba(X), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("loss", "ensemble_size"), [("poisson", 1), ("poisson", 4), ("squared_error", 4)])
def test_predictions_at_the_end_of_the_range_stay_finite(loss, ensemble_size, data):
    """As in predict, neither e^z nor the sum over the networks overflows."""
    X, y = data[0].astype(np.float32), 1.0 + data[1]
    params = {"ensemble_size": ensemble_size, "target_scaling": False, "max_iter": 2, "random_state": 0}
    model = MLPRegressor(loss, 4, **params).fit(X, y)
    model.intercepts_[-1][...] = 200 if loss == "poisson" else 3e38
    (predicted,) = exported(model, X)
    assert np.isfinite(model.predict(X)).all()
    np.testing.assert_allclose(predicted.ravel(), model.predict(X), rtol=1e-5)


def test_a_column_that_was_empty_is_left_out_in_the_graph():
    frame, y = mixed()
    frame["late"] = np.nan
    model = MLPClassifier(solver="sgd", max_iter=5, random_state=0).fit(frame[["number", "late"]], y)
    later = frame[["number", "late"]].assign(late=50.0).to_numpy()
    _, P = exported(model, later, options={"zipmap": False})
    np.testing.assert_allclose(P, model.predict_proba(frame[["number", "late"]]), atol=1e-5)


def test_missing_strings_beside_empty_ones_are_refused():
    """ONNX has no missing strings."""
    frame, y = mixed()
    frame["colour"] = frame["colour"].mask(np.arange(len(y)) % 4 == 1, "")
    model = MLPClassifier(4, max_iter=2, random_state=0).fit(frame, y)
    with pytest.raises(ValueError, match="Column 0 has missing strings and empty ones"):
        session_of(model, frame, options={"zipmap": False})

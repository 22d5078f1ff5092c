"""Data frames as they come: categories, missing values, and names."""

import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from plain import MLPClassifier as Plain
from scipy.sparse import csr_array
from sklearn.compose import make_column_transformer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sknn6 import MLPClassifier, MLPRegressor, Standardizer, Whitener
from sknn6.inspection import layer_statistics, learning_rate_range_test, sanity_check
from sknn6.tables import FEWEST_ROWS, MOST_ONE_HOT, find_columns

polars = pytest.importorskip("polars")

N = 300
rng = np.random.default_rng(0)
COLOURS = np.array(["red", "green", "blue"])[rng.integers(0, 3, N)]
NUMBERS = rng.standard_normal(N)
Y = ((COLOURS == "red") ^ (NUMBERS > 0)).astype(int)
QUICK = {"max_iter": 5, "random_state": 0}
KINDS = {
    "object": lambda column: column.astype(object),
    "string": lambda column: column.astype("string"),
    "category": lambda column: column.astype("category"),
    "pandas": lambda column: column,
}


def frame(**columns):
    """Return a frame of a column of colours and one of numbers, with others in their place or besides."""
    return pd.DataFrame({"colour": COLOURS, "number": NUMBERS} | columns)


def with_gaps(values, value, step=5):
    """Return a column with a missing value every so many rows."""
    column = pd.Series(values, dtype=object)
    column[::step] = value
    return column


@pytest.fixture(scope="module")
def fitted():
    return MLPClassifier(random_state=0).fit(frame(), Y)


def test_it_learns_what_depends_on_categories_and_numbers(fitted):
    assert fitted.score(frame(), Y) > 0.9
    assert fitted.n_features_in_ == 2
    assert fitted.feature_names_in_.tolist() == ["colour", "number"]
    assert fitted.feature_importances_.shape == (2,)


@pytest.mark.parametrize("kind", KINDS)
def test_every_dtype_of_strings_is_read_alike(fitted, kind):
    other = frame(colour=KINDS[kind](pd.Series(COLOURS)))
    np.testing.assert_array_equal(fitted.predict_proba(other), fitted.predict_proba(frame()))
    np.testing.assert_array_equal(MLPClassifier(random_state=0).fit(other, Y).coefs_[0], fitted.coefs_[0])


@pytest.mark.parametrize(
    "dtype", [polars.String, polars.Categorical, polars.Enum(["blue", "green", "red", "x"])]
)
def test_polars_is_read_as_pandas(fitted, dtype):
    other = polars.DataFrame(frame().to_dict("list")).with_columns(polars.col("colour").cast(dtype))
    np.testing.assert_array_equal(fitted.predict_proba(other), fitted.predict_proba(frame()))
    np.testing.assert_array_equal(MLPClassifier(random_state=0).fit(other, Y).coefs_[0], fitted.coefs_[0])


def test_arrays_of_objects_are_read_as_frames(fitted):
    array = frame().to_numpy(object)
    expected = MLPClassifier(random_state=0).fit(array, Y).predict_proba(array)
    np.testing.assert_array_equal(expected, fitted.predict_proba(frame()))


def test_a_row_alone_is_read_as_among_others(fitted):
    np.testing.assert_allclose(
        fitted.predict_proba(frame()[:1]), fitted.predict_proba(frame())[:1], rtol=1e-6
    )


def test_the_order_of_categories_and_unused_ones_make_no_difference(fitted):
    dtype = pd.CategoricalDtype(["mauve", "red", "blue", "green"])
    other = frame(colour=pd.Series(COLOURS).astype(dtype))
    np.testing.assert_array_equal(fitted.predict_proba(other), fitted.predict_proba(frame()))


def test_it_is_the_network_of_columns_made_by_hand():
    """One-hot codes, standardised inside the network as all columns are: the same loss to the rounding."""
    by_hand = make_column_transformer((OneHotEncoder(), ["colour"]), (Standardizer(), ["number"]))
    ours, theirs = (
        Plain(dtype="float64", solver="lbfgs", alpha=1.0, max_iter=2000, tol=1e-9, random_state=0)
        for _ in range(2)
    )
    ours.fit(frame(number=Standardizer().fit_transform(NUMBERS[:, None])[:, 0]), Y)
    theirs.fit(by_hand.fit_transform(frame()), Y)
    assert ours.coefs_[0].shape[0] == 5  # with the column of unknown colours
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.02)


# Missing values


@pytest.mark.parametrize("value", [None, np.nan, pd.NA])
def test_whatever_stands_for_missing_is_missing(value):
    table = frame(colour=with_gaps(COLOURS, value), number=with_gaps(NUMBERS, value))
    expected = frame(colour=with_gaps(COLOURS, None), number=with_gaps(NUMBERS, np.nan).astype(float))
    one, other = (MLPClassifier(**QUICK).fit(each, Y).predict_proba(each) for each in (table, expected))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["Float64", "Int64", "boolean"])
def test_nullable_dtypes_are_numbers(dtype):
    values = pd.Series((NUMBERS > 0).astype(int)).astype("Int64")
    values[::5] = pd.NA
    as_floats = values.to_numpy(float, na_value=np.nan)
    one, other = (
        MLPClassifier(**QUICK).fit(frame(number=number), Y).coefs_[0]
        for number in (values.astype(dtype), as_floats)
    )
    np.testing.assert_array_equal(one, other)


def test_a_missing_number_is_the_mean_and_has_an_indicator():
    table = frame(number=with_gaps(NUMBERS, np.nan).astype(float))
    columns = find_columns(table, "from_dtype")
    Z = columns.encode(table)
    missing = table["number"].isna().to_numpy()
    np.testing.assert_allclose(Z[missing, 0], np.nanmean(table["number"]))
    np.testing.assert_array_equal(Z[:, 1], missing)
    assert columns.sources == [1, 1, 0]


def test_a_number_missing_only_at_prediction_is_the_mean(fitted):
    gap = frame(number=np.nan)
    np.testing.assert_allclose(
        fitted.predict_proba(gap), fitted.predict_proba(frame(number=NUMBERS.mean())), rtol=1e-6
    )


def test_that_a_value_is_missing_may_be_what_matters():
    gone = np.random.default_rng(1).random(N) < 0.4
    y = gone.astype(int)
    numbers = frame(number=np.where(gone, np.nan, NUMBERS))
    colours = frame(colour=np.where(gone, None, COLOURS))
    for table in (numbers, colours, numbers[["number"]], colours[["colour"]], numbers[["number"]].to_numpy()):
        assert MLPClassifier(random_state=0).fit(table, y).score(table, y) == 1


def test_columns_of_nothing_and_of_one_value():
    table = frame(empty=np.nan, nothing=pd.Series([None] * N, dtype=object), one=1.0, same="x")
    assert MLPClassifier(random_state=0).fit(table, Y).score(table, Y) > 0.9


def test_rows_of_weight_0_are_not_looked_at():
    table = frame(
        number=np.append(np.full(9, np.nan), NUMBERS[9:]), colour=np.append(["odd"] * 9, COLOURS[9:])
    )
    weight = np.append(np.zeros(9), np.ones(N - 9))
    columns = find_columns(table, "from_dtype", weight)
    assert columns == find_columns(table[9:], "from_dtype")
    assert columns.gaps == []


# Categories


def test_rare_and_unknown_categories_are_one():
    colours = COLOURS.astype(object).copy()
    colours[: FEWEST_ROWS - 1] = "mauve"
    model = MLPClassifier(**QUICK).fit(frame(colour=colours), Y)
    rare, unknown = (model.predict_proba(frame(colour=colour)) for colour in ("mauve", "teal"))
    np.testing.assert_array_equal(rare, unknown)


def test_a_missing_category_is_unknown_where_fit_saw_none(fitted):
    missing, unknown = (fitted.predict_proba(frame(colour=colour)) for colour in (None, "teal"))
    np.testing.assert_array_equal(missing, unknown)


@pytest.mark.parametrize("later", [int, float, str, "category", object])
def test_whole_numbers_as_categories_whatever_they_are_read_as(later):
    kinds = np.random.default_rng(1).integers(0, 9, N)
    y = (kinds % 3 == 0).astype(int)
    table = pd.DataFrame({"kind": kinds, "number": NUMBERS})
    model = MLPClassifier(categorical_features=["kind"], random_state=0).fit(table, y)
    other = table.assign(kind=table["kind"].astype(later))
    np.testing.assert_array_equal(model.predict_proba(other), model.predict_proba(table))
    assert model.score(table, y) > 0.98


@pytest.mark.parametrize("given", [["colour"], [0], [True, False], np.array([0])])
def test_columns_of_categories_by_name_number_or_mask(fitted, given):
    model = MLPClassifier(categorical_features=given, random_state=0).fit(frame(), Y)
    np.testing.assert_array_equal(model.coefs_[0], fitted.coefs_[0])


@pytest.mark.parametrize("given", [["color"], [2], [-1], [True], [0.5]])
def test_columns_that_x_does_not_have_are_named(given):
    with pytest.raises(ValueError, match=r"categorical_features must be .* got \["):
        MLPClassifier(categorical_features=given).fit(frame(), Y)


def test_many_categories_have_learned_vectors():
    """200 categories of 15 rows, whose sums over a hidden quality decide; one row in four is held out."""
    rng = np.random.default_rng(1)
    quality = rng.standard_normal(200)
    kinds = rng.integers(0, 200, 3000)
    y = (quality[kinds] > 0).astype(int)
    table = pd.DataFrame({"kind": kinds.astype(str), "noise": rng.standard_normal(3000)})
    model = MLPClassifier(random_state=0).fit(table[:2250], y[:2250])
    n_codes = 1 + np.count_nonzero(np.bincount(kinds[:2250]) >= FEWEST_ROWS)
    assert model.layer_state_["embedding_0.E"].shape == (4, n_codes, 8)
    assert model.score(table[2250:], y[2250:]) > 0.95
    assert MOST_ONE_HOT < 200


# A model and its table


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_saved_models_read_the_same_frames(solver, kind):
    table = frame(
        colour=with_gaps(COLOURS, None), many=np.random.default_rng(1).integers(0, 60, N).astype(str)
    )
    model = kind(solver=solver, **QUICK).fit(table, Y)
    saved = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(saved.predict(table), model.predict(table))


@pytest.mark.filterwarnings("ignore:Column .* different categories")  # in the first chunk of some draws
def test_the_chunks_of_a_stream_keep_the_categories_of_the_first():
    table = frame(many=np.random.default_rng(1).integers(0, 60, N).astype(str))
    model = MLPClassifier(random_state=0)
    for _ in range(20):
        for start in range(0, N, 100):
            chunk = slice(start, start + 100)
            model.partial_fit(table[chunk], Y[chunk], classes=[0, 1])
    assert model._table == vars(find_columns(table[:100], "from_dtype"))
    assert model.score(table, Y) > 0.9


def test_early_stopping_and_a_scorer_of_ones_own():
    model = MLPClassifier(early_stopping=True, scoring="roc_auc", random_state=0).fit(frame(), Y)
    assert max(model.validation_scores_) > 0.9
    checked = MLPClassifier(random_state=0).fit(frame()[:200], Y[:200], X_val=frame()[200:], y_val=Y[200:])
    assert checked.history_[-1]["validation_score"] == checked.score(frame()[200:], Y[200:])


def test_another_set_of_columns_is_refused_by_name(fitted):
    with pytest.raises(ValueError, match=r"feature names should match(.|\n)*hue"):
        fitted.predict(frame().rename(columns={"colour": "hue"}))


def test_a_column_of_numbers_that_has_text_is_named(fitted):
    with pytest.raises(ValueError, match="Column 'number' of X must have numbers, got 'many'"):
        fitted.predict(frame(number="many"))


def test_an_infinite_number_is_refused_by_column(fitted):
    with pytest.raises(ValueError, match="Column 'number' of X contains infinity"):
        fitted.predict(frame(number=np.inf))


def test_dates_are_refused_with_what_to_use():
    with pytest.raises(TypeError, match=r"dates, times or durations in the columns .'when'.*TableVectorizer"):
        MLPClassifier().fit(frame(when=pd.Timestamp("2026-01-01")), Y)


def test_none_takes_numbers_only():
    with pytest.raises(
        ValueError, match=r"MLPClassifier needs numbers, got .* in the columns .'colour'. of X"
    ):
        MLPClassifier(categorical_features=None).fit(frame(), Y)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        MLPClassifier(categorical_features=None).fit(
            np.where(np.random.default_rng(1).random((N, 2)) < 0.1, np.nan, 1.0), Y
        )


@pytest.mark.parametrize("transformer", [Standardizer(), Whitener()])
def test_transformers_refuse_categories_by_name(transformer):
    with pytest.raises(
        ValueError, match=r"needs numbers, got strings or categories in the columns .'colour'."
    ):
        transformer.fit(frame())


def test_gaps_that_a_transformer_does_not_take_are_refused_by_name():
    table = pd.DataFrame({"good": [1.0, 2, 3], "gappy": [1, np.nan, 3]})
    with pytest.raises(
        ValueError, match=r"Input X contains NaN \(Column 'gappy'\), which Whitener does not take"
    ):
        Whitener().fit(table)


def test_strings_at_prediction_are_refused_by_name():
    model = MLPClassifier(**QUICK).fit(frame()[["number"]], Y)
    with pytest.raises(
        ValueError, match=r"needs numbers, got strings or categories in the columns .'number'."
    ):
        model.predict(pd.DataFrame({"number": ["many"]}))


def test_a_transformer_before_it_may_pass_categories_on():
    scale = make_column_transformer((Standardizer(), ["number"]), remainder="passthrough")
    model = make_pipeline(scale.set_output(transform="pandas"), MLPClassifier(random_state=0))
    assert model.fit(frame(), Y).score(frame(), Y) > 0.9


def test_sanity_checks_and_their_advice_know_the_columns():
    table = frame(income=NUMBERS * 1e5, shop=np.random.default_rng(1).integers(0, 50, N).astype(str))
    table.loc[::7, "income"] = np.nan
    assert sanity_check(MLPClassifier(random_state=0), table, Y).ok
    unscaled = sanity_check(MLPClassifier(input_scaling=False, random_state=0), table, Y)
    assert unscaled.findings["gradient"].ok
    assert unscaled.findings["input"].advice.endswith("the largest column is 'income'")


def test_inspections_of_a_fitted_model_read_its_frame(fitted):
    assert len(layer_statistics(fitted, frame(), Y).dead) == 3
    assert sanity_check(fitted, frame(), Y).findings["dead units"].ok
    assert 1e-4 < learning_rate_range_test(MLPClassifier(random_state=0), frame(), Y).suggestion < 1


def test_skops_needs_no_trust_but_in_the_estimator():
    skops = pytest.importorskip("skops.io")
    table = frame(colour=with_gaps(COLOURS, None), number=with_gaps(NUMBERS, np.nan).astype(float))
    model = MLPClassifier(**QUICK).fit(table, Y)
    saved = skops.dumps(model)
    trusted = skops.get_untrusted_types(data=saved)
    assert trusted == ["sknn6.estimators.classifier.MLPClassifier"]
    np.testing.assert_array_equal(
        skops.loads(saved, trusted=trusted).predict_proba(table), model.predict_proba(table)
    )


KINDS_OF_GAPS = pytest.mark.parametrize(
    ("kind", "gap"),
    [
        (np.asarray, np.nan),
        (pd.DataFrame, np.nan),
        (polars.DataFrame, np.nan),
        (np.ndarray.tolist, np.nan),
        (lambda X: X.astype(object).tolist(), None),
        (lambda X: pd.DataFrame(X.astype(object)), pd.NA),
        (lambda X: pd.DataFrame(X.astype(object)), None),
    ],
)


def with_a_gap(gap):
    """Return numbers, and the same with one missing in column 1."""
    X = rng.standard_normal((60, 3))
    with_gap = X.astype(float if gap is np.nan else object)
    with_gap[3, 1] = gap
    return X, with_gap


@pytest.mark.parametrize("method", ["predict", "partial_fit"])
@KINDS_OF_GAPS
def test_gaps_that_fit_has_not_seen_are_named_without_means(kind, gap, method):
    """scikit-learn's message would say that the estimator does not accept missing values."""
    X, with_gap = with_a_gap(gap)
    y = X[:, 0] > 0
    model = MLPClassifier((8,), input_scaling=False, **QUICK).fit(kind(X), y)
    data = [kind(with_gap), y][: 1 + (method == "partial_fit")]
    with pytest.raises(
        ValueError, match=r"Input X contains NaN \(Column .*1'?\), but that of fit had no missing"
    ):
        getattr(model, method)(*data)


@KINDS_OF_GAPS
def test_gaps_that_fit_has_not_seen_are_the_mean(kind, gap):
    X, with_gap = with_a_gap(gap)
    filled, y = X.copy(), X[:, 0] > 0
    filled[3, 1] = X[:, 1].mean()
    models = [MLPClassifier((8,), **QUICK).fit(kind(X), y) for _ in range(2)]
    expected = models[1].predict_proba(kind(filled))
    np.testing.assert_allclose(models[0].predict_proba(kind(with_gap)), expected, rtol=1e-5)
    for model, rows in zip(models, (with_gap, filled), strict=True):
        model.partial_fit(kind(rows), y)
    expected = models[1].predict_proba(kind(X))
    np.testing.assert_allclose(models[0].predict_proba(kind(X)), expected, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:The loss was never below")
def test_gaps_in_validation_data_are_the_means_of_the_training_data():
    """Not those of an earlier fit."""
    X = rng.standard_normal((60, 3))
    y = X[:, 0]
    with_gaps, filled = X.copy(), X.copy()
    with_gaps[:20, 0], filled[:20, 0] = np.nan, X[:, 0].mean()
    model, expected = (MLPRegressor(hidden_layer_sizes=8, **QUICK) for _ in range(2))
    model.fit(X + 1000, y)
    for each, rows in ((model, with_gaps), (expected, filled)):
        each.fit(X, y, X_val=rows, y_val=y)
    found, wanted = (each.history_[-1]["validation_score"] for each in (model, expected))
    assert found == pytest.approx(wanted, rel=1e-4)


def test_a_network_of_sparse_rows_knows_no_means():
    X = rng.standard_normal((60, 3)) + 5
    model = MLPClassifier((8,), **QUICK).fit(csr_array(X), X[:, 0] > 5)
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"Input X contains NaN \(Column 1\)"):
        model.predict(X)


def test_a_single_gap_costs_no_fold():
    X = rng.standard_normal((60, 3))
    X[3, 1] = np.nan
    scores = cross_val_score(MLPClassifier((8,), **QUICK), X, X[:, 0] > 0, error_score="raise")
    assert np.isfinite(scores).all()


def test_a_list_may_have_gaps():
    rows = [[1.0, None], [2.0, 3.0], [0.0, float("nan")], [4.0, 5.0]] * 10
    y = [0, 1, 0, 1] * 10
    model = MLPClassifier((8,), **QUICK).fit(rows, y)
    expected = MLPClassifier((8,), **QUICK).fit(np.array(rows, dtype=float), y)
    np.testing.assert_array_equal(
        model.predict_proba(rows), expected.predict_proba(np.array(rows, dtype=float))
    )


def test_a_list_or_an_array_with_strings_is_refused_by_column():
    lists = [[1.0, "a"], [2.0, "b"]] * 10, [[1.0, "a"], [None, "b"]] * 10
    for rows in (*lists, np.array(lists[0])):
        with pytest.raises(ValueError, match=r"got strings or categories in the columns \[1\] of X"):
            MLPClassifier((8,)).fit(rows, [0, 1] * 10)
        named = MLPClassifier((8,), categorical_features=[1], **QUICK).fit(rows, [0, 1] * 10)
        assert named._table["categories"] == [["a", "b"]]


def test_a_list_with_gaps_is_checked():
    rows = [[1.0, None], [2.0, 3.0], [0.0, float("nan")], [4.0, 5.0]] * 20
    assert sanity_check(MLPClassifier((8,), random_state=0), rows, [0, 1] * 40).findings


@pytest.mark.parametrize("gaps", [[0], [0, 1]])
def test_gaps_in_rows_of_weight_0(gaps):
    X = rng.standard_normal((60, 2))
    weight = np.ones(60)
    weight[0], with_gaps = 0, X.copy()
    with_gaps[0, gaps] = np.nan
    model, expected = (MLPClassifier((8,), **QUICK).fit(rows, X[:, 0] > 0, weight) for rows in (with_gaps, X))
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_a_column_without_any_number_is_taken_alone_too():
    table = pd.DataFrame({"a": NUMBERS, "empty": np.nan, "b": NUMBERS**2})
    model = MLPClassifier((8,), **QUICK).fit(table, Y)
    np.testing.assert_array_equal(model.predict_proba(table), model.predict_proba(table.fillna(0.0)))


def test_a_column_that_was_empty_is_left_out_until_the_training_has_its_numbers():
    """A sensor that delivers later: nothing was learned about it at first."""
    table = pd.DataFrame({"a": NUMBERS, "late": np.nan})
    later = table.assign(late=NUMBERS + 50)
    params = {"solver": "sgd", "input_scaling": False, "learning_rate_init": 0.1, "random_state": 0}
    model = MLPClassifier((8,), **params).partial_fit(table, Y, classes=np.unique(Y))
    np.testing.assert_array_equal(model.predict_proba(later), model.predict_proba(table))
    with pytest.raises(ValueError, match="inconsistent"):  # a chunk that is refused changes nothing
        model.partial_fit(later, Y[:-1])
    np.testing.assert_array_equal(model.predict_proba(later), model.predict_proba(table))
    model.partial_fit(table.assign(late=NUMBERS), Y)
    assert not np.allclose(model.predict_proba(later), model.predict_proba(table))


def test_strings_in_a_column_that_was_empty_are_warned_of():
    table = pd.DataFrame({"a": NUMBERS, "late": [None] * N})
    model = MLPClassifier((8,), **QUICK).partial_fit(table, Y, classes=np.unique(Y))
    with pytest.warns(
        UserWarning, match=r"Column 'late' of X had no value .* name it in categorical_features"
    ):
        model.partial_fit(table.assign(late="x"), Y)


def test_the_mean_of_large_numbers_does_not_overflow():
    """The lowest float32 stands for missing values in many rasters."""
    x = np.array([np.finfo(np.float32).min] * 3 + [1, 2, np.nan] * 10, np.float32)
    assert fills_of(x) == pytest.approx(np.nanmean(x.astype(float)))
    assert fills_of(np.array([1.7e308, 1.7e308, np.nan])) == pytest.approx(1.7e308)
    weighted = find_columns(np.array([[1.0], [4.0], [np.nan]]), "from_dtype", np.array([2.0, 1.0, 1.0]))
    assert weighted.fills == [2.0]


def fills_of(x):
    (fill,) = find_columns(x[:, None], "from_dtype").fills
    return fill


def test_as_many_categories_as_the_guide_says_are_one_hot():
    for n, embedded in ((32, False), (33, True)):
        columns = find_columns(pd.DataFrame({"c": [f"k{i % n}" for i in range(3 * n)]}), "from_dtype")
        assert (columns.one_hot, columns.embedded) == (([], [0]) if embedded else ([0], []))


def test_a_table_without_any_value_is_refused():
    with pytest.raises(ValueError, match=r"Input X contains NaN \(.*\), and no number in any column"):
        MLPClassifier().fit(pd.DataFrame({"a": [np.nan] * N, "b": [None] * N}), Y)


def test_decimals_are_numbers():
    """As databases give them for NUMERIC; a frame of polars may hold Python objects too."""
    prices = [Decimal(str(round(x, 3))) for x in NUMBERS]
    plain = MLPClassifier((8,), **QUICK).fit(frame(price=[float(x) for x in prices]), Y)
    decimals = MLPClassifier((8,), **QUICK).fit(frame(price=prices), Y)
    np.testing.assert_array_equal(
        decimals.predict_proba(frame(price=prices)), plain.predict_proba(frame(price=[*map(float, prices)]))
    )
    objects = polars.DataFrame({"number": NUMBERS, "price": polars.Series(prices, dtype=polars.Object)})
    assert MLPClassifier((8,), **QUICK).fit(objects, Y).n_features_in_ == 2


@pytest.mark.skipif(not hasattr(polars, "Int128"), reason="the dtype came with polars 1.18")
def test_integers_that_numpy_lacks_are_numbers():
    few = np.arange(N) % 7
    wide = polars.DataFrame({"number": NUMBERS, "few": polars.Series(few, dtype=polars.Int128)})
    usual = polars.DataFrame({"number": NUMBERS, "few": few.astype(float)})
    models = [MLPClassifier((8,), **QUICK).fit(X, Y) for X in (wide, usual)]
    np.testing.assert_array_equal(models[0].predict_proba(wide), models[1].predict_proba(usual))


@pytest.mark.parametrize(
    "table", [pd.DataFrame({"bag": [[1, 2]] * N}), polars.DataFrame({"number": NUMBERS, "bag": [[1, 2]] * N})]
)
def test_a_column_of_lists_is_refused_by_name(table):
    with pytest.raises((TypeError, ValueError), match="Column 'bag' of X"):
        MLPClassifier((8,), **QUICK).fit(table, Y)


# What a table is, and what it is not


def test_tables_of_pyarrow_are_frames():
    arrow = pytest.importorskip("pyarrow")
    table = frame().assign(number=np.where(np.arange(N) % 9, NUMBERS, np.nan))
    given = arrow.Table.from_pandas(table)
    expected = MLPClassifier((8,), **QUICK).fit(table, Y)
    model = MLPClassifier((8,), **QUICK).fit(given, Y)
    np.testing.assert_array_equal(model.predict_proba(given), expected.predict_proba(table))
    assert model.feature_names_in_.tolist() == list(table)
    with pytest.raises(ValueError, match=r"Standardizer needs numbers, .*'colour'"):
        Standardizer().fit(given)


def test_lazy_frames_are_refused_with_what_to_do(fitted):
    lazy = polars.DataFrame(frame().to_dict("list")).lazy()
    for call in (lambda: MLPClassifier().fit(lazy, Y), lambda: fitted.predict(lazy)):
        with pytest.raises(TypeError, match=r"got a LazyFrame. Call its collect"):
            call()


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (frame().iloc[0], r"shape \(n_samples, 2\).*got Series of shape \(2,\).*frame.iloc"),
        ([1.0, "red"], r"got list of shape \(2,\)"),
        ({"number": 1.0, "colour": "red"}, r"got dict of shape \(\)"),
        (csr_array((3, 2)), "got a sparse matrix"),
        (frame()[:0], r"Found array with 0 sample\(s\)"),
    ],
    ids=["row", "list", "dict", "sparse", "empty"],
)
def test_what_is_no_table_is_refused(fitted, X, message):
    with pytest.raises(ValueError, match=message):
        fitted.predict(X)


def test_a_string_is_no_table_either():
    with pytest.raises(ValueError, match="could not convert string to float: 'abc'"):
        MLPClassifier(categorical_features=[0]).fit("abc", [0, 1])


@pytest.mark.parametrize("dtype", ["category", "dictionary"])
def test_categories_of_any_kind(dtype):
    """Intervals, as pandas.cut makes them, and pyarrow's dictionaries."""
    column = pd.cut(NUMBERS, [-9, -0.5, 0.5, 9])
    if dtype == "dictionary":
        arrow = pytest.importorskip("pyarrow")
        strings = pd.Series(column.astype(str))
        column = strings.astype(pd.ArrowDtype(arrow.dictionary(arrow.int8(), arrow.string())))
    table = pd.DataFrame({"part": column})
    model = MLPClassifier((8,), **QUICK).fit(table, Y)
    assert model._table["categories"] == [sorted(map(str, pd.cut(NUMBERS, [-9, -0.5, 0.5, 9]).categories))]


def test_true_and_1_are_two_categories():
    table = pd.DataFrame({"mixed": [True, 1, "a", "a"] * (N // 4)})
    columns = find_columns(table, "from_dtype")
    assert columns.categories == [["1", "True", "a"]]
    np.testing.assert_array_equal(columns.encode(table)[:4, 0], [2, 1, 3, 3])


@pytest.mark.parametrize("value", [frozenset("ab"), len, [1]])
def test_objects_without_a_lasting_text_are_refused(value):
    """Another process may write the elements of a set in another order, and objects have addresses."""
    table = pd.DataFrame({"mixed": pd.Series([value] * N, dtype=object)})
    with pytest.raises(TypeError, match=r"Column 'mixed' of X: argument must be a string or a number"):
        find_columns(table, "from_dtype")


def test_a_column_that_was_empty_may_have_strings_later():
    table = pd.DataFrame({"number": NUMBERS, "note": pd.Series([None] * N, dtype=object)})
    model = MLPClassifier((8,), **QUICK).fit(table, Y)
    later = table.assign(note=["late", None] * (N // 2))
    np.testing.assert_array_equal(model.predict_proba(later), model.predict_proba(table))


@pytest.mark.parametrize("value", [10**400, "one"])
def test_what_is_no_number_is_named(value):
    table = pd.DataFrame({"number": pd.Series([value] + [1] * (N - 1), dtype=object)})
    with pytest.raises(ValueError, match=f"Column 'number' of X must have numbers, got {value!r}"):
        MLPClassifier((8,), categorical_features=[]).fit(table, Y)


# Strings that are numbers


def texts(*, other=None, digits=3):
    strings = [f"{x:.{digits}f}" for x in 100 + 10 * NUMBERS]
    if other is not None:
        strings[0] = other
    return pd.DataFrame({"power": strings})


@pytest.mark.parametrize(("other", "digits"), [(None, 3), ("?", 3), ("?", 0), ("-", 0), ("", 0)])
def test_strings_that_are_numbers_are_warned_of(other, digits):
    with pytest.warns(UserWarning, match=r"Column 'power' of X has strings.*text of a number.*to_numeric"):
        find_columns(texts(other=other, digits=digits), "from_dtype")


@pytest.mark.parametrize("codes", ["{:05d}", "3_{}", "1{:03d}"])
def test_codes_are_categories_without_a_warning(codes):
    """As postal codes; and the text of numbers, if the dtype is one of categories."""
    column = [codes.format(i % 90) for i in range(N)]
    find_columns(pd.DataFrame({"code": [*column[:-1], "?"] if codes[0] != "1" else column}), "from_dtype")
    find_columns(texts(digits=0, other="?").astype("category"), "from_dtype")


def test_a_string_of_its_own_for_each_row_is_warned_of():
    with pytest.warns(UserWarning, match=rf"Column 'id' of X has {N} different categories in {N} rows"):
        find_columns(pd.DataFrame({"id": [f"id {i}" for i in range(N)], "x": NUMBERS}), "from_dtype")


def test_texts_of_numbers_in_an_array_are_numbers():
    """As in scikit-learn, whether the array is one of strings or of objects."""
    numbers = np.column_stack([NUMBERS, NUMBERS**2]).round(3)
    expected = MLPClassifier((8,), **QUICK).fit(numbers, Y).predict_proba(numbers)
    for kind in (str, object):
        strings = numbers.astype(str).astype(kind)
        model = MLPClassifier((8,), **QUICK).fit(strings, Y)
        np.testing.assert_allclose(model.predict_proba(strings), expected, rtol=1e-4)

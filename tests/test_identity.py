"""Texts by which values are compared: the same for equal values, others for others."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import coo_array, csr_array, csr_matrix

from sknn6.identity import BLOCK, describe

RNG = np.random.default_rng(0)


def text(value):
    return describe("value", value)


EQUAL = [
    (0, np.int64(0), np.uint8(0), 0.0, np.float32(0), Fraction(0)),
    (1, 1.0, np.int16(1)),
    (0.5, np.float32(0.5), Fraction(1, 2)),
    (True, np.bool_(True)),
    (2**70, np.float64(2**70)),
    (np.nan, float("nan"), np.float32("nan")),
    ("relu", np.str_("relu")),
    ((12, 8), [12, 8], np.array([12, 8]), (np.int32(12), 8.0)),
    ({0: 1, 1: 2.0}, {1: 2, 0: 1.0}, {np.int64(1): 2, 0.0: np.float64(1)}),
    (["a", "b"], np.array(["a", "b"]), np.array(["a", "b"], dtype=object)),
]
DIFFERENT = [
    None,
    "None",
    True,
    0,
    1,
    -1,
    0.1,
    np.float32(0.1),
    2**53,
    2**53 + 1,
    np.inf,
    "1",
    [1],
    [[1]],
    {},
]
DIFFERENT += [
    {0: 1},
    {"0": 1},
    [1, 2],
    [2, 1],
    [],
    len,
    np.sum,
    np.zeros((2, 3)),
    np.zeros((3, 2)),
    csr_array((2, 3)),
]


FRAME = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": ["x", None, "y"], "c": [3.0, 4.0, 5.0]})


def test_the_memory_layout_of_a_frame_does_not_matter():
    """The values of `a`, `c` and `d` are in two blocks of memory; in a copy, in one."""
    frame = FRAME.copy()
    frame["d"] = frame["a"] * frame["c"]
    assert text(frame) == text(frame.copy()) == text(frame.iloc[::-1].iloc[::-1])
    assert text(pl.from_pandas(frame)) == text(pl.from_pandas(frame.copy()))
    assert text(frame["d"]) == text(frame["d"].to_numpy()) == text(pl.Series(frame["d"]))


def test_texts_of_a_frame_are_compared_and_not_objects():
    """Neither the order of categories matters, nor those without a row, nor which decimals are one object."""
    letters = pd.Series(["x", "y", "x"])
    categories = [pd.Categorical(letters, list(given)) for given in ("xy", "yx", "zyx")]
    assert len({text(pd.DataFrame({"a": each})) for each in categories}) == 1
    one, half = Decimal(1), Decimal("0.5")
    shared = pd.DataFrame({"a": [one, half, one]})
    assert text(shared) == text(pd.DataFrame({"a": [one, half, Decimal(1)]}))
    dates = pd.DataFrame({"a": pd.to_datetime(["2026-01-01", "2026-01-02"])})
    assert text(dates) == text(dates.copy()) != text(dates.iloc[::-1])


@pytest.mark.parametrize(
    "other",
    [
        FRAME.rename(columns={"a": "A"}),
        FRAME[["b", "a", "c"]],
        FRAME.replace(2.0, 3.0),
        FRAME.astype({"b": "category"}),
        FRAME.iloc[:2],
        FRAME.iloc[::-1],
    ],
)
def test_a_frame_with_other_columns_is_another(other):
    assert text(other) != text(FRAME)


@pytest.mark.parametrize("values", EQUAL, ids=str)
def test_equal_values_have_the_same_text(values):
    assert len(set(map(text, values))) == 1


def test_different_values_have_different_texts():
    assert len(set(map(text, DIFFERENT))) == len(DIFFERENT)


def test_a_short_value_is_its_own_text():
    assert list(map(text, ["auto", 1e-4, (12, 8), None, True])) == [
        "'auto'",
        "0.0001",
        "[12, 8]",
        "None",
        "True",
    ]
    assert text("a" * 99)[0] == text(len)[0] == "#"


LARGE = RNG.normal(size=(700, 300))  # 210000 numbers, several blocks
assert LARGE.size > 3 * BLOCK


@pytest.mark.parametrize(
    "same",
    [
        np.asfortranarray(LARGE),
        np.hstack([LARGE, LARGE])[:, :300],
        np.repeat(LARGE, 2, axis=0)[::2],
        LARGE[::-1].copy()[::-1],
        LARGE.astype(">f8"),
    ],
    ids=["Fortran", "columns", "rows", "backwards", "big-endian"],
)
def test_the_layout_of_an_array_does_not_matter(same):
    assert text(same) == text(LARGE)


@pytest.mark.parametrize("place", [(0, 0), (350, 150), (699, 299)])
def test_a_single_number_of_an_array_matters(place):
    other = LARGE.copy()
    other[place] = np.nextafter(other[place], np.inf)
    assert text(other) != text(LARGE)
    assert text(other.reshape(300, 700)) != text(other)


def test_numbers_of_other_types_are_equal_in_large_arrays():
    whole = RNG.integers(0, 99, 3 * BLOCK)
    assert len({text(whole.astype(dtype)) for dtype in ("i8", "u1", "f4", "f8")}) == 1
    large = whole + 2**53
    assert text(large) != text(large + 1)  # float64 does not have all of these
    strings = whole.astype("U2")
    assert text(strings) == text(strings.astype(object)) != text(strings[::-1])


def sparse():
    """Draw a matrix with zeros that are stored."""
    X = csr_matrix(np.where(RNG.uniform(size=(900, 400)) < 0.3, RNG.integers(1, 99, (900, 400)), 0.0))
    X.data[::50] = 0
    return X


def test_the_form_of_a_sparse_matrix_does_not_matter():
    X = sparse()
    # Each entry in two parts, in any order.
    rows, columns = np.repeat(X.tocoo().row, 2), np.repeat(X.tocoo().col, 2)
    halves = np.repeat(X.data / 2, 2)
    order = RNG.permutation(len(rows))
    parts = csr_matrix((halves[order], (rows[order], columns[order])), shape=X.shape)  # sums them
    unsorted = csr_matrix((X.data, X.indices, X.indptr), shape=X.shape)
    for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        unsorted.indices[start:stop] = unsorted.indices[start:stop][::-1].copy()
        unsorted.data[start:stop] = unsorted.data[start:stop][::-1].copy()
    double = csr_matrix((np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr), shape=X.shape)
    assert double.nnz == 2 * X.nnz
    wide = csr_matrix((X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)), shape=X.shape)
    pruned = X.copy()
    pruned.eliminate_zeros()
    same = {
        text(form)
        for form in (X, parts, unsorted, double, wide, pruned, csr_array(X), coo_array(X), X.tocsc())
    }
    assert len(same) == 1
    other = X.copy()
    other.data[len(other.data) // 2 + 1] += 1
    assert text(other) not in same
    assert text(X.toarray()) not in same
    assert text(X[:, ::-1]) not in same


def test_what_is_compared_is_not_changed():
    X = sparse()
    data, indices = X.data.copy(), X.indices.copy()
    text(X)
    np.testing.assert_array_equal(X.data, data)
    np.testing.assert_array_equal(X.indices, indices)


@pytest.mark.parametrize(
    "value", [lambda: 0, (i for i in ()), [lambda: 0]], ids=["lambda", "generator", "list"]
)
def test_what_has_no_hash_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"cv must be picklable to go on from a checkpoint, got .*<"):
        describe("cv", value)

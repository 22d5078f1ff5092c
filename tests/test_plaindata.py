"""Files of plain data: what is written is read, nothing else is written, and no flipped bit goes unseen."""

import io
import json
import math
import pickle
from collections import namedtuple
from zipfile import ZipFile

import numpy as np
import pytest

from sknn6 import plaindata

DTYPES = ["?", "i1", "u1", "<i2", ">i4", "<i8", "<u8", "<f2", "<f4", ">f8", "<c8", "<c16"]
DTYPES += ["S3", "<U3", "<M8[ns]", "<m8[s]"]
TREES = [
    None,
    True,
    0,
    -(2**130),
    0.1,
    -0.0,
    math.nan,
    math.inf,
    -math.inf,
    "",
    'a "b" \n é \ud800 \0',
    [],
    (),
    {},
    [1, (2, [3.0, ()], {"a": {}})],
    {"a": 1, 2: "b", 0.5: None, None: [], (1, "x"): True, "tuple": {"dict": 1}},
]


def written(tree):
    file = io.BytesIO()
    plaindata.write(file, tree)
    return file


def assert_same(found, tree):
    assert type(found) is type(tree)
    if isinstance(tree, dict):
        assert list(found) == list(tree)
        found, tree = list(found.values()), list(tree.values())
    if isinstance(tree, list | tuple):
        assert len(found) == len(tree)
        for one, other in zip(found, tree, strict=True):
            assert_same(one, other)
    elif isinstance(tree, np.ndarray | np.generic):
        assert (found.dtype, found.shape) == (tree.dtype, tree.shape)
        assert found.tobytes() == tree.tobytes()
    else:
        assert repr(found) == repr(tree)


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_what_is_written_is_read(tree):
    assert_same(plaindata.read(written(tree)), tree)


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_and_scalars_are_read_bit_by_bit(dtype):
    vector = np.random.default_rng(0).integers(0, 99, (4, 6)).astype(dtype)
    views = [vector, vector[::2, ::-1], np.asfortranarray(vector), vector[:0], np.array(vector[0, 0])]
    tree = {"arrays": views, "scalars": (vector[1, 1], vector[2, 3])}
    assert_same(plaindata.read(written(tree)), tree)


def test_extreme_scalars_are_read_bit_by_bit():
    scalars = [
        np.float64("nan"),
        -np.float32(0),
        np.float32(0.1),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.str_(""),
    ]
    assert_same(plaindata.read(written(scalars)), scalars)


def test_it_is_a_zip_file_of_npy_and_json():
    file = written({"a": np.arange(3.0)})
    with ZipFile(file) as archive:
        assert json.loads(archive.read("tree.json")) == {"dict": [["a", {"array": 0}]]}
        assert archive.testzip() is None
    file.seek(0)
    np.testing.assert_array_equal(np.load(file, allow_pickle=False)["0"], [0, 1, 2])


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "type_of_it"),
    [
        ({1}, "builtins.set"),
        (len, "builtins.builtin_function_or_method"),
        (b"", "builtins.bytes"),
        (1j, "builtins.complex"),
        (range(3), "builtins.range"),
        (Point(1, 2), "test_plaindata.Point"),
        (np.array([None]), "numpy.ndarray of dtype object"),
        (np.zeros(1, "i4,f4"), "numpy.ndarray of dtype .*"),
        (np.ma.zeros(1), "numpy.ma.*MaskedArray of dtype float64"),
        (np.dtype("f4"), "numpy.*"),
    ],
    ids=repr,
)
def test_anything_else_is_refused_by_its_path_and_type(value, type_of_it):
    file = io.BytesIO()
    for tree, path in (
        (value, "state"),
        ({"a": [0, (value,)]}, r"state\['a'\]\[1\]\[0\]"),
        ([{1: value}], r"state\[0\]\[1\]"),
    ):
        with pytest.raises(TypeError, match=rf"^{path} must be plain data, .*; got {type_of_it}\.$"):
            plaindata.write(file, tree, "state")
    with pytest.raises(TypeError, match=r"^a key of state\['a'\] must be plain data"):
        plaindata.write(file, {"a": {frozenset(): 1}}, "state")
    assert file.getvalue() == b""


def test_every_flipped_bit_is_noticed():
    data = written({"a": [1, "b"], "c": np.arange(2)}).getvalue()
    for position in range(len(data)):
        for bit in (1, 128) if position % 7 else 2 ** np.arange(8):
            flipped = bytearray(data)
            flipped[position] ^= bit
            with pytest.raises(ValueError, match="its checksum is not that of its content"):
                plaindata.read(io.BytesIO(flipped))


@pytest.mark.parametrize("n_bytes", [0, 1, 31, 32, 33, 100, -1])
def test_a_part_is_noticed(n_bytes):
    data = written({"a": np.arange(2)}).getvalue()[:n_bytes]
    with pytest.raises(ValueError, match="its checksum is not that of its content"):
        plaindata.read(io.BytesIO(data))


def forged(text, arrays=()):
    """Write what `write` would not, with the right checksum."""
    file = io.BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("tree.json", text)
        for i, array in enumerate(arrays):
            with archive.open(f"{i}.npy", "w") as member:
                np.save(member, array, allow_pickle=True)
        archive.comment = bytes(plaindata.CHECKSUM_SIZE)
    digest = plaindata.checksum(file)
    file.seek(-len(digest), io.SEEK_END)
    file.write(digest)
    return file


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("the file ran code",)


def test_a_forged_file_runs_no_code():
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        plaindata.read(forged('{"array": 0}', [np.array([Bomb()], dtype=object)]))
    with pytest.raises(ValueError, match="a scalar has the dtype object"):
        plaindata.read(forged('{"scalar": ["|O", "0000000000000000"]}'))
    with pytest.raises(KeyError, match="object"):
        plaindata.read(forged('{"object": 0}'))
    with pytest.raises(ValueError, match="checksum"):
        plaindata.read(io.BytesIO(pickle.dumps(Bomb())))


def test_a_pickle_is_known():
    assert all(plaindata.is_pickle(io.BytesIO(pickle.dumps(0, protocol))) for protocol in (2, 3, 4, 5))
    assert not plaindata.is_pickle(written(0))
    assert not plaindata.is_pickle(io.BytesIO())

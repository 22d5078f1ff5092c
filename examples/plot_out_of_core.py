"""
Out of core: learn from a file larger than memory
=================================================

``partial_fit`` trains for one epoch on the rows that it is given and goes on from where it was. So the data
need never be in memory as a whole: a block of a memory-mapped file does, or a row group of a Parquet file.
"""

import tempfile
import tracemalloc
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknn6 import MLPClassifier, Standardizer

# %%
# The digits of scikit-learn stand in for large data: the training part 64 times over, shuffled, on disk both
# ways. Every block should be a mixture: a file sorted by class is to be shuffled once.

BLOCK, EPOCHS, COPIES = 512, 1, 64
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
order = np.random.default_rng(0).permutation(COPIES * len(X_train)) % len(X_train)

folder = tempfile.TemporaryDirectory()
npy, parquet = Path(folder.name, "digits.npy"), Path(folder.name, "digits.parquet")
np.save(npy, np.column_stack([X_train, y_train])[order])
columns = [f"pixel_{i}" for i in range(X.shape[1])] + ["digit"]
table = pa.table(dict(zip(columns, np.load(npy).T, strict=True)))
pq.write_table(table, parquet, row_group_size=BLOCK)
size = npy.stat().st_size
del table

# %%
# A source gives blocks of rows, the target in the last column.


def blocks_of_npy():
    """Yield blocks of a memory-mapped array."""
    rows = np.load(npy, mmap_mode="r")
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]


def row_groups():
    """Yield the row groups of a Parquet file."""
    with pq.ParquetFile(parquet) as file:
        for i in range(file.num_row_groups):
            yield np.column_stack([column.to_numpy() for column in file.read_row_group(i).columns])


# %%
# The first pass learns how to standardise, the next one trains; where it is not enough, there can be more.


def train(blocks):
    """Learn from a source of blocks; give the standardizer and the classifier."""
    standardizer = Standardizer()
    for rows in blocks():
        standardizer.partial_fit(rows[:, :-1])
    mlp = MLPClassifier(random_state=0)
    for _ in range(EPOCHS):
        for rows in blocks():
            mlp.partial_fit(standardizer.transform(rows[:, :-1]), rows[:, -1], classes=range(10))
    return standardizer, mlp


whole = Standardizer().fit(X_train)
reference = MLPClassifier(random_state=0).fit(whole.transform(X_train), y_train)
accuracy = {"fit": reference.score(whole.transform(X_test), y_test)}
peak = {}
for name, blocks in {"memory map": blocks_of_npy, "Parquet": row_groups}.items():
    tracemalloc.start()
    standardizer, mlp = train(blocks)
    peak[name] = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    accuracy[name] = mlp.score(standardizer.transform(X_test), y_test)
    print(f"{name:12s} accuracy {accuracy[name]:.3f}, {peak[name] / 2**20:.1f} MiB allocated at most")
print(f"{'fit':12s} accuracy {accuracy['fit']:.3f}; the file has {size / 2**20:.1f} MiB")
folder.cleanup()

# %%
# tracemalloc counts what Python and NumPy allocate: blocks, network and optimizer. It does not count Arrow's
# own buffers, which are of the size of a row group.

fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
left.scatter(list(accuracy), list(accuracy.values()), color=["0.6", "C0", "C0"])
left.set(ylim=(0.9, 1), xmargin=0.3, ylabel="accuracy", title="Held-out digits")
right.bar(["the file", *peak], [size / 2**20, *(p / 2**20 for p in peak.values())], color=["0.6", "C0", "C0"])
right.set(ylabel="MiB", title="The file, and memory allocated at most")
plt.show()

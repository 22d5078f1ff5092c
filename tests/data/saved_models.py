"""Writes model_VERSION.pkl and model_VERSION.skops, a fitted pipeline, data and what it predicts for them.

Run it with each release: ``python tests/data/saved_models.py``, with the oldest dependencies, since old
releases of NumPy cannot load what new ones save.
"""

import pickle
from pathlib import Path
from zipfile import ZIP_DEFLATED

import numpy as np
import skops.io
from sklearn.pipeline import make_pipeline

import sknn6
from sknn6 import MLPClassifier, Standardizer, Whitener

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 3)) + 1
y = np.array(["ash", "beech", "oak"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 1)]
mlp = MLPClassifier(
    (6, 5),
    activation=["maxout", "prelu"],
    batchnorm="switchable",
    layernorm=True,
    residual=True,
    ensemble_size=2,
    random_state=0,
)
pipeline = make_pipeline(Standardizer("zscore", clip=3), Whitener("zca_cor"), mlp)
pipeline[:-1].fit(X)
for _ in range(5):
    mlp.partial_fit(pipeline[:-1].transform(X), y, classes=np.unique(y))
saved = {"model": pipeline, "X": X, "probabilities": pipeline.predict_proba(X)}
path = Path(__file__).parent / f"model_{sknn6.__version__.replace('.', '_')}"
path.with_suffix(".pkl").write_bytes(pickle.dumps(saved, protocol=4))
skops.io.dump(saved, path.with_suffix(".skops"), compression=ZIP_DEFLATED)

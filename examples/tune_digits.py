"""
Tune a whole pipeline on handwritten digits
===========================================

Standardise, whiten, learn; and let a Bayesian search choose the learning rate and the rest. The pipeline is
an ordinary scikit-learn one, and `search_space` knows what there is to tune in it: every choice is a number
or a name, so that any search can draw it, and no draw of them fails.
"""

# sphinx_gallery_thumbnail_path = '_static/overview.png'

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from sknn6 import BayesSearchCV, MLPClassifier, Standardizer, Whitener, search_space

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

pipeline = Pipeline(
    [
        ("standardize", Standardizer()),
        ("whiten", Whitener()),
        ("mlp", MLPClassifier(ensemble_size=1, random_state=0)),
    ]
)

# %%
# The space is a dictionary of dimensions, under the names that the pipeline gives to parameters.

space = search_space(pipeline)
for name, dimension in space.items():
    print(f"{name:26s} {dimension}")

# %%
# One line per candidate tells how the search goes on.

search = BayesSearchCV(pipeline, space, n_iter=32, cv=3, n_jobs=2, random_state=0, verbose=1)
search.fit(X_train, y_train)

print("\nbest parameters")
for name, value in search.best_params_.items():
    print(f"  {name:26s} {value:.3g}" if isinstance(value, float) else f"  {name:26s} {value}")
print(f"\naccuracy in cross-validation  {search.best_score_:.4f}")
print(f"accuracy on held-out digits   {search.score(X_test, y_test):.4f}")

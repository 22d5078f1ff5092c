"""
What a search has found
=======================

A Bayesian search over a pipeline of a Standardizer, a Whitener and a network, ten parameters in all, and what
can be seen of it afterwards: how fast it got better, where it looked, and which parameters mattered.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.pipeline import Pipeline

from sknn6 import BayesSearchCV, MLPClassifier, Standardizer, Whitener, search_space
from sknn6.inspection import SearchDisplay

warnings.filterwarnings("ignore", message="The best .* lies on the border")  # twenty candidates are few
X, y = load_digits(return_X_y=True)

# %%
# The epochs are few, to keep this example short: learning rates that need more of them lose.

mlp = MLPClassifier(ensemble_size=1, max_iter=8, random_state=0)
pipeline = Pipeline([("standardize", Standardizer()), ("whiten", Whitener()), ("mlp", mlp)])
search = BayesSearchCV(pipeline, search_space(pipeline), n_iter=20, cv=3, random_state=0).fit(X, y)
print(search.results_frame().head(3).T)

# %%
# The best score so far, and the candidates. The first five are the pipeline's own parameters and four points
# spread over the space; the search chooses from the sixth on. Scores so low that they would hide the
# differences between good ones are marked at the bottom.

display = SearchDisplay.from_search(search)

# %%
# Where it looked, parameter by parameter, and what came of it; the later, the darker.

display = SearchDisplay.from_search(search, kind="evaluations")

# %%
# What a model of these scores expects of a parameter, whatever the others are; the parameters that it thinks
# matter most come first. Twenty points in ten dimensions are few: a flat curve says that nothing is known,
# not that nothing is there.

display = SearchDisplay.from_search(search, kind="partial_dependence")

plt.show()

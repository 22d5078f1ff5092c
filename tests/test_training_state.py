"""TrainingState: what a training counts and collects, and keeps for the next one."""

import numpy as np
import pytest

from sknn6 import MLPClassifier
from sknn6.estimators.settings import for_partial_fit, settings_of
from sknn6.training.state import ATTRIBUTES, TrainingState

SETTINGS = settings_of(MLPClassifier(random_state=0))
CALL = for_partial_fit(SETTINGS)
EARLY = settings_of(MLPClassifier(early_stopping=True, random_state=0))


def after(settings, n_epochs, before=()):
    """Return the state after some epochs."""
    state = TrainingState.begin(settings, dict(before))
    for i in range(n_epochs):
        state.n_iter += 1
        state.add({"loss": 1.0 / (1 + len(state.history))})
        if settings.early_stopping:
            state.add_score(0.1 * i)
    return state


def test_a_fresh_training_has_no_past():
    state = after(SETTINGS, 3)
    assert [record["epoch"] for record in state.history] == [1, 2, 3]
    assert state.loss_curve == [1.0, 1 / 2, 1 / 3]
    assert state.validation_scores is None
    assert after(EARLY, 2).validation_scores == [0.0, 0.1]


def test_what_goes_on_appends_to_the_same_lists():
    """None is copied, so that a stream of calls takes no longer the longer it is."""
    attributes = after(SETTINGS, 3).attributes(stochastic=True)
    state = after(CALL, 2, attributes)
    assert state.history is attributes["history_"]
    assert state.loss_curve is attributes["loss_curve_"]
    assert [record["epoch"] for record in state.records] == [4, 5]
    assert state.split_seed == attributes["_split_seed"]


def test_another_fit_compares_with_nothing_before_it():
    """But partial_fit, which trains on, does."""
    first = after(SETTINGS, 2)
    first.best_loss, first.no_improvement, first.plateaus = 0.1, 7, 2
    attributes = first.attributes(stochastic=True)
    fit = TrainingState.begin(SETTINGS, attributes)
    assert (fit.best_loss, fit.no_improvement, fit.plateaus) == (np.inf, 0, 0)
    call = TrainingState.begin(CALL, attributes)
    assert (call.best_loss, call.no_improvement, call.plateaus) == (0.1, 7, 2)


def test_the_generator_goes_on_and_that_of_the_estimator_is_left_alone():
    attributes = after(SETTINGS, 1).attributes(stochastic=True)
    state = TrainingState.begin(SETTINGS, attributes)
    drawn = state.rng.uniform(size=3)
    np.testing.assert_array_equal(attributes["_rng"].uniform(size=3), drawn)


def test_a_file_of_an_earlier_version_has_a_field_by_its_earlier_name():
    saved = after(CALL, 1).saved()
    saved["in_parts"] = saved.pop("streamed")
    state = after(SETTINGS, 1)
    state.restore(saved)
    assert state.streamed


def test_lbfgs_has_no_attributes_of_the_stochastic_solvers():
    settings = settings_of(MLPClassifier(solver="lbfgs", random_state=0))
    attributes = after(settings, 2).attributes(stochastic=False)
    assert not {"best_loss_", "loss_curve_", "validation_scores_"} & attributes.keys()
    assert attributes["loss_"] == 0.5
    assert attributes.keys() <= set(ATTRIBUTES.values())


def test_what_is_saved_is_taken_up():
    state, other = after(EARLY, 3), after(EARLY, 0)
    state.best = [np.arange(3.0)]
    state.rng.uniform(size=5)
    other.restore(state.saved())
    drawn = other.rng.uniform(size=2), state.rng.uniform(size=2)
    np.testing.assert_array_equal(*drawn)
    unlike = {"rng", "optimizer"}
    assert {k: v for k, v in vars(other).items() if k not in unlike} == {
        k: v for k, v in vars(state).items() if k not in unlike
    }


def test_a_state_that_lacks_something_is_refused():
    saved = after(SETTINGS, 1).saved()
    del saved["plateaus"]
    with pytest.raises(KeyError):
        after(SETTINGS, 0).restore(saved)

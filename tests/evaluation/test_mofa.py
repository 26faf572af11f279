import sys

import numpy as np
import pytest

from mmvae_cli.errors import DataError, UsageError
from mmvae_cli.evaluation import mofa
from mmvae_cli.evaluation.mofa import FactorModel, fit_mofa

N_SAMPLES, N_FACTORS, SIZES = 7, 3, (12, 5, 4)


@pytest.fixture
def model() -> FactorModel:
    generator = np.random.default_rng(0)
    return FactorModel(
        tuple(generator.normal(size=(size, N_FACTORS)) for size in SIZES),
        tuple(generator.uniform(0.5, 4, size) for size in SIZES),
        tuple(generator.normal(size=size) for size in SIZES),
    )


@pytest.fixture
def values() -> dict[int, np.ndarray]:
    generator = np.random.default_rng(1)
    return {place: generator.normal(size=(N_SAMPLES, size)) for place, size in enumerate(SIZES)}


def _conditional(model: FactorModel, values: dict[int, np.ndarray], sample: int) -> np.ndarray:
    """E[z | x] from the covariance of the features a sample has, ``Wᵀ (W Wᵀ + T⁻¹)⁻¹ (x − centre)``."""
    x = np.concatenate([values[place][sample] for place in values])
    seen = ~np.isnan(x)
    weights = np.concatenate([model.weights[place] for place in values])[seen]
    noise = np.diag(1 / np.concatenate([model.precisions[place] for place in values])[seen])
    centre = np.concatenate([model.centres[place] for place in values])[seen]
    return weights.T @ np.linalg.inv(weights @ weights.T + noise) @ (x[seen] - centre)


@pytest.mark.parametrize("given", [(0,), (2, 1), (0, 1, 2)])
def test_factors_are_the_conditional_expectation_of_the_joint_gaussian(model, values, given) -> None:
    values[0][2, :5] = np.nan
    values[1][3] = np.nan
    chosen = {place: values[place] for place in given}
    expected = [_conditional(model, chosen, sample) for sample in range(N_SAMPLES)]
    np.testing.assert_allclose(model.factors(chosen), expected, rtol=1e-9)


def test_a_modality_is_predicted_by_its_conditional_expectation_given_the_others(model, values) -> None:
    given = {0: values[0], 2: values[2]}
    weights = np.concatenate([model.weights[0], model.weights[2]])
    covariance = weights @ weights.T + np.diag(1 / np.concatenate([model.precisions[0], model.precisions[2]]))
    centred = np.concatenate([values[0] - model.centres[0], values[2] - model.centres[2]], axis=1)
    expected = centred @ np.linalg.inv(covariance) @ weights @ model.weights[1].T + model.centres[1]
    np.testing.assert_allclose(model.predict(given, 1), expected, rtol=1e-9)


def test_a_sample_without_any_value_has_no_factors(model, values) -> None:
    values[1][4] = np.nan
    found = model.factors({1: values[1]})
    assert np.isnan(found).all(axis=1).tolist() == [sample == 4 for sample in range(N_SAMPLES)]


def test_what_is_not_installed_is_named_with_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "mofapy2", None)
    monkeypatch.setitem(sys.modules, "mofapy2.run.entry_point", None)
    with pytest.raises(UsageError, match="mofapy2") as raised:
        fit_mofa([np.zeros((4, 3))], 1, 0)
    assert "mmvae-cli[benchmark]" in raised.value.hint


def _drawn(n_samples: int = 120) -> list[np.ndarray]:
    """Two modalities of three common factors and little noise."""
    generator = np.random.default_rng(2)
    z = generator.normal(size=(n_samples, 3))
    return [z @ generator.normal(size=(3, size)) + 0.3 * generator.normal(size=(n_samples, size)) for size in (30, 20)]


def test_mofa_predicts_samples_it_never_saw_and_keeps_numpys_generator_and_the_terminal_as_they_were(capsys) -> None:
    pytest.importorskip("mofapy2")
    drawn = _drawn()
    before = np.random.get_state()[1].tolist()
    model = fit_mofa([x[:80] for x in drawn], 3, seed=0)
    assert np.random.get_state()[1].tolist() == before
    assert capsys.readouterr().out == ""
    held = drawn[1][80:]
    residual = np.square(held - model.predict({0: drawn[0][80:]}, 1)).sum(0)
    assert (1 - residual / np.square(held - held.mean(0)).sum(0)).min() > 0.5


def test_mofa_gives_the_same_with_the_same_seed() -> None:
    pytest.importorskip("mofapy2")
    drawn = _drawn(40)
    first, again = (fit_mofa(drawn, 3, seed=4).factors(dict(enumerate(drawn))) for _ in range(2))
    np.testing.assert_array_equal(first, again)


class _GivesUp:
    """Behaves as mofapy2 does when something is wrong, or interrupted."""

    def __init__(self, interrupted: bool) -> None:
        self.interrupted = interrupted

    def set_data_options(self) -> None:
        print("Error: Data is empty\n")
        try:
            raise KeyboardInterrupt if self.interrupted else TypeError
        except (KeyboardInterrupt, TypeError):
            sys.exit()


def test_an_exit_of_mofapy2_is_an_error_with_its_last_words(monkeypatch) -> None:
    monkeypatch.setattr(mofa, "_entry_point", lambda: lambda: _GivesUp(interrupted=False))
    with pytest.raises(DataError, match="Data is empty"):
        fit_mofa([np.zeros((4, 3))], 1, 0)


def test_an_interrupt_that_mofapy2_takes_for_itself_stays_an_interrupt(monkeypatch) -> None:
    monkeypatch.setattr(mofa, "_entry_point", lambda: lambda: _GivesUp(interrupted=True))
    with pytest.raises(KeyboardInterrupt):
        fit_mofa([np.zeros((4, 3))], 1, 0)

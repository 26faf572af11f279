import numpy as np
import pytest
from scipy import sparse
from scipy.stats import rankdata

from mmvae_cli.data import association
from mmvae_cli.data.association import Columns, association_scores
from mmvae_cli.data.screening import _cautious_p_values, screen
from mmvae_cli.data.simulate import simulate_mudata

NAMES = ("a", "b", "c")


def _data(seed=0, n=150, n_shared=8, n_other=120, names=NAMES[:2], convert=np.asarray, strength=1.5):
    """Features of two private factors of each modality; the first ones of a factor common to all."""
    generator = np.random.default_rng(seed)
    common = generator.standard_normal((n, 1))
    values = {}
    for name in names:
        private = generator.standard_normal((n, 2)) @ generator.standard_normal((2, n_other))
        signal = np.hstack([strength * np.repeat(common, n_shared, axis=1), private])
        values[name] = convert(np.float32(signal + generator.standard_normal(signal.shape)))
    return values, np.arange(n_shared + n_other) < n_shared


def _screen(values, rows=None, usable=None, **options):
    rows = rows or {name: np.arange(x.shape[0]) for name, x in values.items()}
    usable = usable or {name: np.ones(x.shape[1], bool) for name, x in values.items()}
    return screen(values, rows, usable, **options)


def _counts(x):
    return sparse.csr_matrix(np.random.default_rng(5).poisson(np.exp(x / 2)).astype(np.float32))


@pytest.mark.parametrize("association", ["pearson", "spearman"])
@pytest.mark.parametrize("convert", [np.asarray, _counts])
@pytest.mark.parametrize("names", [NAMES[:2], NAMES])
def test_shared_features_are_found_among_strong_private_signal(names, convert, association):
    values, truth = _data(n=400, names=names, convert=convert)
    for found in _screen(values, association=association).values():
        assert found.n_shared == (found.role == "shared").sum()
        assert (found.role[truth] == "shared").all()
        assert (found.role[~truth] == "shared").sum() <= 3
        np.testing.assert_array_equal(found.q <= 0.05, found.role == "shared")


def test_nothing_is_called_where_samples_are_permuted():
    n_runs_with_calls = 0
    for seed in range(12):
        values, _ = _data(seed, n=80, n_shared=40)
        values["b"] = values["b"][np.random.default_rng(seed).permutation(80)]
        n_runs_with_calls += any(found.n_shared for found in _screen(values, seed=seed).values())
    assert n_runs_with_calls <= 2


def test_features_that_are_called_together_in_a_few_permutations_need_more_than_the_mean_says():
    statistics = np.zeros((101, 50))
    statistics[0, :5] = 3
    rare, frequent = statistics.copy(), statistics.copy()
    rare[1:11], frequent[1:26] = 4, 4
    lone, seldom, often = (_cautious_p_values(each)[0] for each in (statistics, rare, frequent))
    assert lone == pytest.approx(0.01 / 50)
    assert 0.1 < seldom < 0.2  # the mean, and its standard errors
    assert often == 1  # as in a fifth of the permutations


@pytest.mark.parametrize("sparsity", [0.0, 0.8])
def test_few_of_what_is_called_is_false(sparsity):
    false = []
    for seed in range(6):
        mdata = simulate_mudata(n_samples=200, shared=10, other=90, noise=0.2, sparsity=sparsity, seed=seed)
        found = _screen({name: member.X for name, member in mdata.mod.items()}, seed=seed)
        calls = [(one.role == "shared", mdata[name].var["true_set"] != "shared") for name, one in found.items()]
        false += [(called & wrong).sum() / max(called.sum(), 1) for called, wrong in calls]
    assert np.mean(false) <= 0.05 + 2 * np.std(false) / np.sqrt(6)  # modalities of one run are alike


def test_a_modality_without_shared_signal_has_none_called():
    values, _ = _data(names=NAMES)
    values["c"] = values["c"][np.random.default_rng(0).permutation(150)]
    found = _screen(values)
    assert found["a"].n_shared
    assert found["b"].n_shared
    assert found["c"].n_shared == 0


def test_result_does_not_depend_on_the_order_of_modalities_features_or_rows():
    values, _ = _data(names=NAMES)
    expected = _screen(values)
    generator = np.random.default_rng(0)
    order = {name: generator.permutation(x.shape[0]) for name, x in values.items()}
    columns = {name: generator.permutation(x.shape[1]) for name, x in values.items()}
    mixed = {name: values[name][order[name]][:, columns[name]] for name in reversed(NAMES)}
    found = _screen(mixed, rows={name: np.argsort(order[name]) for name in NAMES})
    for name in NAMES:
        np.testing.assert_allclose(found[name].score, expected[name].score[columns[name]], rtol=1e-5)
        np.testing.assert_array_equal(found[name].role, expected[name].role[columns[name]])


def test_only_samples_and_features_asked_for_are_looked_at():
    values, _ = _data(names=NAMES)
    rows = {name: np.arange(120) for name in NAMES}
    rows["a"][:20], rows["b"][100:] = -1, -1
    usable = {name: np.arange(128) % 2 == 0 for name in NAMES}
    expected = _screen(values, rows, usable)
    for name, x in values.items():
        x[~np.isin(np.arange(150), rows[name])] = np.nan
        x[:, ~usable[name]] = np.nan
    found = _screen(values, rows, usable)
    for name in NAMES:
        np.testing.assert_array_equal(found[name].q, expected[name].q)
        assert np.isnan(found[name].q[1::2]).all()
        assert np.isnan(found[name].score[1::2]).all()
        assert (found[name].role[1::2] == "unused").all()


def test_modalities_without_samples_in_common_share_nothing():
    values, _ = _data()
    rows = {"a": np.r_[np.arange(75), np.full(75, -1)], "b": np.r_[np.full(75, -1), np.arange(75)]}
    for found in _screen(values, rows).values():
        assert found.n_shared == 0
        assert np.isnan(found.q).all()


def test_features_constant_where_the_modalities_meet_are_not_called():
    values, _ = _data()
    values["a"][:, 3] = 1.5
    found = _screen(values)["a"]
    assert np.isnan(found.q[3])
    assert found.role[3] == "other"


def test_a_modality_without_a_feature_to_screen_leaves_the_others_as_they_are():
    values, truth = _data(names=NAMES)
    usable = {name: np.full(128, name != "c") for name in NAMES}
    found = _screen(values, usable=usable)
    assert (found["a"].role[truth] == "shared").all()
    assert np.isnan(found["c"].q).all()
    assert found["c"].n_shared == 0


@pytest.mark.parametrize("association", ["pearson", "spearman"])
def test_missing_entries_hide_no_signal_and_make_none(association):
    values, truth = _data()
    gone = np.random.default_rng(5).random(values["b"].shape) < 0.15
    values["b"][gone] = np.nan
    found = _screen(values, association=association)
    for screening in found.values():
        called = screening.role == "shared"
        assert called[truth].mean() > 0.8
        assert called[~truth].mean() < 0.05
    assert np.isnan(values["b"][gone]).all(), "the values are left as they are"


def test_progress_goes_up_to_one():
    seen = []
    _screen(_data(names=NAMES)[0], progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
def test_scores_are_power_means_of_correlations(monkeypatch, ranked, convert):
    monkeypatch.setattr(association, "WIDEST_BLOCK", 7)
    generator = np.random.default_rng(0)
    x, y = ((generator.poisson(0.9, (40, d)) - 1).astype(np.float32) for d in (20, 30))
    rows, order = np.arange(40), generator.permutation(40)
    columns = [Columns.of(convert(v), rows, np.arange(v.shape[1]), ranked) for v in (x, y)]
    first, second = association_scores(*columns, np.stack([rows, order]), generator)
    x, y = (rankdata(v, axis=0) if ranked else v for v in (x, y))
    for number, each in enumerate((x, x[order])):
        r = np.corrcoef(each.T, y.T)[:20, 20:]
        for index, power in enumerate(association.POWERS):
            np.testing.assert_allclose(first[index, number], (r**power).mean(axis=1) ** (1 / power), rtol=1e-4)
            np.testing.assert_allclose(second[index, number], (r**power).mean(axis=0) ** (1 / power), rtol=1e-4)


@pytest.mark.parametrize("wide", [False, True])
def test_scores_are_multiple_correlations_with_leading_components_too(monkeypatch, wide):
    monkeypatch.setattr(association, "MOST_PRODUCTS", 0 if wide else 1e9)
    monkeypatch.setattr(association, "N_COMPONENTS", (2, 3, 99))
    generator = np.random.default_rng(0)
    latents = generator.standard_normal((60, 3)) * [3, 2, 1]
    x, y = (latents @ generator.standard_normal((3, d)) + 0.1 * generator.standard_normal((60, d)) for d in (40, 50))
    rows, order = np.arange(60), generator.permutation(60)
    columns = [Columns.of(v.astype(np.float32), rows, np.arange(v.shape[1]), False) for v in (x, y)]
    found = association_scores(*columns, np.stack([rows, order]), generator)
    first = 0 if wide else len(association.POWERS)
    assert len(found[0]) == len(found[1]) == first + 3
    pairs = ((x, y, found[0][first:, 0]), (y, x, found[1][first:, 0]), (x[order], y, found[0][first:, 1]))
    for own, other, scores in pairs:
        for size, score in zip((2, 3, 60 // 4), scores, strict=True):
            components = np.linalg.svd((other - other.mean(axis=0)) / other.std(axis=0))[0][:, :size]
            centred = own - own.mean(axis=0)
            expected = np.linalg.norm(components.T @ centred, axis=0) / np.linalg.norm(centred, axis=0)
            np.testing.assert_allclose(score, expected, rtol=2e-3)


def test_signal_that_pairs_of_sparse_features_are_too_weak_to_show_is_found_through_components():
    """As in single cells: two groups differ a little in many features that few cells have."""
    generator = np.random.default_rng(0)
    group = generator.integers(0, 2, 2000)[:, None]
    differs = {name: generator.random(300) < 1 / 3 for name in ("rna", "atac")}
    values = {
        name: generator.poisson(np.where(group & differs[name], 0.18, 0.08)).astype(np.float32) for name in differs
    }
    rows, usable = dict.fromkeys(values, np.arange(2000)), dict.fromkeys(values, np.ones(300, dtype=bool))
    for name, found in screen(values, rows, usable, spread=False).items():
        calls = found.role == "shared"
        assert calls[differs[name]].mean() > 0.5
        assert calls[~differs[name]].sum() <= 0.1 * calls.sum()


def _weak(n_samples: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Sparse counts of two groups that differ in most features, too little for a single one to show."""
    generator = np.random.default_rng(0)
    group = generator.integers(0, 2, n_samples)[:, None]
    differs = {"rna": generator.random(200) < 0.7, "atac": generator.random(400) < 0.7}
    rates = {"rna": (0.4, 0.7), "atac": (0.1, 0.15)}
    return differs, {
        name: generator.poisson(np.where(group & differs[name], *rates[name][::-1])).astype(np.float32)
        for name in differs
    }


def test_signal_spread_over_many_features_calls_about_as_many_as_carry_some():
    differs, values = _weak(1000)
    rows, usable = dict.fromkeys(values, np.arange(1000)), {k: np.ones(v.shape[1], bool) for k, v in values.items()}
    found = screen(values, rows, usable)
    strict = screen(values, rows, usable, spread=False)
    assert strict["atac"].n_shared < 0.25 * differs["atac"].sum()
    calls = found["atac"].role == "shared"
    assert found["atac"].spread
    assert 0.4 * differs["atac"].sum() < calls.sum() <= 1.1 * differs["atac"].sum()
    assert differs["atac"][calls].mean() > 0.75
    assert set(np.flatnonzero(strict["atac"].role == "shared")) <= set(np.flatnonzero(calls))
    np.testing.assert_array_equal(found["atac"].q, strict["atac"].q)


def test_signal_is_not_taken_to_be_spread_where_samples_are_permuted_or_few_features_carry_it():
    _, values = _weak(1000)
    order = np.random.default_rng(1).permutation(1000)
    rows, usable = dict.fromkeys(values, np.arange(1000)), {k: np.ones(v.shape[1], bool) for k, v in values.items()}
    assert not any(one.n_shared for one in screen(values, {**rows, "rna": order}, usable).values())
    values, _ = _data(n_shared=10)
    assert not any(one.spread or one.n_shared > 15 for one in _screen(values).values())


def test_signal_is_found_through_components_too(monkeypatch):
    monkeypatch.setattr(association, "MOST_PRODUCTS", 0)
    values, truth = _data(n_shared=30)
    for found in _screen(values).values():
        assert (found.role[truth] == "shared").all()
        assert (found.role[~truth] == "shared").sum() <= 5


def test_taking_many_categories_out_calls_no_feature_of_data_that_share_nothing() -> None:
    """What is left after many nuisances lies in fewer dimensions, where chance correlations are larger."""
    called = 0
    for seed in range(4):
        random = np.random.default_rng(seed)
        values = {name: random.standard_normal((60, 300)).astype(np.float32) for name in "ab"}
        nuisance = dict.fromkeys("ab", np.eye(12)[random.integers(0, 12, 60)])
        rows, usable = dict.fromkeys("ab", np.arange(60)), dict.fromkeys("ab", np.ones(300, dtype=bool))
        found = screen(values, rows, usable, nuisance=nuisance, seed=seed)
        called += sum(one.n_shared for one in found.values())
    assert called == 0

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mmvae_cli.data.dataset import Dataset, Modality
from mmvae_cli.data.validate import problems, require_known_names, require_overlap, require_several, validate
from mmvae_cli.errors import DataError
from tests.logged import warned


def modality(name: str, samples: str, features: str, values: object = None) -> Modality:
    obs, var = pd.DataFrame(index=samples.split()), pd.DataFrame(index=features.split())
    if values is None:
        values = np.arange(len(obs) * len(var), dtype=np.float32).reshape(len(obs), len(var))
    return Modality(name, values, obs, var)


def dataset(*modalities: Modality) -> Dataset:
    samples = dict.fromkeys(sample for modality in modalities for sample in modality.obs.index)
    return Dataset(
        {modality.name: modality for modality in modalities},
        pd.DataFrame(index=pd.Index(list(samples), dtype=object)),
        {modality.name: modality.obs for modality in modalities},
    )


def refusal(data: Dataset) -> str:
    with pytest.raises(DataError) as caught:
        validate(data, masked=False)
    assert caught.value.hint
    return str(caught.value)


def test_good_data_have_no_problems():
    data = dataset(modality("rna", "a b", "x y"), modality("meth", "b c", "x z"))
    assert list(problems(data)) == []
    validate(data)
    require_several(data)
    require_overlap(data)
    require_known_names(data)


def test_duplicated_names_are_named():
    message = refusal(dataset(modality("rna", "a b a b c", "x")))
    assert "modality 'rna': 2 sample names more than once: a, b" in message
    assert "modality 'rna': 1 feature name more than once: x" in refusal(dataset(modality("rna", "a b", "x y x")))
    data = dataset(modality("rna", "a b", "x"))
    twice = Dataset(data.modalities, pd.DataFrame(index=["a", "b", "a"]), data.annotations)
    assert "the data: 1 sample name more than once: a" in refusal(twice)


def test_the_same_feature_name_in_two_modalities_is_fine():
    validate(dataset(modality("rna", "a", "TP53"), modality("protein", "a", "TP53")))


def test_empty_modalities_are_refused():
    assert "'rna' has no features" in refusal(dataset(modality("rna", "a b", "")))
    assert "'rna' has no samples" in refusal(dataset(modality("rna", "", "x")))


BAD = np.array([[1, 2, 3], [4, 5, 6], [np.nan, 8, np.nan], [10, np.nan, 12]], dtype=np.float32)


@pytest.mark.parametrize("make", [np.array, sparse.csr_matrix])
@pytest.mark.parametrize(("bad", "found"), [(np.nan, "missing (NaN)"), (np.inf, "infinite"), (-np.inf, "infinite")])
def test_values_that_are_missing_or_infinite_are_counted_and_placed(make, bad, found):
    values = BAD.copy()
    values[np.isnan(values)] = bad
    message = refusal(dataset(modality("rna", "a b c d", "x y z", make(values))))
    assert f"modality 'rna' has 3 {found} values in 2 samples and 3 features" in message
    assert "the first at sample 'c', feature 'x'" in message


def test_the_cure_for_missing_values_is_that_of_the_matrix():
    hints = [
        next(problems(dataset(modality("rna", "a b c d", "x y z", make(BAD))), masked=False)).hint
        for make in (np.array, sparse.csr_matrix)
    ]
    assert hints[0] == "--missing-values mask leaves them out of the likelihood"
    assert hints[1].startswith("store the modality dense (values.toarray())")


def test_sparse_indices_out_of_order_do_not_move_the_first_place():
    values = sparse.csr_matrix((np.array([np.nan, np.nan], np.float32), [2, 0], [0, 2]), shape=(1, 3))
    assert "the first at sample 'a', feature 'x'" in refusal(dataset(modality("rna", "a", "x y z", values)))


def test_all_problems_are_listed_not_only_the_first():
    data = dataset(modality("rna", "a a", "x", np.array([[np.nan], [np.inf]])), modality("meth", "b", ""))
    assert len(list(problems(data, masked=False))) == 4
    assert len(list(problems(data))) == 3


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_modalities_are_refused(count):
    data = dataset(*[modality("rna", "a b", "x y")][:count])
    with pytest.raises(DataError, match="needs at least two modalities"):
        require_several(data)


def test_modalities_without_a_common_sample_are_refused_with_names_of_both():
    data = dataset(modality("rna", "P1 P2", "x"), modality("meth", "p-1 p-2", "y"))
    with pytest.raises(DataError, match="'rna' has P1, P2; 'meth' has p-1, p-2\nsamples are matched by name"):
        require_overlap(data)


def test_a_transposed_table_is_recognised():
    data = dataset(modality("rna", "g1 g2 g3", "P1 P2"), modality("meth", "P1 P2", "y"))
    with pytest.raises(DataError, match="the features of 'rna' are named like the samples of 'meth': turn it"):
        require_overlap(data)


def test_samples_that_are_named_by_values_are_recognised():
    data = dataset(modality("rna", "0.12 1.5 -3.25e-05 7", "x"), modality("meth", "P1 P2", "y"))
    with pytest.raises(
        DataError, match="first column of a table holds the names of the samples; here it holds numbers"
    ):
        require_overlap(data)
    assert "here it holds numbers" in str(next(problems(dataset(modality("rna", "0.5 0.5 1.25", "x")))))
    assert "here it holds numbers" not in str(next(problems(dataset(modality("rna", "1 1 2", "x")))))


@pytest.mark.parametrize("n_common", [1, 2])
def test_few_common_samples_are_a_warning_with_names_of_both(n_common, caplog):
    names = [f"P{number}" for number in range(20)]
    others = names[:n_common] + [f"{name}-m" for name in names[n_common:]]
    require_overlap(dataset(modality("rna", " ".join(names), "x"), modality("meth", " ".join(others), "y")))
    said = warned(caplog)
    if n_common == 1:
        (line,) = said
        assert line.startswith("only 1 sample is in two modalities, alone are: 'rna' has P1, P2, P3; 'meth' has P1-m, ")
    else:
        assert said == []


def test_one_modality_that_shares_no_sample_is_only_a_warning(caplog):
    require_overlap(dataset(modality("a", "1 2", "x"), modality("b", "2 3", "y"), modality("c", "4", "z")))
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "modality 'c' shares no sample with any other modality")
    ]


def test_samples_missing_from_the_whole_are_refused():
    data = dataset(modality("rna", "a b", "x"))
    with pytest.raises(DataError, match="not in the obs of the whole: 1 sample of modality 'rna': b"):
        require_known_names(Dataset(data.modalities, pd.DataFrame(index=["a"]), data.annotations))

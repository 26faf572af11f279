"""Prediction for samples the model has not seen, from files that hold what a new study has."""

from __future__ import annotations

from pathlib import Path

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest

from tests.cli.commands import QUICK, done, refused


@pytest.fixture
def new(trained: Path) -> pd.DataFrame:
    """Ten new samples with rna alone, and their prediction's reference: the same samples in the data."""
    table = mudata.read_h5mu(trained).mod["rna"].to_df().iloc[:10]
    return table.set_axis([f"new{row}" for row in range(10)])


def predicted(name: str) -> pd.DataFrame:
    return pd.read_csv(name, index_col=0)


def test_source_alone_is_enough_whatever_the_order_of_features_and_samples(new: pd.DataFrame) -> None:
    done("predict --from rna --to methylation -o known.csv")
    shuffled = new.sample(frac=1, axis=1, random_state=1).sample(frac=1, random_state=2)
    shuffled.insert(4, "extra", 1e6)
    shuffled.to_csv("new.csv")
    done("predict new.csv --from rna --to methylation -o new_prediction.csv")
    found = predicted("new_prediction.csv")
    assert found.index.tolist() == shuffled.index.tolist()
    np.testing.assert_allclose(found.loc[new.index], predicted("known.csv").iloc[:10], atol=1e-5)


@pytest.mark.parametrize("argument", ["new.csv", "rna=new.csv", "rna=new.h5ad", "new.h5ad", "new.h5mu"])
def test_every_format_gives_the_same(argument: str, new: pd.DataFrame) -> None:
    new.to_csv("new.csv")
    anndata.AnnData(new).write_h5ad("new.h5ad")
    mudata.MuData({"rna": anndata.AnnData(new)}).write_h5mu("new.h5mu")
    done("predict --from rna --to methylation -o known.csv")
    done(f"predict {argument} --from rna --to methylation -o out.tsv")
    found = pd.read_csv("out.tsv", index_col=0, sep="\t")
    np.testing.assert_allclose(found, predicted("known.csv").iloc[:10], atol=1e-5)


def test_output_may_be_csv_tsv_h5ad_or_h5mu(new: pd.DataFrame) -> None:
    new.to_csv("new.csv")
    for suffix in ("csv", "tsv", "h5ad", "h5mu"):
        done(f"predict new.csv --from rna --to methylation -o out.{suffix}")
    comma, tab = predicted("out.csv"), pd.read_csv("out.tsv", index_col=0, sep="\t")
    pd.testing.assert_frame_equal(comma, tab)
    alone = anndata.read_h5ad("out.h5ad")
    assert alone.obs_names.tolist() == new.index.tolist()
    np.testing.assert_allclose(alone.X, comma, atol=1e-5)
    assert alone.uns["unit"] == "input"
    whole = mudata.read_h5mu("out.h5mu")
    np.testing.assert_allclose(whole.mod["rna"].obsm["mmvae_methylation"], comma, atol=1e-5)
    assert list(whole.uns["mmvae"]["features_methylation"]) == comma.columns.tolist()
    refused("predict new.csv --from rna --to methylation -o out.xlsx", 2, ".csv")


def test_missing_features_are_reported_and_set_to_the_training_mean(new: pd.DataFrame, trained: Path) -> None:
    rna = mudata.read_h5mu(trained).mod["rna"].to_df()
    training = mudata.read_h5mu(trained).obs["mmvae_split"].to_numpy() == "train"
    filled = new.copy()
    filled.iloc[:, [2, 5]] = rna.loc[training].mean().iloc[[2, 5]].to_numpy()
    filled.to_csv("filled.csv")
    new.drop(columns=new.columns[[2, 5]]).to_csv("lacking.csv")
    done("predict filled.csv --from rna --to methylation -o a.csv")
    result = done("predict lacking.csv --from rna --to methylation -o b.csv")
    assert "2 of 30 features" in result.err
    assert new.columns[2] in result.err
    np.testing.assert_allclose(predicted("a.csv"), predicted("b.csv"), atol=1e-4)


def test_too_few_features_are_refused(new: pd.DataFrame) -> None:
    new.iloc[:, :20].to_csv("few.csv")
    refused("predict few.csv --from rna --to methylation -o out.csv", 65, "20 of the model's 30", "--min-features")
    done("predict few.csv --from rna --to methylation -o out.csv --min-features 0.5")
    new.set_axis([f"gene{column}" for column in range(30)], axis=1).to_csv("others.csv")
    refused("predict others.csv --from rna --to methylation -o x.csv --min-features 0", 65, "features", "gene0")


def test_new_table_needs_a_place_for_results(new: pd.DataFrame) -> None:
    new.to_csv("new.csv")
    refused("predict new.csv --from rna --to methylation", 2, "-o")
    refused("predict new.csv --from rna,methylation --to rna -o x.csv", 2, "rna=new.csv")
    new.iloc[:3].to_csv("other.csv")
    refused("predict other=new.csv --from rna --to methylation -o x.csv", 65, "other")


def test_samples_without_the_target_get_their_prediction_beside_the_source(here: Path, drawn: Path) -> None:
    whole = mudata.read_h5mu(drawn / "two.h5mu")
    mudata.MuData({"rna": whole.mod["rna"], "methylation": whole.mod["methylation"][20:].copy()}).write_h5mu("m.h5mu")
    done(f"train m.h5mu {QUICK}")
    shown = done("predict --from rna --to methylation").out
    assert '20 samples of them without methylation: in obsm["mmvae_methylation"] of rna' in shown
    mdata = mudata.read_h5mu("m.h5mu")
    beside, layer = mdata.mod["rna"].obsm["mmvae_methylation"], mdata.mod["methylation"].layers["mmvae_from_rna"]
    assert beside.shape == (80, 30)
    assert not np.isnan(beside).any()
    assert list(mdata.uns["mmvae"]["features_methylation"]) == mdata.mod["methylation"].var_names.tolist()
    places = mdata.mod["rna"].obs_names.get_indexer(mdata.mod["methylation"].obs_names)
    np.testing.assert_allclose(beside[places], layer, atol=1e-6)


def test_two_sources_of_three_modalities(three: Path) -> None:
    done(f"train three.h5mu {QUICK}")
    result = done("predict --from a,b --to c")
    assert "c from a + b: 60 samples × 10 features" in result.out
    done("predict --from a --to b,c")
    mdata = mudata.read_h5mu(three)
    assert set(mdata.mod["c"].layers) == {"mmvae_from_a+b", "mmvae_from_a"}
    assert set(mdata.mod["b"].layers) == {"mmvae_from_a"}
    assert not np.allclose(mdata.mod["c"].layers["mmvae_from_a+b"], mdata.mod["c"].layers["mmvae_from_a"])
    refused("predict --from a --to b,c -o one.csv", 2, "one modality")


def test_modalities_with_a_space_between_them_are_no_files(three: Path) -> None:
    refused("predict --from a b --to c", 2, "--from rna,b")


def test_features_that_differ_by_their_version_only_are_recognised(new: pd.DataFrame, two: Path) -> None:
    mdata = mudata.read_h5mu(two)
    mdata.mod["rna"].var_names = [f"ENSG{number:011}.{number % 9}" for number in range(30)]
    mudata.MuData(dict(mdata.mod.items())).write_h5mu("versions.h5mu")
    done(f"train versions.h5mu --no-screen --run versions {QUICK}")
    new.set_axis([f"ENSG{number:011}" for number in range(30)], axis=1).to_csv("plain.csv")
    hint = "30 of them are there in another version, such as ENSG00000000000.0 as ENSG00000000000: name the features"
    refused("predict plain.csv --run versions --from rna --to methylation -o out.csv", 65, "0 of the model's 30", hint)


def test_what_is_given_is_reconstructed_not_predicted(trained: Path) -> None:
    result = done("predict --from rna --to rna")
    assert "rna in --from and --to: reconstructed from values that the model is given" in result.err
    assert "rna reconstructed from rna: 80 samples × 30 features" in result.out
    both = done("predict --from rna,methylation --to methylation -o out.csv")
    assert "methylation reconstructed from rna + methylation: 80 samples" in both.out
    other = done("predict --from rna --to methylation --force -o out.csv")
    assert "reconstructed" not in other.out + other.err


def test_predicted_features_can_be_limited(trained: Path) -> None:
    done("predict --from rna --to methylation --features methylation_shared_2,methylation_shared_5 -o out.csv")
    assert predicted("out.csv").columns.tolist() == ["methylation_shared_2", "methylation_shared_5"]


@pytest.fixture
def counts(here: Path) -> Path:
    """Counts of rna and 0/1 of methylation, with a trained model beside them."""
    random = np.random.default_rng(0)
    done("simulate --samples 80 --other 6 --shared 6 -o counts.h5mu")
    mdata = mudata.read_h5mu("counts.h5mu")
    mdata.mod["rna"].X = random.poisson(np.exp(1.0 + 0.5 * mdata.mod["rna"].X)).astype(np.float32)
    mdata.mod["methylation"].X = (mdata.mod["methylation"].X > 0).astype(np.float32)
    mdata.write_h5mu("counts.h5mu")
    done(f"train counts.h5mu {QUICK}")
    return here / "counts.h5mu"


def test_predictions_are_said_to_be_what_they_are(counts: Path) -> None:
    assert (
        "methylation from rna: 80 samples × 12 features, in probability"
        in done("predict --from rna --to methylation").out
    )
    shown = done("predict --from methylation --to rna").out
    assert "in counts at the median library size of the training samples" in shown
    assert mudata.read_h5mu(counts).uns["mmvae"]["unit_methylation"] == "probability"


def test_log_values_for_a_model_of_counts_are_refused(counts: Path) -> None:
    mdata = mudata.read_h5mu(counts)
    mdata.mod["rna"].X = np.log1p(mdata.mod["rna"].X)
    mdata.write_h5mu("log.h5mu")
    for command in ("embed log.h5mu", "predict log.h5mu --from rna --to methylation", "evaluate log.h5mu"):
        refused(command, 65, "'rna': the model was trained on whole counts", "the first", "neither normalised nor")


def test_what_an_error_makes_moot_is_not_warned_about(counts: Path) -> None:
    table = mudata.read_h5mu(counts).mod["rna"].to_df()
    table.iloc[:, :5].to_csv("few.csv")
    result = refused("predict few.csv --from rna --to methylation -o out.csv", 65, "5 of the model's 12")
    assert "totals of samples" not in result.err
    table.iloc[:, :11].to_csv("most.csv")
    assert "totals of samples" in done("predict most.csv --from rna --to methylation -o o.csv --min-features 0.5").err

"""Make the files of ``example_data/`` from the full CLL data set.

    python scripts/make_example_data.py --source cll.h5mu --output example_data

``example_data/README.md`` says where the full data set comes from and how the source file differs from it.
Kept are the samples with gene expression, methylation and a known IGHV status, and the most variable features of
each modality. The same source and library versions give the same bytes.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData
from mudata import MuData, read_h5mu

from mmvae_cli.data.quiet import quiet_mudata

MODALITIES = ("rna", "methylation")
REQUIRED_LABEL = "IGHV"
LABELS = ("IGHV", "trisomy12", "Gender", "age")
VAR_COLUMNS = ("symbol",)  # kept where a modality has them
N_FEATURES = 1_500  # per modality in the .h5mu
N_TABLE_FEATURES = 300  # per modality in the CSV tables
CSV_DIGITS = "%.7g"  # values are below 100, so they read back to within 1e-5

DATASET = {
    "name": "CLL: gene expression and DNA methylation of chronic lymphocytic leukaemia",
    "origin": "PyPI source distribution of mofaflex 0.1.2, tests/data/cll.h5mu; "
    "the data are those of the Bioconductor package MOFAdata (CLL_data)",
    "study": "Dietrich et al., Drug-perturbation-based stratification of blood cancer, J Clin Invest 2018",
    "licence": "LGPL-3 (MOFAdata) and BSD-3-Clause (mofaflex); see example_data/LICENSE-DATA",
    "selection": f"samples with rna, methylation and {REQUIRED_LABEL}; "
    f"the {N_FEATURES} features of highest variance over them in each modality",
    "units": "rna: normalised expression (log-like); methylation: M-values",
}


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--source", type=Path, required=True, help="the full cll.h5mu")
    found.add_argument("--output", type=Path, required=True, help="the folder to write to")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, make the files and say what was made."""
    options = parser().parse_args(arguments)
    for path in make_example_data(options.source, options.output):
        print(f"{path}  {path.stat().st_size:,} bytes")


def make_example_data(source: Path, output: Path) -> list[Path]:
    """Write all files and return their paths."""
    with warnings.catch_warnings():
        # modalities of other samples and features than ours are in the file; mudata says so at length
        warnings.simplefilter("ignore")
        with quiet_mudata():
            subset = example(read_h5mu(source))
            output.mkdir(parents=True, exist_ok=True)
            subset.write(output / "cll.h5mu", compression="gzip")
    return [output / "cll.h5mu", *write_tables(subset, output)]


def example(full: MuData) -> MuData:
    """Cut the full data set down to the samples, modalities, features and labels of the example."""
    samples = complete_samples(full)
    modalities = {name: cut_modality(full.mod[name], samples) for name in MODALITIES}
    mdata = MuData(modalities)
    for label in LABELS:
        values = full.obs.loc[mdata.obs_names, label]
        is_category = isinstance(values.dtype, pd.CategoricalDtype)
        mdata.obs[label] = values.cat.remove_unused_categories() if is_category else values
    mdata.uns["dataset"] = dict(DATASET)
    return mdata


def complete_samples(full: MuData) -> pd.Index:
    """Names of the samples that every modality holds and whose required label is known, in the file's order."""
    complete = full.obs[REQUIRED_LABEL].notna()
    for name in MODALITIES:
        complete &= full.obs_names.isin(full.mod[name].obs_names)
    return full.obs_names[complete]


def cut_modality(modality: AnnData, samples: pd.Index) -> AnnData:
    """Return the given samples and their most variable features, features in the file's order."""
    values = np.asarray(modality[samples].X, dtype=np.float32)
    chosen = most_variable(values, N_FEATURES)
    columns = [column for column in VAR_COLUMNS if column in modality.var]
    return AnnData(
        X=values[:, chosen],
        obs=pd.DataFrame(index=samples),
        var=modality.var[columns].iloc[chosen].copy(),
    )


def most_variable(values: np.ndarray, n_features: int) -> np.ndarray:
    """Columns of highest variance, ascending; of equal variances the earlier column is taken."""
    variance = values.var(axis=0, dtype=np.float64, ddof=1)
    return np.sort(np.argsort(-variance, kind="stable")[:n_features])


def write_tables(mdata: MuData, output: Path) -> list[Path]:
    """Write each modality's most variable features and the labels as CSV, and return the paths."""
    tables = {"labels": mdata.obs[list(LABELS)]}
    for name, modality in mdata.mod.items():
        chosen = most_variable(modality.X, N_TABLE_FEATURES)
        tables[name] = modality.to_df().iloc[:, chosen]
    paths = []
    for name, table in tables.items():
        path = output / f"{name}.csv"
        table.to_csv(path, index_label="sample", float_format=CSV_DIGITS, lineterminator="\n")
        paths.append(path)
    return paths


if __name__ == "__main__":
    main()

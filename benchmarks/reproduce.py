"""The paper's comparisons, run through the command line's own code: Table 1 (CLL) and Figure 1B (synthetic data).

    python benchmarks/reproduce.py cll DATA/cll.h5mu        # 4 models x 4 numbers of other genes, 10 replicates each
    python benchmarks/reproduce.py synthetic                # 4 models, 100 private features, 5 data sets, a seed each

Prints the commands and a Markdown table of medians ± sd over the replicates. The paper: Märtens and Yau,
Disentangling shared and private latent factors in multimodal variational autoencoders, MLCB 2023.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODELS = {"mvae": "MVAE", "mopoe": "MoPoE-VAE", "mmvae": "MMVAE", "mmvaepp": "MMVAE++"}
OTHER_GENES = (50, 250, 500, 1000)
# Table 1 of the paper: median and sd of the AUC of IGHV
PAPER = {
    "mvae": ((0.96, 0.01), (0.72, 0.11), (0.45, 0.08), (0.45, 0.05)),
    "mopoe": ((0.96, 0.01), (0.77, 0.07), (0.47, 0.09), (0.51, 0.05)),
    "mmvae": ((0.97, 0.01), (0.76, 0.12), (0.63, 0.16), (0.43, 0.06)),
    "mmvaepp": ((0.96, 0.01), (0.83, 0.09), (0.84, 0.21), (0.62, 0.12)),
}
PAPER_SUPERVISED = {
    "mvae": ((0.93, 0.04), (0.84, 0.11), (0.43, 0.05), (0.42, 0.12)),
    "mopoe": ((0.93, 0.04), (0.81, 0.10), (0.46, 0.11), (0.51, 0.20)),
    "mmvae": ((0.93, 0.04), (0.92, 0.07), (0.82, 0.13), (0.61, 0.12)),
    "mmvaepp": ((0.93, 0.04), (0.92, 0.07), (0.83, 0.13), (0.78, 0.16)),
}


def mmvae(*arguments: str, show: bool = True) -> dict:
    if show:
        print("    mmvae " + " ".join(arguments), file=sys.stderr)
    command = [sys.executable, "-m", "mmvae_cli.cli.main", *arguments, "--json", "--quiet"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def train_and_evaluate(data: str, folder: Path, model: str, *flags: str) -> dict:
    run = str(folder / "run")
    mmvae("train", data, "--model", model, *flags, "--run", run, "--force", "-o", str(folder / "out.h5mu"))
    return mmvae("evaluate", "--run", run, show=False)


def shown(value: dict) -> str:
    return f"{value['median']:.2f} ± {value['sd']:.2f}"


def cll(data: str, folder: Path, replicates: int, supervised: bool) -> None:
    paper = PAPER_SUPERVISED if supervised else PAPER
    print("| other genes | " + " | ".join(MODELS.values()) + " |\n|" + "---|" * (len(MODELS) + 1))
    for column, genes in enumerate(OTHER_GENES):
        cells = []
        for model in MODELS:
            flags = (
                f"--modalities rna,methylation --complete-only --labelled-only --label IGHV --shared 10 "
                f"--other rna={genes} --other methylation=100 --latent 2+2+2 --select-on all "
                f"--replicates {replicates} --preset paper --lr 1e-3 --epochs 500 --threads 1"
            ).split()
            flags += ["--supervised"] if supervised else []
            found = train_and_evaluate(data, folder, model, *flags)["over_replicates"]["label"]["auc"]["shared"]
            median, sd = paper[model][column]
            near = abs(found["median"] - median) <= 2 * max(sd, found["sd"])
            cells.append(f"{shown(found)} (paper {median:.2f} ± {sd:.2f}{'' if near else ', DIFFERS'})")
        print(f"| {genes} | " + " | ".join(cells) + " |", flush=True)


def synthetic(folder: Path, seeds: int, samples: int, private: int, epochs: int) -> None:
    data = str(folder / "simulated.h5mu")
    found: dict[str, dict[str, list[float]]] = {model: {} for model in MODELS}
    for seed in range(seeds):
        draw = f"--samples {samples} --shared 10 --other {private} --seed {seed}".split()
        mmvae("simulate", *draw, "-o", data, "--force")
        for model in MODELS:
            flags = (
                f"--latent 2+2+2 --preset paper --no-labelled-only --splits same --lr 1e-3 --epochs {epochs} "
                f"--seed {seed} --threads 1"
            ).split()
            r2 = train_and_evaluate(data, folder, model, *flags)["r2"]
            for name in r2:
                for part in ("shared", "other"):
                    found[model].setdefault(f"{part}, {name}", []).append(r2[name]["cross"][part]["median"])
    columns = sorted(next(iter(found.values())), reverse=True)
    print("| model | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
    for model, title in MODELS.items():
        cells = [f"{statistics.median(v):.2f} ± {statistics.stdev(v):.2f}" for v in map(found[model].get, columns)]
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=("cll", "synthetic"))
    parser.add_argument("data", nargs="?", help="cll.h5mu, for the study cll")
    parser.add_argument("--replicates", type=int, default=None, help="of each model; for synthetic: seeds of the data")
    parser.add_argument("--supervised", action="store_true", help="cll: let the shared latents predict the label")
    parser.add_argument("--samples", type=int, default=1000, help="synthetic")
    parser.add_argument("--private", type=int, default=100, help="private features of each modality (synthetic)")
    parser.add_argument("--epochs", type=int, default=100, help="synthetic")
    arguments = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.study == "cll":
            if arguments.data is None:
                parser.error("the study cll needs the file cll.h5mu")
            cll(arguments.data, Path(folder), arguments.replicates or 10, arguments.supervised)
        else:
            synthetic(Path(folder), arguments.replicates or 5, arguments.samples, arguments.private, arguments.epochs)
    print(f"\n{time.perf_counter() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()

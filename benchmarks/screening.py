"""False and true discoveries of screening where the truth is known, and its speed; see ``benchmarks/README.md``.

Planted: data are simulated, features of shared latents should be called, features of private latents should not.
Null: the samples of every modality but the first are permuted, so that nothing is shared and any call is false.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.quiet import quiet_mudata
from mmvae_cli.data.screening import screen
from mmvae_cli.data.simulate import simulate_mudata
from mmvae_cli.data.transforms import TRANSFORMS

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MMVAE_DATA", REPOSITORY.parent / "shared")) / "data"
REAL = {"cll.h5mu": ("rna", "methylation"), "brca_jive.h5mu": ("rna", "methylation", "mirna")}
LARGE = "snareseq_mouse_cortex.h5mu"
FDR = 0.05
NAMES = ("a", "b", "c")
MOST_NULL_RUNS = 0.15  # of all, in which any feature may be called


@dataclass(frozen=True)
class Setting:
    """What is simulated.

    Attributes
    ----------
    shared, other
        Numbers of features of each modality.
    noise
        Standard deviation; the signal's is 1.
    """

    samples: int
    shared: tuple[int, ...]
    other: tuple[int, ...]
    sparsity: float
    noise: float

    @property
    def is_quick(self) -> bool:
        """Whether a run takes seconds; slower settings are run half as often."""
        return self.samples * min(self.other) < 500_000

    @property
    def title(self) -> str:
        """A row of a table, without its numbers."""
        sizes = [f"{shared}+{other}" for shared, other in zip(self.shared, self.other, strict=True)]
        return f"| {self.samples} | {' × '.join(sizes)} | {self.sparsity:g} | {self.noise:g} |"

    def draw(self, seed: int) -> dict[str, Matrix]:
        """Values of each modality; features that should be called come first."""
        names = NAMES[: len(self.shared)]
        mdata = simulate_mudata(
            n_samples=self.samples,
            modalities=names,
            shared=dict(zip(names, self.shared, strict=True)),
            other=dict(zip(names, self.other, strict=True)),
            noise=self.noise,
            sparsity=self.sparsity,
            seed=seed,
        )
        return {name: mdata.mod[name].X for name in names}


def alike(samples: int, shared: int, other: int, n_modalities: int, sparsity: float, noise: float) -> Setting:
    """Modalities of the same size."""
    return Setting(samples, (shared,) * n_modalities, (other,) * n_modalities, sparsity, noise)


SPARSITIES = (0.0, 0.8, 0.95)
SAMPLES = (100, 300, 1000)
PLANTED = [
    *(
        alike(samples, *size, n_modalities, sparsity, 0.5)
        for n_modalities, size, samples, sparsity in product((2, 3), ((10, 90), (20, 480)), SAMPLES, SPARSITIES)
    ),
    *(alike(samples, 50, 1950, 2, sparsity, 0.5) for samples, sparsity in product((100, 300), SPARSITIES)),
    alike(1000, 50, 1950, 2, 0.0, 0.5),
    *(alike(300, 20, 480, 2, sparsity, noise) for noise, sparsity in product((0.15, 1.0, 2.0), SPARSITIES)),
    *(Setting(700, (10, 10), (1000, 100), 0.0, noise) for noise in (0.15, 1.0)),  # few true among correlated features
]  # fmt: skip
NULL = [
    alike(100, 20, 480, 2, 0.0, 0.5),
    alike(300, 20, 480, 2, 0.0, 0.5),
    alike(300, 20, 480, 2, 0.8, 0.5),
    alike(300, 20, 480, 2, 0.95, 0.5),
    alike(300, 20, 480, 3, 0.0, 0.5),
    Setting(700, (10, 10), (1000, 100), 0.0, 0.15),
]


def called(
    values: dict[str, Matrix], rows: dict[str, np.ndarray] | None = None, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return by modality (n_features,) True for features that screening calls shared."""
    rows = rows or {name: np.arange(x.shape[0]) for name, x in values.items()}
    usable = {name: np.ones(x.shape[1], dtype=bool) for name, x in values.items()}
    return {name: one.role == "shared" for name, one in screen(values, rows, usable, fdr=FDR, seed=seed).items()}


def discoveries(setting: Setting, seed: int) -> tuple[float, float]:
    """False discovery proportion and power of one run, means over the modalities."""
    found = called(setting.draw(seed), seed=seed)
    false, power = [], []
    for calls, n_shared in zip(found.values(), setting.shared, strict=True):
        false.append(calls[n_shared:].sum() / max(calls.sum(), 1))
        power.append(calls[:n_shared].mean())
    return float(np.mean(false)), float(np.mean(power))


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and its standard error; nan where there is one value."""
    several = len(values) > 1
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values))) if several else float("nan")


def planted(settings: Sequence[Setting], n_runs: int) -> bool:
    """Print a row for each setting; returns whether the mean over all holds what is promised."""
    print("| samples | shared+other features | sparsity | noise | false discovery proportion | worst run | power |")
    print("|---|---|---|---|---|---|---|")
    false: list[float] = []
    powers: list[float] = []
    exceeding = []
    for setting in settings:
        runs = [discoveries(setting, seed) for seed in range(n_runs if setting.is_quick else -(-n_runs // 2))]
        mean, error = mean_and_error([one for one, _ in runs])
        power = float(np.mean([one for _, one in runs]))
        worst = max(one for one, _ in runs)
        print(f"{setting.title} {mean:.3f} ± {error:.3f} | {worst:.2f} | {power:.2f} |", flush=True)
        if mean > FDR + 2 * error:
            exceeding.append(setting)
        false += [one for one, _ in runs]
        powers.append(power)
    mean, error = mean_and_error(false)
    bursts = float(np.mean(np.array(false) > 0.5))
    print(f"\nover all: false discovery proportion {mean:.4f} ± {error:.4f}, power {np.mean(powers):.2f}")
    print(f"runs with more false than true calls: {100 * bursts:.1f} % of {len(false)}")
    print(f"settings with a mean above {FDR:g} + 2 standard errors: {len(exceeding)} of {len(settings)}")
    for setting in exceeding:
        print(setting.title)
    return not mean > FDR + 2 * error


def permuted(rows: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Samples in a random order, another one in every modality but the first."""
    generator = np.random.default_rng(seed)
    return {name: generator.permutation(own) if index else own for index, (name, own) in enumerate(rows.items())}


def real(file: str) -> tuple[dict[str, Matrix], dict[str, np.ndarray]]:
    """Values, and rows (n_samples,) of the samples that all modalities have."""
    import mudata

    with quiet_mudata():
        mdata = mudata.read_h5mu(DATA / file)
    members = {name: mdata.mod[name] for name in REAL[file]}
    common = sorted(set.intersection(*(set(member.obs_names) for member in members.values())))
    rows = {name: member.obs_names.get_indexer(common) for name, member in members.items()}
    return {name: member.X for name, member in members.items()}, rows


def null_cases(n_runs: int) -> Iterator[tuple[str, list[int], str]]:
    """Yield title, number of calls in each run, and what is called in the data as they are."""
    for setting in NULL:
        counts = []
        for seed in range(n_runs):
            values = setting.draw(seed)
            rows = permuted({name: np.arange(setting.samples) for name in values}, seed)
            counts.append(_n_called(called(values, rows, seed)))
        yield setting.title.strip("| ").replace(" | ", ", "), counts, ""
    for file in REAL:
        if (DATA / file).exists():
            values, rows = real(file)
            counts = [_n_called(called(values, permuted(rows, seed), seed)) for seed in range(n_runs)]
            unpermuted = called(values, rows)
            sizes = [f"{calls.sum()} of {len(calls)} {name}" for name, calls in unpermuted.items()]
            yield file, counts, ", ".join(sizes)


def _n_called(found: dict[str, np.ndarray]) -> int:
    return int(sum(calls.sum() for calls in found.values()))


def null(n_runs: int) -> bool:
    """Print a row for each data set; returns whether few enough runs call anything."""
    print("| data, permuted | runs with calls | most calls | called as they are |")
    print("|---|---|---|---|")
    fine = True
    for title, counts, unpermuted in null_cases(n_runs):
        n_with_calls = sum(count > 0 for count in counts)
        print(f"| {title} | {n_with_calls} of {n_runs} | {max(counts)} | {unpermuted} |", flush=True)
        fine = fine and n_with_calls <= MOST_NULL_RUNS * n_runs
    return fine


def large(n_samples: int, n_features: int) -> tuple[dict[str, Matrix], dict[str, np.ndarray]]:
    """Noise, with a common factor in every hundredth feature of both modalities."""
    generator = np.random.default_rng(0)
    factor = generator.standard_normal(n_samples, dtype=np.float32)
    values: dict[str, Matrix] = {}
    for name in NAMES[:2]:
        x = generator.standard_normal((n_samples, n_features), dtype=np.float32)
        x[:, ::100] += factor[:, None]
        values[name] = x
    return values, {name: np.arange(n_samples) for name in values}


def single_cells() -> tuple[dict[str, Matrix], dict[str, np.ndarray]]:
    """Log-normalised counts of paired cells, sparse."""
    import mudata

    with quiet_mudata():
        mdata = mudata.read_h5mu(DATA / LARGE)
    values = {name: TRANSFORMS["lognorm"].apply(member.X, name) for name, member in mdata.mod.items()}
    first = next(iter(mdata.mod.values())).obs_names
    return values, {name: member.obs_names.get_indexer(first) for name, member in mdata.mod.items()}


def speed(n_samples: int, n_features: int) -> None:
    """Print seconds and memory of large screenings; memory only grows, so the smaller data come first."""
    print("| data | features called | seconds | of CPU | peak memory, GB | of that before, GB |")
    print("|---|---|---|---|---|---|")
    cases = [(f"{n_samples} × ({n_features} + {n_features}), dense", lambda: large(n_samples, n_features))]
    if (DATA / LARGE).exists():
        cases.insert(0, (LARGE, single_cells))
    for title, make in cases:
        values, rows = make()
        before, start, cpu_start = _peak_gigabytes(), time.perf_counter(), time.process_time()
        n_called = _n_called(called(values, rows))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
        memory = f"{_peak_gigabytes():.2f} | {before:.2f}"
        print(f"| {title} | {n_called} | {seconds:.0f} | {cpu:.0f} | {memory} |", flush=True)


def _peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    found.add_argument("--runs", type=int, default=10, help="of each planted setting")
    found.add_argument("--null-runs", type=int, default=20, help="of each null setting")
    found.add_argument("--only", choices=["planted", "null"], help="leave the other part out")
    found.add_argument("--speed", action="store_true", help="time large screenings instead")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 if a promise is broken."""
    given = parser().parse_args(arguments)
    if given.speed:
        speed(1000, 26_000)
        return 0
    fine = True
    if given.only != "null":
        fine = planted(PLANTED, given.runs)
        print()
    if given.only != "planted":
        fine = null(given.null_runs) and fine
    print("\nall promises hold" if fine else "\na promise is broken")
    return 0 if fine else 1


if __name__ == "__main__":
    raise SystemExit(main())

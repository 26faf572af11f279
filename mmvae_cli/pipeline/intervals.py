"""Prediction intervals of a trained run: noise, posterior and replicates together, widened to what is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmvae_cli.evaluation.intervals import Moments, central_interval, mixed, width_factor
from mmvae_cli.model.batch import Batch
from mmvae_cli.model.experts import PosteriorDraw
from mmvae_cli.model.sampling import posterior_draws, predictive_moments
from mmvae_cli.pipeline.apply import Applied, Matched, in_prediction_unit
from mmvae_cli.pipeline.replicates import single_model
from mmvae_cli.training.run import Run

WIDTHS = "interval_widths"  # in the run's record: modality → factor
MOST_DRAWN = 2e8  # values decoded to calibrate or measure intervals: some seconds
MOST_HELD = 2e7  # values that are compared with their intervals, of each of which five numbers are held


def together(run: Run) -> list[int]:
    """Replicates whose predictions are mixed: all that had the same samples, features and scaling as the written one.

    With a split of their own the others have learned from samples that this one holds out.
    """
    alike = all(len(record.columns) == 1 and len(record.mean) == 1 for record in run.modalities)
    if not alike or (run.splits != run.splits[0]).any():
        return [run.replicate]
    return list(range(run.n_replicates))


@dataclass(frozen=True)
class Ensemble:
    """Replicates that are used together on the same data, the written one among them."""

    written: Applied
    members: tuple[Applied, ...]
    draws: tuple[PosteriorDraw, ...]

    @staticmethod
    def of(matched: Matched) -> Ensemble:
        """Take those replicates of a run that may be mixed."""
        run = matched.run
        written = matched.replicate(run.replicate)
        members = [
            written if index == run.replicate else replace(written, replicate=index, model=single_model(run, index))
            for index in together(run)
        ]
        return Ensemble(written, tuple(members), tuple(posterior_draws(written.model)))

    def moments(self, batch: Batch, sources: Sequence[int], target: int) -> Moments:
        """Mean and variance (n_samples, features of the written replicate); nan where nothing is predicted."""
        found = []
        for member in self.members:
            of_member = predictive_moments(member.model, batch, sources, target, self.draws)
            found.append(Moments(of_member.mean[0].double().numpy(), of_member.variance[0].double().numpy()))
        return mixed(found)

    def batches(
        self, sources: Sequence[int], target: int, rows: np.ndarray, level: float
    ) -> Iterator[tuple[Batch, np.ndarray, np.ndarray]]:
        """Batches of rows with the ends of the central intervals, each (n_samples, features of the written replicate).

        nan without a source.
        """
        run, done = self.written.run, 0
        record = run.modalities[target]
        factor = run.record.get(WIDTHS, {}).get(record.name, 1.0)
        for batch in self.written.batches(rows):
            found = self.moments(batch, sources, target)
            moments = Moments(found.mean, factor**2 * found.variance)
            if record.role_shared is not None:  # the others vary around their training mean
                shared = record.view(record.role_shared, self.written.replicate)
                observed = self.written.observed[rows[done : done + len(found.mean)]][:, list(sources)].any(1)
                mean_only = ~shared & observed[:, None]
                mean, variance = record.training_moments(self.written.replicate)
                moments = Moments(
                    np.where(mean_only, mean, moments.mean), np.where(mean_only, variance, moments.variance)
                )
            yield batch, *central_interval(moments, level, record.likelihood)
            done += len(found.mean)

    def interval(
        self, sources: Sequence[int], target: int, rows: np.ndarray, columns: np.ndarray, level: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, each (n_rows, n_columns) float32, in the unit of predictions."""
        written, done = self.written, 0
        record = written.run.modalities[target]
        ends = np.empty((2, len(rows), len(columns)), dtype=np.float32)
        for _, *part in self.batches(sources, target, rows, level):
            for end, values in zip(ends, part, strict=True):
                in_unit = in_prediction_unit(values, record, written.replicate, scaled=True)
                end[done : done + len(values)] = in_unit[:, columns]
            done += len(part[0])
        return ends[0], ends[1]

    def rows_of(self, part: str, target: int) -> np.ndarray:
        """Samples of a part of the split that have a modality and another one; evenly chosen ones where many."""
        written, run = self.written, self.written.run
        rows, others = (
            written.aligned.places_of(run.part(run.replicate, part)),
            np.arange(len(run.modalities)) != target,
        )
        rows = rows[written.observed[rows, target] & written.observed[rows][:, others].any(1)]
        n_values = len(rows) * run.spec.modalities[target].n_features
        n_drawn = n_values * len(self.members) * len(self.draws)
        return rows[:: max(1, int(np.ceil(max(n_drawn / MOST_DRAWN, n_values / MOST_HELD))))]


def interval_widths(matched: Matched) -> dict[str, float]:
    """By modality, the factor by which 90 % intervals of predictions from all others hold 90 % of validation values.

    Without validation samples training samples stand in, on which a model looks better than it is.
    """
    ensemble, found = Ensemble.of(matched), {}
    for target, record in enumerate(matched.run.modalities):
        others = [m for m in range(len(matched.run.modalities)) if m != target]
        rows = next((rows for part in ("validation", "train") if len(rows := ensemble.rows_of(part, target))), None)
        if rows is None or not others:
            continue
        rows, x, parts = rows[ensemble.written.reading_order(rows)], [], []
        for batch in ensemble.written.batches(rows):
            x.append(batch.values(target)[0].numpy())
            parts.append(ensemble.moments(batch, others, target))
        moments = Moments(*(np.concatenate([getattr(one, name) for one in parts]) for name in ("mean", "variance")))
        found[record.name] = width_factor(np.concatenate(x), moments)
    return found

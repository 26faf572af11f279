from __future__ import annotations

import numpy as np
import pytest

from mmvae_cli.reporting import maps
from mmvae_cli.reporting.content import Block


def block(n_samples: int, n_latents: int) -> Block:
    latents = np.random.default_rng(0).normal(size=(n_samples, n_latents)).astype(np.float32)
    return Block("shared", latents, tuple(f"shared_{index + 1}" for index in range(n_latents)))


@pytest.mark.parametrize(
    ("n_latents", "names"),
    [
        (0, []),
        (1, ["shared_1", "(random)"]),
        (2, ["shared_1", "shared_2"]),
        (3, ["shared_1", "shared_2", "shared_3", "component 1", "component 2"]),
    ],
)
def test_two_latents_are_shown_as_they_are_and_more_by_components(n_latents: int, names: list[str]) -> None:
    (found,) = maps.encoded((block(30, n_latents),))
    assert [axis["name"] for axis in found["axes"]] == names
    assert found["start"] == ([3, 4] if n_latents == 3 else [0, 1])


def test_many_samples_get_a_umap_of_some_of_them_and_the_caption_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "umap", lambda latents: latents[:, :2])  # itself takes too long to compile
    monkeypatch.setattr(maps, "UMAP_SAMPLES", 1100)
    (found,) = maps.encoded((block(600, 3),))
    assert [axis["name"] for axis in found["axes"][-2:]] == ["UMAP 1", "UMAP 2"]
    assert "550 of 600" in found["caption"]
    assert found["start"] == [5, 6]


def test_components_are_uncorrelated_and_say_how_much_they_hold() -> None:
    latents = block(200, 4).latents * np.array([3.0, 2.0, 1.0, 0.1])
    components, share = maps.principal_components(latents)
    assert abs(np.corrcoef(components.T)[0, 1]) < 1e-6
    of_latents = np.linalg.eigvalsh(np.cov(latents.T))
    assert share == pytest.approx(of_latents[-2:].sum() / of_latents.sum(), abs=1e-6)


def test_a_sample_without_latents_is_not_drawn() -> None:
    latents = block(20, 3)
    latents.latents[4] = np.nan
    (found,) = maps.encoded((latents,))
    assert "component 1" in [axis["name"] for axis in found["axes"]]


def test_latents_beyond_what_a_page_holds_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "MOST_VALUES", 100)
    (found,) = maps.encoded((block(20, 9),))
    assert sum(axis["name"].startswith("shared_") for axis in found["axes"]) == 5

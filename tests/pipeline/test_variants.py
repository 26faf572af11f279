from __future__ import annotations

import pytest

from mmvae_cli.errors import UsageError
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.pipeline.variants import variant


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_a_variant_with_and_without_the_label(name: str) -> None:
    assert variant(name).options == {"model": name}
    assert variant(f"sup-{name}").options == {"model": name, "supervised": True}
    assert variant(f"sup-{name}").name == f"sup-{name}"


def test_options_stand_behind_the_model() -> None:
    found = variant("sup-mvae+no-screen+dropout=0.5+screen-by=spearman")
    assert found.options == {
        "model": "mvae",
        "supervised": True,
        "screen": False,
        "dropout": 0.5,
        "screen_by": "spearman",
    }
    assert found.name == "sup-mvae+dropout=0.5+no-screen+screen-by=spearman"
    assert found.title == "sup-MVAE, dropout=0.5, no-screen, screen-by=spearman"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MMVAE++", "mmvaepp"),
        ("sup-mmvae+++screen", "sup-mmvaepp+screen"),
        ("mmvae+screen", "mmvae+screen"),
        ("mvae+supervised", "sup-mvae"),
        ("mvae+lr=0.001+epochs=5", "mvae+epochs=5+lr=0.001"),
        ("mvae+epochs=5+lr=1e-3", "mvae+epochs=5+lr=0.001"),
    ],
)
def test_a_variant_has_one_name_however_it_is_written(text: str, name: str) -> None:
    assert variant(text).name == name
    assert variant(name).name == name


@pytest.mark.parametrize(
    "text", ["mvea", "mvae+sreen", "mvae+dropout=2", "mvae+dropout=1", "mvae+run=x", "mvae+replicates=2", "sup-"]
)
def test_what_is_not_known_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        variant(text)
    assert refused.value.hint

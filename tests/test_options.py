from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields
from pathlib import Path

import pytest

from mmvae_cli import values
from mmvae_cli.config import PRESETS, PredictConfig, TrainConfig
from mmvae_cli.errors import InputNotFoundError, UsageError
from mmvae_cli.options import Options, default_of, flag_name, from_options, option


@dataclass(frozen=True, kw_only=True)
class Brew(Options):
    """Options of a command that makes tea."""

    minutes: int = option(3, values.whole(1), "Minutes.")
    strength: float = option(0.5, values.number(0.0, 1.0), "Strength.")
    sugar: dict[str, int] = option({}, values.per_modality(values.whole(0)), "Lumps.", repeat=True)
    source: tuple[str, ...] = option((), values.names, "Gardens.")
    water_from: str | None = option(None, values.text, "Spring.")


BREWS = {"strong": {"minutes": 5, "strength": 1.0}}


def _yaml(folder: Path, text: str) -> Path:
    path = folder / "brew.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_options_every_field_has_its_default() -> None:
    assert from_options(Brew, {}) == Brew()
    assert Brew().as_dict() == {"minutes": 3, "strength": 0.5, "sugar": {}, "source": (), "water_from": None}


def test_options_are_read_from_text_as_from_python() -> None:
    expected = Brew(minutes=4, sugar={"cup": 2}, source=("assam", "darjeeling"))
    assert from_options(Brew, {"minutes": "4", "sugar": ["cup=2"], "source": "assam,darjeeling"}) == expected
    assert Brew(minutes="4", sugar="cup=2", source=["assam", "darjeeling"]) == expected  # type: ignore[arg-type]


def test_options_go_over_yaml_over_preset_over_defaults(tmp_path: Path) -> None:
    config = _yaml(tmp_path, "minutes: 7\nwater-from: hill\nsugar: {cup: 1}\n")
    preset = from_options(Brew, {}, presets=BREWS, preset="strong")
    assert preset == Brew(minutes=5, strength=1.0)
    with_yaml = from_options(Brew, {}, presets=BREWS, preset="strong", config=config)
    assert with_yaml == Brew(minutes=7, strength=1.0, water_from="hill", sugar={"cup": 1})
    explicit = from_options(Brew, {"minutes": "9", "strength": 0.2}, presets=BREWS, preset="strong", config=config)
    assert explicit == Brew(minutes=9, strength=0.2, water_from="hill", sugar={"cup": 1})


def test_option_that_was_not_given_hides_nothing(tmp_path: Path) -> None:
    config = _yaml(tmp_path, "minutes: 7\nstrength:\n")
    given = {"minutes": None, "strength": None, "source": None}
    assert from_options(Brew, given, presets=BREWS, preset="strong", config=config) == Brew(minutes=7, strength=1.0)


def test_option_given_as_its_default_still_goes_over_the_preset() -> None:
    assert from_options(Brew, {"minutes": 3}, presets=BREWS, preset="strong") == Brew(minutes=3, strength=1.0)


@pytest.mark.parametrize("name", ["from", "source"])
def test_source_is_called_from_on_the_command_line(name: str) -> None:
    assert from_options(Brew, {name: "assam"}).source == ("assam",)
    assert from_options(PredictConfig, {"from": "rna", "to": "atac"}) == PredictConfig(
        source=("rna",), target=("atac",)
    )


@pytest.mark.parametrize(
    ("name", "flag"),
    [("batch_size", "--batch-size"), ("lr", "--lr"), ("source", "--from"), ("target", "--to")],
)
def test_flags_are_the_names_of_the_fields(name: str, flag: str) -> None:
    assert flag_name(name) == flag


@pytest.mark.parametrize("name", ["minute", "Minutes", "minuets"])
def test_unknown_option_suggests_the_nearest(name: str, tmp_path: Path) -> None:
    for options, config in (({name: 1}, None), ({}, _yaml(tmp_path, f"{name}: 1"))):
        with pytest.raises(UsageError, match=f"unknown option '{name}'") as caught:
            from_options(Brew, options, config=config)
        assert caught.value.hint.startswith("did you mean 'minutes'? options: minutes, source, ")


def test_unknown_preset_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown preset 'strongg'") as caught:
        from_options(Brew, {}, presets=BREWS, preset="strongg")
    assert caught.value.hint == "did you mean 'strong'? allowed: strong"
    with pytest.raises(UsageError, match="unknown preset"):
        from_options(Brew, {}, preset="strong")


@pytest.mark.parametrize(
    ("name", "raw", "hint"),
    [
        ("minutes", "0", "a whole number of at least 1 is needed"),
        ("strength", 2, "a number of at least 0 and at most 1 is needed"),
        ("sugar", ["cup=x"], "a whole number of at least 0 is needed"),
        ("source", "", "names separated by commas are needed"),
        ("water_from", "", "a name is needed"),
    ],
)
def test_wrong_value_names_the_flag_the_value_and_what_is_needed(
    name: str, raw: object, hint: str, tmp_path: Path
) -> None:
    for make in (lambda: from_options(Brew, {name: raw}), lambda: Brew(**{name: raw})):  # type: ignore[arg-type]
        with pytest.raises(UsageError) as caught:
            make()
        shown = raw[0] if isinstance(raw, list) else raw  # a flag that may be repeated was given once
        assert str(caught.value) == f"{flag_name(name)}: cannot use {shown!r}\n{hint}"


def test_wrong_value_in_yaml_is_refused_like_a_flag(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--minutes: cannot use 'long'"):
        from_options(Brew, {}, config=_yaml(tmp_path, "minutes: long"))


def test_missing_yaml_is_an_input_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="no such file") as caught:
        from_options(Brew, {}, config=tmp_path / "no.yaml")
    assert caught.value.exit_code == 66
    assert "--config" in caught.value.hint


@pytest.mark.parametrize("text", ["minutes: [1", "\tminutes: 1", "a: b: c"])
def test_text_that_is_no_yaml_is_refused_in_two_lines(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*brew.yaml as YAML") as caught:
        from_options(Brew, {}, config=_yaml(tmp_path, text))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("content", [b"\xff\xfe\x00m", None])
def test_file_that_is_no_text_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "brew.yaml"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(UsageError, match=r"cannot read .* as YAML"):
        from_options(Brew, {}, config=path)


@pytest.mark.parametrize("text", ["- minutes", "minutes", "7"])
def test_yaml_without_options_is_refused_with_an_example(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no options") as caught:
        from_options(Brew, {}, config=_yaml(tmp_path, text))
    assert "epochs: 200" in caught.value.hint


def test_empty_yaml_changes_nothing(tmp_path: Path) -> None:
    assert from_options(Brew, {}, config=_yaml(tmp_path, "# nothing yet\n")) == Brew()


def test_checked_options_cannot_be_changed() -> None:
    brew = Brew()
    with pytest.raises(FrozenInstanceError):
        brew.minutes = 5  # type: ignore[misc]


def test_defaults_of_mappings_are_not_shared() -> None:
    assert Brew().sugar is not Brew().sugar
    assert [default_of(item) for item in fields(Brew)] == [3, 0.5, {}, (), None]


def test_paper_preset_is_the_papers_recipe() -> None:
    config = from_options(TrainConfig, {"model": "mmvae++", "lr": "1e-3"}, presets=PRESETS, preset="paper")
    assert config.model == "mmvaepp"
    assert config.lr == 1e-3
    assert (config.epochs, config.batch_size, config.patience, config.warmup) == (500, 128, 0, 1.0)
    assert (config.test_fraction, config.validation_fraction, config.splits) == (0.2, 0.0, "own")
    assert (config.labelled_only, config.select_on, config.scale_on, config.joint) == (True, "all", "all", "mean")
    assert from_options(TrainConfig, {}, presets=PRESETS, preset="paper").lr == 1e-4

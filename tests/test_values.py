from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmvae_cli import values
from mmvae_cli.model.objectives import ALIASES, OBJECTIVES
from mmvae_cli.values import EVERY

objective = values.model_name(OBJECTIVES, ALIASES)
sizes = values.per_modality(values.whole(0))

# parser, what was written (flag text, YAML, Python), what it means
ACCEPTED: list[tuple[values.Parser, Any, Any]] = [
    (values.text, "IGHV", "IGHV"),
    (values.text, 17, "17"),
    (values.key, "mmvae", "mmvae"),
    (values.key, "my_second-model2", "my_second-model2"),
    (values.path, "runs/first", "runs/first"),
    (values.path, Path("runs/first"), "runs/first"),
    (values.flag, True, True),
    (values.flag, False, False),
    (values.whole(1), "128", 128),
    (values.whole(1), 1, 1),
    (values.whole(0), 0, 0),
    (values.whole(0), np.int64(3), 3),
    (values.number(), "1e-3", 1e-3),
    (values.number(), 0, 0.0),
    (values.number(), np.float32(0.5), 0.5),
    (values.number(0.0, 1.0), 1, 1.0),
    (values.number(0.0, above=True), "0.1", 0.1),
    (values.fraction, "0.2", 0.2),
    (values.fraction, 0, 0.0),
    (values.choice("same", "own"), "own", "own"),
    (objective, "mopoe", "mopoe"),
    (objective, "MMVAE", "mmvae"),
    (objective, "mmvae++", "mmvaepp"),
    (objective, "MoPoE-VAE", "mopoe"),
    (values.names, "rna, methylation", ("rna", "methylation")),
    (values.names, "rna", ("rna",)),
    (values.names, ["rna", "methylation"], ("rna", "methylation")),
    (values.names, ("rna",), ("rna",)),
    (values.all_names, ["rna", "adt,atac"], ("rna", "adt", "atac")),
    (values.all_names, "rna,adt", ("rna", "adt")),
    (values.all_names, [], ()),
    (sizes, "10", {EVERY: 10}),
    (sizes, 10, {EVERY: 10}),
    (sizes, "rna=10", {"rna": 10}),
    (sizes, ["rna=10", "atac=20"], {"rna": 10, "atac": 20}),
    (sizes, ("10", "atac=20"), {EVERY: 10, "atac": 20}),
    (sizes, ["rna=10", "rna=20"], {"rna": 20}),
    (sizes, {"rna": 10, "atac": "20"}, {"rna": 10, "atac": 20}),
    (sizes, [], {}),
    (values.per_modality(values.text), "rna=a=b", {"rna": "a=b"}),
    (values.per_modality(values.number(), everywhere=False), "rna=2", {"rna": 2.0}),
    (values.latent, "2+3+4", (2, 3, 4)),
    (values.latent, "2 + 3 + 4", (2, 3, 4)),
    (values.several(values.whole(0)), "50,250", (50, 250)),
    (values.several(values.whole(0)), [50, "250"], (50, 250)),
    (values.several(values.whole(0)), 50, (50,)),
    (values.per_modality(values.several(values.whole(0))), ["rna=50,250", "atac=5"], {"rna": (50, 250), "atac": (5,)}),
    (values.latents, "2+2+2,3+3+3", ((2, 2, 2), (3, 3, 3))),
    (values.latents, ["2+2+2", "shared=4,rna=3"], ((2, 2, 2), {"shared": 4, "rna": 3})),
    (values.latents, [2, 2, 2], ((2, 2, 2),)),
    (values.latents, ((2, 2, 2), {"rna": 3}), ((2, 2, 2), {"rna": 3})),
    (values.latents, 4, ({EVERY: 4},)),
    (values.latent, [2, 3, 4], (2, 3, 4)),
    (values.latent, (2, 0, 4), (2, 0, 4)),
    (values.latent, "4", {EVERY: 4}),
    (values.latent, 4, {EVERY: 4}),
    (values.latent, "shared=4,rna=3, atac=0", {"shared": 4, "rna": 3, "atac": 0}),
    (values.latent, {"shared": 4, "rna": "3"}, {"shared": 4, "rna": 3}),
]

WHOLE, ABOVE = "a whole number of at least 1", "a number above 0"
BETWEEN, SIZES = "a number of at least 0 and at most 1", r"write 2\+2\+2"
# parser, what was written, what the user is told
REFUSED: list[tuple[values.Parser, Any, str]] = [
    (values.text, "", "a name is needed"),
    (values.text, "  ", "a name is needed"),
    (values.text, True, "a name is needed"),
    (values.text, ["a"], "a name is needed"),
    (values.text, None, "a name is needed"),
    (values.key, "a/b", "letters, digits"),
    (values.key, "a b", "letters, digits"),
    (values.key, "", "a name is needed"),
    (values.path, "", "a name is needed"),
    (values.flag, "yes", "true or false"),
    (values.flag, 1, "true or false"),
    (values.flag, None, "true or false"),
    *((values.whole(1), raw, WHOLE) for raw in ("0", 0, -3, "1.0", 1.5, 1.0, "x", "", True, None, [1], math.nan)),
    *((values.number(0.0, above=True), raw, ABOVE) for raw in (0, "0", "-1", "x", "nan", "inf", True, None, [1])),
    *((values.number(0.0, 1.0), raw, BETWEEN) for raw in ("1.01", -0.01, "one", math.nan)),
    (values.number(), math.inf, "a number of at least 0"),
    (values.fraction, "1", "a fraction below 1"),
    (values.fraction, 1.5, BETWEEN),
    (values.choice("same", "own"), "owm", "did you mean 'own'.*allowed: same, own"),
    (values.choice("same", "own"), None, "allowed: same, own"),
    (values.choice("same", "own"), ["own"], "allowed: same, own"),
    (objective, "mmvaep", r"did you mean 'mmvaepp'.*allowed: mvae"),
    (objective, 3, "allowed: mvae"),
    (values.all_names, ["rna", "rna"], "may be given once"),
    (values.names, "", "names separated by commas"),
    (values.names, "rna,,atac", "names separated by commas"),
    (values.names, [], "names separated by commas"),
    (values.names, "rna,rna", "may be given once"),
    (values.names, ["rna", " rna"], "may be given once"),
    (sizes, "rna=", "a whole number of at least 0"),
    (sizes, "rna=many", "a whole number of at least 0"),
    (sizes, ["10", "atac=-1"], "a whole number of at least 0"),
    (sizes, {"rna": None}, "a whole number of at least 0"),
    (sizes, None, "a whole number of at least 0"),
    (sizes, "=10", "name=value"),
    (values.per_modality(values.number(), everywhere=False), "2", "name=value is needed, with the name of a modality"),
    (values.per_modality(values.number(), everywhere=False), 2, "name=value"),
    (values.per_modality(values.choice("zscore", "clr")), "rna=zscor", "did you mean 'zscore'"),
    *(
        (values.latent, raw, SIZES)
        for raw in ("2+2", "2+2+2+2", "a+b+c", "2+-2+2", "", "shared", "shared=a", "shared=1=2", -1, True, 2.5, None)
    ),
    (values.latent, {"shared": -1}, SIZES),
    (values.latent, (1, 2), SIZES),
]


@pytest.mark.parametrize(("parse", "raw", "meant"), ACCEPTED)
def test_value_is_understood_from_flag_yaml_and_python(parse: values.Parser, raw: Any, meant: Any) -> None:
    value = parse(raw)
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize(("parse", "raw", "meant"), ACCEPTED)
def test_value_that_was_understood_is_understood_again(parse: values.Parser, raw: Any, meant: Any) -> None:
    assert parse(parse(raw)) == meant


@pytest.mark.parametrize(("parse", "raw", "said"), REFUSED)
def test_wrong_value_is_refused_with_what_is_allowed(parse: values.Parser, raw: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        parse(raw)
    assert "\n" not in str(caught.value)

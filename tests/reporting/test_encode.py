from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from mmvae_cli.reporting.encode import NO_CLASS, STEPS, classes, floats, quantised, script_json, whole_numbers


@pytest.mark.parametrize("text", ["</script>", "<!--", "a & b", "\u2028 \u2029", '"quoted" \\', "naïve €"])
def test_json_in_a_script_element_means_the_same_and_cannot_end_it(text: str) -> None:
    written = script_json({text: [text]})
    assert json.loads(written) == {text: [text]}
    assert not set("<>&\u2028\u2029") & set(written)


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        script_json(float("nan"))


def test_numbers_come_back_within_half_a_step_and_missing_ones_missing() -> None:
    values = np.array([-3.0, np.nan, 0.1, np.inf, 7.5])
    packed = quantised(values)
    steps = np.frombuffer(base64.b64decode(packed["u2"]), "<u2")
    assert list(steps == STEPS + 1) == [False, True, False, True, False]
    known = np.isfinite(values)
    back = packed["low"] + (packed["high"] - packed["low"]) * steps[known] / STEPS
    np.testing.assert_allclose(back, values[known], atol=0.5 * 10.5 / STEPS)


@pytest.mark.parametrize("values", [[], [np.nan], [2.0, 2.0]])
def test_numbers_without_a_range_are_no_error(values: list[float]) -> None:
    packed = quantised(np.array(values))
    assert packed["low"] == packed["high"]


def test_other_arrays_keep_every_value() -> None:
    np.testing.assert_array_equal(
        np.frombuffer(base64.b64decode(floats(np.array([1.5, np.nan]))["f4"]), "<f4"), [1.5, np.nan]
    )
    assert list(np.frombuffer(base64.b64decode(whole_numbers(np.array([70000]))["i4"]), "<i4")) == [70000]
    assert list(np.frombuffer(base64.b64decode(classes([0, -1, 3])["u1"]), "u1")) == [0, NO_CLASS, 3]

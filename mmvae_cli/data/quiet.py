"""MuData without copies of the modalities' columns in its global tables, and without its warnings about names."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

USUAL = (  # of mudata where features of two modalities have the same name; and of pandas 3.1, about mudata's own code
    "Cannot join columns",
    "var_names are not unique",
    "The inplace keyword",
)


@contextlib.contextmanager
def quiet_mudata() -> Iterator[None]:
    """Make, update and write MuData objects as mudata 0.4 does, also with 0.3; to be used in one thread."""
    import mudata

    # mudata 0.4 makes no copies, and has no such option any more
    own_only = mudata.set_options(pull_on_update=False) if hasattr(mudata, "set_options") else contextlib.nullcontext()
    with own_only, warnings.catch_warnings():
        for message in USUAL:
            warnings.filterwarnings("ignore", message=message)
        yield

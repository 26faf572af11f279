#!/bin/sh
# Check the package against the newest mudata, anndata and pandas, which need Python 3.12 or newer:
# what the command writes is read back there by mudata and scanpy alone, and the tests that need no torch pass.
#
#   PYTHON=python3.13    the Python to make the environment with       PYTEST_ARGS='-k name'   chooses some tests
#   MMVAE=mmvae          the command, from the usual environment       ENVIRONMENT=folder      where it is made
set -eu

cd "$(dirname "$0")/.."
python=${PYTHON:-python3.12}
environment=${ENVIRONMENT:-.venv-mudata4}
mmvae=${MMVAE:-$PWD/.venv-test/bin/mmvae}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null || {
    echo "error: $python is missing or older than Python 3.12; choose one: PYTHON=python3.13 sh $0" >&2
    exit 1
}
command -v "$mmvae" >/dev/null || {
    echo "error: there is no $mmvae; run make test first, or name the command: MMVAE=mmvae sh $0" >&2
    exit 1
}
if [ ! -e "$environment/.installed" ]; then
    rm -rf "$environment"
    "$python" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
        'mudata>=0.4' 'anndata>=0.13' 'pandas>=3' scanpy scikit-learn pyyaml typer rich pytest hypothesis
    touch "$environment/.installed"
fi
environment=$(cd "$environment" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp example_data/cll.h5mu "$work"
(
    cd "$work"
    export OMP_NUM_THREADS=1
    "$mmvae" train cll.h5mu --label IGHV --epochs 3 --quiet
    "$mmvae" predict --from rna --to methylation --quiet
    "$mmvae" evaluate --quiet
    "$environment/bin/python" -W ignore - <<'END'
import json

import anndata
import mudata
import numpy as np
import pandas
import scanpy

print(f"mudata {mudata.__version__}, anndata {anndata.__version__}, pandas {pandas.__version__}", flush=True)
mdata = mudata.read_h5mu("cll.h5mu")
assert mdata.obsm["X_mmvae_shared"].shape[0] == mdata.n_obs == 126
assert set(mdata.obs["mmvae_split"].astype(str)) == {"train", "validation", "test"}
assert json.loads(mdata.uns["mmvae"]["metrics"])["command"] == "evaluate"
for modality in mdata.mod.values():
    assert np.isfinite(modality.obsm["X_mmvae_private"]).all()
    assert modality.var["mmvae_r2_cross"].notna().any()
assert np.isfinite(mdata.mod["methylation"].layers["mmvae_from_rna"]).all()
shared = anndata.AnnData(obs=mdata.obs, obsm={"X_mmvae_shared": mdata.obsm["X_mmvae_shared"]})
for data in (mdata, shared):
    scanpy.pp.neighbors(data, use_rep="X_mmvae_shared")
    assert data.obsp["connectivities"].shape == (126, 126)
print("what the command writes is read", flush=True)
END
)
# shellcheck disable=SC2086  # several arguments
PYTHONPATH=. PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 "$environment/bin/python" -m pytest -q -p no:cacheprovider \
    tests/data tests/evaluation tests/test_options.py tests/test_values.py tests/test_errors.py ${PYTEST_ARGS:-}

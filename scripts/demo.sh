#!/bin/sh
# The whole way on real data: check, train, predict, evaluate. `make demo` runs it; so can you, with mmvae on the PATH.
set -eu

model=mmvaex
label=IGHV
train_flags=""       # the defaults otherwise
data=demo/cll.h5mu
run=demo/run

cd "$(dirname "$0")/.."

show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

# A copy, because results are written into the data file and example_data stays as it was shipped.
mkdir -p demo
cp example_data/cll.h5mu "$data"
printf '126 patients with chronic lymphocytic leukaemia: gene expression and DNA methylation.\n'
printf 'Copied example_data/cll.h5mu to %s.\n' "$data"

show mmvae check "$data" --label "$label"
# shellcheck disable=SC2086  # several flags, to be split at the spaces
show mmvae train "$data" --model "$model" --label "$label" --run "$run" --force $train_flags
show mmvae predict --run "$run" --from rna --to methylation
show mmvae evaluate --run "$run"

cat <<END

Written into $data (read it with mudata.read_h5mu):
  obsm["X_mmvae"]                                  all latent factors, a row per patient
  obsm["X_mmvae_shared"]                           the factors that both modalities share
  mod["rna"].obsm["X_mmvae_private"]               the factors of gene expression alone
  mod["methylation"].obsm["X_mmvae_private"]       the factors of methylation alone
  mod["methylation"].layers["mmvae_from_rna"]      methylation predicted from gene expression
  mod[...].var["mmvae_r2_cross"], ["mmvae_r2_self"], ["mmvae_r2_joint"]
                                                   how well each feature is predicted on held-out patients
  obs["mmvae_split"]                               which patients were held out
  uns["mmvae"]                                     settings, metrics, where all this came from
Written into $run: the trained model, its settings, and the losses of every epoch.

Try next (. $(pwd)/.venv-demo/bin/activate first):
  mmvae predict --run $run --from methylation --to rna
  mmvae train $data --model mvae --label $label --run demo/run-mvae --key mvae
  mmvae train --help
END

# mmvae on a slim Python, at the versions of constraints.txt. INDEX: that of torch's CPU builds, on PyTorch's installation
# page; without it torch comes with CUDA libraries of several gigabytes:
#     docker build --build-arg INDEX=ADDRESS --tag mmvae .
#     docker run --rm --volume "$PWD:/data" --user "$(id -u):$(id -g)" mmvae mmvae check cll.h5mu
FROM python:3.11-slim

# Nextflow measures its tasks with ps
RUN apt-get update \
    && apt-get install --yes --no-install-recommends procps \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/mmvae

COPY constraints.txt ./
ARG INDEX
RUN pip install --no-cache-dir ${INDEX:+--index-url "$INDEX"} "$(grep '^torch==' constraints.txt)"

COPY pyproject.toml README.md LICENSE ./
COPY mmvae_cli mmvae_cli
RUN pip install --no-cache-dir --constraint constraints.txt ".[parquet]" \
    && mmvae --version

# Workflow managers choose the user, who may have no home and may not write beside the libraries.
ENV MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/tmp/numba

RUN useradd --create-home --uid 1000 mmvae
USER mmvae
WORKDIR /data

# No ENTRYPOINT: Nextflow and Snakemake start a shell in the image, and an entry point would take it for arguments.
CMD ["mmvae", "--help"]

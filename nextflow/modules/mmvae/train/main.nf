process MMVAE_TRAIN {
    tag "$meta.id"
    label 'process_medium'

    conda "${moduleDir}/environment.yml"
    container "mmvae:0.1.0"

    input:
    tuple val(meta), path(mudata)

    output:
    tuple val(meta), path("${prefix}_trained.h5mu"), emit: mudata
    tuple val(meta), path("${prefix}_run")         , emit: run
    tuple val(meta), path("${prefix}_train.json")  , emit: json
    path "versions.yml"                            , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    if ("${mudata}" == "${prefix}_trained.h5mu") {
        error("Input and output names are the same, use \"task.ext.prefix\" to disambiguate!")
    }
    """
    mmvae train \\
        ${mudata} \\
        ${args} \\
        --threads ${task.cpus} \\
        --run "${prefix}_run" \\
        --output "${prefix}_trained.h5mu" \\
        --json > "${prefix}_train.json"

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        mmvae: \$(mmvae --version | sed -n 's/^mmvae //p')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    if ("${mudata}" == "${prefix}_trained.h5mu") {
        error("Input and output names are the same, use \"task.ext.prefix\" to disambiguate!")
    }
    """
    mkdir "${prefix}_run"
    touch "${prefix}_run/run.json" "${prefix}_run/history.csv" "${prefix}_run/model.safetensors"
    touch "${prefix}_trained.h5mu" "${prefix}_train.json"

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        mmvae: \$(mmvae --version | sed -n 's/^mmvae //p')
    END_VERSIONS
    """
}

process MMVAE_EVALUATE {
    tag "$meta.id"
    label 'process_single'

    conda "${moduleDir}/environment.yml"
    container "mmvae:0.1.0"

    input:
    tuple val(meta), path(mudata), path(run)

    output:
    tuple val(meta), path("${prefix}_evaluated.h5mu"), emit: mudata
    tuple val(meta), path("${prefix}_metrics.json")  , emit: json
    tuple val(meta), path("multiqc/*_mqc.json")      , emit: multiqc
    path "versions.yml"                              , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    if ("${mudata}" == "${prefix}_evaluated.h5mu") {
        error("Input and output names are the same, use \"task.ext.prefix\" to disambiguate!")
    }
    """
    mmvae evaluate \\
        ${mudata} \\
        ${args} \\
        --run ${run} \\
        --output "${prefix}_evaluated.h5mu" \\
        --multiqc multiqc \\
        --name "${prefix}" \\
        --json > "${prefix}_metrics.json"

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        mmvae: \$(mmvae --version | sed -n 's/^mmvae //p')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    if ("${mudata}" == "${prefix}_evaluated.h5mu") {
        error("Input and output names are the same, use \"task.ext.prefix\" to disambiguate!")
    }
    """
    mkdir multiqc
    touch "multiqc/${prefix}_general_mqc.json"
    touch "${prefix}_evaluated.h5mu" "${prefix}_metrics.json"

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        mmvae: \$(mmvae --version | sed -n 's/^mmvae //p')
    END_VERSIONS
    """
}

process MMVAE_REPORT {
    tag "$meta.id"
    label 'process_single'

    conda "${moduleDir}/environment.yml"
    container "mmvae:0.1.0"

    input:
    tuple val(meta), path(mudata), path(run)

    output:
    tuple val(meta), path("${prefix}_report.html"), emit: html
    path "versions.yml"                           , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mmvae report \\
        ${mudata} \\
        ${args} \\
        --run ${run} \\
        --out "${prefix}_report.html"

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        mmvae: \$(mmvae --version | sed -n 's/^mmvae //p')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    touch "${prefix}_report.html"

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        mmvae: \$(mmvae --version | sed -n 's/^mmvae //p')
    END_VERSIONS
    """
}

process MMVAE_PREDICT {
    tag "$meta.id"
    label 'process_single'

    conda "${moduleDir}/environment.yml"
    container "mmvae:0.1.0"

    input:
    tuple val(meta), path(mudata), path(run)
    val source
    val target

    output:
    tuple val(meta), path("${prefix}_${source}_to_${target}.csv"), emit: csv
    path "versions.yml"                                          , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mmvae predict \\
        ${mudata} \\
        ${args} \\
        --run ${run} \\
        --from "${source}" \\
        --to "${target}" \\
        --output "${prefix}_${source}_to_${target}.csv"

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        mmvae: \$(mmvae --version | sed -n 's/^mmvae //p')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    touch "${prefix}_${source}_to_${target}.csv"

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        mmvae: \$(mmvae --version | sed -n 's/^mmvae //p')
    END_VERSIONS
    """
}

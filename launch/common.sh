# shellcheck shell=bash
# What the other launch files share; sourced, not run.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

say() { printf '%s: %s\n' "$(basename "$0")" "$*"; }
fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 2
}

# mpirun with what a run here needs: root allowed where we are root (containers), and time to save after SIGTERM: mpirun
# hands it on after that many seconds and kills as long again after it, where by default it kills after one.
run_mpi() {
    if [ "$(id -u)" = 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    exec mpirun --mca odls_base_sigkill_timeout 10 "$@"
}

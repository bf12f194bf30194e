# shellcheck shell=bash
# What the other launch files share; sourced, not run.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

say() { printf '%s: %s\n' "$(basename "$0")" "$*"; }
fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 2
}

# mpirun with what a run here needs: root allowed where we are root (containers), and a minute instead of a second
# between SIGTERM and SIGKILL, so that a run that is asked to end can save.
run_mpi() {
    if [ "$(id -u)" = 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    exec mpirun --mca odls_base_sigkill_timeout 60 "$@"
}

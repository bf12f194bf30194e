"""What the benchmark scripts share: building, starting programs, and asking for PyTorch."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("PYTHON", "python3")


def stop(reason):
    """Ends the script: it could not measure anything."""
    print(f"{os.path.basename(os.path.dirname(os.path.abspath(sys.argv[0])))}: {reason}", file=sys.stderr)
    sys.exit(2)


def build(product):
    """Builds a product in release mode and returns its path."""
    command = ["swift", "build", "-c", "release", "--product", product]
    print("+", *command, file=sys.stderr)
    if subprocess.run(command, cwd=ROOT, stdout=sys.stderr).returncode:
        stop("the build failed")
    shown = subprocess.run([*command[:-2], "--show-bin-path"], cwd=ROOT, text=True, capture_output=True, check=True)
    return os.path.join(shown.stdout.strip(), product)


def mpirun(ranks, bind="none"):
    """The start of a command for that many ranks on this machine, each bound to a `bind`."""
    if os.geteuid() == 0:
        os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return ["mpirun", "-n", str(ranks), "--oversubscribe", "--bind-to", bind]


def start(command, stdout):
    """Runs a program to its end and returns what it wrote to `stdout` where that is a pipe."""
    command = [str(word) for word in command]
    print("+", *command, file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=stdout, text=True)
    if done.returncode:
        stop(f"{command[0]} ended with status {done.returncode}")
    return done.stdout


def output(command):
    """A program's standard output; its errors go to ours."""
    return start(command, subprocess.PIPE)


def outputs(commands):
    """The standard outputs of programs that run side by side."""
    commands = [[str(word) for word in command] for command in commands]
    print("+", *(word for command in commands for word in [*command, "&"]), file=sys.stderr, flush=True)
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    texts = [process.communicate()[0] for process in running]
    for command, process in zip(commands, running):
        if process.returncode:
            stop(f"{command[0]} ended with status {process.returncode}")
    return texts


def show(command):
    """Runs a program and shows its output beside ours."""
    start(command, sys.stderr)


def torch_version():
    """PyTorch's version for $PYTHON, or None where it cannot be imported."""
    done = subprocess.run([PYTHON, "-c", "import torch; print(torch.__version__)"], text=True, capture_output=True)
    return done.stdout.strip() if done.returncode == 0 else None

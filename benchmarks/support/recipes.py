"""Training a recipe and comparing what it left, for the benchmarks that judge strategies."""
import json
import pathlib

import programs

RECIPES = programs.ROOT / "benchmarks" / "compare"
FULL = ["--attention", "full"]
# The policy alone learns, on weights that stay as they are.
POLICY_ALONE = ["--attention", "policy", "--new-policy", "--freeze"]


def add_options(parser):
    """What both benchmarks are told about training and comparing."""
    parser.add_argument("--seeds", default="1,2,3", help="seeds to train with (1,2,3)")
    parser.add_argument("--steps", type=int, help="optimizer steps of the model (the recipe's)")
    parser.add_argument("--policy-steps", type=int, default=200, help="further steps of the policy alone (200)")
    parser.add_argument("--ranks", type=int, default=1, help="MPI ranks (1)")
    parser.add_argument("--threads", type=int, help="threads a rank (its share of the cores)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds of timing (3)")
    parser.add_argument("--windows", type=int, help="measure at most this many windows (all)")
    parser.add_argument("--run-dir", type=pathlib.Path, default=programs.ROOT / "runs" / "compare",
                        help="where runs and reports go and stay; a run that is there is taken up (runs/compare)")


class Bench:
    """The programs, built, and the texts."""

    def __init__(self, options, texts):
        self.options = options
        self.train_text, self.valid_text = texts
        self.trainer, self.toolbox = programs.build("drrl-train"), programs.build("drrl")
        self.start = programs.mpirun(options.ranks) if options.ranks > 1 else []
        self.threads = ["--threads", options.threads] if options.threads else []

    def train(self, recipe, directory, seed, arguments, after=None):
        """Trains a recipe with these arguments, or goes on from the checkpoint `after`; returns the last checkpoint."""
        file = RECIPES / f"{recipe}.yaml"
        steps = self.options.steps or int(dict(
            line.split(": ", 1) for line in file.read_text().splitlines() if ": " in line)["steps"])
        if after:
            arguments = [*arguments, "--resume", after]
            steps += self.options.policy_steps
        # A rate that was warmed up within the recipe's own number of steps fits any other.
        warmup = ["--warmup", max(1, steps // 20)]
        done = directory / f"checkpoint-{steps:08d}.h5"
        if not done.is_file():
            programs.show([
                *self.start, self.trainer, "--config", file, "--train", self.train_text, "--valid", self.valid_text,
                "--run-dir", directory, "--seed", seed, "--steps", steps, *warmup, *self.threads, *arguments])
        return done

    def compare(self, checkpoint, arguments=()):
        """The report of `drrl compare` on the held-out text, which is also left beside the checkpoint."""
        limit = ["--windows", self.options.windows] if self.options.windows else []
        text = programs.output([
            *self.start, self.toolbox, "compare", "--checkpoint", checkpoint, "--text", self.valid_text, "--json",
            "--repeats", self.options.repeats, *limit, *self.threads, *arguments])
        (checkpoint.parent / "compare.json").write_text(text)
        return json.loads(text)

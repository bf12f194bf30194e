"""Predicts the time of a training step on a grid of replicas × stages from the times of its parts.

Follows what Worker does: stages run one forward, one backward; a layer's gradients leave by a nonblocking allreduce over
the replicas when the last micro-batch's backward pass is done with it, the rest when it is done with all; first and last
stage sum the token embedding's gradient; then norm, update, and statistics. All replicas do the same at the same time, so
that one is simulated, event by event. Times are in seconds, sizes in bytes unless they are called elements.

Called as a program it prints, for a model and a grid, what the trainer's own plan is compared with in its tests."""
import dataclasses
import json
import math
import sys

from simulation import Simulation

FLOAT = 4


# What messages and sums cost


@dataclasses.dataclass(frozen=True)
class Network:
    """A message of n bytes takes alpha + n·beta; adding n bytes to n others takes n·gamma."""
    alpha: float
    beta: float
    gamma: float
    # What an allreduce takes from its rank's own core, in units of what it takes by itself. Up to 1, the rest goes on while
    # the rank computes; beyond 1, it takes longer amid a step, whose memory it finds in no cache, than by itself.
    taken: float = 0.0
    # Whether a receiver gets a message without the sender's help. Where not, the message goes when the sender next calls
    # MPI after it was begun and is awaited.
    pulls: bool = True

    def message(self, n):
        return self.alpha + n * self.beta


def allreduce_seconds(p, n, network, algorithm="library"):
    """An allreduce of n bytes over p ranks (Thakur, Rabenseifner & Gropp 2005, section 4.5)."""
    if p == 1:
        return 0.0
    if algorithm == "library":
        # What Open MPI 4.1's nonblocking allreduce takes.
        algorithm = "binomial" if p < 4 or n < 65536 else "rabenseifner"
    a, b, g = network.alpha, n * network.beta, n * network.gamma
    if algorithm == "ring":
        return 2 * (p - 1) * a + (p - 1) / p * (2 * b + g)
    if algorithm == "rabenseifner":
        # Halving, then doubling, over a power of two; ranks beyond it hand theirs in before and get the sum afterwards.
        rounds = int(math.log2(p))
        q = 2**rounds
        extra = 2 * (a + b) + g if q < p else 0
        return 2 * rounds * a + (q - 1) / q * (2 * b + g) + extra
    if algorithm == "binomial":
        # A binomial tree up, then down.
        return math.ceil(math.log2(p)) * (2 * (a + b) + g)
    raise ValueError(f"no allreduce algorithm is called {algorithm}")


def allgather_seconds(p, n, network):
    """n bytes of each of p ranks come to all (the same, section 4.1: a ring)."""
    return (p - 1) * network.message(n)


# What is trained, and where


@dataclasses.dataclass(frozen=True)
class Shape:
    layers: int
    width: int
    heads: int
    context: int
    vocabulary: int

    def options(self):
        return [word for field in dataclasses.fields(self) for word in (f"--{field.name}", getattr(self, field.name))]

    @property
    def layer_elements(self):
        """Parameters of a layer; each begins at a multiple of 16."""
        d = self.width
        sizes = [d, d, d * 3 * d, 3 * d, d * d, d, d, d, d * 4 * d, 4 * d, 4 * d * d, d]
        return sum(math.ceil(size / 16) * 16 for size in sizes)

    @property
    def embedding_elements(self):
        return self.vocabulary * self.width

    def rest_elements(self, is_first, is_last):
        """Parameters outside layers and token embedding, each summed by itself: positions, then the final norm's two."""
        return ([self.context * self.width] if is_first else []) + ([self.width] * 2 if is_last else [])


@dataclasses.dataclass(frozen=True)
class Job:
    """`batch` sequences a step, in micro-batches of one size."""
    shape: Shape
    replicas: int
    stages: int
    batch: int
    micro_batch: int = 1

    @property
    def micro_batches(self):
        """Of one replica, which must be the same for all."""
        size = self.replicas * self.micro_batch
        if self.batch % size:
            raise ValueError(f"{self.replicas} replicas do not share {self.batch} sequences evenly by {self.micro_batch}")
        return self.batch // size

    @property
    def ranks(self):
        return self.replicas * self.stages

    @property
    def rows(self):
        return self.micro_batch * self.shape.context

    @property
    def message_bytes(self):
        return FLOAT * self.rows * self.shape.width

    @property
    def gathers_rows(self):
        """Whether the token embedding's sum goes ahead of the layers', and the last micro-batch's rows after them."""
        return self.stages == 1 < self.replicas and 2 * self.replicas * self.rows <= self.shape.vocabulary


def split(shape, stages):
    """Layers of each stage: the costliest stage costs least, the head counts for the last."""
    layer = 12 * shape.width**2 + shape.width * shape.context
    head = shape.embedding_elements
    if stages == 1:
        return [shape.layers]

    def cost(last):
        return max(last * layer + head, math.ceil((shape.layers - last) / (stages - 1)) * layer)

    last = min(range(1, shape.layers - stages + 2), key=cost)
    share, more = divmod(shape.layers - last, stages - 1)
    return [share + (stage < more) for stage in range(stages - 1)] + [last]


def schedule(stage, stages, micro_batches):
    """One forward, one backward: what a stage does, in order (Narayanan et al. 2019, PipeDream)."""
    ahead = min(stages - 1 - stage, micro_batches)
    phases = [("forward", i) for i in range(ahead)]
    for i in range(micro_batches):
        if i + ahead < micro_batches:
            phases.append(("forward", i + ahead))
        phases.append(("backward", i))
    return phases


# What computing costs


@dataclasses.dataclass(frozen=True)
class Work:
    """Seconds of computing on a core while the node's other cores rest, and while they all do the same."""
    alone: float
    crowded: float

    def __add__(self, other):
        return Work(self.alone + other.alone, self.crowded + other.crowded)

    def __mul__(self, factor):
        return Work(self.alone * factor, self.crowded * factor)


# Those of `scaling-benchmark passes`: of a micro-batch, of one element of the parameters, of one layer.
PARTS = ("embedding_forward", "layer_forward", "head", "layer_backward", "embedding_backward", "copy_element",
         "norm_element", "update_element", "statistics_layer")


@dataclasses.dataclass(frozen=True)
class Parts:
    work: dict
    # Bytes of a layer's statistics, summed over replicas at the end of a step.
    statistics_bytes: int

    @staticmethod
    def read(alone, crowded, scale=1.0):
        """From two reports of `scaling-benchmark passes`, each time multiplied by `scale`."""
        return Parts({name: Work(alone[name], crowded[name]) * scale for name in PARTS},
                     alone["statistics_bytes_layer"])

    def __getitem__(self, name):
        return self.work[name]


# The step


@dataclasses.dataclass(frozen=True)
class Step:
    seconds: float
    # The longest that a rank waits for sums of gradients.
    exposed: float
    # The share of the pipeline's time, from its first to its last pass, in which its stages do not compute.
    bubble: float


def program(job, stage, parts, network, algorithm):
    """What a stage does in a step, as a list of (operation, argument …)."""
    shape, p, m = job.shape, job.stages, job.micro_batches
    layers, is_first, is_last = split(shape, p)[stage], stage == 0, stage == p - 1
    is_tied = p > 1 and (is_first or is_last)
    has_sums = job.replicas > 1 or is_tied
    elements = layers * shape.layer_elements + sum(shape.rest_elements(is_first, is_last))
    elements += shape.embedding_elements if is_first or is_last else 0
    operations = []

    def work(seconds):
        operations.append(("work", seconds))

    def begin(cost, operation="sum"):
        """What of a collective operation takes the core, then what the network does."""
        work(Work(cost, cost) * network.taken)
        operations.append((operation, max(0.0, 1 - network.taken) * cost))

    def sums(n, ranks, operation="sum"):
        if ranks > 1:
            begin(allreduce_seconds(ranks, FLOAT * n, network, algorithm), operation)
        elif has_sums:
            work(parts["copy_element"] * n)

    for phase, i in schedule(stage, p, m):
        if phase == "forward":
            if not is_first:
                operations.append(("receive", ("forward", stage - 1, i)))
            work(parts["layer_forward"] * layers + parts["embedding_forward"] * is_first)
            if not is_last:
                operations.append(("send", ("forward", stage, i)))
            continue
        if is_last:
            work(parts["head"])
            if i == m - 1 and job.gathers_rows:
                sums(shape.embedding_elements, job.replicas)
        else:
            operations.append(("receive", ("backward", stage + 1, i)))
        for _ in range(layers):
            work(parts["layer_backward"])
            if i == m - 1:
                sums(shape.layer_elements, job.replicas)
        if is_first:
            work(parts["embedding_backward"])
        else:
            # One buffer holds what goes back: the gradient before must have gone.
            if i > 0:
                operations.append(("delivered", ("backward", stage, i - 1)))
            operations.append(("send", ("backward", stage, i)))
    operations.append(("passed",))
    for n in shape.rest_elements(is_first, is_last):
        sums(n, job.replicas)
    if job.gathers_rows:
        begin(allgather_seconds(job.replicas, FLOAT * job.rows, network)
              + allgather_seconds(job.replicas, job.message_bytes, network))
    elif p == 1:
        sums(shape.embedding_elements, job.replicas)
    if is_tied:
        sums(shape.embedding_elements, 2 * job.replicas, "tied")
    for sent in ([] if is_last else [("forward", stage, m - 1)]) + ([] if is_first else [("backward", stage, m - 1)]):
        operations.append(("delivered", sent))
    operations.append(("summed",))
    if job.gathers_rows:
        work(parts["embedding_backward"] * job.replicas)
    work(parts["norm_element"] * (elements / job.replicas))
    # Loss and norm; what attention executed; the step's time. A few numbers each.
    small = math.ceil(math.log2(job.ranks)) * network.alpha
    operations.append(("together", "norm", small))
    work(parts["update_element"] * elements + parts["statistics_layer"] * layers)
    statistics = allreduce_seconds(job.replicas, layers * parts.statistics_bytes, network, "rabenseifner")
    work(Work(statistics, statistics))
    operations.append(("together", "report", 2 * small))
    return operations


def step(job, parts, network, cores=None, algorithm="library"):
    """A step of a job. `cores` a node, shared by all its ranks; None where each rank has a core of a node that is full."""
    simulation = Simulation(
        [program(job, stage, parts, network, algorithm) for stage in range(job.stages)], job.replicas, network, cores,
        job.message_bytes)
    simulation.run()
    ranks = simulation.ranks
    passed = max(rank.passed for rank in ranks)
    return Step(
        seconds=simulation.now, exposed=max(rank.exposed for rank in ranks),
        bubble=1 - sum(rank.worked for rank in ranks) / (passed * len(ranks)))


def plan(job):
    """What the trainer's own plan must agree with."""
    shape = job.shape
    return {
        "layers": split(shape, job.stages), "layer_elements": shape.layer_elements,
        "phases": [[f"{phase} {i}" for phase, i in schedule(stage, job.stages, job.micro_batches)]
                   for stage in range(job.stages)]}


if __name__ == "__main__":
    names = [field.name for field in dataclasses.fields(Shape)] + ["stages", "batch"]
    if len(sys.argv) != len(names) + 1:
        sys.exit(f"usage: model.py {' '.join(names).upper()}")
    *fields, stages, batch = map(int, sys.argv[1:])
    print(json.dumps(plan(Job(Shape(*fields), 1, stages, batch))))

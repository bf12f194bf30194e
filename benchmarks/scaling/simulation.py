"""Runs the programs of one replica's stages event by event: who computes, who waits, which message is where."""
import dataclasses
import math

# Times closer than this are one.
INSTANT = 1e-12


def bucket_done(ready, done_before, cost):
    """When a bucket's sum is there: sums go one after another, each once its gradients are ready."""
    return max(ready, done_before) + cost


class Rank:
    """A stage of the simulated replica: where it is in its program."""

    def __init__(self, operations):
        self.operations = operations
        self.next = 0
        self.left = None  # Of the work under way, in seconds alone; None while it is in MPI.
        self.began = 0.0  # When that work was begun.
        self.wake = None  # When what it waits for is there, infinity where that is not known yet.
        self.summing = 0.0  # When the sums begun so far are there.
        self.waits = None  # Since when it waits for them.
        self.exposed = 0.0
        self.worked = 0.0  # Before `passed`.
        self.passed = None  # When its last pass was done.

    @property
    def is_done(self):
        return self.next == len(self.operations)


@dataclasses.dataclass
class Message:
    is_sent: bool = False
    is_awaited: bool = False
    there: float = math.inf


class Simulation:
    """One replica's stages on nodes of `cores` cores, which the ranks that compute share evenly; None for a core each."""

    def __init__(self, programs, replicas, network, cores, message_bytes=0):
        self.ranks = [Rank(operations) for operations in programs]
        self.replicas, self.cores, self.pulls = replicas, cores, network.pulls
        self.transfer = network.message(message_bytes)
        self.now = 0.0
        self.messages = {}  # By phase, sending stage and micro-batch.
        self.held = [[] for _ in programs]  # Those that each stage has begun to send and that are not under way.
        self.owner = None  # The first rank to begin the token embedding's sum, and when its others are there.
        self.meetings = {}  # By name: who has come, and when all may go.

    def run(self):
        """Goes on until all programs are done."""
        while True:
            while any([self.advance(stage) for stage in range(len(self.ranks))]):
                pass
            if all(rank.is_done for rank in self.ranks):
                return
            rates = [(rank, self.rate(rank)) for rank in self.ranks if rank.left is not None]
            elapsed = min([rank.left / rate for rank, rate in rates]
                          + [rank.wake - self.now for rank in self.ranks if rank.wake is not None])
            if elapsed == math.inf:
                raise RuntimeError("the simulated ranks wait for each other for ever")
            self.now += elapsed
            for rank, rate in rates:
                rank.left -= rate * elapsed

    def rate(self, rank):
        """Seconds alone that a rank works off in a second."""
        work = rank.operations[rank.next][1]
        slowdown = work.crowded / work.alone if work.alone > 0 else 1
        if self.cores is None:
            return 1 / slowdown
        active = self.replicas * sum(other.left is not None for other in self.ranks)
        crowd = min(active - 1, self.cores - 1) / max(1, self.cores - 1)
        return min(1, self.cores / active) / (1 + (slowdown - 1) * crowd)

    def advance(self, stage):
        """Goes on with a stage's program as far as it gets now; returns whether it got any further."""
        rank, start = self.ranks[stage], self.ranks[stage].next
        while not rank.is_done:
            operation, *arguments = rank.operations[rank.next]
            if operation == "work":
                if rank.left is None:
                    rank.left, rank.began = arguments[0].alone, self.now
                if rank.left > INSTANT:
                    break
                rank.left = None
                rank.worked += self.now - rank.began if rank.passed is None else 0
            else:
                self.push(stage)
                there = getattr(self, operation)(stage, *arguments)
                rank.wake = there if there > self.now + INSTANT else None
                if rank.wake is not None:
                    break
            rank.next += 1
        return rank.next > start

    # The operations: each returns when it is over, which may be long ago, or not be known yet.

    def send(self, stage, key):
        message = self.message(key)
        message.is_sent = True
        if message.is_awaited and self.pulls:
            self.start(message)
        else:
            self.held[stage].append(message)
        return self.now

    def receive(self, stage, key):
        message = self.message(key)
        message.is_awaited = True
        sender = self.ranks[key[1]]
        if message.is_sent and (self.pulls or sender.left is None):
            self.start(message)
        return message.there

    def delivered(self, stage, key):
        return self.message(key).there

    def passed(self, stage):
        self.ranks[stage].passed = self.now
        return self.now

    def sum(self, stage, cost):
        rank = self.ranks[stage]
        rank.summing = bucket_done(self.now, rank.summing, cost)
        return self.now

    def tied(self, stage, cost):
        """The sum that first and last stage share begins when both have begun it."""
        rank = self.ranks[stage]
        if self.owner is None:
            self.owner = rank, rank.summing
            rank.summing = math.inf
        else:
            other, others_done = self.owner
            rank.summing = other.summing = bucket_done(self.now, max(rank.summing, others_done), cost)
        return self.now

    def summed(self, stage):
        rank = self.ranks[stage]
        rank.waits = self.now if rank.waits is None else rank.waits
        rank.exposed = self.now - rank.waits
        return rank.summing

    def together(self, stage, name, cost):
        """All stages come, then all go on."""
        meeting = self.meetings.setdefault(name, {"stages": set(), "over": math.inf})
        meeting["stages"].add(stage)
        if len(meeting["stages"]) == len(self.ranks):
            meeting["over"] = min(meeting["over"], self.now + cost)
        return meeting["over"]

    # Messages

    def message(self, key):
        return self.messages.setdefault(key, Message())

    def start(self, message):
        message.there = min(message.there, self.now + self.transfer)

    def push(self, stage):
        """A rank that calls MPI lets go what it holds and is awaited."""
        for message in self.held[stage]:
            if message.is_awaited:
                self.start(message)
        self.held[stage] = [message for message in self.held[stage] if message.there == math.inf]

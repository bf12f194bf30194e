"""Fits the model's few open parameters to what was measured."""
import dataclasses
import statistics

import model


def fit_line(points):
    """alpha and beta of seconds ≈ alpha + n·beta over (n, seconds), least squares of relative errors; none negative."""
    rows = [(1 / t, n / t) for n, t in points]
    aa, ab, bb = sum(a * a for a, _ in rows), sum(a * b for a, b in rows), sum(b * b for _, b in rows)
    a, b = sum(a for a, _ in rows), sum(b for _, b in rows)
    determinant = aa * bb - ab * ab
    alpha, beta = (a * bb - b * ab) / determinant, (aa * b - ab * a) / determinant
    if alpha < 0:
        return 0.0, b / bb
    return (alpha, beta) if beta >= 0 else (a / aa, 0.0)


def fit_network(report, pulls):
    """Message cost from messages to and fro; the cost of adding from what sums between two ranks take beyond messages."""
    alpha, beta = fit_line([(timing["bytes"], timing["seconds"]) for timing in report["messages"]])
    bare = model.Network(alpha, beta, 0, pulls=pulls)
    adding = [(timing["seconds"] - model.allreduce_seconds(report["ranks"], timing["bytes"], bare)) / timing["bytes"]
              for timing in report["sums"]]
    return dataclasses.replace(bare, gamma=max(0.0, statistics.median(adding)))


def fit_scale(seconds, job, alone, crowded, cores):
    """What whole steps on one rank take, over what the parts add up to: a factor on all parts."""
    network = model.Network(0, 0, 0)
    return seconds / model.step(job, model.Parts.read(alone, crowded), network, cores).seconds


def fit_taken(seconds, job, parts, network, cores):
    """What sums take from computing at which a step's time comes closest, from nothing to ten times what they take alone."""
    candidates = [dataclasses.replace(network, taken=i / 50) for i in range(501)]
    return min(candidates, key=lambda n: abs(model.step(job, parts, n, cores).seconds - seconds))

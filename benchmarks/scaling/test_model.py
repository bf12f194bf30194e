#!/usr/bin/env python3
"""Tests of the scaling model: python3 benchmarks/scaling/test_model.py"""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fit import fit_line, fit_taken  # noqa: E402
from model import (  # noqa: E402
    PARTS, Job, Network, Parts, Shape, Work, allreduce_seconds, plan, schedule, split, step)
from simulation import Simulation, bucket_done  # noqa: E402

NOTHING = Network(alpha=0, beta=0, gamma=0)
# No head to speak of, so that layers are dealt evenly.
SHAPE = Shape(layers=8, width=16, heads=1, context=4, vocabulary=1)


def parts(slowdown=1.0, **seconds):
    return Parts({name: Work(seconds.get(name, 0), slowdown * seconds.get(name, 0)) for name in PARTS}, 0)


class AllreduceTests(unittest.TestCase):
    network = Network(alpha=3, beta=0.5, gamma=0.25)

    def test_ring_is_its_rounds(self):
        # p − 1 rounds bring a pth of the sum together, p − 1 more bring it to all.
        p, n = 5, 1000
        rounds = [3 + n / p * 0.5 + n / p * 0.25] * (p - 1) + [3 + n / p * 0.5] * (p - 1)
        self.assertAlmostEqual(allreduce_seconds(p, n, self.network, "ring"), sum(rounds))

    def test_rabenseifner_is_its_rounds(self):
        n = 1024
        halves = [n / 2, n / 4, n / 8]
        rounds = [3 + h * 0.75 for h in halves] + [3 + h * 0.5 for h in reversed(halves)]
        self.assertAlmostEqual(allreduce_seconds(8, n, self.network, "rabenseifner"), sum(rounds))

    def test_ranks_beyond_a_power_of_two_cost_a_round_more_each_way(self):
        n = 1024
        four, five = (allreduce_seconds(p, n, self.network, "rabenseifner") for p in (4, 5))
        self.assertAlmostEqual(five - four, 2 * 3 + 2 * n * 0.5 + n * 0.25)

    def test_two_ranks(self):
        # There and back, added up between.
        self.assertAlmostEqual(allreduce_seconds(2, 1000, self.network), 2 * (3 + 500) + 250)

    def test_the_library_chooses_by_size(self):
        for p, n, name in [(3, 10**6, "binomial"), (8, 65535, "binomial"), (4, 65536, "rabenseifner")]:
            self.assertEqual(allreduce_seconds(p, n, self.network), allreduce_seconds(p, n, self.network, name))

    def test_one_rank_and_unknown_names(self):
        self.assertEqual(allreduce_seconds(1, 10**6, self.network, "ring"), 0)
        with self.assertRaises(ValueError):
            allreduce_seconds(2, 8, self.network, "star")


class PipelineTests(unittest.TestCase):
    def seconds(self, stages, micro_batches, network=NOTHING, **costs):
        job = Job(SHAPE, 1, stages, micro_batches)
        return step(job, parts(**costs), network).seconds

    def test_bubble_of_equal_stages(self):
        # Narayanan et al. 2021, section 2.2.1: (p − 1) (forward + backward) on top of m of them.
        for p in (1, 2, 4, 8):
            for m in (1, 2, 3, 8):
                layers = 8 // p
                expected = (m + p - 1) * layers * (1 + 2)
                self.assertAlmostEqual(self.seconds(p, m, layer_forward=1, layer_backward=2), expected, msg=f"{p}, {m}")

    def test_reported_bubble(self):
        for p, m in [(2, 1), (4, 8), (8, 3)]:
            bubble = step(Job(SHAPE, 1, p, m), parts(layer_forward=1, layer_backward=2), NOTHING).bubble
            self.assertAlmostEqual(bubble, (p - 1) / (m + p - 1))

    def test_unequal_stages_are_the_longest_path(self):
        p, m, head = 4, 5, 2.5
        costs = [(2, 4), (2, 4), (2, 4), (2, 4 + head)]
        done = {}

        def when(stage, place):
            """The end of a stage's phase: after its own phase before, and after the neighbour's that it reads."""
            if (stage, place) not in done:
                phases = schedule(stage, p, m)
                phase, i = phases[place]
                neighbour = stage - 1 if phase == "forward" else stage + 1
                before = [when(stage, place - 1)] if place else []
                if 0 <= neighbour < p:
                    before.append(when(neighbour, schedule(neighbour, p, m).index((phase, i))))
                done[stage, place] = max(before, default=0) + costs[stage][phase == "backward"]
            return done[stage, place]

        expected = max(when(stage, 2 * m - 1) for stage in range(p))
        self.assertAlmostEqual(self.seconds(p, m, layer_forward=1, layer_backward=2, head=head), expected)

    def test_messages_are_on_the_way_of_a_single_micro_batch(self):
        network = Network(alpha=1, beta=0.5, gamma=0)
        n = 4 * SHAPE.context * SHAPE.width
        # The tied embedding's sum and two meetings follow: of one element of each kind, log₂ 4 rounds of alpha.
        tied = allreduce_seconds(2, 4 * SHAPE.embedding_elements, network)
        self.assertAlmostEqual(
            self.seconds(4, 1, network, layer_forward=1, layer_backward=2),
            8 * 3 + 2 * 3 * (1 + n * 0.5) + tied + 3 * 2 * 1)

    def test_a_sender_that_computes_delays_what_its_receiver_cannot_pull(self):
        job = Job(SHAPE, 1, 2, 4)
        costs = parts(layer_forward=1, layer_backward=2)
        pulled, pushed = (step(job, costs, Network(0, 0, 0, pulls=pulls)).seconds for pulls in (True, False))
        # The first stage's first forward pass is let go after its second.
        self.assertAlmostEqual(pulled, 5 * 12)
        self.assertGreaterEqual(pushed, pulled + 4)

    def test_waiting_for_ever_is_an_error(self):
        simulation = Simulation([[("receive", ("forward", 1, 0))], []], 1, NOTHING, None)
        with self.assertRaises(RuntimeError):
            simulation.run()


class OverlapTests(unittest.TestCase):
    def test_recurrence(self):
        done = 0
        for ready, cost, expected in [(1, 5, 6), (2, 1, 7), (10, 2, 12)]:
            done = bucket_done(ready, done, cost)
            self.assertEqual(done, expected)

    def exposed(self, taken, backward):
        """The seconds of a step of two replicas, and what they wait for sums, in units of a layer's sum."""
        unit = allreduce_seconds(2, 4 * SHAPE.layer_elements, Network(0, 1, 0))
        network = Network(alpha=0, beta=1 / unit, gamma=0, taken=taken)
        result = step(Job(SHAPE, 2, 1, 2), parts(layer_backward=backward), network)
        outside = sum(SHAPE.rest_elements(True, True)) + SHAPE.embedding_elements
        return result, outside / SHAPE.layer_elements

    def test_long_passes_hide_all_but_the_last_sums(self):
        result, outside = self.exposed(0, backward=2)
        self.assertAlmostEqual(result.exposed, 1 + outside)
        self.assertAlmostEqual(result.seconds, 8 * 2 + 1 + outside)

    def test_short_passes_hide_themselves(self):
        result, outside = self.exposed(0, backward=0.5)
        self.assertAlmostEqual(result.seconds, 0.5 + 8 + outside)

    def test_what_takes_the_core_is_not_hidden(self):
        result, outside = self.exposed(1, backward=2)
        self.assertAlmostEqual(result.seconds, 8 * 3 + outside)
        result, outside = self.exposed(1.5, backward=2)
        self.assertAlmostEqual(result.seconds, 8 * 3.5 + 1.5 * outside)
        result, outside = self.exposed(0.25, backward=2)
        self.assertAlmostEqual(result.seconds, 8 * 2.25 + 0.75 * (1 + outside))

    def test_a_large_vocabulary_hides_behind_the_layers(self):
        shape = Shape(layers=8, width=16, heads=1, context=4, vocabulary=1000)
        network = Network(alpha=0, beta=1, gamma=0)
        result = step(Job(shape, 2, 1, 2), parts(layer_backward=1e6), network)
        # After the last layer's sum: positions, the norm's two, then the rows and their tokens.
        last = sum(allreduce_seconds(2, 4 * n, network) for n in (shape.layer_elements, 4 * 16, 16, 16))
        self.assertAlmostEqual(result.exposed, last + 4 * 4 * 16 + 4 * 4, places=3)

    def test_the_tied_embedding_waits_for_the_later_of_its_owners(self):
        shape = Shape(layers=2, width=16, heads=1, context=4, vocabulary=1000)
        network = Network(alpha=0, beta=1, gamma=0)
        costs = parts(layer_backward=1e6, embedding_backward=1e6)
        result = step(Job(shape, 1, 2, 1), costs, network)
        message = network.message(4 * 4 * 16)
        self.assertAlmostEqual(
            result.seconds, 3e6 + 2 * message + allreduce_seconds(2, 4 * 16000, network), places=3)
        self.assertAlmostEqual(result.exposed, 2e6 + allreduce_seconds(2, 4 * 16000, network), places=3)


class CoreTests(unittest.TestCase):
    def seconds(self, replicas, cores, slowdown=1.0):
        job = Job(SHAPE, replicas, 1, 4)
        return step(job, parts(slowdown, layer_forward=1, layer_backward=2), NOTHING, cores).seconds

    def test_ranks_take_turns_on_the_cores(self):
        self.assertAlmostEqual(self.seconds(1, 2), 96)
        self.assertAlmostEqual(self.seconds(2, 2), 48)
        self.assertAlmostEqual(self.seconds(4, 2), 48)
        self.assertAlmostEqual(self.seconds(4, 1), 96)

    def test_ranks_that_compute_at_once_slow_each_other_down(self):
        self.assertAlmostEqual(self.seconds(1, 2, slowdown=1.5), 96)
        self.assertAlmostEqual(self.seconds(2, 2, slowdown=1.5), 72)
        self.assertAlmostEqual(self.seconds(2, 3, slowdown=1.5), 48 * 1.25)
        self.assertAlmostEqual(self.seconds(2, None, slowdown=1.5), 72)

    def test_a_stage_that_waits_leaves_its_core_to_others(self):
        # With one micro-batch stages take turns by themselves, so one core does as well as two.
        job = Job(SHAPE, 1, 2, 1)
        one, two = (step(job, parts(layer_forward=1, layer_backward=2), NOTHING, cores).seconds for cores in (1, 2))
        self.assertAlmostEqual(one, two)


class PlanTests(unittest.TestCase):
    def test_layers_make_up_for_the_head(self):
        self.assertEqual(split(Shape(8, 256, 4, 128, 4096), 2), [5, 3])
        self.assertEqual(sum(split(Shape(12, 768, 12, 1024, 50257), 4)), 12)

    def test_elements_are_those_of_the_model(self):
        self.assertEqual(Shape(8, 256, 4, 128, 4096).layer_elements, 12 * 256**2 + 13 * 256)

    def test_one_forward_one_backward(self):
        self.assertEqual(
            plan(Job(SHAPE, 1, 2, 2))["phases"],
            [["forward 0", "forward 1", "backward 0", "backward 1"],
             ["forward 0", "backward 0", "forward 1", "backward 1"]])

    def test_shares_must_be_even(self):
        with self.assertRaises(ValueError):
            Job(SHAPE, 3, 1, 8).micro_batches


class FitTests(unittest.TestCase):
    def test_line(self):
        alpha, beta = fit_line([(n, 2e-6 + n * 1e-9) for n in (4, 1024, 10**6)])
        self.assertAlmostEqual(alpha, 2e-6)
        self.assertAlmostEqual(beta, 1e-9)

    def test_what_sums_take_is_found_again(self):
        job, costs = Job(SHAPE, 2, 1, 4), parts(layer_forward=1, layer_backward=2)
        for taken in (0, 0.5, 1.5):
            network = Network(alpha=0.01, beta=1e-5, gamma=0, taken=taken)
            fitted = fit_taken(step(job, costs, network, 2).seconds, job, costs, network, 2)
            self.assertAlmostEqual(fitted.taken, taken)


if __name__ == "__main__":
    unittest.main()

import Kernels
import LowRank
import Testing

@Suite struct AllocatedLevelsTests {
    private struct Case {
        let losses, costs: [[Double]]

        /// Losses that mostly fall as costs rise; whole numbers of FLOPs.
        init(layers: Int, levels: Int, seed: UInt64, noise: Bool) {
            let generator = Philox(key: seed)
            func uniform(_ a: Int, _ b: Int, _ c: UInt32) -> Double { generator.uniform(UInt32(a), UInt32(b), c) }
            let shared = seed % 2 == 0
            losses = (0..<layers).map { i in
                let size = 0.05 + uniform(i, 0, 1) * uniform(i, 0, 2), own = (0..<levels).map { uniform(i, $0, 3) * size }
                return noise ? own : own.sorted(by: >)
            }
            costs = (0..<layers).map { i in
                (0..<levels).map { (1 + uniform(shared ? 0 : i, $0, 4) * 30).rounded() }.sorted()
            }
        }

        func loss(_ levels: [Int]) -> Double { zip(losses, levels).reduce(0) { $0 + $1.0[$1.1] } }
        func cost(_ levels: [Int]) -> Double { zip(costs, levels).reduce(0) { $0 + $1.0[$1.1] } }

        var everyChoice: [[Int]] {
            losses.reduce([[]]) { all, row in all.flatMap { head in row.indices.map { head + [$0] } } }
        }
        var cheapest: Double { costs.reduce(0) { $0 + ($1.min() ?? 0) } }
        var dearest: Double { costs.reduce(0) { $0 + ($1.max() ?? 0) } }
    }

    /// Against all choices: within the budget, never worse than one level everywhere, nearly always the best there is, and
    /// behind it by less than one layer's largest step.
    @Test(arguments: [false, true]) func agreesWithBruteForce(noise: Bool) throws {
        var best = 0, runs = 0, behind = 0.0
        for seed in 0..<40 as Range<UInt64> {
            let problem = Case(layers: 4 + Int(seed % 3), levels: 3 + Int(seed % 2), seed: seed, noise: noise)
            let choices = problem.everyChoice
            for share in [0, 0.1, 0.25, 0.4, 0.6, 0.8, 1] {
                let budget = problem.cheapest + share * (problem.dearest - problem.cheapest)
                let found = try AllocatedLevels(losses: problem.losses, costs: problem.costs, budget: budget)
                #expect(found.flops <= budget && found.flops == problem.cost(found.levels))
                #expect(found.loss == problem.loss(found.levels))
                let affordable = choices.filter { problem.cost($0) <= budget }
                let least = affordable.map(problem.loss).min() ?? 0
                #expect(found.loss >= least - 1e-12)
                for level in problem.losses[0].indices {
                    let uniform = Array(repeating: level, count: problem.losses.count)
                    if problem.cost(uniform) <= budget { #expect(found.loss <= problem.loss(uniform)) }
                }
                let step = problem.losses.map { ($0.max() ?? 0) - ($0.min() ?? 0) }.max() ?? 0
                #expect(found.loss <= least + step)
                // Nothing single is left to gain.
                for layer in found.levels.indices {
                    for level in problem.losses[layer].indices {
                        var other = found.levels
                        other[layer] = level
                        #expect(problem.cost(other) > budget || problem.loss(other) >= found.loss - 1e-12)
                    }
                }
                runs += 1
                behind += (found.loss - least) / problem.losses.reduce(0) { $0 + ($1.max() ?? 0) }
                if found.loss <= least + 1e-12 { best += 1 }
                #expect(try AllocatedLevels(losses: problem.losses, costs: problem.costs, budget: budget) == found)
            }
        }
        #expect(Double(best) > 0.85 * Double(runs), "the best of all in \(best) of \(runs)")
        #expect(behind / Double(runs) < 0.005, "behind by \(behind / Double(runs)) of all that can be lost")
    }

    /// Where a budget is just what the levels at some price of a FLOP cost, they are the best there are.
    @Test func levelsAtAPriceAreOptimal() throws {
        for seed in 0..<40 as Range<UInt64> {
            let problem = Case(layers: 5, levels: 4, seed: seed, noise: seed % 3 == 0)
            for price in [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1] {
                let levels = problem.losses.indices.map { layer in
                    problem.losses[layer].indices.min {
                        (problem.losses[layer][$0] + price * problem.costs[layer][$0], $0)
                            < (problem.losses[layer][$1] + price * problem.costs[layer][$1], $1)
                    } ?? 0
                }
                let found = try AllocatedLevels(losses: problem.losses, costs: problem.costs, budget: problem.cost(levels))
                #expect(abs(found.loss - problem.loss(levels)) < 1e-12, "seed \(seed), price \(price)")
            }
        }
    }

    /// Layers alike are served in their order.
    @Test func tiesGoToTheFirstLayer() throws {
        let found = try AllocatedLevels(
            losses: Array(repeating: [4, 1, 0], count: 4), costs: Array(repeating: [1, 2, 3], count: 4), budget: 7)
        #expect(found.levels == [1, 1, 1, 0])
        #expect(found.loss == 7 && found.flops == 7)
    }

    @Test func layersThatLoseMoreGetMore() throws {
        let found = try AllocatedLevels(
            losses: [[0.01, 0.005, 0], [3, 1, 0], [0.2, 0.1, 0]], costs: Array(repeating: [10, 20, 40], count: 3), budget: 70)
        #expect(found.levels == [0, 2, 1])
    }

    @Test func whatCannotBeIsRefused() throws {
        func description(_ losses: [[Double]], _ costs: [[Double]], _ budget: Double) -> String? {
            do {
                _ = try AllocatedLevels(losses: losses, costs: costs, budget: budget)
                return nil
            } catch { return error.description }
        }
        #expect(
            description([[1, 0], [1, 0]], [[10, 20], [10, 20]], 19)
                == "the cheapest level of every layer takes 20.0 FLOPs, above the budget of 19.0; "
                + "raise the budget or give cheaper levels")
        #expect(description([[1, 0], [1, 0]], [[10, 20], [10, 20]], 20) == nil)
        #expect(
            description([[1, 0], [1, .nan]], [[10, 20], [10, 20]], 40)
                == "layer 1: level 1 loses nan nats at 20.0 FLOPs; both must be finite numbers")
        #expect(description([[1, 0]], [[10, .infinity]], 40) != nil)
        #expect(description([[1, 0]], [[10, 20]], .nan) != nil)
    }
}

// N layers, K levels.

/// A level for each layer, each segment of each layer, or each token of it, so that what they lose together is small and what
/// they cost together is within a budget.
///
/// Each layer's losses over its costs are brought to their lower convex hull, and from the cheapest levels on the step along
/// a hull that gains most for each FLOP is taken, while it fits. Until the first that does not fit, these are the levels of
/// least loss + λ · FLOPs (Lagrange), λ being what the last step gained for a FLOP: nothing of their cost or cheaper loses
/// less. Steps from the dearest levels down are the same ones in reverse and end at the same levels, or a step further
/// down where losses tie. What is left of the budget then goes to the single change of a layer that gains most, again
/// and again. One level everywhere, likewise improved, is taken where it loses less; that takes long where levels are many, and
/// is not tried where what was found is within 1/10,000 of the least that any choice can lose (Lagrange's bound). Ties go to
/// the first layer.
public struct AllocatedLevels: Equatable, Sendable {
    /// Each layer's, as an index in the list.
    public let levels: [Int]
    /// Σ over layers, as the losses were given.
    public let loss: Double
    /// Σ over layers: at most the budget.
    public let flops: Double

    /// - Parameters:
    ///   - losses: [N][K], of each layer and level; they need not fall as levels rise.
    ///   - costs: [N][K], FLOPs of each layer at each level.
    ///   - budget: FLOPs for all layers.
    ///   - others: choices that the one found is to lose no more than, where they are within the budget.
    /// - Throws: `LevelError` where a loss or cost is not a finite number, or the cheapest levels exceed the budget.
    public init(
        losses: [[Double]], costs: [[Double]], budget: Double, noWorseThan others: [[Int]] = []
    ) throws(LevelError) {
        let K = losses.first?.count ?? 0
        precondition(K >= 1 && losses.count == costs.count && (losses + costs).allSatisfy { $0.count == K })
        for (layer, row) in zip(losses, costs).enumerated() {
            for level in 0..<K where !row.0[level].isFinite || !row.1[level].isFinite {
                throw LevelError(
                    description: "layer \(layer): level \(level) loses \(row.0[level]) nats at \(row.1[level]) FLOPs; "
                        + "both must be finite numbers")
            }
        }
        let problem = Problem(losses: losses, costs: costs, budget: budget), hulls = problem.hulls
        let cheapest = hulls.map(\.first), least = problem.cost(cheapest)
        guard least <= budget else {
            throw LevelError(
                description: "the cheapest level of every layer takes \(least) FLOPs, above the budget of \(budget); "
                    + "raise the budget or give cheaper levels")
        }
        func leastLoss(of choices: [[Int]]) -> [Int]? {
            choices.filter { problem.cost($0) <= budget }.min { problem.loss($0) < problem.loss($1) }
        }
        let climbed = problem.climbed(from: cheapest, hulls)
        var best = problem.improved(climbed.levels)
        if problem.loss(best) > climbed.bound * (1 + 1e-4),
            let uniform = leastLoss(of: (0..<K).map { Array(repeating: $0, count: losses.count) }).map(problem.improved),
            problem.loss(uniform) < problem.loss(best) {
            best = uniform
        }
        if let other = leastLoss(of: others), problem.loss(other) < problem.loss(best) { best = other }
        (levels, loss, flops) = (best, problem.loss(best), problem.cost(best))
    }

    private struct Problem {
        let losses, costs: [[Double]]
        let budget: Double

        func loss(_ levels: [Int]) -> Double { zip(losses, levels).reduce(0) { $0 + $1.0[$1.1] } }
        func cost(_ levels: [Int]) -> Double { zip(costs, levels).reduce(0) { $0 + $1.0[$1.1] } }

        /// Every layer's lower convex hull.
        var hulls: [Hull] { zip(losses, costs).map { Hull(losses: $0, costs: $1) } }

        /// `levels` after the steps along hulls that gain most for each FLOP, up to the first that does not fit; and what would
        /// be lost if part of that step were taken, to the budget's end, which no choice within the budget is below.
        func climbed(from levels: [Int], _ hulls: [Hull]) -> (levels: [Int], bound: Double) {
            let steps = hulls.enumerated().flatMap { layer, hull in hull.steps.map { (layer: layer, step: $0) } }
            // Steps of a layer gain ever less, so it takes them in their order.
            let sorted = steps.sorted { ($1.step.gain, $0.layer) < ($0.step.gain, $1.layer) }
            var levels = levels, spent = cost(levels)
            for (layer, step) in sorted {
                let more = costs[layer][step.level] - costs[layer][levels[layer]]
                guard spent + more <= budget else { return (levels, loss(levels) - step.gain * (budget - spent)) }
                levels[layer] = step.level
                spent += more
            }
            return (levels, loss(levels))
        }

        /// `levels` after the single changes that gain most, while one gains and fits.
        func improved(_ levels: [Int]) -> [Int] {
            var levels = levels
            while true {
                let room = budget - cost(levels)
                var best: (layer: Int, level: Int, gain: Double)?
                for layer in levels.indices {
                    let own = levels[layer]
                    for level in losses[layer].indices {
                        let gain = losses[layer][own] - losses[layer][level]
                        if gain > best?.gain ?? 0, costs[layer][level] - costs[layer][own] <= room {
                            best = (layer, level, gain)
                        }
                    }
                }
                guard let best else { return levels }
                levels[best.layer] = best.level
            }
        }
    }

    /// The levels of a layer that lose least at some price of a FLOP, from the cheapest on.
    private struct Hull {
        struct Step {
            let level: Int
            /// Loss that it saves for each FLOP: less than the step before.
            let gain: Double
        }

        let first: Int
        private(set) var steps: [Step] = []

        init(losses: [Double], costs: [Double]) {
            let order = costs.indices.sorted { (costs[$0], losses[$0], $0) < (costs[$1], losses[$1], $1) }
            first = order[0]
            for level in order.dropFirst() {
                func gain() -> Double {
                    let before = steps.last?.level ?? first
                    return (losses[before] - losses[level]) / (costs[level] - costs[before])
                }
                guard losses[level] < losses[steps.last?.level ?? first] else { continue }
                while let last = steps.last, gain() >= last.gain { steps.removeLast() }
                steps.append(Step(level: level, gain: gain()))
            }
        }
    }
}

/// The search for a fixed level of each layer that loses least within a budget of FLOPs.
///
/// Greedy descent from the most expensive levels, one layer and level at a time, by the loss that it costs for each FLOP
/// saved, until the budget is kept; the best uniform level where that is better; then, while anything lowers the loss,
/// ascent of one layer within the budget, or exchange: one layer a level up, another as many down as that takes. Ties go
/// to the first layer, so the outcome is a function of the losses alone.
public struct PerLayerSearch {
    /// FLOPs of one layer at each level, ascending.
    public let costs: [Double]
    public let layers: Int
    public let budget: Double
    /// How many choices of levels were measured.
    public var measured: Int { losses.count }

    /// What a search came to.
    public struct Outcome: Equatable, Sendable {
        /// Each layer's, as an index in the list.
        public let levels: [Int]
        /// Of these levels, and their FLOPs.
        public let loss, flops: Double
        /// Choices of levels that were measured.
        public let measured: Int
    }

    private var losses: [[Int]: Double] = [:]

    /// At least one level and one layer.
    public init(costs: [Double], layers: Int, budget: Double) {
        precondition(!costs.isEmpty && layers >= 1, "\(costs.count) levels for \(layers) layers")
        self.costs = costs
        self.layers = layers
        // Sums of the same counts in another order are equal.
        self.budget = budget * (1 + 1e-12)
    }

    /// FLOPs of these levels, by layer.
    public func cost(_ levels: [Int]) -> Double { levels.reduce(0) { $0 + costs[$1] } }

    /// Each layer's level, as its index: the cheapest everywhere where even that is over the budget. `measure` gives the
    /// loss of a choice, and is asked once for each.
    ///
    /// - Throws: what `measure` throws.
    public mutating func run(_ measure: ([Int]) throws -> Double) rethrows -> [Int] {
        var best = Array(repeating: costs.count - 1, count: layers)
        while cost(best) > budget, let lower = try descent(from: best, measure) { best = lower }
        for uniform in costs.indices.map({ Array(repeating: $0, count: layers) }) where cost(uniform) <= budget {
            if try loss(uniform, measure) < loss(best, measure) { best = uniform }
        }
        while let better = try improvement(on: best, measure) { best = better }
        return best
    }

    /// The loss of a choice, measured where it is not known.
    ///
    /// - Throws: what `measure` throws.
    mutating func loss(_ levels: [Int], _ measure: ([Int]) throws -> Double) rethrows -> Double {
        if let known = losses[levels] { return known }
        let loss = try measure(levels)
        losses[levels] = loss
        return loss
    }

    /// The step down that loses least for each FLOP saved; nil at the bottom.
    private mutating func descent(from levels: [Int], _ measure: ([Int]) throws -> Double) rethrows -> [Int]? {
        var best: (levels: [Int], price: Double)?
        for layer in levels.indices where levels[layer] > 0 {
            let lower = moved(levels, layer, by: -1)
            let price = try (loss(lower, measure) - loss(levels, measure)) / max(cost(levels) - cost(lower), 1)
            if price < best?.price ?? .infinity { best = (lower, price) }
        }
        return best?.levels
    }

    /// The step up that gains most for each FLOP; else the exchange that gains most; nil where nothing gains.
    private mutating func improvement(on levels: [Int], _ measure: ([Int]) throws -> Double) rethrows -> [Int]? {
        var ascent: (levels: [Int], gain: Double)?, exchange: (levels: [Int], gain: Double)?
        for layer in levels.indices where levels[layer] + 1 < costs.count {
            let higher = moved(levels, layer, by: 1)
            guard cost(higher) <= budget else { continue }
            let gain = try (loss(levels, measure) - loss(higher, measure)) / max(cost(higher) - cost(levels), 1)
            if gain > ascent?.gain ?? 0 { ascent = (higher, gain) }
        }
        if let ascent { return ascent.levels }
        for layer in levels.indices where levels[layer] + 1 < costs.count {
            for other in levels.indices where other != layer {
                var exchanged = moved(levels, layer, by: 1)
                while cost(exchanged) > budget, exchanged[other] > 0 { exchanged = moved(exchanged, other, by: -1) }
                guard cost(exchanged) <= budget else { continue }
                let gain = try loss(levels, measure) - loss(exchanged, measure)
                if gain > exchange?.gain ?? 0 { exchange = (exchanged, gain) }
            }
        }
        return exchange?.levels
    }

    private func moved(_ levels: [Int], _ layer: Int, by steps: Int) -> [Int] {
        var moved = levels
        moved[layer] += steps
        return moved
    }
}

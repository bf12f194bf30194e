import COpenBLAS
import Kernels
import Model

// N layers of the model, S segments, K levels.

/// What a step's decisions teach the policy. Every rank has the same policy: gradients, returns and moments are summed over
/// all ranks before they are used.
extension PolicyAgent {
    /// Most updates' weight that the baseline gives to the past.
    private static let baselineDecay: Float = 0.9
    /// Adam's rate at λ = 1.
    static let learningRate: Float = 3e-4
    /// Largest norm of the policy's gradient.
    private static let clip = 1.0
    /// Passes over a step's decisions of the clipped update.
    private static let epochs = 3

    /// Ends a training step: the policy learns from what all ranks decided.
    ///
    /// - Throws: what `peers` throw.
    func learn(with peers: some Peers) throws -> PolicyReport {
        let episodes = memory.withLock { memory in
            defer { memory = [] }
            return memory
        }
        return try learn(from: episodes, with: peers)
    }

    /// The policy learns from `episodes` of this rank and those of others.
    ///
    /// - Throws: what `peers` throw.
    public func learn(from episodes: [Episodes], with peers: some Peers) throws -> PolicyReport {
        func count(_ of: (Episodes) -> Int) -> Double { Double(episodes.reduce(0) { $0 + of($1) }) }
        let facts = Buffer([
            count(\.rewards.count), episodes.reduce(0) { $0 + $1.rewards.reduce(0, +) },
            count { $0.rewards.count * $0.masked }, count { $0.rewards.count * ranks.levels.count },
        ])
        try peers.sum(facts)
        var policyReport = PolicyReport(tolerance: tolerance)
        // A step that ran in full decided nothing.
        guard facts[0] > 0 else { return policyReport }
        policyReport.reward = facts[1] / facts[0]
        policyReport.maskedShare = facts[2] / facts[3]
        let graded = try grade(episodes, with: peers)
        let epochs = isWarmingUp || options.update == .reinforce ? 1 : Self.epochs
        for epoch in 0..<epochs {
            let entropy = Buffer([try update(graded, of: facts[0], isFirst: epoch == 0, with: peers)])
            try peers.sum(entropy)
            if epoch == 0 { policyReport.entropy = entropy[0] / facts[0] }
        }
        team.flops.add(network.takeFLOPs(), .policy)
        progress[0] += 1
        return policyReport
    }

    /// The gradient of the first update that `episodes` of this rank and those of others lead to, summed over all ranks, in
    /// the order of the network's arena; and the number of decisions behind it. The policy stays as it is.
    ///
    /// - Throws: what `peers` throw.
    public func gradient(
        of episodes: [Episodes], with peers: some Peers
    ) throws -> (gradient: Buffer<Float>, decisions: Double) {
        let count = Buffer([Double(episodes.reduce(0) { $0 + $1.rewards.count })])
        try peers.sum(count)
        let expected = Buffer(baseline.array)
        defer { baseline.copy(from: expected) }
        _ = addGradients(try grade(episodes, with: peers), scale: 1 / count[0], isFirst: true)
        try peers.sum(network.arena.gradients)
        let summed = Buffer(network.arena.gradients.array)
        network.arena.gradients.fill(0)
        return (summed, count[0])
    }

    /// Fills in the advantages: returns less what was expected of that layer and segment, normalised by the layer's mean and
    /// deviation over all ranks. The baseline is that of earlier steps, so it owes nothing to these actions.
    private func grade(_ episodes: [Episodes], with peers: some Peers) throws -> [Episodes] {
        let S = baseline.count / configuration.layers, n = baseline.count
        var graded = episodes
        // Sums and numbers of returns by layer and segment.
        let returned = Buffer<Double>(count: 2 * n, repeating: 0)
        for (i, one) in episodes.enumerated() {
            let own = one.state.segments
            graded[i].advantages = (0..<one.state.episodes).flatMap { e in
                PolicyGradient.returns(Array(one.rewards[(e * own)..<((e + 1) * own)]), discount: options.discount)
            }
            for (j, value) in graded[i].advantages.enumerated() {
                let place = one.layer * S + j % own
                returned[place] += value
                returned[n + place] += 1
            }
        }
        try peers.sum(returned)
        let isFirst = age == 0
        func mean(_ place: Int) -> Double { returned[place] / max(returned[n + place], 1) }
        func expected(_ place: Int) -> Double { isFirst ? mean(place) : Double(baseline[place]) }
        // Layers differ in what a level costs and saves; each is normalised for itself, over all ranks.
        let N = configuration.layers, pooled = Buffer<Double>(count: 3 * N, repeating: 0)
        for i in graded.indices {
            let own = graded[i].state.segments, layer = graded[i].layer
            for j in graded[i].advantages.indices { graded[i].advantages[j] -= expected(layer * S + j % own) }
            let moments = PolicyGradient.Moments(of: graded[i].advantages)
            pooled[3 * layer] += moments.count
            pooled[3 * layer + 1] += moments.sum
            pooled[3 * layer + 2] += moments.squares
        }
        try peers.sum(pooled)
        for i in graded.indices {
            let first = 3 * graded[i].layer
            let moments = PolicyGradient.Moments(
                count: pooled[first], sum: pooled[first + 1], squares: pooled[first + 2])
            graded[i].advantages = graded[i].advantages.map(moments.normalised)
        }
        for place in 0..<n where returned[n + place] > 0 {
            baseline[place] = isFirst
                ? Float(mean(place))
                : Self.baselineDecay * baseline[place] + (1 - Self.baselineDecay) * Float(mean(place))
        }
        return graded
    }

    /// One step of Adam on the loss over `count` decisions of all ranks; returns this rank's entropies, summed.
    ///
    /// - Parameter isFirst: whether the parameters are still those that chose.
    private func update(
        _ episodes: [Episodes], of count: Double, isFirst: Bool, with peers: some Peers
    ) throws -> Double {
        let entropy = addGradients(episodes, scale: 1 / count, isFirst: isFirst)
        let gradient = network.arena.gradients
        try peers.sum(gradient)
        let norm = cblas_dsdot(blasint(gradient.count), gradient.pointer, 1, gradient.pointer, 1).squareRoot()
        let rate = Self.learningRate * (isWarmingUp ? 1 : Float(options.weight))
        progress[1] += 1
        AdamW(beta2: 0.999, weightDecay: 0).update(
            network.arena, step: Int(progress[1]), learningRate: rate,
            gradientScale: Float(min(1, Self.clip / (norm + 1e-6))), on: team)
        return entropy
    }

    /// Adds the gradients of this rank's part of the loss; returns the sum of entropies.
    private func addGradients(_ episodes: [Episodes], scale: Double, isFirst: Bool) -> Double {
        var entropy = 0.0
        for one in episodes {
            let trail = network.forward(one.state, embedding: isFirst ? one.embedding : nil), K = ranks.levels.count
            let slopes = Buffer<Float>(uninitialized: trail.logits.count)
            for i in one.actions.indices {
                let logits = trail.logits[(i * K)..<((i + 1) * K)].array.map(Double.init)
                let chance = PolicyGradient.logProbabilities(logits, allowed: one.allowed)
                let own = PolicyGradient.entropy(chance)
                entropy += own
                let slope = slopeOfLoss(chance, one, i, entropy: own)
                for k in 0..<K { slopes[i * K + k] = Float(slope[k] * scale) }
            }
            network.backward(trail, dlogits: slopes)
        }
        return entropy
    }

    private func slopeOfLoss(_ chance: [Double], _ one: Episodes, _ i: Int, entropy: Double) -> [Double] {
        let action = one.actions[i]
        // Behaviour cloning is a policy gradient whose advantage is 1.
        if isWarmingUp { return PolicyGradient.reinforce(chance, action: action, advantage: 1) }
        let slope = switch options.update {
        case .reinforce: PolicyGradient.reinforce(chance, action: action, advantage: one.advantages[i])
        case .ppo:
            PolicyGradient.clipped(
                chance, action: action, advantage: one.advantages[i], oldLogProbability: one.logProbabilities[i])
        }
        let weight = options.entropyWeight
        return zip(slope, PolicyGradient.entropySlope(chance, entropy: entropy)).map { $0 - weight * $1 }
    }
}

import Kernels
import LowRank
import Model
import TestSupport
import Testing

@Suite struct PolicyNetworkTests {
    private static let width = 12, levels = 3, segment = 5, length = 18, episodes = 2

    private static func normal(_ count: Int, _ seed: UInt64, _ deviation: Float = 1) -> Buffer<Float> {
        let x = Buffer<Float>(uninitialized: count)
        Philox(key: seed).fillNormal(x, deviation: deviation)
        return x
    }

    static func network(rows: Int = episodes * 4, threads: Int = 1) -> PolicyNetwork {
        let network = PolicyNetwork(
            PolicyShape(inputWidth: width, levels: levels), rows: rows, seed: 4, team: Team(threads: threads))
        for parameter in network.arena.layout.parameters where parameter.shape.count > 1 {
            for i in parameter.range { network.arena.values[i] *= 5 }
        }
        return network
    }

    static func state(_ x: Buffer<Float>) -> PolicyState {
        let team = Team(threads: 1)
        let facts = LayerFacts(
            weight: Matrix(normal(width * 3 * width, 8, 0.1), rows: width, columns: 3 * width),
            AttentionShape(heads: 1, headWidth: width), depth: 0.25,
            shares: [(0.5, 0.6), (0.8, 0.9), (0.95, 1)], on: team)
        let batch = MicroBatch(
            sequences: episodes, length: length, tokens: Buffer(count: episodes * length, repeating: 0),
            targets: Buffer(count: episodes * length, repeating: 0), samples: [3, 4])
        return PolicyState(
            Matrix(x, rows: episodes * length, columns: width), batch: batch, segment: segment, layer: facts, on: team)
    }

    /// The levels that a fixed rule takes, with the logits it saw.
    private static func unroll(_ network: PolicyNetwork, _ state: PolicyState) -> (levels: [[Int]], logits: [[Float]]) {
        var levels: [[Int]] = [], seen: [[Float]] = []
        network.unroll(state) { s, logits in
            seen.append(logits.array)
            levels.append((0..<episodes).map { (s + 2 * $0) % Self.levels })
            return levels[s]
        }
        return (levels, seen)
    }

    @Test func decidingStepByStepIsTheWholeEpisode() {
        let network = Self.network(), state = Self.state(Self.normal(Self.episodes * Self.length * Self.width, 1))
        #expect(state.segments == 4)
        let (levels, logits) = Self.unroll(network, state), K = Self.levels
        for e in 0..<Self.episodes {
            #expect(state.previous[e * 4] == 0)
            for s in 1..<4 { #expect(state.previous[e * 4 + s] == Int32(levels[s - 1][e] + 1)) }
        }
        let whole = network.forward(state).logits
        for s in 0..<4 {
            for i in 0..<(Self.episodes * K) {
                #expect(abs(logits[s][i] - whole[(i / K * 4 + s) * K + i % K]) < 1e-5)
            }
        }
        // In the first segment there is no past, so both episodes are alike.
        #expect(Set(whole.array).count == whole.count - K)
    }

    /// The state of a segment is that of the text before it, to the last bit.
    @Test func aSegmentSeesWhatIsBeforeItAlone() {
        let network = Self.network(), x = Self.normal(Self.episodes * Self.length * Self.width, 1)
        let base = Self.unroll(network, Self.state(x)).logits
        for t in 0..<Self.length {
            let changed = Buffer(x.array)
            for j in 0..<Self.width { changed[t * Self.width + j] += 1 + Float(j % 4) }
            let after = Self.unroll(network, Self.state(changed)).logits
            for s in 0..<4 {
                let first = s * Self.segment
                #expect(first > t || after[s] == base[s], "token \(t), segment \(s)")
                // The last segment's own tokens are nobody's past.
                if s == t / Self.segment + 1 { #expect(after[s] != base[s], "token \(t), segment \(s)") }
            }
        }
    }

    /// Directional derivatives of c · logits along a random direction of each parameter.
    @Test func gradientsAgreeWithDifferences() {
        let network = Self.network(), state = Self.state(Self.normal(Self.episodes * Self.length * Self.width, 1))
        _ = Self.unroll(network, state)
        let count = Self.episodes * 4 * Self.levels, c = Self.normal(count, 2), arena = network.arena
        func value() -> Double {
            let y = network.forward(state).logits
            return (0..<count).reduce(0) { $0 + Double(c[$1]) * Double(y[$1]) }
        }
        network.backward(network.forward(state), dlogits: c)
        let gradients = Buffer(arena.gradients.array)
        #expect(arena.layout.parameters.count == 5 + 2 * 12 + 2 + 4)
        for (n, parameter) in arena.layout.parameters.enumerated() {
            let gradient = gradients[parameter.range]
            let (slope, expected) = slopes(
                of: value, along: arena.values[parameter.range], gradient: gradient, seed: UInt64(20 + n))
            #expect(abs(slope - expected) < 1e-2 * max(0.3, abs(expected)), "\(parameter.name): \(slope), \(expected)")
            #expect(gradient.array.contains { $0 != 0 }, "\(parameter.name)")
        }
    }

    /// A number of threads gives the same decisions and gradients each time, and another number the same up to rounding.
    @Test func threadsChangeRoundingAlone() {
        let x = Self.normal(Self.episodes * Self.length * Self.width, 1), c = Self.normal(Self.episodes * 4 * Self.levels, 2)
        let results = [1, 2, 3, 3].map { threads -> [Float] in
            let network = Self.network(threads: threads), state = Self.state(x)
            let logits = Self.unroll(network, state).logits.flatMap(\.self), trail = network.forward(state)
            network.backward(trail, dlogits: c)
            return logits + trail.logits.array + network.arena.gradients.array
        }
        let repeatsItself = results[3] == results[2]
        #expect(repeatsItself)
        let largest = results[0].map(abs).max() ?? 0
        for own in results.dropFirst() { #expect(zip(own, results[0]).allSatisfy { abs($0 - $1) < 1e-5 * largest }) }
    }

    /// Learning takes up what choosing left.
    @Test func anEmbeddingServesAgain() {
        let x = Self.normal(Self.episodes * Self.length * Self.width, 1), c = Self.normal(Self.episodes * 4 * Self.levels, 2)
        let results = [false, true].map { again -> (gradients: [Float], flops: Int) in
            let network = Self.network(), state = Self.state(x)
            let embedding = network.unroll(state) { _, _ in [1, 2] }
            _ = network.takeFLOPs()
            let trail = network.forward(state, embedding: again ? embedding : nil)
            let flops = network.takeFLOPs()
            network.backward(trail, dlogits: c)
            return (trail.logits.array + network.arena.gradients.array, flops)
        }
        let isSame = results[0].gradients == results[1].gradients
        #expect(isSame)
        // Convolution and facts.
        let rows = Self.episodes * 4
        #expect(results[0].flops - results[1].flops == 2 * rows * (7 * 3 * Self.width * 64 + 17 * 32))
    }

    @Test func factsOfLayersAreThoseOfEach() {
        let weights = (0..<3).map { Matrix(Self.normal(12 * 36, UInt64($0), 0.1), rows: 12, columns: 36) }
        let depths = [0.1, 0.5, 0.9], shares = (0..<3).map { [(score: Double($0) / 4, value: 0.5)] }
        let shape = AttentionShape(heads: 3, headWidth: 4)
        let together = LayerFacts.ofLayers(weights, shape, depths: depths, shares: shares, on: Team(threads: 2))
        for i in 0..<3 {
            let own = LayerFacts(
                weight: weights[i], shape, depth: depths[i], shares: shares[i], on: Team(threads: 1))
            #expect(together[i].values == own.values && together[i].values != together[(i + 1) % 3].values)
        }
    }

    @Test func flopsAreCountedOnce() {
        let network = Self.network(), state = Self.state(Self.normal(Self.episodes * Self.length * Self.width, 1))
        _ = network.takeFLOPs()
        _ = network.forward(state)
        let M = Self.episodes * 4, D = Self.width, W = 128, rows = M * 7
        let linear = M * (17 * 32 + 2 * (4 * W * W + 2 * W * 256) + W * 128 + 128 * Self.levels)
        // Causal attention of 4 positions is one tile: 4 × 4 scores and values in each of 2 layers and 4 heads.
        let attention = 2 * Self.episodes * 2 * 4 * 4 * W
        #expect(network.takeFLOPs() == 2 * (3 * rows * D * 64 + linear + attention))
        #expect(network.takeFLOPs() == 0)
    }
}

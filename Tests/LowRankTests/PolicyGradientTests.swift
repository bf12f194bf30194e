import Foundation
import LowRank
import Testing

@Suite struct PolicyGradientTests {
    private static let logits = [0.3, -1.2, 0.9, 0.1], allowed = [true, false, true, true]

    @Test func maskedActionsHaveNoChanceAndNoGradient() {
        let chance = PolicyGradient.logProbabilities(Self.logits, allowed: Self.allowed)
        #expect(exp(chance[1]) == 0)
        #expect(abs(chance.reduce(0) { $0 + exp($1) } - 1) < 1e-15)
        for action in [0, 2, 3] {
            let slope = PolicyGradient.reinforce(chance, action: action, advantage: -1.7)
            #expect(slope[1] == 0 && slope.allSatisfy(\.isFinite))
            #expect(PolicyGradient.entropySlope(chance, entropy: PolicyGradient.entropy(chance))[1] == 0)
        }
        for i in 0..<1000 { #expect(PolicyGradient.sample(chance, draw: (Double(i) + 0.5) / 1000) != 1) }
        #expect(PolicyGradient.sample(chance, draw: 1 - 1e-17) == 3)
        // Logits that no exponential can hold.
        let extreme = PolicyGradient.logProbabilities([-2000, 1000, 800], allowed: [true, false, true])
        #expect(extreme[2] == 0 && extreme[0] == -2800)
    }

    @Test func samplesFollowTheChances() {
        let chance = PolicyGradient.logProbabilities(Self.logits, allowed: Self.allowed), n = 100_000
        var counts = [0, 0, 0, 0]
        for i in 0..<n { counts[PolicyGradient.sample(chance, draw: (Double(i) + 0.5) / Double(n))] += 1 }
        for (count, value) in zip(counts, chance) { #expect(abs(Double(count) / Double(n) - exp(value)) < 2e-5) }
    }

    @Test func greedyTakesTheCheapestOfTheBest() {
        #expect(PolicyGradient.greedy([-2, -1, -1, -3]) == 1)
        #expect(PolicyGradient.greedy([-.infinity, -.infinity, 0]) == 2)
    }

    @Test func returnsAreDiscountedSums() {
        #expect(PolicyGradient.returns([1, 2, 4], discount: 0.5) == [3, 4, 4])
        #expect(PolicyGradient.returns([1, 2, 4], discount: 0) == [1, 2, 4])
        #expect(PolicyGradient.returns([], discount: 1).isEmpty)
    }

    @Test func momentsAddUp() {
        let all = [3.0, -1, 4, 1, -5, 9]
        let a = PolicyGradient.Moments(of: Array(all[..<2])), b = PolicyGradient.Moments(of: Array(all[2...]))
        let sum = PolicyGradient.Moments(count: a.count + b.count, sum: a.sum + b.sum, squares: a.squares + b.squares)
        #expect(sum == PolicyGradient.Moments(of: all))
        let normal = all.map(sum.normalised)
        #expect(abs(normal.reduce(0, +)) < 1e-14 && abs(normal.reduce(0) { $0 + $1 * $1 } - 6) < 1e-13)
        // Where all are alike there is nothing to learn, and nothing to divide by.
        #expect(PolicyGradient.Moments(of: [2, 2, 2]).normalised(2) == 0)
    }

    /// In float64, against central differences of what they are the gradients of.
    @Test(arguments: [-1.3, 0.8]) func slopesAgreeWithDifferences(advantage: Double) {
        let h = 1e-5, old = -1.1
        func chance(_ logits: [Double]) -> [Double] { PolicyGradient.logProbabilities(logits, allowed: Self.allowed) }
        func difference(_ k: Int, _ f: ([Double]) -> Double) -> Double {
            var (up, down) = (Self.logits, Self.logits)
            up[k] += h
            down[k] -= h
            return (f(up) - f(down)) / (2 * h)
        }
        let now = chance(Self.logits)
        for action in [0, 2, 3] {
            let plain = PolicyGradient.reinforce(now, action: action, advantage: advantage)
            let clipped = PolicyGradient.clipped(now, action: action, advantage: advantage, oldLogProbability: old)
            for k in 0..<4 {
                #expect(abs(plain[k] - difference(k) { -advantage * chance($0)[action] }) < 1e-8)
                let objective: ([Double]) -> Double = {
                    let ratio = exp(chance($0)[action] - old)
                    let bound = min(max(ratio, 1 - PolicyGradient.clip), 1 + PolicyGradient.clip)
                    return -min(ratio * advantage, bound * advantage)
                }
                #expect(abs(clipped[k] - difference(k, objective)) < 1e-8, "action \(action), logit \(k)")
            }
        }
        let entropy = PolicyGradient.entropySlope(now, entropy: PolicyGradient.entropy(now))
        for k in 0..<4 { #expect(abs(entropy[k] - difference(k) { PolicyGradient.entropy(chance($0)) }) < 1e-8) }
    }
}

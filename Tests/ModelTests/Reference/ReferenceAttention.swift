import Foundation
import Model

extension Reference {
    /// Causal softmax attention over qkv: [B L, 3 D] with queries, keys and values side by side.
    struct Attention {
        let sequences: Int
        let length: Int
        let heads: Int
        let headWidth: Int
        /// What weight (sequence, head, query, key) is multiplied with after the softmax: dropout's mask, or 1.
        var factor: (_ sequence: Int, _ head: Int, _ query: Int, _ key: Int) -> Double = { _, _, _, _ in 1 }
        /// Of how many columns a query's score with a key is, and of how many that key's value; all where nil.
        var level: ((_ sequence: Int, _ query: Int, _ key: Int) -> AttentionLevel)?

        private var width: Int { heads * headWidth }

        /// Offsets of a token's query, key and value.
        private func q(_ b: Int, _ h: Int, _ t: Int) -> Int { (b * length + t) * 3 * width + h * headWidth }
        private func k(_ b: Int, _ h: Int, _ t: Int) -> Int { q(b, h, t) + width }
        private func v(_ b: Int, _ h: Int, _ t: Int) -> Int { q(b, h, t) + 2 * width }
        private func o(_ b: Int, _ h: Int, _ t: Int) -> Int { (b * length + t) * width + h * headWidth }

        private func columns(_ b: Int, _ query: Int, _ key: Int) -> (score: Int, value: Int) {
            level.map { ($0(b, query, key).scoreRank, $0(b, query, key).valueRank) } ?? (headWidth, headWidth)
        }

        private func dot(_ x: [Double], _ i: Int, _ y: [Double], _ j: Int, _ columns: Int) -> Double {
            var sum = 0.0
            for c in 0..<columns { sum += x[i + c] * y[j + c] }
            return sum
        }

        /// The weights of one query over keys 0 ... query, before dropout, and the row's log-sum-exp.
        private func weights(_ qkv: [Double], _ b: Int, _ h: Int, _ query: Int) -> (p: [Double], lse: Double) {
            let scale = 1 / Double(headWidth).squareRoot()
            let scores = (0...query).map { scale * dot(qkv, q(b, h, query), qkv, k(b, h, $0), columns(b, query, $0).score) }
            let top = scores.max()!
            let sum = scores.reduce(0) { $0 + exp($1 - top) }
            return (scores.map { exp($0 - top) / sum }, top + log(sum))
        }

        /// out: [B L, D], lse: [B, H, L].
        func forward(_ qkv: [Double]) -> (out: [Double], lse: [Double]) {
            var out = [Double](repeating: 0, count: sequences * length * width)
            var lse = [Double](repeating: 0, count: sequences * heads * length)
            for b in 0..<sequences {
                for h in 0..<heads {
                    for i in 0..<length {
                        let row = weights(qkv, b, h, i)
                        lse[(b * heads + h) * length + i] = row.lse
                        for j in 0...i {
                            let p = row.p[j] * factor(b, h, i, j)
                            for c in 0..<columns(b, i, j).value { out[o(b, h, i) + c] += p * qkv[v(b, h, j) + c] }
                        }
                    }
                }
            }
            return (out, lse)
        }

        func backward(dout: [Double], qkv: [Double]) -> [Double] {
            let scale = 1 / Double(headWidth).squareRoot()
            var dqkv = [Double](repeating: 0, count: qkv.count)
            for b in 0..<sequences {
                for h in 0..<heads {
                    for i in 0..<length {
                        let p = weights(qkv, b, h, i).p
                        let dp = (0...i).map {
                            factor(b, h, i, $0) * dot(dout, o(b, h, i), qkv, v(b, h, $0), columns(b, i, $0).value)
                        }
                        let mean = zip(p, dp).reduce(0) { $0 + $1.0 * $1.1 }
                        for j in 0...i {
                            let weight = p[j] * factor(b, h, i, j)
                            let dscore = scale * p[j] * (dp[j] - mean)
                            let columns = columns(b, i, j)
                            for c in 0..<columns.value { dqkv[v(b, h, j) + c] += weight * dout[o(b, h, i) + c] }
                            for c in 0..<columns.score {
                                dqkv[q(b, h, i) + c] += dscore * qkv[k(b, h, j) + c]
                                dqkv[k(b, h, j) + c] += dscore * qkv[q(b, h, i) + c]
                            }
                        }
                    }
                }
            }
            return dqkv
        }
    }
}

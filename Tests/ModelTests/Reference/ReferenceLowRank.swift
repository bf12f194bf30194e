import Model

extension Reference {
    /// Attention at a rank as a change of its ends: scores at rank r are those of the queries q Bq[:, :r] Bk[:, :r]ᵀ, and
    /// outputs at rank r are o P[:, :r] P[:, :r]ᵀ.
    struct LowRank {
        let heads, headWidth, segment: Int
        /// By layer and head: [d, d] each.
        let query, key, value: [[[Double]]]
        /// By layer, sequence and segment.
        let level: @Sendable (_ layer: Int, _ sequence: Int, _ segment: Int) -> AttentionLevel

        private func apply(
            _ x: inout [Double], _ offset: Int, _ a: [Double], _ b: [Double], rank: Int
        ) {
            let d = headWidth
            var inner = [Double](repeating: 0, count: rank)
            for r in 0..<rank { for i in 0..<d { inner[r] += x[offset + i] * a[i * d + r] } }
            for j in 0..<d { x[offset + j] = (0..<rank).reduce(0) { $0 + inner[$1] * b[j * d + $1] } }
        }

        /// qkv: [B L, 3 D] with its queries mapped, or their gradient mapped back.
        func mapQueries(_ qkv: [Double], _ layer: Int, length: Int, transposed: Bool = false) -> [Double] {
            var result = qkv
            let D = heads * headWidth
            for row in 0..<(qkv.count / (3 * D)) {
                let rank = level(layer, row / length, row % length / segment).scoreRank
                for h in 0..<heads {
                    let (a, b) = transposed ? (key[layer][h], query[layer][h]) : (query[layer][h], key[layer][h])
                    apply(&result, row * 3 * D + h * headWidth, a, b, rank: rank)
                }
            }
            return result
        }

        /// out: [B L, D] mapped; the map is symmetric.
        func mapOutputs(_ out: [Double], _ layer: Int, length: Int) -> [Double] {
            var result = out
            let D = heads * headWidth
            for row in 0..<(out.count / D) {
                let rank = level(layer, row / length, row % length / segment).valueRank
                for h in 0..<heads {
                    apply(&result, row * D + h * headWidth, value[layer][h], value[layer][h], rank: rank)
                }
            }
            return result
        }
    }
}

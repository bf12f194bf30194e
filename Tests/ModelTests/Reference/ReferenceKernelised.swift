import Foundation

/// Performer and Nyström attention by their formulas, pair by pair; gradients come from finite differences.
extension Reference {
    /// qkv: [B L, 3 D] as GPT-2 has it; out: [B L, D].
    struct Heads {
        let sequences, length, heads, headWidth: Int

        /// Runs `attend` on every sequence and head; q, k, v and its result: [L][d].
        func forward(
            _ qkv: [Double], _ attend: (_ head: Int, _ q: [[Double]], _ k: [[Double]], _ v: [[Double]]) -> [[Double]]
        ) -> [Double] {
            let d = headWidth, D = heads * d
            var out = [Double](repeating: 0, count: sequences * length * D)
            for b in 0..<sequences {
                for h in 0..<heads {
                    func part(_ i: Int) -> [[Double]] {
                        (0..<length).map { t in
                            let first = (b * length + t) * 3 * D + i * D + h * d
                            return Array(qkv[first..<(first + d)])
                        }
                    }
                    for (t, row) in attend(h, part(0), part(1), part(2)).enumerated() {
                        for c in 0..<d { out[(b * length + t) * D + h * d + c] = row[c] }
                    }
                }
            }
            return out
        }
    }

    /// `directions`: m rows of d.
    static func performer(_ q: [[Double]], _ k: [[Double]], _ v: [[Double]], directions: [[Double]]) -> [[Double]] {
        let root = pow(Double(q[0].count), 0.25)
        func exponents(_ x: [Double]) -> [Double] {
            let scaled = x.map { $0 / root }
            return directions.map { dot($0, scaled) - dot(scaled, scaled) / 2 }
        }
        let (logQ, logK) = (q.map(exponents), k.map(exponents))
        return q.indices.map { i in
            let pairs = (0...i).map { j in zip(logQ[i], logK[j]).map { $0.0 + $0.1 } }
            let top = pairs.joined().max()!
            return weightedMean(pairs.map { $0.reduce(0) { $0 + exp($1 - top) } }, v)
        }
    }

    /// n landmarks for each segment of T tokens, ridge λ.
    static func nystrom(
        _ q: [[Double]], _ k: [[Double]], _ v: [[Double]], landmarks n: Int, segment T: Int, ridge: Double
    ) -> [[Double]] {
        let L = q.count, scale = 1 / Double(q[0].count).squareRoot()
        func mean(_ x: ArraySlice<[Double]>) -> [Double] { weightedMean(x.map { _ in 1 }, Array(x)) }
        func softmax(_ queries: [[Double]], _ keys: [[Double]]) -> [[Double]] {
            queries.map { query in
                let weights = keys.map { exp(scale * dot(query, $0)) }
                return weights.map { $0 / weights.reduce(0, +) }
            }
        }
        // Keys, values and counts that stand for each segment.
        let summaries = (0..<(L / T)).map { u -> (k: [[Double]], v: [[Double]], counts: [Double]) in
            let pieces = (0..<n).map { (u * T + $0 * T / n)..<(u * T + ($0 + 1) * T / n) }
            let (mq, mk, mv) = (pieces.map { mean(q[$0]) }, pieces.map { mean(k[$0]) }, pieces.map { mean(v[$0]) })
            let own = (u * T)..<((u + 1) * T)
            let A = softmax(mq, mk), B = softmax(mq, Array(k[own]))
            let target = B.map { combine($0, Array(v[own])) }
            let residual = zip(target, A).map { y, row in zip(y, combine(row, mv)).map { $0.0 - $0.1 } }
            let normal = (0..<n).map { i in (0..<n).map { j in A.reduce(0) { $0 + $1[i] * $1[j] } + (i == j ? ridge : 0) } }
            let right = (0..<n).map { i in combine(A.map { $0[i] }, residual) }
            let change = solve(normal, right)
            return (mk, zip(mv, change).map { zip($0, $1).map { $0.0 + $0.1 } }, pieces.map { Double($0.count) })
        }
        return (0..<L).map { i in
            let own = (i / T * T)...i
            var (weights, values) = (own.map { exp(scale * dot(q[i], k[$0])) }, Array(v[own]))
            for summary in summaries.prefix(i / T) {
                weights += zip(summary.k, summary.counts).map { $0.1 * exp(scale * dot(q[i], $0.0)) }
                values += summary.v
            }
            return weightedMean(weights, values)
        }
    }

    /// Σ weights_j rows_j.
    private static func combine(_ weights: [Double], _ rows: [[Double]]) -> [Double] {
        rows[0].indices.map { c in zip(weights, rows).reduce(0) { $0 + $1.0 * $1.1[c] } }
    }

    private static func weightedMean(_ weights: [Double], _ rows: [[Double]]) -> [Double] {
        combine(weights, rows).map { $0 / weights.reduce(0, +) }
    }

    /// Gauss-Jordan elimination without pivots, for matrices that are positive definite.
    private static func solve(_ matrix: [[Double]], _ right: [[Double]]) -> [[Double]] {
        var rows = zip(matrix, right).map { Array([$0, $1].joined()) }
        for i in rows.indices {
            rows[i] = rows[i].map { $0 / rows[i][i] }
            for j in rows.indices where j != i {
                let factor = rows[j][i]
                rows[j] = zip(rows[j], rows[i]).map { $0.0 - factor * $0.1 }
            }
        }
        return rows.map { Array($0[matrix.count...]) }
    }
}

import Kernels
import LowRank
import TestSupport
import Testing

@Suite struct GramSetTests {
    private static func activation(rows: Int, width: Int, seed: UInt64) -> Buffer<Float> {
        let qkv = Buffer<Float>(uninitialized: rows * 3 * width)
        Philox(key: seed).fillNormal(qkv, deviation: 1)
        return qkv
    }

    @Test func sumsOuterProductsOfRows() {
        let layers = 2, heads = 3, d = 5, D = heads * d, rows = 700
        for threads in [1, 3] {
            let grams = GramSet(layers: layers, heads: heads, headWidth: d)
            let qkv = Self.activation(rows: rows, width: D, seed: 1)
            grams.accumulate(qkv, rows: rows, layer: 1, on: Team(threads: threads))
            #expect(grams.weights.array == [0, Double(rows)])
            for head in 0..<heads {
                let gram = grams.head(layer: 1, head: head)
                for (part, g) in [gram.query, gram.key, gram.value].enumerated() {
                    for i in 0..<d {
                        for j in 0..<d {
                            let exact = (0..<rows).reduce(0.0) { sum, row in
                                let first = row * 3 * D + part * D + head * d
                                return sum + Double(qkv[first + i]) * Double(qkv[first + j])
                            }
                            #expect(abs(g[i, j] - exact) < 1e-6 * Double(rows), "head \(head) part \(part)")
                            #expect(g[i, j] == g[j, i])
                        }
                    }
                }
                #expect(grams.head(layer: 0, head: head).query.frobeniusNorm == 0)
            }
        }
    }

    /// Sums of flat arrays are the Grams of all tokens, and decay commutes with them.
    @Test func flatArraysAddUp() {
        let team = Team(threads: 2)
        func gram(_ seed: UInt64, rows: Int) -> GramSet {
            let grams = GramSet(layers: 1, heads: 2, headWidth: 4)
            grams.accumulate(Self.activation(rows: rows, width: 8, seed: seed), rows: rows, layer: 0, on: team)
            return grams
        }
        let a = gram(1, rows: 40), b = gram(2, rows: 60)
        let average = GramSet(layers: 1, heads: 2, headWidth: 4)
        average.average(adding: a, decay: 0.5)
        average.average(adding: b, decay: 0.5)
        #expect(average.values.count == GramSet.count(layers: 1, heads: 2, headWidth: 4))
        for i in 0..<average.values.count { #expect(average.values[i] == 0.5 * a.values[i] + b.values[i]) }
        #expect(average.weights.array == [80])
        let view = GramSet(average.values, layers: 1, heads: 2, headWidth: 4)
        #expect(view.head(layer: 0, head: 1).value.values.array == average.head(layer: 0, head: 1).value.values.array)
    }

    @Test func noRowsAddNothing() {
        let grams = GramSet(layers: 1, heads: 1, headWidth: 2)
        grams.accumulate(Buffer<Float>(count: 0, repeating: 0), rows: 0, layer: 0, on: Team(threads: 1))
        #expect(grams.values.array.allSatisfy { $0 == 0 })
    }
}

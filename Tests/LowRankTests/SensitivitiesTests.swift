import Kernels
import LowRank
import Model
import Testing

@Suite struct SensitivitiesTests {
    private static func losses(_ rows: [(Int, Int)], _ values: [Double]) -> EstimatedLosses {
        EstimatedLosses(
            rows: rows.map { LookedRow(sequence: $0.0, position: $0.1) }, levels: 2, values: Buffer(values))
    }

    @Test func rowsAreSummedByLayerAndSegment() {
        let all = Sensitivities(layers: 3, length: 10, segment: 4, levels: 2)
        #expect(all.segments == 3 && all.values.count == 3 * 3 * 3)
        all.add(Self.losses([(0, 0), (0, 3), (1, 4), (1, 9)], [1, 2, 3, 4, 5, 6, 7, 8]), layer: 2)
        all.add(Self.losses([(0, 5)], [10, 20]), layer: 2)
        all.add(Self.losses([(0, 5)], [1, 1]), layer: 0)
        #expect(all.rows(layer: 2) == 5 && all.rows(layer: 2, segment: 0) == 2)
        #expect(all.means(layer: 2) == [26.0 / 5, 40.0 / 5])
        #expect(all.means(layer: 2, segment: 0) == [2, 3])
        #expect(all.means(layer: 2, segment: 1) == [7.5, 13])
        #expect(all.means(layer: 2, segment: 2) == [7, 8])
        #expect(all.means(layer: 1) == nil && all.means(layer: 0, segment: 0) == nil)
    }

    /// Two ranks' arrays add up to that of both ranks' rows.
    @Test func sumsAdd() {
        let (a, b, both) = (
            Sensitivities(layers: 2, length: 8, segment: 8, levels: 2),
            Sensitivities(layers: 2, length: 8, segment: 8, levels: 2),
            Sensitivities(layers: 2, length: 8, segment: 8, levels: 2)
        )
        let (first, second) = (Self.losses([(0, 1)], [1, 2]), Self.losses([(0, 7), (1, 2)], [3, 4, 5, 6]))
        for all in [a, both] { all.add(first, layer: 0) }
        for all in [b, both] { all.add(second, layer: 0) }
        for all in [b, both] { all.add(first, layer: 1) }
        a.add(b)
        #expect(a.values.array == both.values.array)
        #expect(a.means(layer: 0) == [3, 4])
    }

    /// Every row is looked at as often as any other, whatever the batch; passes, layers and samples draw apart.
    @Test func rowsAreDrawnEvenly() {
        let n = 5, L = 23, batch = EngineRun.batch([1, 2, 1 << 40], length: L)
        var counts = Array(repeating: 0, count: L), firsts = Set<[Int]>()
        for pass in 0..<600 {
            let draw = RowDraw(every: n, seed: 3, pass: UInt64(pass))
            for layer in 0..<2 {
                let rows = draw.rows(of: batch, layer: layer)
                #expect(rows.map(\.sequence) == rows.map(\.sequence).sorted())
                firsts.insert((0..<3).map { b in rows.first { $0.sequence == b }?.position ?? -1 })
                for (a, b) in zip(rows, rows.dropFirst()) where a.sequence == b.sequence {
                    #expect(b.position == a.position + n)
                }
                for row in rows { counts[row.position] += 1 }
                let alone = draw.rows(of: EngineRun.batch([1 << 40], length: L), layer: layer)
                #expect(alone.map(\.position) == rows.filter { $0.sequence == 2 }.map(\.position))
            }
        }
        // Binomial: 3600 draws at 1/5 each, of deviation 24.
        for count in counts { #expect(abs(count - 720) < 96) }
        #expect(firsts.count == n * n * n)
    }
}

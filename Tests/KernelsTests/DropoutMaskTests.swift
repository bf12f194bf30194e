import CKernels
import Kernels
import Testing

@Suite struct DropoutMaskTests {
    static let key: UInt64 = 0x0123_4567_89ab_cdef
    static let sample: UInt64 = 0x5_0000_0003

    /// Drops from a tile of ones, `rows` × `columns` at (row, column) of the whole.
    private static func tile(
        _ rows: Int, _ columns: Int, row: Int = 0, column: Int = 0, sample: UInt64 = sample, rate: Float
    ) -> [Float] {
        let x = Buffer<Float>(count: rows * columns, repeating: 1)
        drrl_dropout(x.pointer, columns, rows, columns, key, sample, row, column, rate)
        return x.array
    }

    /// Element (r, c) is dropped when word c mod 4 of block (c / 4, r, sample) is below rate · 2³².
    @Test(arguments: [1, 3, 7, 64, 65, 255, 256, 257, 1000])
    func theMaskIsThatOfThePublicGenerator(columns: Int) {
        let rows = 3, rate: Float = 0.3
        let values = Self.tile(rows, columns, rate: rate)
        let generator = Philox(key: Self.key)
        let threshold = UInt32(Double(rate) * 4_294_967_296)
        for r in 0..<rows {
            for c in 0..<columns {
                let words = generator.block(
                    UInt32(c / 4), UInt32(r), UInt32(truncatingIfNeeded: Self.sample), UInt32(Self.sample >> 32))
                let expected = words[c % 4] < threshold ? 0 : 1 / (1 - rate)
                #expect(values[r * columns + c] == expected, "element (\(r), \(c))")
            }
        }
    }

    @Test(arguments: [(1, 4), (5, 64), (32, 128), (3, 300)])
    func anyTilingGivesTheSameMask(tileRows: Int, tileColumns: Int) {
        let rows = 37, columns = 333, rate: Float = 0.25
        let whole = Self.tile(rows, columns, rate: rate)
        for row in stride(from: 0, to: rows, by: tileRows) {
            for column in stride(from: 0, to: columns, by: tileColumns) {
                let m = min(tileRows, rows - row), n = min(tileColumns, columns - column)
                let part = Self.tile(m, n, row: row, column: column, rate: rate)
                for r in 0..<m {
                    let from = (row + r) * columns + column
                    #expect(Array(part[(r * n)..<((r + 1) * n)]) == Array(whole[from..<(from + n)]))
                }
            }
        }
    }

    @Test(arguments: [0, 0.1, 0.5, 0.9] as [Float])
    func theShareDroppedIsTheRate(rate: Float) {
        let values = Self.tile(500, 500, rate: rate)
        let count = Double(values.count)
        let dropped = Double(values.count { $0 == 0 }) / count
        let error = 5 * (Double(rate) * Double(1 - rate) / count).squareRoot()
        #expect(abs(dropped - Double(rate)) <= error)
        #expect(values.allSatisfy { $0 == 0 || $0 == 1 / (1 - rate) })
    }

    @Test func samplesHaveMasksOfTheirOwn() {
        let masks = [0, 1, 1 << 32, 1 << 33].map { Self.tile(4, 64, sample: $0, rate: 0.5) }
        for i in masks.indices {
            for j in 0..<i { #expect(masks[i] != masks[j]) }
        }
    }

    @Test func elementsBetweenRowsStay() {
        let x = Buffer<Float>(count: 3 * 10, repeating: 1)
        drrl_dropout(x.pointer, 10, 3, 7, Self.key, Self.sample, 0, 0, 0.999)
        for r in 0..<3 {
            for c in 7..<10 { #expect(x[r * 10 + c] == 1) }
        }
    }
}

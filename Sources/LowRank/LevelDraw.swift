import Kernels
import Model

/// Uniform draws by which levels are chosen: a pure function of (seed, step, sample, layer, segment), so that the grid does
/// not matter and no later token does.
struct LevelDraw: Sendable {
    private let generator: Philox

    init(seed: UInt64, step: Int) {
        generator = Philox(key: seed).derived(number: UInt64(step), purpose: RandomPurpose.levels)
    }

    /// In [0, 1).
    func callAsFunction(sample: UInt64, layer: Int, segment: Int) -> Double {
        generator.uniform(UInt32(segment), UInt32(layer), sample.low, sample.high)
    }

    /// The layers of a model in an order that is drawn for a segment of a sample.
    func order(of layers: Int, sample: UInt64, segment: Int) -> [Int] {
        let drawn = (0..<layers).map { self(sample: sample, layer: $0, segment: segment) }
        return (0..<layers).sorted { (drawn[$0], $0) < (drawn[$1], $1) }
    }

    /// The index that `draw` means where each has its share of the sum; the last share above 0 where rounding leaves some.
    static func index(of draw: Double, among shares: [Double]) -> Int {
        var left = draw * shares.reduce(0, +)
        for (i, share) in shares.enumerated() where share > 0 {
            if left < share { return i }
            left -= share
        }
        return shares.lastIndex { $0 > 0 } ?? 0
    }
}

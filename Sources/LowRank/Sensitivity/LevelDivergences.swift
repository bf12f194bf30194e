import Kernels
import Model

// W windows of L tokens, N layers, K levels.

/// What the whole model loses at every token where one layer alone attends at a level: Kullback and Leibler's divergence from
/// full attention, measured.
public struct LevelDivergences: Sendable {
    /// Measured; last d:d, which loses nothing.
    public let levels: [Level]
    public let windows, layers, length: Int
    /// [W, N, K, L] nats; zeros until they are measured.
    public let values: Buffer<Double>

    /// - Parameters:
    ///   - levels: d:d need not be among them.
    ///   - length: L.
    public init(levels: [Level], headWidth d: Int, windows: Int, layers: Int, length: Int) {
        let full = Level(scoreRank: d, valueRank: d)
        self.levels = levels.filter { $0 != full } + [full]
        self.windows = windows
        self.layers = layers
        self.length = length
        values = Buffer(count: windows * layers * self.levels.count * length, repeating: 0)
    }

    /// Levels to measure: all but the last.
    public var measured: ArraySlice<Level> { levels.dropLast() }

    /// [L] nats of a window's tokens where layer `layer` attends at level number `level`.
    public subscript(window: Int, layer: Int, level: Int) -> Buffer<Double> {
        let first = ((window * layers + layer) * levels.count + level) * length
        return values[first..<(first + length)]
    }

    /// Σ over layers of what a token loses where it attends in layer i at `levels(i)`; nil where one of these is not known.
    public func loss(window: Int, token: Int, at own: (_ layer: Int) -> Level) -> Double? {
        var sum = 0.0
        for layer in 0..<layers {
            guard let level = levels.firstIndex(of: own(layer)) else { return nil }
            sum += self[window, layer, level][token]
        }
        return sum
    }
}

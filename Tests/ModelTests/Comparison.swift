import Kernels

/// The largest difference between what a kernel wrote and what was expected, relative to the largest value expected.
/// Infinite where the kernel wrote something that is not finite.
func relativeError(_ actual: [Float], _ expected: [Double]) -> Double {
    precondition(actual.count == expected.count, "\(actual.count) values for \(expected.count)")
    var worst = 0.0, largest = 0.0
    for (a, e) in zip(actual, expected) {
        let difference = abs(Double(a) - e)
        guard difference.isFinite else { return .infinity }
        worst = max(worst, difference)
        largest = max(largest, abs(e))
    }
    return worst / max(largest, 1e-30)
}

/// ‖actual − expected‖ / ‖expected‖; infinite where `actual` is not finite.
func normError(_ actual: [Float], _ expected: [Double]) -> Double {
    precondition(actual.count == expected.count, "\(actual.count) values for \(expected.count)")
    var difference = 0.0, norm = 0.0
    for (a, e) in zip(actual, expected) {
        difference += (Double(a) - e) * (Double(a) - e)
        norm += e * e
    }
    return difference.isFinite ? (difference / max(norm, 1e-60)).squareRoot() : .infinity
}

/// Floats between guards, at an odd address, so that a write past either end shows.
struct Guarded {
    private static let before = 19, after = 17, mark: Float = 12345.678
    private let whole: Buffer<Float>
    /// What the kernel is given.
    let values: Buffer<Float>

    init(_ contents: [Float]) {
        whole = Buffer(count: Self.before + contents.count + Self.after, repeating: Self.mark)
        values = whole[Self.before..<(Self.before + contents.count)]
        values.copy(from: Buffer(contents))
    }

    /// Filled with NaN: what the kernel must write.
    init(unwritten count: Int) { self.init([Float](repeating: .nan, count: count)) }

    var array: [Float] { values.array }

    /// Whether nothing was written outside.
    var isIntact: Bool {
        let edges = whole[0..<Self.before].array + whole[(whole.count - Self.after)..<whole.count].array
        return edges.allSatisfy { $0 == Self.mark }
    }
}

extension [Guarded] {
    var areIntact: Bool { allSatisfy { $0.isIntact } }
}

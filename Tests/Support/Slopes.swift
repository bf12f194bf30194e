import Kernels

/// The slope of `value` along a random direction of what it depends on, by central differences of fourth order, and what
/// `gradient` says it is. `values` are moved and put back.
///
/// The order is high so that steps may be large against float32's rounding.
public func slopes(
    of value: () -> Double, along values: Buffer<Float>, gradient: Buffer<Float>, seed: UInt64
) -> (measured: Double, expected: Double) {
    let direction = Buffer<Float>(uninitialized: values.count), start = Buffer(values.array), h: Float = 0.02
    Philox(key: seed).fillNormal(direction, deviation: 1)
    let norm = Float(direction.array.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot())
    func moved(_ by: Float) -> Double {
        for i in 0..<values.count { values[i] = start[i] + by * direction[i] / norm }
        return value()
    }
    let measured = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * Double(h))
    values.copy(from: start)
    let expected = (0..<values.count).reduce(0) { $0 + Double(gradient[$1]) * Double(direction[$1]) } / Double(norm)
    return (measured, expected)
}

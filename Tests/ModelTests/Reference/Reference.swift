/// A plain GPT-2 in float64: the judge of the kernels, written to be read and not to be fast.
///
/// Matrices are row-major arrays; every backward function returns gradients instead of adding to them.
enum Reference {}

extension Array where Element == Double {
    /// Element by element.
    static func + (a: [Double], b: [Double]) -> [Double] { zip(a, b).map { $0.0 + $0.1 } }
    static func * (a: [Double], factor: Double) -> [Double] { a.map { $0 * factor } }
}

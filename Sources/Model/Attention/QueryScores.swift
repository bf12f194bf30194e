import CKernels
import COpenBLAS
import Kernels

// L positions; d columns of queries and keys, or of values.

/// The scores of one query with keys that stand in several places, on one thread.
struct QueryScores: Sendable {
    /// [L].
    private let scores: Buffer<Float>
    private let largest, sum: Buffer<Float>

    /// For at most `length` keys.
    init(length: Int) {
        scores = Buffer(uninitialized: length)
        largest = Buffer(uninitialized: 1)
        sum = Buffer(uninitialized: 1)
    }

    /// The scores from number `range.lowerBound` on, one for each of `range.count` keys.
    func score(
        _ query: UnsafePointer<Float>, keys: UnsafePointer<Float>, stride: Int, width d: Int, scale: Float,
        into range: Range<Int>, _ flops: FlopCounter
    ) {
        precondition(range.upperBound <= scores.count, "\(range.upperBound) scores of \(scores.count)")
        guard !range.isEmpty else { return }
        flops.product(1, range.count, d, .scores)
        cblas_sgemv(
            CblasRowMajor, CblasNoTrans, blasint(range.count), blasint(d), scale, keys, blasint(stride), query, 1, 0,
            scores.pointer + range.lowerBound, 1)
    }

    /// Adds `terms`, one for each of the first scores.
    func add(_ terms: Buffer<Float>) { drrl_add(scores.pointer, terms.pointer, terms.count) }

    /// The first `count` scores become their exponentials, and their sum is kept.
    func soften(_ count: Int, _ flops: FlopCounter) {
        (largest[0], sum[0]) = (-.greatestFiniteMagnitude, 0)
        flops.exponentials(count)
        drrl_softmax_tile_forward(
            scores.pointer, count, 1, count, count, largest.pointer, sum.pointer, largest.pointer, 0)
    }

    /// out, [d], = the values at the softmax's weights, or += where `adding`; one value for each score of `range`.
    func weigh(
        _ values: UnsafePointer<Float>, stride: Int, width d: Int, from range: Range<Int>, adding: Bool = false,
        into out: UnsafeMutablePointer<Float>, _ flops: FlopCounter
    ) {
        flops.product(1, d, range.count, .values)
        cblas_sgemv(
            CblasRowMajor, CblasTrans, blasint(range.count), blasint(d), 1 / sum[0], values, blasint(stride),
            scores.pointer + range.lowerBound, 1, adding ? 1 : 0, out, 1)
    }
}

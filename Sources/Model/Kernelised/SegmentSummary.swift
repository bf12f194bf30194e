import CKernels
import COpenBLAS
import Kernels

// T tokens in the segment, d head width, n landmarks; a landmark stands for the tokens of one of n even pieces.

/// What later segments read of a segment: n landmark keys and n landmark values, in place of T.
///
/// With landmark queries, keys and values Q̃, K̃, Ṽ, the means of the pieces, and the row-wise softmaxes
/// A = softmax(Q̃ K̃ᵀ/√d), n×n, and B = softmax(Q̃ Kᵀ/√d), n×T, Nyström's method (Xiong et al. 2021, "Nyströmformer",
/// Eq. 14) gives the values A⁺ B V. A is close to singular where landmarks are alike, so the values kept are those that
/// minimise ‖A X − B V‖² + λ‖X − Ṽ‖²: X = Ṽ + (AᵀA + λI)⁻¹ Aᵀ (B V − A Ṽ). Rows of weights still sum to 1, X is V where
/// every token is a landmark, and it is the pieces' mean where A says nothing.
struct SegmentSummary: Sendable {
    /// λ. Between 0.0001 and 0.1 a trained model's perplexity changes by 0.3%; smaller ones make larger gradients.
    static let ridge = 0.01

    let tokens, landmarks, width: Int
    private let scale: Float
    /// [n, d] each: Q̃, B V − A Ṽ and X − Ṽ, and room for gradients.
    private let queries, residual, change, gradientA, gradientB: Buffer<Float>
    /// [n, n], [n, T], and room for their gradients.
    private let small, wide, smallGradient, wideGradient: Buffer<Float>
    /// [n] each.
    private let rowA, rowB: Buffer<Float>
    private let solver: RidgeSolver

    init(tokens T: Int, landmarks n: Int, headWidth d: Int, forTraining: Bool) {
        tokens = T
        landmarks = n
        width = d
        scale = 1 / Float(d).squareRoot()
        func floats(_ count: Int) -> Buffer<Float> { Buffer(uninitialized: count) }
        func gradient(_ count: Int) -> Buffer<Float> { Buffer(uninitialized: forTraining ? count : 0) }
        (queries, residual, change) = (floats(n * d), floats(n * d), floats(n * d))
        (gradientA, gradientB) = (gradient(n * d), gradient(n * d))
        (small, wide, smallGradient, wideGradient) = (floats(n * n), floats(n * T), gradient(n * n), gradient(n * T))
        (rowA, rowB) = (floats(n), floats(n))
        solver = RidgeSolver(size: n, columns: d, ridge: Self.ridge)
    }

    /// The tokens of piece `i` of a segment of T cut into n.
    static func piece(_ i: Int, of n: Int, tokens T: Int) -> Range<Int> { (i * T / n)..<((i + 1) * T / n) }

    private func piece(_ i: Int) -> Range<Int> { Self.piece(i, of: landmarks, tokens: tokens) }

    /// Rows of the segment's queries, keys and values, or of their gradients, `stride` apart.
    struct Rows<Pointer> {
        let q, k, v: Pointer
        let stride: Int
    }

    /// keys, values: [n, d], written.
    func forward(
        _ x: Rows<UnsafePointer<Float>>, keys: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>,
        _ flops: FlopCounter
    ) {
        let (n, d, T) = (landmarks, width, tokens)
        means(x.q, x.stride, into: queries.pointer)
        means(x.k, x.stride, into: keys)
        means(x.v, x.stride, into: values)
        flops.product(n, n + T, d, .scores)
        sgemm(CblasNoTrans, CblasTrans, n, n, d, scale, queries.pointer, d, keys, d, 0, small.pointer, n)
        softmax(small, columns: n, flops)
        sgemm(CblasNoTrans, CblasTrans, n, T, d, scale, queries.pointer, d, x.k, x.stride, 0, wide.pointer, T)
        softmax(wide, columns: T, flops)

        flops.product(n, d, T + 2 * n, .values)
        sgemm(CblasNoTrans, CblasNoTrans, n, d, T, 1, wide.pointer, T, x.v, x.stride, 0, residual.pointer, d)
        sgemm(CblasNoTrans, CblasNoTrans, n, d, n, -1, small.pointer, n, values, d, 1, residual.pointer, d)
        sgemm(CblasTrans, CblasNoTrans, n, d, n, 1, small.pointer, n, residual.pointer, d, 0, change.pointer, d)
        solver.take(small.pointer, flops)
        solver.solve(change.pointer, flops)
        drrl_add(values, change.pointer, n * d)
    }

    /// FLOPs of `forward`.
    var flops: Int {
        let (n, d, T) = (landmarks, width, tokens)
        return 2 * n * (n + T) * d + 2 * n * d * (T + 2 * n) + solver.flops
    }

    /// Adds to `gradients` what dkeys and dvalues, [n, d], give; they are used up. keys and values are forward's.
    ///
    /// With E = X − Ṽ, R = B V − A Ṽ and P = (AᵀA + λI)⁻¹ dX: dR = A P, dA = (R − A E) Pᵀ − dR Xᵀ, dṼ = dX − Aᵀ dR.
    func backward(
        _ x: Rows<UnsafePointer<Float>>, keys: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>,
        dkeys: UnsafeMutablePointer<Float>, dvalues: UnsafeMutablePointer<Float>,
        _ gradients: Rows<UnsafeMutablePointer<Float>>, _ flops: FlopCounter
    ) {
        let (n, d, T) = (landmarks, width, tokens)
        forward(x, keys: keys, values: values, flops)
        let (a, b, da, db) = (small.pointer, wide.pointer, smallGradient.pointer, wideGradient.pointer)
        let (e, r, p, dr) = (change.pointer, residual.pointer, gradientA.pointer, gradientB.pointer)
        p.update(from: dvalues, count: n * d)
        solver.solve(p, flops)
        flops.product(n, d, 2 * n, .values)
        sgemm(CblasNoTrans, CblasNoTrans, n, d, n, 1, a, n, p, d, 0, dr, d)
        sgemm(CblasTrans, CblasNoTrans, n, d, n, -1, a, n, dr, d, 1, dvalues, d)

        flops.product(n, n, 2 * d, .values)
        flops.product(n, d, n, .values)
        sgemm(CblasNoTrans, CblasNoTrans, n, d, n, -1, a, n, e, d, 1, r, d)
        sgemm(CblasNoTrans, CblasTrans, n, n, d, 1, r, d, p, d, 0, da, n)
        sgemm(CblasNoTrans, CblasTrans, n, n, d, -1, dr, d, values, d, 1, da, n)
        softmaxBackward(small, smallGradient, columns: n)

        flops.product(n, T, 2 * d, .values)
        sgemm(CblasNoTrans, CblasTrans, n, T, d, 1, dr, d, x.v, x.stride, 0, db, T)
        sgemm(CblasTrans, CblasNoTrans, T, d, n, 1, b, T, dr, d, 1, gradients.v, gradients.stride)
        softmaxBackward(wide, wideGradient, columns: T)

        // p now holds dQ̃.
        flops.product(n, d, 2 * (n + T), .scores)
        sgemm(CblasNoTrans, CblasNoTrans, n, d, n, scale, da, n, keys, d, 0, p, d)
        sgemm(CblasNoTrans, CblasNoTrans, n, d, T, scale, db, T, x.k, x.stride, 1, p, d)
        sgemm(CblasTrans, CblasNoTrans, n, d, n, scale, da, n, queries.pointer, d, 1, dkeys, d)
        sgemm(CblasTrans, CblasNoTrans, T, d, n, scale, db, T, queries.pointer, d, 1, gradients.k, gradients.stride)
        spread(p, over: gradients.q, gradients.stride)
        spread(dkeys, over: gradients.k, gradients.stride)
        spread(dvalues, over: gradients.v, gradients.stride)
    }

    /// means_i = the mean of piece i's rows.
    private func means(_ x: UnsafePointer<Float>, _ stride: Int, into means: UnsafeMutablePointer<Float>) {
        for i in 0..<landmarks {
            let own = means + i * width, piece = piece(i), share = 1 / Float(piece.count)
            own.update(repeating: 0, count: width)
            for t in piece { for c in 0..<width { own[c] += x[t * stride + c] } }
            for c in 0..<width { own[c] *= share }
        }
    }

    /// The gradient of `means`, added to dx.
    private func spread(_ gradient: UnsafePointer<Float>, over dx: UnsafeMutablePointer<Float>, _ stride: Int) {
        for i in 0..<landmarks {
            let own = gradient + i * width, piece = piece(i), share = 1 / Float(piece.count)
            for t in piece { for c in 0..<width { dx[t * stride + c] += own[c] * share } }
        }
    }

    /// Each of n rows becomes its softmax.
    private func softmax(_ x: Buffer<Float>, columns: Int, _ flops: FlopCounter) {
        let n = landmarks
        flops.exponentials(n * columns)
        rowA.fill(-.greatestFiniteMagnitude)
        rowB.fill(0)
        drrl_softmax_tile_forward(
            x.pointer, columns, n, columns, columns, rowA.pointer, rowB.pointer, x.pointer, 0)
        for i in 0..<n { for c in 0..<columns { x.pointer[i * columns + c] /= rowB.pointer[i] } }
    }

    /// dx = p (dp − Σ p dp) by row, in place of dp.
    private func softmaxBackward(_ p: Buffer<Float>, _ dp: Buffer<Float>, columns: Int) {
        drrl_row_dot(rowA.pointer, p.pointer, columns, dp.pointer, columns, landmarks, columns)
        for i in 0..<landmarks {
            for c in (i * columns)..<((i + 1) * columns) {
                dp.pointer[c] = p.pointer[c] * (dp.pointer[c] - rowA.pointer[i])
            }
        }
    }
}

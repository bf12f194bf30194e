import CKernels
import Kernels

/// y = gain · x · rstd over rows of width D, rstd = 1 / √(mean of x² + ε) (Zhang & Sennrich 2019).
///
/// - Parameters:
///   - x: [M, D].
///   - gain: [D].
///   - epsilon: ε, above zero.
///   - y: [M, D], written.
///   - rstd: [M], written; the backward pass needs it.
public func rmsNormForward(
    _ x: Buffer<Float>, gain: Buffer<Float>, epsilon: Float, into y: Buffer<Float>, rstd: Buffer<Float>, rows: Int,
    on team: Team
) {
    let width = gain.count
    precondition(x.count >= rows * width && y.count >= rows * width && rstd.count >= rows)
    team.split(rows, of: width) { r in
        let first = r.lowerBound
        drrl_rmsnorm_forward(
            y.pointer + first * width, rstd.pointer + first, x.pointer + first * width, gain.pointer, r.count, width,
            epsilon)
    }
}

/// The forward pass's y again, from the rstd it kept: cheaper than keeping y.
public func rmsNormAgain(
    _ x: Buffer<Float>, gain: Buffer<Float>, into y: Buffer<Float>, rstd: Buffer<Float>, rows: Int, on team: Team
) {
    let width = gain.count
    precondition(x.count >= rows * width && y.count >= rows * width && rstd.count >= rows)
    team.split(rows, of: width) { r in
        let first = r.lowerBound
        drrl_rmsnorm_apply(
            y.pointer + first * width, rstd.pointer + first, x.pointer + first * width, gain.pointer, r.count, width)
    }
}

/// dx += ∂L/∂x, dgain += ∂L/∂gain, given dy = ∂L/∂y; x, dx, dy: [M, D], gain, dgain: [D], rstd: [M].
public func rmsNormBackward(
    dy: Buffer<Float>, x: Buffer<Float>, gain: Buffer<Float>, rstd: Buffer<Float>, dx: Buffer<Float>,
    dgain: Buffer<Float>, rows: Int, on team: Team
) {
    let width = gain.count
    precondition(dy.count >= rows * width && x.count >= rows * width && dx.count >= rows * width)
    precondition(dgain.count == width && rstd.count >= rows)
    // The sums of each block of rows, added up in order: the same whatever the number of threads.
    let height = 256, blocks = (rows + height - 1) / height
    let sums = Buffer<Float>(count: blocks * width, repeating: 0)
    team.tasks(blocks) { block, _ in
        let first = block * height, count = min(height, rows - first)
        drrl_rmsnorm_backward(
            dx.pointer + first * width, sums.pointer + block * width, dy.pointer + first * width,
            x.pointer + first * width, rstd.pointer + first, gain.pointer, count, width)
    }
    withExtendedLifetime(sums) {
        for block in 0..<blocks { drrl_add(dgain.pointer, sums.pointer + block * width, width) }
    }
}

import CKernels
import Kernels

/// GPT-2's epsilon.
public let layerNormEpsilon: Float = 1e-5

/// y = (x − mean) · rstd · gamma + beta over rows of width D (Ba, Kiros & Hinton 2016).
///
/// x, y: [M, D]; mean, rstd: [M], kept for the backward pass.
public func layerNormForward(
    _ x: Buffer<Float>, gamma: Buffer<Float>, beta: Buffer<Float>, into y: Buffer<Float>,
    mean: Buffer<Float>, rstd: Buffer<Float>, rows: Int, on team: Team
) {
    let width = gamma.count
    precondition(x.count >= rows * width && y.count >= rows * width && mean.count >= rows && rstd.count >= rows)
    team.split(rows, of: width) { r in
        let first = r.lowerBound
        drrl_layernorm_forward(
            y.pointer + first * width, mean.pointer + first, rstd.pointer + first, x.pointer + first * width,
            gamma.pointer, beta.pointer, r.count, width, layerNormEpsilon)
    }
}

/// The forward pass's y again, from the statistics it kept: cheaper than keeping y.
public func layerNormAgain(
    _ x: Buffer<Float>, gamma: Buffer<Float>, beta: Buffer<Float>, into y: Buffer<Float>,
    mean: Buffer<Float>, rstd: Buffer<Float>, rows: Int, on team: Team
) {
    let width = gamma.count
    precondition(x.count >= rows * width && y.count >= rows * width && mean.count >= rows && rstd.count >= rows)
    team.split(rows, of: width) { r in
        let first = r.lowerBound
        drrl_layernorm_apply(
            y.pointer + first * width, mean.pointer + first, rstd.pointer + first, x.pointer + first * width,
            gamma.pointer, beta.pointer, r.count, width)
    }
}

/// dx += ∂L/∂x, dgamma += ∂L/∂gamma, dbeta += ∂L/∂beta, given dy: [M, D].
public func layerNormBackward(
    dy: Buffer<Float>, x: Buffer<Float>, gamma: Buffer<Float>, mean: Buffer<Float>, rstd: Buffer<Float>,
    dx: Buffer<Float>, dgamma: Buffer<Float>, dbeta: Buffer<Float>, rows: Int, on team: Team
) {
    let width = gamma.count
    precondition(dy.count >= rows * width && x.count >= rows * width && dx.count >= rows * width)
    precondition(dgamma.count == width && dbeta.count == width && mean.count >= rows && rstd.count >= rows)
    // The sums of each block of rows, added up in order: the same whatever the number of threads.
    let height = 256, blocks = (rows + height - 1) / height
    let sums = Buffer<Float>(count: blocks * 2 * width, repeating: 0)
    team.tasks(blocks) { block, _ in
        let first = block * height, count = min(height, rows - first)
        drrl_layernorm_backward(
            dx.pointer + first * width, sums.pointer + 2 * block * width, sums.pointer + (2 * block + 1) * width,
            dy.pointer + first * width, x.pointer + first * width, mean.pointer + first, rstd.pointer + first,
            gamma.pointer, count, width)
    }
    withExtendedLifetime(sums) {
        for block in 0..<blocks {
            drrl_add(dgamma.pointer, sums.pointer + 2 * block * width, width)
            drrl_add(dbeta.pointer, sums.pointer + (2 * block + 1) * width, width)
        }
    }
}

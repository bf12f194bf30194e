import Kernels

// M rows of width D.

/// How a family normalises the residual stream.
public enum NormKind: Equatable, Sendable {
    /// Mean 0 and variance 1, times a gain, plus a bias.
    case layerNorm
    /// Root mean square 1, times a gain.
    case rmsNorm(epsilon: Float)
}

/// A norm of a model with its parameters and their gradients.
struct Norm: Sendable {
    let kind: NormKind
    /// [D].
    let gain, gainGradient: Buffer<Float>
    /// [D]; nil for RMSNorm.
    let bias, biasGradient: Buffer<Float>?

    /// What a forward pass keeps of each row: [M].
    struct Statistics: Sendable {
        /// Empty for RMSNorm.
        let mean: Buffer<Float>
        let rstd: Buffer<Float>

        init(_ kind: NormKind, rows: Int) {
            mean = Buffer(uninitialized: kind == .layerNorm ? rows : 0)
            rstd = Buffer(uninitialized: rows)
        }
    }

    /// y = the norm of x, [M, D].
    func forward(_ x: Buffer<Float>, into y: Buffer<Float>, _ kept: Statistics, rows: Int, on team: Team) {
        switch kind {
        case .layerNorm:
            layerNormForward(
                x, gamma: gain, beta: offset, into: y, mean: kept.mean, rstd: kept.rstd, rows: rows, on: team)
        case .rmsNorm(let epsilon):
            rmsNormForward(x, gain: gain, epsilon: epsilon, into: y, rstd: kept.rstd, rows: rows, on: team)
        }
    }

    /// The forward pass's y again: cheaper than keeping it.
    func again(_ x: Buffer<Float>, into y: Buffer<Float>, _ kept: Statistics, rows: Int, on team: Team) {
        switch kind {
        case .layerNorm:
            layerNormAgain(
                x, gamma: gain, beta: offset, into: y, mean: kept.mean, rstd: kept.rstd, rows: rows, on: team)
        case .rmsNorm: rmsNormAgain(x, gain: gain, into: y, rstd: kept.rstd, rows: rows, on: team)
        }
    }

    /// dx += ∂L/∂x given dy, [M, D]; the parameters' gradients are added to.
    func backward(
        dy: Buffer<Float>, x: Buffer<Float>, _ kept: Statistics, dx: Buffer<Float>, rows: Int, on team: Team
    ) {
        switch kind {
        case .layerNorm:
            layerNormBackward(
                dy: dy, x: x, gamma: gain, mean: kept.mean, rstd: kept.rstd, dx: dx, dgamma: gainGradient,
                dbeta: biasGradient ?? offset, rows: rows, on: team)
        case .rmsNorm:
            rmsNormBackward(
                dy: dy, x: x, gain: gain, rstd: kept.rstd, dx: dx, dgain: gainGradient, rows: rows, on: team)
        }
    }

    private var offset: Buffer<Float> {
        guard let bias else { preconditionFailure("LayerNorm has a bias") }
        return bias
    }
}

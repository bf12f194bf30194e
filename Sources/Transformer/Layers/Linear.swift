import CKernels
import Kernels

/// A linear map of a model, y = x W + b, with the gradients of its parameters: products of activations and weights go
/// through here, in the precision of the team.
///
/// W: [in, out] as in Hugging Face's Conv1D; x: [M, in], y: [M, out].
struct Linear: Sendable {
    let weight: Matrix
    let bias: Buffer<Float>
    let weightGradient: Matrix
    let biasGradient: Buffer<Float>
    /// What its products count as.
    let kind: FlopKind

    /// y = x W + b.
    func forward(_ x: Matrix, into y: Buffer<Float>, on team: Team) {
        linearForward(x, weight: weight, bias: bias, into: y, kind, in: team.precision, on: team)
    }

    /// y = x W, for callers that add the bias with what they do next.
    func product(_ x: Matrix, into y: Matrix, on team: Team) {
        team.gemm(x, weight, into: y, kind, in: team.precision)
    }

    /// dx = dy Wᵀ.
    func inputGradient(_ dy: Matrix, into dx: Matrix, on team: Team) {
        team.gemm(dy, weight.transposed, into: dx, kind, in: team.precision)
    }

    /// dW += xᵀ dy, db += Σ rows of dy, and dx = dy Wᵀ where it is wanted.
    func backward(dy: Matrix, x: Matrix, dx: Matrix?, on team: Team) {
        linearBackward(
            dy: dy, x: x, weight: weight, dweight: weightGradient, dbias: biasGradient, dx: dx, kind, in: team.precision,
            on: team)
    }
}

/// y = x W + bias, W: [in, out] as in Hugging Face's Conv1D; x: [M, in], y: [M, out].
public func linearForward(
    _ x: Matrix, weight: Matrix, bias: Buffer<Float>, into y: Buffer<Float>, _ kind: FlopKind,
    in precision: Precision = .float32, on team: Team
) {
    let rows = x.rows, columns = weight.columns
    precondition(bias.count == columns && y.count >= rows * columns)
    team.split(rows, of: columns) { r in
        drrl_broadcast_row(y.pointer + r.lowerBound * columns, bias.pointer, r.count, columns)
    }
    team.gemm(x, weight, into: Matrix(y, rows: rows, columns: columns), beta: 1, kind, in: precision)
}

/// y += bias in every row; y: [M, D].
public func addBias(_ bias: Buffer<Float>, to y: Buffer<Float>, rows: Int, on team: Team) {
    let width = bias.count
    precondition(y.count >= rows * width)
    team.split(rows, of: width) { r in
        drrl_add_row(y.pointer + r.lowerBound * width, bias.pointer, r.count, width)
    }
}

/// out = residual + y + bias, or without a bias; all [M, D].
public func residualForward(
    _ y: Buffer<Float>, bias: Buffer<Float>?, residual: Buffer<Float>, into out: Buffer<Float>, width: Int, rows: Int,
    on team: Team
) {
    precondition(bias == nil || bias?.count == width)
    precondition(y.count >= rows * width && residual.count >= rows * width && out.count >= rows * width)
    team.split(rows, of: width) { r in
        let first = r.lowerBound * width
        drrl_residual_forward(
            out.pointer + first, residual.pointer + first, y.pointer + first, bias?.pointer, r.count, width)
    }
}

/// dW += xᵀ dy, dbias += Σ rows of dy, and dx = dy Wᵀ where it is wanted.
public func linearBackward(
    dy: Matrix, x: Matrix, weight: Matrix, dweight: Matrix, dbias: Buffer<Float>, dx: Matrix?, _ kind: FlopKind,
    in precision: Precision = .float32, on team: Team
) {
    team.gemm(x.transposed, dy, into: dweight, beta: 1, kind, in: precision)
    biasBackward(dy: dy, dbias: dbias, on: team)
    if let dx { team.gemm(dy, weight.transposed, into: dx, kind, in: precision) }
}

/// dbias += Σ rows of dy.
public func biasBackward(dy: Matrix, dbias: Buffer<Float>, on team: Team) {
    precondition(dbias.count == dy.columns)
    team.split(dy.columns, grain: 64) { c in
        drrl_column_sum(
            dbias.pointer + c.lowerBound, dy.pointer + c.lowerBound, dy.rows, c.count, dy.stride)
    }
}

import Kernels
import Transformer

/// The policy's parameters or gradients outside its encoder, by role.
struct PolicyParameters: Sendable {
    /// [3 D, 64], [F, 32], [K + 1, 32], [W, 128], [128, K].
    let conv, facts, level, hidden, action: Matrix
    let convBias, factsBias, hiddenBias, actionBias: Buffer<Float>

    /// Those that stand in `arena`.
    init(_ arena: Buffer<Float>, _ layout: ParameterLayout) {
        func parameter(_ name: String) -> Parameter {
            guard let parameter = layout[name] else { preconditionFailure("the policy has no \(name)") }
            return parameter
        }
        func vector(_ name: String) -> Buffer<Float> { arena[parameter(name).range] }
        func matrix(_ name: String) -> Matrix {
            let shape = parameter(name).shape
            return Matrix(vector(name), rows: shape[0], columns: shape[1])
        }
        conv = matrix("conv.weight")
        convBias = vector("conv.bias")
        facts = matrix("facts.weight")
        factsBias = vector("facts.bias")
        level = matrix("level.weight")
        hidden = matrix("hidden.weight")
        hiddenBias = vector("hidden.bias")
        action = matrix("action.weight")
        actionBias = vector("action.bias")
    }
}

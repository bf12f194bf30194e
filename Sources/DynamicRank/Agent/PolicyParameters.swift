import Kernels
import Transformer

/// The policy's parameters or gradients outside its encoder, by role.
struct PolicyParameters: Sendable {
    /// [3 D, 64], [F, 32], [K + 1, 32], [W, 128], [128, K].
    let conv, facts, level, hidden, action: Matrix
    let convBias, factsBias, hiddenBias, actionBias: Buffer<Float>

    /// Those that stand in `arena`.
    init(_ arena: Buffer<Float>, _ layout: ParameterLayout) {
        conv = layout.matrix("conv.weight", in: arena)
        convBias = layout.vector("conv.bias", in: arena)
        facts = layout.matrix("facts.weight", in: arena)
        factsBias = layout.vector("facts.bias", in: arena)
        level = layout.matrix("level.weight", in: arena)
        hidden = layout.matrix("hidden.weight", in: arena)
        hiddenBias = layout.vector("hidden.bias", in: arena)
        action = layout.matrix("action.weight", in: arena)
        actionBias = layout.vector("action.bias", in: arena)
    }
}

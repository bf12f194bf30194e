import Kernels
import Model

/// The policy's parameters outside its encoder, with their gradients, by what they do.
struct PolicyParameters: Sendable {
    /// [3 D, 64], [F, 32], [W, 128], [128, K].
    let conv, facts, hidden, action: Linear
    /// [64] and [128], which GELU adds.
    let convBias, hiddenBias: Buffer<Float>
    /// [K + 1, 32].
    let level, levelGradient: Matrix

    /// Those that stand in `arena`.
    init(_ arena: ParameterArena) {
        let layout = arena.layout
        func map(_ name: String) -> Linear {
            Linear(
                weight: layout.matrix(name + ".weight", in: arena.values),
                bias: layout.vector(name + ".bias", in: arena.values),
                weightGradient: layout.matrix(name + ".weight", in: arena.gradients),
                biasGradient: layout.vector(name + ".bias", in: arena.gradients), kind: .policy)
        }
        conv = map("conv")
        convBias = layout.vector("conv.bias", in: arena.values)
        facts = map("facts")
        hidden = map("hidden")
        hiddenBias = layout.vector("hidden.bias", in: arena.values)
        action = map("action")
        level = layout.matrix("level.weight", in: arena.values)
        levelGradient = layout.matrix("level.weight", in: arena.gradients)
    }
}

import Kernels

/// The attention that a stage's layers run where no low-rank level is named.
public enum AttentionKind: Equatable, Sendable {
    /// softmax(Q Kᵀ / √d) V, exactly.
    case softmax
    /// `PerformerAttention` with m random features a head, drawn from the seed.
    case performer(features: Int, seed: UInt64)
    /// `NystromAttention` with n landmarks for each segment of T tokens.
    case nystrom(landmarks: Int, segment: Int)
}

/// Causal attention that approximates softmax(Q Kᵀ / √d) V with fewer operations than L² pairs need.
///
/// It has no matrix of weights whose elements could be dropped: dropout applies to the residual branches alone.
/// qkv, dqkv: [B L, 3 D]; out, dout: [B L, D]; kept: [B, H, L], what the backward pass needs of the forward pass;
/// delta: [B, H, L] is scratch.
package protocol KernelisedAttention: Sendable {
    func forward(
        qkv: Buffer<Float>, out: Buffer<Float>, kept: Buffer<Float>, batch: MicroBatch, layer: Int, on team: Team)

    /// dqkv = ∂L/∂qkv given dout = ∂L/∂out; every element of it is written.
    func backward(
        qkv: Buffer<Float>, out: Buffer<Float>, kept: Buffer<Float>, dout: Buffer<Float>, dqkv: Buffer<Float>,
        delta: Buffer<Float>, batch: MicroBatch, layer: Int, on team: Team)

    /// row.attended, [B, H d], at `position` of each sequence, whose queries, keys and values are row.qkv, [B, (H + 2 G) d];
    /// heads of keys and values may be shared.
    func advance(
        _ row: AttentionRow, position: Int, _ cache: AttentionCache, _ shape: AttentionShape, layer: Int, on team: Team)

    /// Floats of a cache for one sequence of at most `length` positions.
    func cacheCount(_ shape: AttentionShape, length: Int) -> Int

    /// FLOPs that `forward` executes on one head of a sequence of `length` tokens.
    func flops(length: Int) -> Int
}

extension AttentionKind {
    /// The kernel, with memory for sequences of at most the model's context; nil for softmax.
    package func kernel(
        _ configuration: ModelConfiguration, layers: Range<Int>, team: Team, forTraining: Bool
    ) -> (any KernelisedAttention)? {
        switch self {
        case .softmax: nil
        case .performer(let features, let seed):
            PerformerAttention(
                configuration, features: features, seed: seed, layers: layers, team: team, forTraining: forTraining)
        case .nystrom(let landmarks, let segment):
            NystromAttention(
                configuration, landmarks: landmarks, segment: segment, team: team, forTraining: forTraining)
        }
    }
}

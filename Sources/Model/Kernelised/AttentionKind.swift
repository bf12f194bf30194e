import Kernels

// H query heads of width d, L the context, M rows of a micro-batch; m features, C rows a chunk, e = d + 1; S segments that
// others come after, of T tokens and n landmarks.

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

    /// row.attended, [rows, H d], at `places`, whose queries, keys and values are row.qkv, [rows, (H + 2 G) d]; heads of keys
    /// and values may be shared.
    func advance(
        _ row: AttentionRow, at places: [CachePlace], _ cache: AttentionCache, _ shape: AttentionShape, layer: Int,
        on team: Team)

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

extension AttentionKind {
    /// Bytes that a stage of `layers` layers holds for it beside what full attention needs.
    ///
    /// - Parameter rows: M of the largest micro-batch.
    public func bytes(
        _ configuration: ModelConfiguration, layers: Int, rows: Int, threads: Int, forTraining: Bool
    ) -> Int {
        let shape = configuration.layer.attention, L = configuration.context
        let d = shape.headWidth, passes = forTraining ? 2 : 1
        let own =
            switch self {
            case .softmax: 0
            case .performer(let m, _):
                layers * shape.heads * m * d
                    + threads * PerformerAttention.Workspace.count(
                        features: m, headWidth: d, context: L, forTraining: forTraining)
            case .nystrom(let landmarks, let segment):
                threads
                    * NystromAttention.Workspace.count(
                        segments: (L - 1) / segment, segment: segment, landmarks: min(landmarks, segment), headWidth: d,
                        forTraining: forTraining)
            }
        // Copies of heads that are shared, and their gradients.
        let spread = self != .softmax && shape.group > 1 ? passes * rows * 3 * shape.width : 0
        return (own + spread) * MemoryLayout<Float>.stride
    }
}

extension PerformerAttention.Workspace {
    /// Floats of one.
    static func count(features m: Int, headWidth d: Int, context L: Int, forTraining: Bool) -> Int {
        let C = PerformerAttention.chunk, e = d + 1, passes = forTraining ? 2 : 1
        let tiles = passes * (2 * C * m + C * C + m * e) + (2 + passes) * C * e
        return tiles + (forTraining ? (L + C - 1) / C * m * e : 0) + L + 2 * C
    }
}

extension NystromAttention.Workspace {
    /// Floats of one; what is solved in float64 counts twice.
    static func count(segments S: Int, segment T: Int, landmarks n: Int, headWidth d: Int, forTraining: Bool) -> Int {
        let rows = NystromAttention.queryTile, passes = forTraining ? 2 : 1
        let tiles = passes * rows * NystromAttention.keyTile + rows * (d + 2)
        guard S > 0 else { return tiles }
        let summary = passes * (n * n + n * T) + (forTraining ? 5 : 3) * n * d + 2 * n + 2 * (2 * n * n + n * d)
        return tiles + S * n * (2 * passes * d + 1) + summary
    }
}

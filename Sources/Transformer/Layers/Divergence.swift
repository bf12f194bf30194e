import CKernels
import Kernels

/// Kullback and Leibler's divergence Σ p ln (p / q) of the softmax of each row of `other` from that of `logits`, in nats;
/// both [M, V], divergence: [M].
public func divergence(
    of other: Buffer<Float>, from logits: Buffer<Float>, vocabulary V: Int, into divergence: Buffer<Double>, on team: Team
) {
    let rows = divergence.count
    precondition(logits.count >= rows * V && other.count >= rows * V, "logits of \(rows) rows")
    team.split(rows) { own in
        drrl_divergence(
            divergence.pointer + own.lowerBound, logits.pointer + own.lowerBound * V, other.pointer + own.lowerBound * V,
            own.count, V)
    }
}

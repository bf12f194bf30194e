import DynamicRank
import Kernels

/// What a look at the bases did, score and value bases of all heads and layers together.
public struct BasisReport: Sendable, Equatable {
    /// Bases left as they were, turned by orthogonal iteration, and decomposed again.
    public let kept, iterated, decomposed: Int
    /// FLOPs of finding out which, of iterations, those that did not suffice included, and of decompositions.
    public let checkFLOPs, iterationFLOPs, decompositionFLOPs: Double
    /// Seconds, summed over heads.
    public let seconds: Double

    /// One rank's part, to be added up.
    static func counts(_ own: Upkeep) -> [Double] {
        [own.kept, own.iterated, own.decomposed, own.checkFLOPs, own.iterationFLOPs, own.decompositionFLOPs].map(Double.init)
            + [own.seconds]
    }

    /// From the sums of `counts`; nil where no basis was looked at.
    init?(counts: Buffer<Double>) {
        guard counts[0] + counts[1] + counts[2] > 0 else { return nil }
        (kept, iterated, decomposed) = (Int(counts[0]), Int(counts[1]), Int(counts[2]))
        (checkFLOPs, iterationFLOPs, decompositionFLOPs) = (counts[3], counts[4], counts[5])
        seconds = counts[6]
    }
}

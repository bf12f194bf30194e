import Synchronization

/// What a floating-point operation was for.
public enum FlopKind: Int, CaseIterable, Sendable {
    /// Queries, keys, values and the heads' output projection.
    case projections
    /// Q Kᵀ and its gradients.
    case scores
    /// Weights times values and their gradients.
    case values
    /// Grams, bases and the folding of bases into weights.
    case upkeep
    /// The agent: its network and the measuring of rewards.
    case policy
    /// Spectral norms by power iteration.
    case `guard`
    case feedForward
    case head

    /// What counts as attention, all that lowers its rank included.
    public static let attention: [FlopKind] = [.projections, .scores, .values, .upkeep, .policy, .guard]
}

/// Counts the multiply-adds (two each) that products really execute, by kind; exponentials are counted apart.
///
/// Masked elements of a tile count when they are computed. Element-wise work is not counted.
public final class FlopCounter: Sendable {
    private let counts: [Cell] = FlopKind.allCases.map { _ in Cell() }
    private let exponentialCount = Cell()

    private final class Cell: Sendable {
        let value = Atomic(0)
    }

    /// A counter of nothing yet.
    public init() {}

    /// FLOPs of a kind since the last `reset`.
    public subscript(kind: FlopKind) -> Int { counts[kind.rawValue].value.load(ordering: .relaxed) }

    /// Exponentials of softmax since the last `reset`.
    public var exponentials: Int { exponentialCount.value.load(ordering: .relaxed) }

    /// Notes an m×k by k×n product.
    @inline(__always)
    public func product(_ m: Int, _ n: Int, _ k: Int, _ kind: FlopKind) { add(2 * m * n * k, kind) }

    /// Notes `flops` operations.
    public func add(_ flops: Int, _ kind: FlopKind) {
        counts[kind.rawValue].value.wrappingAdd(flops, ordering: .relaxed)
    }

    /// Notes `count` exponentials.
    public func exponentials(_ count: Int) { exponentialCount.value.wrappingAdd(count, ordering: .relaxed) }

    /// Sets all counts to zero.
    public func reset() {
        for cell in counts { cell.value.store(0, ordering: .relaxed) }
        exponentialCount.value.store(0, ordering: .relaxed)
    }
}

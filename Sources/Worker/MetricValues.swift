import Communicator
import Kernels
import Runs

/// Numbers by metric: one rank's parts, or, after `reduced`, those of all ranks together.
public struct MetricValues: Equatable, Sendable {
    private struct Entry: Equatable {
        var value: Double
        /// What a mean's value is a sum over.
        var count = 1.0
    }

    private var entries: [Metric: Entry] = [:]

    /// No values yet.
    public init() {}

    /// A number that is not a mean; nil where there is none.
    public subscript(metric: Metric) -> Double? {
        get { entries[metric].map { $0.value / $0.count } }
        set { entries[metric] = newValue.map { Entry(value: $0) } }
    }

    /// Records a part of a mean: a sum and what it is over, which may be nothing on this rank.
    public mutating func record(_ metric: Metric, sum: Double, over count: Double) {
        entries[metric] = Entry(value: sum, count: count)
    }

    /// All that is recorded, by key.
    public var all: [(metric: Metric, value: Double)] {
        entries.sorted { $0.key.key < $1.key.key }.map { ($0.key, $0.value.value / $0.value.count) }
    }

    /// These and `other`'s, which win.
    public func merging(_ other: MetricValues) -> MetricValues {
        var both = self
        both.entries.merge(other.entries) { $1 }
        return both
    }

    /// Collective, where every rank has recorded the same metrics: those of all ranks together.
    ///
    /// - Returns: the same on every rank.
    /// - Throws: `MPIError`.
    public func reduced(over world: borrowing Communicator) throws -> MetricValues {
        let metrics = entries.keys.sorted { $0.key < $1.key }
        var whole = self
        let summed = metrics.filter { [.sum, .mean, .norm].contains($0.reduction) }
        if !summed.isEmpty {
            let sums = Buffer(summed.flatMap { [entries[$0]?.value ?? 0, entries[$0]?.count ?? 0] })
            try world.allreduce(sums, .sum)
            for (i, metric) in summed.enumerated() {
                let (value, count) = (sums[2 * i], sums[2 * i + 1])
                switch metric.reduction {
                case .mean: whole.entries[metric] = Entry(value: value, count: count)
                case .norm: whole.entries[metric] = Entry(value: value.squareRoot())
                case .sum, .max, .same: whole.entries[metric] = Entry(value: value)
                }
            }
        }
        let largest = metrics.filter { $0.reduction == .max }
        if !largest.isEmpty {
            let values = Buffer(largest.map { entries[$0]?.value ?? 0 })
            try world.allreduce(values, .max)
            for (i, metric) in largest.enumerated() { whole.entries[metric] = Entry(value: values[i]) }
        }
        return whole
    }
}

import Checkpoint
import HDF5
import Kernels
import LowRank

extension Worker {
    /// Collective: adds a row for step `number` to rank 0's trace, where levels are named and a row is due.
    func recordTrace(_ number: Int) throws {
        guard ranks.namesLevels, traceEvery > 0, number % traceEvery == 0 else { return }
        let sums = ranks.traceSums
        try grid.world.allreduce(sums.values, .sum)
        guard grid.topology.rank == 0 else { return }
        trace.append(
            TraceStep(step: number, sums: sums, headWidth: configuration.headWidth, epsilon: ranks.policyReport?.tolerance))
    }
}

extension CheckpointReader {
    /// The trace that it holds; an empty one where it has none.
    ///
    /// - Throws: `CheckpointError`.
    borrowing func trace(like own: RankTrace) throws(CheckpointError) -> RankTrace {
        let name = CheckpointLayout.trace("rank")
        guard let shape = description(of: name)?.shape else { return own }
        guard shape.count == 4, shape[3] == 2 else {
            throw .mismatch(path: path, name: name, expected: "float32 [step, layer, segment, 2]", found: "\(shape)")
        }
        var trace = RankTrace(layers: shape[1], segments: shape[2])
        func fill<Element: StoredElement>(_ column: inout TraceColumn<Element>) throws(CheckpointError) {
            column.values = try read(
                CheckpointLayout.trace(column.name), shape: [shape[0]] + column.rowShape, of: Element.self).array
        }
        try fill(&trace.steps)
        try fill(&trace.flops)
        for i in trace.floats.indices { try fill(&trace.floats[i]) }
        return trace
    }
}

extension CheckpointWriter {
    /// Writes all columns; none where there is no row.
    mutating func write(_ trace: RankTrace) throws(CheckpointError) {
        if trace.isEmpty { return }
        try write(trace.steps)
        try write(trace.flops)
        for column in trace.floats { try write(column) }
    }

    private mutating func write<Element: StoredElement>(
        _ column: TraceColumn<Element>
    ) throws(CheckpointError) {
        var dataset = try createTrace(
            CheckpointLayout.trace(column.name), rowShape: column.rowShape, axes: column.axes, units: column.units,
            of: Element.self)
        // In pieces, so that a long trace is not copied whole.
        let piece = column.rowSize * max(1, (1 << 18) / column.rowSize)
        for first in stride(from: 0, to: column.values.count, by: piece) {
            try append(Buffer(Array(column.values[first..<min(first + piece, column.values.count)])), to: &dataset)
        }
        try finish(dataset)
    }
}

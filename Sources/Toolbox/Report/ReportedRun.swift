import Checkpoint
import Files
import Foundation
import HDF5
import Kernels
import Options
import Runs
import Worker

/// A run's directory as a report shows it: its metrics, its newest checkpoint, and what was found out about it.
struct ReportedRun {
    /// What the report calls it.
    let name: String
    /// Each step's, in order; a line that is being written does not count.
    let lines: [MetricsLine]
    /// `run.yaml`; nil where there is none.
    let options: String?
    /// Nil where there is none yet.
    let checkpoint: ReportedCheckpoint?
    /// Of files `*.json` in the directory, by `drrl compare --json`, with their names.
    let comparisons: [(file: String, comparison: Comparison)]

    /// - Throws: `UnusableFileError` where the directory is no run's, `CheckpointError` and `FileError` where its files cannot
    ///   be read.
    init(_ path: String, name: String) throws {
        let directory = RunDirectory(path)
        guard SystemFile.isDirectory(path) else {
            throw UnusableFileError("\(path): is no directory; name a run's, which drrl-train wrote")
        }
        guard fileExists(directory.metrics) else {
            throw UnusableFileError("\(path): has no metrics.jsonl; name a run's directory, which drrl-train wrote")
        }
        self.name = name
        let bytes = try readFile(directory.metrics), end = UInt8(ascii: "\n")
        let whole = bytes.lastIndex(of: end).map { bytes[...$0] } ?? []
        var lines: [MetricsLine] = []
        for (i, line) in whole.split(separator: end).enumerated() {
            guard let line = try? JSONDecoder().decode(MetricsLine.self, from: Data(line)) else {
                throw UnusableFileError("\(directory.metrics): line \(i + 1) is no step's")
            }
            lines.append(line)
        }
        guard !lines.isEmpty else {
            throw UnusableFileError("\(directory.metrics): has no whole line yet; wait for the run's first step")
        }
        self.lines = lines
        options = fileExists(directory.configuration)
            ? String(decoding: try readFile(directory.configuration), as: UTF8.self) : nil
        checkpoint = try CheckpointDirectory(path).newestVerified().checkpoint.map { try ReportedCheckpoint($0.path) }
        comparisons = try fileNames(in: path).filter { $0.hasSuffix(".json") }.sorted().compactMap { file in
            let bytes = try readFile(path + "/" + file)
            return (try? JSONDecoder().decode(Comparison.self, from: Data(bytes))).map { (file, $0) }
        }
    }

    /// The last number of a metric; nil where no step has it.
    func last(_ metric: Metric) -> Double? { lines.last { $0[metric] != nil }?[metric] }

    /// A metric's numbers, by step.
    func series(_ metric: Metric, named name: String? = nil) -> LineChart.Series {
        LineChart.Series(
            name: name ?? self.name, points: lines.compactMap { line in line[metric].map { (Double(line.step), $0) } })
    }
}

// N layers, S segments, G heads of keys and values, d columns, K levels.

/// What a report shows of a checkpoint.
struct ReportedCheckpoint {
    /// The numbers of one trace.
    struct Trace {
        /// The traced steps.
        let steps: [Int]
        let layers, segments: Int
        /// [steps, N, S, 2].
        fileprivate let ranks: [Float]
        /// [steps, N, S].
        fileprivate let perturbations: [Float]
    }

    let path: String
    let step: Int
    let run: SavedRun
    /// Nil where it came from elsewhere, as `drrl import` makes them.
    let corpus: SavedCorpus?
    /// Nil where no level was named.
    let trace: Trace?
    /// Energies of the scores' columns and of the values', by layer, heads together: [N][d]; empty where there are no bases.
    let scoreEnergies, valueEnergies: [[Double]]
    /// Levels and the nats that each loses, [N][K]; nil where `drrl calibrate` has not looked.
    let losses: (levels: [String], nats: [[Double]])?

    /// - Throws: `CheckpointError`.
    init(_ path: String) throws {
        let reader = try CheckpointReader(path: path)
        self.path = path
        step = reader.step
        let run = try reader.json(CheckpointLayout.config, as: SavedRun.self), N = run.model.layers
        self.run = run
        corpus = reader.description(of: CheckpointLayout.dataSource) == nil
            ? nil : try reader.json(CheckpointLayout.dataSource, as: SavedCorpus.self)
        let ranks = CheckpointLayout.trace("rank")
        if let shape = reader.description(of: ranks)?.shape, shape.count == 4, shape[0] > 0 {
            trace = Trace(
                steps: try reader.read(CheckpointLayout.trace("step"), shape: [shape[0]], of: Int64.self).array
                    .map(Int.init),
                layers: shape[1], segments: shape[2],
                ranks: try reader.read(ranks, shape: shape, of: Float.self).array,
                perturbations: try reader.read(
                    CheckpointLayout.trace("perturbation"), shape: Array(shape.dropLast()), of: Float.self).array)
        } else {
            trace = nil
        }
        func energies(_ name: String) throws -> [[Double]] {
            try (0..<N).compactMap { layer in
                let path = "/lowrank/layer_\(layer)/\(name)"
                guard let shape = reader.description(of: path)?.shape, shape.count == 2 else { return nil }
                let values = try reader.read(path, shape: shape, of: Double.self)
                return (0..<shape[1]).map { column in (0..<shape[0]).reduce(0) { $0 + values[$1 * shape[1] + column] } }
            }
        }
        (scoreEnergies, valueEnergies) = (try energies("score_energy"), try energies("value_energy"))
        if let K = reader.description(of: "/lowrank/measured_levels")?.shape.first {
            let pairs = try reader.read("/lowrank/measured_levels", shape: [K, 2], of: Int64.self)
            let nats = try reader.read("/lowrank/measured_losses", shape: [N, K], of: Double.self)
            losses = (
                (0..<K).map { "\(pairs[2 * $0]):\(pairs[2 * $0 + 1])" },
                (0..<N).map { layer in nats[(layer * K)..<((layer + 1) * K)].array }
            )
        } else {
            losses = nil
        }
    }
}

extension ReportedCheckpoint.Trace {
    /// What a cell of the trace is.
    enum Quantity: Int {
        case scoreColumns, valueColumns, perturbation
    }

    private func value(_ quantity: Quantity, _ row: Int, _ layer: Int, _ segment: Int) -> Double {
        let cell = (row * layers + layer) * segments + segment
        switch quantity {
        case .scoreColumns: return Double(ranks[2 * cell])
        case .valueColumns: return Double(ranks[2 * cell + 1])
        case .perturbation: return Double(perturbations[cell])
        }
    }

    private func mean(_ values: [Double]) -> Double {
        let known = values.filter(\.isFinite)
        return known.isEmpty ? .nan : known.reduce(0, +) / Double(known.count)
    }

    /// Means over segments: [N][steps].
    func byStep(_ quantity: Quantity) -> [[Double]] {
        (0..<layers).map { layer in
            steps.indices.map { row in mean((0..<segments).map { value(quantity, row, layer, $0) }) }
        }
    }

    /// Means over the last traced steps: [N][S].
    func bySegment(_ quantity: Quantity, lastSteps count: Int) -> [[Double]] {
        let rows = steps.indices.suffix(count)
        return (0..<layers).map { layer in
            (0..<segments).map { segment in mean(rows.map { value(quantity, $0, layer, segment) }) }
        }
    }

    /// How the cells of the last traced steps spread over columns 1 … d, in parts of `width`: [N][d / width], shares.
    func histogram(_ quantity: Quantity, lastSteps count: Int, columns d: Int, width: Int) -> [[Double]] {
        let rows = steps.indices.suffix(count), bins = (d + width - 1) / width
        return (0..<layers).map { layer in
            var shares = Array(repeating: 0.0, count: bins)
            for row in rows {
                for segment in 0..<segments {
                    let columns = value(quantity, row, layer, segment)
                    shares[min(max(Int(columns.rounded(.up)) - 1, 0) / width, bins - 1)] += 1 / Double(rows.count * segments)
                }
            }
            return shares
        }
    }
}

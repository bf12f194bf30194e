import Communicator
import Kernels
import LowRank
import Model
import Worker

// N layers, D width, K levels; W windows, R rows looked at of a window at most.

/// What attention read at the rows looked at that have far keys, beside what each level was estimated to lose there: by layer,
/// in the order of windows and rows whichever rank saw them.
final class LookedInputs: Sendable {
    private let windows, rows: Int
    private let width, levels: Int
    /// [N], each [W R, 1 + D + K]: 1, the input and the losses, or zeros for a row that was not looked at.
    private let records: [Buffer<Float>]

    /// - Parameters:
    ///   - windows: of all ranks.
    ///   - rowsPerWindow: at most.
    init(_ model: ModelConfiguration, levels: Int, windows: Int, rowsPerWindow: Int) {
        self.windows = windows
        rows = rowsPerWindow
        width = model.width
        self.levels = levels
        let size = windows * rows * (1 + width + levels)
        records = (0..<model.layers).map { _ in Buffer(count: size, repeating: 0) }
    }

    /// Adds a window's rows of one layer, those of them that have far keys.
    func add(_ losses: EstimatedLosses, of seen: ObservedAttention, where isFar: (_ position: Int) -> Bool) {
        let record = 1 + width + levels, first = Int(seen.batch.samples[0]) * rows
        for (i, row) in losses.rows.enumerated() where isFar(row.position) {
            let own = records[seen.layer][((first + i) * record)..<((first + i + 1) * record)]
            own[0] = 1
            Matrix(own[1..<(1 + width)], rows: 1, columns: width).copy(from: seen.x.rows(row.position..<(row.position + 1)))
            for level in 0..<levels { own[1 + width + level] = Float(losses[i, level]) }
        }
    }

    /// Collective: the forecast learns, each layer on one rank, and every rank has the whole.
    ///
    /// - Parameter means: [N][K] nats.
    /// - Throws: `MPIError`.
    func teach(
        _ forecast: LossForecast, means: [[Double]], seed: UInt64, on team: Team, _ world: borrowing Communicator
    ) throws {
        for (layer, records) in records.enumerated() {
            // Each row is of one rank, and zeros on the others.
            try world.allreduce(records, .sum)
            if layer % world.size == world.rank {
                forecast.learn(lesson(records), means: means[layer], layer: layer, seed: seed, on: team)
            }
        }
        for entry in forecast.entries {
            guard case .float32(let pieces?) = entry.elements else { continue }
            for (layer, piece) in pieces.enumerated() { try world.broadcast(piece, root: layer % world.size) }
        }
    }

    private func lesson(_ records: Buffer<Float>) -> ForecastLesson {
        let record = 1 + width + levels
        let looked = (0..<(windows * rows)).filter { records[$0 * record] > 0 }
        let inputs = Buffer<Float>(uninitialized: looked.count * width)
        let losses = Buffer<Float>(uninitialized: looked.count * levels)
        for (i, row) in looked.enumerated() {
            let first = row * record + 1
            inputs[(i * width)..<((i + 1) * width)].copy(from: records[first..<(first + width)])
            losses[(i * levels)..<((i + 1) * levels)].copy(from: records[(first + width)..<(first + width + levels)])
        }
        return ForecastLesson(inputs: inputs, losses: losses, width: width, levels: levels)
    }
}

import Checkpoint
import Communicator
import Kernels
import LowRank
import Model
import Options

/// What levels lose, as `drrl calibrate` leaves it in a checkpoint: `/lowrank/measured_levels`, [K, 2] int64, and
/// `/lowrank/measured_losses`, [N, K] float64. Their number is the file's to say.
private let (levelsPath, lossesPath) = ("/lowrank/measured_levels", "/lowrank/measured_losses")

extension CheckpointWriter {
    /// - Throws: `CheckpointError`.
    public mutating func write(_ losses: LevelLosses) throws(CheckpointError) {
        let K = losses.levels.count
        try write(levelsPath, shape: [K, 2], Buffer(losses.pairs))
        try write(lossesPath, shape: [losses.nats.count, K], Buffer(losses.nats.flatMap(\.self)))
    }
}

extension CheckpointReader {
    /// Nil where it holds none.
    ///
    /// - Throws: `CheckpointError`, and `ConfigurationError` for what no model of so many layers and heads so wide can have.
    borrowing func levelLosses(layers: Int, headWidth: Int) throws -> LevelLosses? {
        guard let shape = description(of: levelsPath)?.shape else { return nil }
        guard shape.count == 2, shape[1] == 2, (1...4096).contains(shape[0]) else {
            throw ConfigurationError("\(path): \(levelsPath) has shape \(shape) where pairs are expected; use another checkpoint")
        }
        let levels = try read(levelsPath, shape: shape, of: Int64.self)
        let nats = try read(lossesPath, shape: [layers, shape[0]], of: Double.self)
        do {
            return try LevelLosses(pairs: levels.array, nats: nats.array, headWidth: headWidth)
        } catch {
            throw ConfigurationError("\(path): \(error); use another checkpoint")
        }
    }
}

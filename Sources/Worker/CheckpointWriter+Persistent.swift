import Checkpoint
import Kernels

extension CheckpointWriter {
    /// Writes what this rank holds of a part; `Grid.store` is for parts that several ranks hold together.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func write(_ part: some Persistent) throws(CheckpointError) {
        for entry in part.entries {
            switch entry.elements {
            case .float32(let pieces?): try write(entry.path, shape: entry.shape, Buffer(joining: pieces))
            case .float64(let pieces?): try write(entry.path, shape: entry.shape, Buffer(joining: pieces))
            case .float32(nil), .float64(nil): continue
            }
        }
    }
}

import DynamicRank
import Kernels
import Transformer

/// The Grams and bases of a checkpoint, for any number of engines.
struct SavedBases {
    /// [N][entries], as `RankEngine.entries` names them.
    let entries: [[Buffer<Double>]]
    /// Where the model was calibrated.
    let losses: LevelLosses?

    /// Whether the run had made its bases: until then it saves zeros.
    func areMade(_ model: ModelConfiguration) -> Bool {
        let query = RankEngine.entries(model).firstIndex { $0.name == "query_basis" }
        return query.map { entries[0][$0].array.contains { $0 != 0 } } ?? false
    }

    /// Copies them into an engine of all layers, which takes them up.
    func adopt(into engine: RankEngine) {
        for (layer, own) in entries.enumerated() {
            for (entry, values) in own.enumerated() { engine.write(values, entry: entry, layer: layer) }
        }
        engine.adopt()
        engine.levelLosses = losses
    }
}

/// The columns at which a list of levels ends, so that all of its scores and values are prefix sums over blocks of columns:
/// each rank's product is the one before it and a block's.
struct LevelColumns: Sendable {
    /// Distinct score ranks, ascending, the last of them d.
    let scores: [Int]
    /// Distinct value ranks likewise.
    let values: [Int]
    /// For each score rank, the places in `values` of the ranks that it is asked with.
    let asked: [Range<Int>]
    /// For each level, the places of its ranks in `scores` and `values`; last of all those of d:d.
    let places: [(score: Int, value: Int)]

    /// - Parameter list: in any order, nested or not.
    init(_ list: [Level], headWidth d: Int) {
        let full = Level(scoreRank: d, valueRank: d), levels = list + [full]
        let scores = Set(levels.map(\.scoreRank)).sorted(), values = Set(levels.map(\.valueRank)).sorted()
        let places = levels.map { level in
            (score: scores.firstIndex(of: level.scoreRank) ?? 0, value: values.firstIndex(of: level.valueRank) ?? 0)
        }
        asked = scores.indices.map { s in
            let own = places.filter { $0.score == s }.map(\.value)
            return (own.min() ?? 0)..<((own.max() ?? -1) + 1)
        }
        (self.scores, self.values, self.places) = (scores, values, places)
    }
}

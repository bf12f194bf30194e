import CKernels

/// What the kernels compute; lanes that only fill a vector do not count.
extension Attention {
    private static let block = Int(DRRL_ATTENTION_BLOCK)

    /// Scores of queries `rows`: blocks of 12 rows, each with all keys up to its last row's.
    static func scores(of rows: Range<Int>) -> Int {
        stride(from: rows.lowerBound, to: rows.upperBound, by: block).reduce(0) {
            let end = min($1 + block, rows.upperBound)
            return $0 + (end - $1) * end
        }
    }

    /// FLOPs of the scores and values of one sequence's queries `rows`, all of its query heads, forward.
    static func flops(of rows: Range<Int>, level: AttentionLevel, heads: Int) -> Int {
        2 * heads * scores(of: rows) * (level.scoreRank + level.valueRank)
    }

    /// Row `row`'s part of `scores(of: 0..<length)`.
    static func fullScores(ofRow row: Int, length: Int) -> Int { min((row / block + 1) * block, length) }

    /// What `scores` is in the gradients of keys and values: blocks of 12 of the keys, each with the rows from its first
    /// key on.
    static func scoresByKey(of rows: Range<Int>, keys: Range<Int>) -> Int {
        stride(from: keys.lowerBound, to: min(keys.upperBound, rows.upperBound), by: block).reduce(0) {
            $0 + min(block, keys.upperBound - $1) * (rows.upperBound - max(rows.lowerBound, $1))
        }
    }

    /// Scores of `rows` that are not masked.
    static func visible(_ rows: Range<Int>) -> Int {
        (rows.upperBound * (rows.upperBound + 1) - rows.lowerBound * (rows.lowerBound + 1)) / 2
    }
}

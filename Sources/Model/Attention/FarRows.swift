import CKernels

/// The far keys of a tile of rows, and the rows by the level at which they see them.
struct FarRows: Sendable {
    let keys: Range<Int>
    /// None where no key is far.
    let groups: [drrl_attention_group]
    private let order: [Int32]

    /// - Parameter rows: of one segment.
    init(_ levels: SegmentLevels, sequence: Int, rows: Range<Int>) {
        keys = levels.far(of: rows)
        let found = keys.isEmpty ? [] : levels.groups(sequence: sequence, rows: rows)
        groups = found.map {
            drrl_attention_group(count: $0.rows.count, score_rank: $0.level.scoreRank, value_rank: $0.level.valueRank)
        }
        order = found.flatMap(\.rows)
    }

    /// As the forward kernel takes them.
    func withKernels(_ body: (drrl_attention_far) -> Void) {
        groups.withUnsafeBufferPointer { groups in
            order.withUnsafeBufferPointer { order in
                body(drrl_attention_far(
                    first: keys.lowerBound, end: keys.upperBound, groups: groups.baseAddress, group_count: groups.count,
                    order: order.baseAddress))
            }
        }
    }

    /// As the backward kernels take them: the rows of each group in turn, at the level at which they see a tile of keys, which
    /// are all far or none is.
    ///
    /// - Parameter tile: all rows, at the level at which they are packed.
    func forEachGroup(
        _ tile: inout drrl_attention_gradient_tile, seeing tileKeys: Range<Int>,
        _ body: (inout drrl_attention_gradient_tile) -> Void
    ) {
        guard keys.contains(tileKeys.lowerBound) else { return body(&tile) }
        var group = tile
        order.withUnsafeBufferPointer { order in
            group.before = 0
            for own in groups {
                (group.rows, group.score_rank, group.value_rank) = (own.count, own.score_rank, own.value_rank)
                group.order = groups.count > 1 ? order.baseAddress.map { $0 + group.before } : nil
                body(&group)
                group.before += own.count
            }
        }
    }
}

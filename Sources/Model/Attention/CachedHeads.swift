import Kernels

// B sequences of at most L positions; G heads of keys and values; r, rv columns of them; T tokens a segment.

/// Where keys and values stand in a cache. All positions' are kept at one level; or, where keys that are far from every query
/// to come are seen at fewer columns, all at those columns, and beside them the exact ones: the first tokens of a sequence, and
/// a ring of the segments that are exact for the newest position.
struct CacheLayout: Sendable {
    /// Far keys that are kept at fewer columns than others.
    struct FarKeys: Equatable, Sendable {
        /// The most columns at which any query to come sees them.
        let level: AttentionLevel
        let exact: ExactTokens
        /// T.
        let segment: Int

        /// Positions of the ring.
        var ring: Int { (exact.recent + 1) * segment }
    }

    /// G.
    let heads: Int
    /// At which keys and values are made.
    let level: AttentionLevel
    /// Nil where all positions' are kept at `level`.
    let far: FarKeys?

    /// - Parameter far: is left out where it saves nothing in sequences of `length`.
    init(heads: Int, level: AttentionLevel, far: FarKeys? = nil, length: Int) {
        self.heads = heads
        self.level = level
        let columns = level.scoreRank + level.valueRank
        let saves = far.map { far in
            length * (columns - far.level.scoreRank - far.level.valueRank) > (far.exact.first + far.ring) * columns
        }
        self.far = saves == true ? far : nil
    }

    /// Rows of a sequence that are kept at `level` beside all at the far keys'.
    var exactRows: Int { far.map { $0.exact.first + $0.ring } ?? 0 }

    /// Floats for one sequence.
    func count(length: Int) -> Int {
        let own = level.scoreRank + level.valueRank, all = far.map { $0.level.scoreRank + $0.level.valueRank } ?? own
        return heads * (length * all + exactRows * own)
    }
}

/// Keys and values of heads in a cache.
struct CachedHeads: Sendable {
    /// [B, rows, G r] and [B, rows, G rv].
    private struct Store: Sendable {
        let keys, values: HeadRows
        let rows: Int

        init(_ memory: Buffer<Float>, sequences: Int, rows: Int, heads: Int, level: AttentionLevel) {
            let first = sequences * rows * heads * level.scoreRank
            keys = HeadRows(
                memory[0..<first], rowStride: heads * level.scoreRank, headStride: level.scoreRank)
            values = HeadRows(
                memory[first..<memory.count], rowStride: heads * level.valueRank, headStride: level.valueRank)
            self.rows = rows
        }
    }

    /// Some keys that a query sees, and their values: `positions` of them one after the other.
    struct Part {
        let positions: Range<Int>
        let level: AttentionLevel
        let keys, values: HeadRows
        /// Where the first stands.
        let row: Int
    }

    private let layout: CacheLayout
    private let length: Int
    /// Every position, and those that are exact where that is apart.
    private let all: Store
    private let exact: Store?

    init(_ cache: AttentionCache, _ layout: CacheLayout) {
        let (B, L) = (cache.sequences, cache.length), memory = cache.memory
        precondition(
            memory.count == B * layout.count(length: L), "a cache of \(memory.count) floats for \(B) × \(L) rows of another kind")
        self.layout = layout
        length = L
        let allLevel = layout.far?.level ?? layout.level
        let first = B * L * layout.heads * (allLevel.scoreRank + allLevel.valueRank)
        all = Store(memory[0..<first], sequences: B, rows: L, heads: layout.heads, level: allLevel)
        exact = layout.far == nil ? nil : Store(
            memory[first..<memory.count], sequences: B, rows: layout.exactRows, heads: layout.heads, level: layout.level)
    }

    /// Keeps keys, [rows, G r], and values, [rows, G rv], a row at each of `places`.
    func keep(keys: Matrix, values: Matrix, at places: [CachePlace]) {
        for (i, place) in places.enumerated() {
            keep(keys: keys.rows(i..<(i + 1)), values: values.rows(i..<(i + 1)), from: place)
        }
    }

    /// Keeps keys and values of one sequence from a place on.
    func keep(keys: Matrix, values: Matrix, from place: CachePlace) {
        precondition(place.position + keys.rows <= length, "\(keys.rows) rows from \(place.position) of \(length)")
        let first = place.sequence * length + place.position
        copy(keys, values, from: 0, count: keys.rows, to: all, first)
        guard let far = layout.far, let exact else { return }
        let start = place.sequence * exact.rows
        for i in 0..<keys.rows {
            let position = place.position + i
            if position < far.exact.first { copy(keys, values, from: i, count: 1, to: exact, start + position) }
            // Others will have taken its place in the ring.
            guard i + far.ring >= keys.rows else { continue }
            copy(keys, values, from: i, count: 1, to: exact, start + far.exact.first + position % far.ring)
        }
    }

    /// The first columns of each head, as many as the store has.
    private func copy(_ keys: Matrix, _ values: Matrix, from row: Int, count: Int, to store: Store, _ first: Int) {
        for (new, old, r) in [
            (keys, store.keys, layout.level.scoreRank), (values, store.values, layout.level.valueRank),
        ] {
            let stride = old.rowStride, width = stride / layout.heads
            let rows = Matrix(old.buffer[(first * stride)..<((first + count) * stride)], rows: count, columns: stride)
            let source = new.rows(row..<(row + count))
            if width == r {
                rows.copy(from: source)
            } else {
                for g in 0..<layout.heads {
                    rows.columns((g * width)..<((g + 1) * width)).copy(from: source.columns((g * r)..<(g * r + width)))
                }
            }
        }
    }

    /// What a query sees: all positions up to its own, each once.
    func parts(_ query: Attention.PlacedQuery) -> [Part] {
        let seen = query.place.position + 1, first = query.place.sequence * length
        func part(_ positions: Range<Int>, _ level: AttentionLevel, _ store: Store, _ row: Int) -> Part {
            Part(positions: positions, level: level, keys: store.keys, values: store.values, row: row)
        }
        var parts: [Part] = []
        func add(_ positions: Range<Int>, _ level: AttentionLevel, _ store: Store, _ row: Int) {
            if !positions.isEmpty { parts.append(part(positions, level, store, row)) }
        }
        guard let far = layout.far, let exact else {
            add((query.far?.keys.upperBound ?? 0)..<seen, query.level, all, first + (query.far?.keys.upperBound ?? 0))
            if let far = query.far {
                add(0..<far.keys.lowerBound, query.level, all, first)
                add(far.keys, far.level, all, first + far.keys.lowerBound)
            }
            return parts
        }
        let start = query.place.sequence * exact.rows, ring = start + far.exact.first
        let near = max(0, (query.place.position / far.segment - far.exact.recent) * far.segment)
        let turn = min(seen, (near / far.ring + 1) * far.ring)
        add(near..<turn, query.level, exact, ring + near % far.ring)
        add(turn..<seen, query.level, exact, ring + turn % far.ring)
        add(0..<min(far.exact.first, near), query.level, exact, start)
        if let keys = query.far { add(keys.keys, keys.level, all, first + keys.keys.lowerBound) }
        return parts
    }
}

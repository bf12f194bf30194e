/// A row of `drrl compare`, or several, at levels that follow from measuring others: strategies that `--attention` has
/// under another name, or not at all.
public protocol DerivedStrategy: NamedChoice {
    /// - Parameters:
    ///   - levels: the list, cheapest first.
    ///   - layers: of the model.
    ///   - reference: runs what the row is held against; once, however often it is asked.
    ///   - costs: FLOPs of each level everywhere on the measured windows.
    ///   - loss: nats on the calibration windows with these levels, by layer, as indices in the list.
    /// - Throws: what the measurements throw.
    static func rows(
        among levels: [Level], layers: Int, reference: () throws -> ReferenceRun, costs: () throws -> [Double],
        loss: ([Int]) throws -> Double
    ) throws -> DerivedRows
}

/// What the strategy did that derived ones are held against.
public struct ReferenceRun: Sendable {
    /// Executed by attention on the measured windows.
    public let flops: Double
    /// Each level's share of the segments, [N][K]; nil where no layer's segments differ.
    public let variedShares: [[Double]]?

    public init(flops: Double, variedShares: [[Double]]?) {
        self.flops = flops
        self.variedShares = variedShares
    }
}

/// One row, under all its names.
public struct DerivedRow: Sendable {
    public let names: [String]
    public let strategy: any Strategy

    public init(names: [String], strategy: any Strategy) {
        self.names = names
        self.strategy = strategy
    }
}

/// The rows, and the search that found their levels, where there was one.
public struct DerivedRows: Sendable {
    public let rows: [DerivedRow]
    public let search: PerLayerSearch.Outcome?

    public init(_ rows: [DerivedRow], search: PerLayerSearch.Outcome? = nil) {
        self.rows = rows
        self.search = search
    }
}

/// A fixed level for each layer: the best that `PerLayerSearch` finds within the reference's FLOPs.
public enum LevelsByLayer: DerivedStrategy {
    public static let name = "per-layer"

    public static func rows(
        among levels: [Level], layers: Int, reference: () throws -> ReferenceRun, costs: () throws -> [Double],
        loss: ([Int]) throws -> Double
    ) throws -> DerivedRows {
        let budget = try reference().flops
        var search = PerLayerSearch(costs: try costs().map { $0 / Double(layers) }, layers: layers, budget: budget)
        let found = try search.run(loss), measured = search.measured
        let outcome = PerLayerSearch.Outcome(
            levels: found, loss: try search.loss(found, loss), flops: search.cost(found), measured: measured)
        let own = found.map { levels[$0] }
        return DerivedRows(
            [DerivedRow(names: [name], strategy: FixedLevels(Set(own).count == 1 ? [own[0]] : own))], search: outcome)
    }
}

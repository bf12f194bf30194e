/// `fixed` at the level whose FLOPs are nearest to the reference's.
public enum NearestLevel: DerivedStrategy {
    public static let name = "nearest"

    public static func rows(
        among levels: [Level], layers: Int, reference: () throws -> ReferenceRun, costs: () throws -> [Double],
        loss: ([Int]) throws -> Double
    ) throws -> DerivedRows {
        let budget = try reference().flops, costs = try costs()
        let level = levels[costs.indices.min { abs(costs[$0] - budget) < abs(costs[$1] - budget) } ?? 0]
        return DerivedRows([DerivedRow(names: ["fixed \(level)", name], strategy: FixedLevels([level]))])
    }
}

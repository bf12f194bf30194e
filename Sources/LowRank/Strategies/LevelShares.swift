/// `random` with the reference's own shares of levels, layer by layer; no row where no layer's segments differ in level,
/// since one level a layer cannot be drawn otherwise.
public enum LevelShares: DerivedStrategy {
    public static let name = "histogram"

    public static func rows(
        among levels: [Level], layers: Int, reference: () throws -> ReferenceRun, costs: () throws -> [Double],
        loss: ([Int]) throws -> Double
    ) throws -> DerivedRows {
        DerivedRows(try reference().variedShares.map { [DerivedRow(names: [name], strategy: RandomLevels($0))] } ?? [])
    }
}

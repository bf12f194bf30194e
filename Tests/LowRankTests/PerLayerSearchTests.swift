import Kernels
import LowRank
import Testing

@Suite struct PerLayerSearchTests {
    private static let costs: [Double] = [3, 4, 7, 9, 12]
    private static let layers = 4

    /// Losses that fall with a layer's level, each layer in its own way, and layers that matter to one another a little.
    private static func loss(_ seed: UInt64, coupling: Double) -> ([Int]) -> Double {
        let generator = Philox(key: seed)
        func drop(_ layer: Int, _ level: Int) -> Double { generator.uniform(UInt32(layer), UInt32(level)) }
        let table = (0..<layers).map { layer in
            costs.indices.map { level in (level..<costs.count).reduce(0) { $0 + drop(layer, $1) * drop(layer, 99) } }
        }
        return { levels in
            let own = levels.enumerated().reduce(0) { $0 + table[$1.offset][$1.element] }
            let pairs = zip(levels, levels.dropFirst()).reduce(0) { $0 + Double(abs($1.0 - $1.1)) }
            return own + coupling * pairs
        }
    }

    private static func everyChoice() -> [[Int]] {
        (0..<layers).reduce([[]]) { choices, _ in choices.flatMap { choice in costs.indices.map { choice + [$0] } } }
    }

    @Test(arguments: [0, 0.05]) func keepsTheBudgetAndLosesNoMoreThanAnyUniformLevel(coupling: Double) throws {
        var best = 0, runs = 0
        for seed in 1...40 as ClosedRange<UInt64> {
            let loss = Self.loss(seed, coupling: coupling)
            for budget in [12, 15, 17.5, 28, 31, 40, 48] as [Double] {
                var search = PerLayerSearch(costs: Self.costs, layers: Self.layers, budget: budget), asked = 0
                let found = search.run { levels in
                    asked += 1
                    return loss(levels)
                }
                #expect(search.cost(found) <= budget && asked == search.measured)
                for level in Self.costs.indices where Self.costs[level] * Double(Self.layers) <= budget {
                    #expect(loss(found) <= loss(Array(repeating: level, count: Self.layers)))
                }
                var again = PerLayerSearch(costs: Self.costs, layers: Self.layers, budget: budget)
                #expect(again.run(loss) == found)
                let affordable = Self.everyChoice().filter { search.cost($0) <= budget }
                runs += 1
                if loss(found) <= affordable.map(loss).min() ?? 0 { best += 1 }
            }
        }
        #expect(Double(best) > 0.8 * Double(runs), "the best of all in \(best) of \(runs)")
    }

    @Test func belowEveryBudgetIsTheCheapest() {
        var search = PerLayerSearch(costs: Self.costs, layers: Self.layers, budget: 1)
        #expect(search.run(Self.loss(3, coupling: 0)) == [0, 0, 0, 0])
    }

    @Test func whatThrowsStopsIt() {
        struct Stop: Error {}
        var search = PerLayerSearch(costs: Self.costs, layers: Self.layers, budget: 20)
        #expect(throws: Stop.self) { try search.run { _ in throw Stop() } }
    }
}

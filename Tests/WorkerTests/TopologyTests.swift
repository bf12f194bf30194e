import Model
import Options
import Testing
import Worker

@Suite struct TopologyTests {
    @Test(arguments: [(1, 1), (4, 1), (4, 4), (8, 2), (8, 4), (9, 3)])
    func stageRunsFastest(world: Int, stages: Int) throws {
        let grid = try (0..<world).map { try Topology(rank: $0, worldSize: world, stages: stages) }
        for (rank, place) in grid.enumerated() {
            #expect(place.rank == rank)
            #expect(place.replicas == world / stages && place.stages == stages)
            #expect(place.replica == rank / stages && place.stage == rank % stages)
            #expect(place.isFirstStage == (rank % stages == 0))
            #expect(place.isLastStage == (rank % stages == stages - 1))
        }
        #expect(grid.filter(\.isFirstStage).count == world / stages)
        #expect(grid.filter(\.isLastStage).count == world / stages)
    }

    @Test(arguments: [
        (6, 4, "\(option: "layer-shards") 4 does not divide 6 ranks; start 4 or 8 ranks, or use "
            + "\(option: "layer-shards") 1, 2, 3, 6"),
        (2, 3, "\(option: "layer-shards") 3 does not divide 2 ranks; start 3 ranks, or use \(option: "layer-shards") 1, 2"),
        (1, 2, "\(option: "layer-shards") 2 does not divide 1 ranks; start 2 ranks, or use \(option: "layer-shards") 1"),
        (4, 0, "\(option: "layer-shards") is 0; it must be at least 1"),
        (4, -2, "\(option: "layer-shards") is -2; it must be at least 1"),
    ])
    func aGridThatCannotBeNamesTheSizesThatWouldDo(world: Int, stages: Int, message: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try Topology(rank: 0, worldSize: world, stages: stages)
        }
        #expect(error?.description == message)
    }

    @Test(arguments: 0...17, 1...9)
    func sharesAreInOrderAndDifferByOneAtMost(count: Int, parts: Int) {
        let shares = (0..<parts).map { Topology.share(of: count, part: $0, of: parts) }
        #expect(shares.flatMap(Array.init) == Array(0..<count))
        let sizes = shares.map(\.count)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
    }
}

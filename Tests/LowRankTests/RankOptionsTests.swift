import Foundation
import LowRank
import Testing

/// How a run attends, as checkpoints hold it.
@Suite struct RankOptionsTests {
    private static let levels = [EngineRun.level(2, 8)]

    /// Written by the first version that had it; checkpoints of then open still, and those of now open there.
    @Test(arguments: [
        (RankOptions(mode: .full, levels: levels, segment: 8), #"{"full":{}}"#),
        (RankOptions(mode: .fixed(levels), levels: levels, segment: 8), #"{"fixed":{"_0":[{"scoreRank":2,"valueRank":8}]}}"#),
        (RankOptions(mode: .random(), levels: levels, segment: 8), #"{"random":{}}"#),
        (RankOptions(mode: .random([[1]]), levels: levels, segment: 8), #"{"random":{"_0":[[1]]}}"#),
        (RankOptions(mode: .energy(0.9), levels: levels, segment: 8), #"{"energy":{"_0":0.9}}"#),
        (
            RankOptions(mode: .oracle(RewardWeights()), levels: levels, segment: 8),
            #"{"oracle":{"_0":{"alpha":1,"beta":0.4,"gamma":0.1}}}"#
        ),
        (
            RankOptions(mode: .policy(AgentOptions()), levels: levels, segment: 8),
            #"{"policy":{"_0":{"discount":0.5,"energy":0.95,"entropyWeight":0.1,"reward":{"alpha":1,"beta":0.4,"gamma":0.1},"#
                + #""update":"reinforce","warmStart":0,"weight":1}}}"#
        ),
        (RankOptions(mode: .performer(features: 24), levels: levels, segment: 8), #"{"performer":{"features":24}}"#),
        (RankOptions(mode: .nystrom(landmarks: 3), levels: levels, segment: 8), #"{"nystrom":{"landmarks":3}}"#),
    ])
    func theWrittenFormStands(options: RankOptions, mode: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = #"{"bases":"resident","levels":[{"scoreRank":2,"valueRank":8}],"segment":8,"strategy":"# + mode + "}"
        #expect(String(decoding: try encoder.encode(options), as: UTF8.self) == text)
        #expect(try JSONDecoder().decode(RankOptions.self, from: Data(text.utf8)) == options)
    }

    @Test func anUnknownWayOfAttendingIsNamed() {
        let text = #"{"levels":[],"segment":8,"strategy":{"sparse":{}}}"#
        let error = #expect(throws: DecodingError.self) { try JSONDecoder().decode(RankOptions.self, from: Data(text.utf8)) }
        #expect(error.map { "\($0)".contains("sparse") } == true)
    }

    /// A name twice, or an option of two meanings, would make a registry that answers for the wrong one.
    @Test func theRegistryIsInOrder() {
        let names = AttentionRegistry.all.map { $0.name }, options = AttentionRegistry.options.map(\.name)
        #expect(Set(names).count == names.count && Set(options).count == options.count)
        #expect(AttentionRegistry.modes.count == AttentionRegistry.strategies.count + AttentionRegistry.approximations.count + 1)
        #expect(AttentionRegistry.mode(named: "per-layer") == nil, "levels by layer follow from others")
    }
}

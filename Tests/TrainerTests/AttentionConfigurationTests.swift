import Foundation
import LowRank
import TestSupport
import Testing
import Trainer

/// How a run attends, from the command line and back. Heads have width 64, sequences 256 tokens unless told.
@Suite struct AttentionConfigurationTests {
    private func configuration(_ arguments: String...) throws -> RunConfiguration { try RunConfiguration(arguments: arguments) }

    @Test(arguments: [
        [], ["--attention", "full", "--levels", "8:8,16:32"], ["--attention", "fixed", "--level", "8:32"],
        ["--attention", "fixed", "--rank", "24", "--segment", "32"], ["--attention", "random"],
        ["--attention", "random", "--rank-min", "8", "--rank-max", "40"],
        ["--attention", "energy"], ["--attention", "energy", "--energy", "0.1", "--levels", "1:1,1:2,64:64"],
        ["--attention", "energy", "--energy", "1"],
        ["--attention", "performer"], ["--attention", "performer", "--features", "31", "--levels", "1:1"],
        ["--attention", "nystrom"], ["--attention", "nystrom", "--landmarks", "3", "--segment", "32"],
    ])
    func theWrittenFileComesBackWhole(arguments: [String]) throws {
        let scratch = try Scratch(), run = try RunConfiguration(arguments: arguments)
        let yaml = try run.yaml()
        let again = try configuration("--config", scratch.write(yaml, to: "run.yaml"))
        #expect(again == run, "\(yaml)")
    }

    @Test func ranksAreAnotherWayToSayLevels() throws {
        let range = try configuration("--attention", "random", "--rank-min", "8", "--rank-max", "31", "--rank-step", "8")
        #expect(try range == configuration("--attention", "random", "--levels", "8:8,16:16,24:24"))
        let paper = try configuration("--attention", "random", "--rank-min", "16")
        #expect(paper.ranks.levels.map(\.scoreRank) == [16, 24, 32, 40, 48, 56, 64])
        #expect(try configuration("--attention", "fixed", "--rank", "8") == configuration("--attention", "fixed", "--level", "8:8"))
    }

    @Test func approximationsHaveDefaults() throws {
        #expect(try configuration("--attention", "performer").ranks.mode as? PerformerMode == .performer(features: 128))
        #expect(try configuration("--attention", "performer", "--heads", "16").ranks.mode as? PerformerMode == .performer(features: 32))
        #expect(try configuration("--attention", "nystrom").ranks.mode as? NystromMode == .nystrom(landmarks: 8))
        #expect(try configuration("--attention", "nystrom", "--segment", "4").ranks.mode as? NystromMode == .nystrom(landmarks: 4))
    }

    @Test func defaultLevelsFitTheHeads() throws {
        #expect(try configuration().ranks.levels.map { [$0.scoreRank, $0.valueRank] }
            == [[2, 8], [4, 16], [4, 24], [4, 32], [8, 32], [16, 32]])
        for heads in [1, 8, 32, 128, 256] {
            let run = try configuration("--attention", "random", "--heads", "\(heads)")
            #expect(run.ranks.levels.allSatisfy { $0.scoreRank >= 1 && $0.valueRank <= 256 / heads }, "\(heads) heads")
        }
    }

    @Test(arguments: [(256, 128), (1024, 128), (100, 100), (192, 96), (257, 257), (262, 131), (7, 7)])
    func theDefaultSegmentDividesTheContext(context: Int, segment: Int) throws {
        #expect(try configuration("--context", "\(context)").ranks.segment == segment)
    }
}

import LowRank
import Testing

@Suite struct LevelTests {
    @Test func readsNestedPairs() throws {
        let list = try LevelList(parsing: "4:16,8:16, 8:32", headWidth: 64)
        #expect(list.levels.map(\.description) == ["4:16", "8:16", "8:32"])
        #expect(try LevelList(parsing: "64:64", headWidth: 64).count == 1)
    }

    @Test func makesThePapersList() throws {
        let list = try LevelList(rankMin: 16, rankMax: 64, step: 8, headWidth: 64)
        #expect(list.levels == [16, 24, 32, 40, 48, 56, 64].map { Level(scoreRank: $0, valueRank: $0) })
    }

    @Test(arguments: [
        ("", "level \"\" is not a pair of ranks; write score:value, e.g. 8:32"),
        ("8", "level \"8\" is not a pair of ranks; write score:value, e.g. 8:32"),
        ("8:x", "level \"8:x\" is not a pair of ranks; write score:value, e.g. 8:32"),
        ("0:8", "level \"0:8\" is not a pair of ranks; write score:value, e.g. 8:32"),
        ("8:-8", "level \"8:-8\" is not a pair of ranks; write score:value, e.g. 8:32"),
        ("8:16,", "level \"\" is not a pair of ranks; write score:value, e.g. 8:32"),
        ("8:65", "level 8:65: value rank 65 must lie between 1 and the head width 64"),
        ("99:8", "level 99:8: score rank 99 must lie between 1 and the head width 64"),
        ("8:16,8:16", "level 8:16 is given twice"),
        ("8:16,4:32", "level 4:32 after 8:16 is not nested; neither rank may fall from one to the next"),
        ("8:32,16:16", "level 16:16 after 8:32 is not nested; neither rank may fall from one to the next"),
    ])
    func refusesInOneLine(text: String, message: String) {
        let error = #expect(throws: LevelError.self) { try LevelList(parsing: text, headWidth: 64) }
        #expect(error?.description == message)
    }

    @Test func refusesRangesThatCannotBe() {
        for (low, high, step) in [(16, 8, 8), (0, 8, 8), (8, 16, 0), (8, 65, 8)] {
            #expect(throws: LevelError.self) { try LevelList(rankMin: low, rankMax: high, step: step, headWidth: 64) }
        }
        #expect(throws: LevelError.self) { try LevelList([], headWidth: 64) }
    }

    @Test func energyRuleAsksBothParts() throws {
        let list = try LevelList(parsing: "1:1,1:2,3:2,3:4", headWidth: 4)
        let score = Spectrum(energies: [8, 1, 1, 0]), value = Spectrum(energies: [6, 3, 1, 0])
        let spectra = LayerSpectra(scores: [score], values: [value])
        for (threshold, expected) in [(0.5, 0), (0.75, 1), (0.9, 2), (1, 3), (2, 3)] {
            #expect(spectra.smallest(of: list.levels, reaching: threshold) == expected)
        }
        #expect(score.smallestRank(reaching: 0.85) == 2)
    }
}

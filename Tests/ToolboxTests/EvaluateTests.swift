import Foundation
import JSON
import TestSupport
import Testing
import Toolbox

@Suite(.serialized, .enabled(if: MPIRun.isInstalled, "mpirun is not installed"))
struct EvaluateTests {
    @Test func fullAttentionGivesTheTrainersNumbers() async throws {
        let model = try await TrainedModel.full()
        let result = try await model.result([])
        #expect(result.attention == "full" && result.levels.isEmpty && result.step == TrainedModel.steps)
        #expect(result.context == 64 && result.stride == 64 && result.predicted_tokens == result.tokens - 1)
        #expect(relativeDifference(result.token_perplexity.value, model.metrics[.validPerplexity]) < 1e-6)
        #expect(relativeDifference(result.word_perplexity.value, model.metrics[.validWordPerplexity]) < 1e-6)
        #expect(relativeDifference(result.bits_per_byte, model.metrics[.validBitsPerByte]) < 1e-6)
        #expect(result.flops.total == result.flops.full_attention && result.flops.upkeep == 0)
        #expect(result.score_rank == [32, 32] && result.value_rank == [32, 32])
    }

    @Test func theCheckpointsOwnStrategyIsTheDefault() async throws {
        let model = try await TrainedModel.random()
        let result = try await model.result([])
        #expect(result.attention == "random" && result.segment == 16)
        #expect(relativeDifference(result.token_perplexity.value, model.metrics[.validPerplexity]) < 1e-6)
        #expect(result.flops.total < result.flops.full_attention)
        let full = try await model.result(["--attention", "full"])
        #expect(relativeDifference(full.nll, result.nll) > 1e-5, "the ranks change nothing")
    }

    /// Without an option the trained features are drawn again; with one, others are.
    @Test func theCheckpointsOwnFeaturesAreTheDefault() async throws {
        let model = try await TrainedModel.performer()
        let result = try await model.result([])
        #expect(result.attention == "performer" && result.features == 24 && result.landmarks == nil && result.levels.isEmpty)
        #expect(relativeDifference(result.token_perplexity.value, model.metrics[.validPerplexity]) < 1e-6)
        #expect(result.score_rank == [32, 32] && result.flops.upkeep == 0)
        let more = try await model.result(["--attention", "performer", "--features", "25"])
        #expect(more.features == 25 && more.nll != result.nll && more.flops.scores > result.flops.scores)
        let full = try await model.result(["--attention", "full"])
        #expect(full.features == nil && full.flops.total == full.flops.full_attention)
    }

    /// The same weights, approximated better and better.
    @Test func aFullModelRunsOnKernels() async throws {
        let model = try await TrainedModel.full()
        let full = try await model.result([])
        let all = try await model.result(["--attention", "nystrom", "--landmarks", "16", "--segment", "16"])
        #expect(relativeDifference(all.nll, full.nll) < 1e-5 && all.landmarks == 16)
        let few = try await model.result(["--attention", "nystrom", "--landmarks", "2", "--segment", "16"])
        let half = try await model.result(["--attention", "nystrom", "--landmarks", "8", "--segment", "16"])
        #expect(relativeDifference(half.nll, full.nll) > 1e-5 && relativeDifference(few.nll, full.nll) < 0.2)
        #expect(relativeDifference(half.nll, full.nll) < relativeDifference(few.nll, full.nll))
        #expect(few.flops.total < full.flops.total && few.flops.projections == full.flops.projections)
        let features = try await model.result(["--attention", "performer", "--features", "4096"])
        #expect(relativeDifference(features.nll, full.nll) > 1e-6 && relativeDifference(features.nll, full.nll) < 0.02)
    }

    @Test func fixedAtHeadWidthIsFullAttention() async throws {
        let model = try await TrainedModel.full()
        let full = try await model.result([]), fixed = try await model.result(["--attention", "fixed", "--level", "32:32"])
        #expect(relativeDifference(fixed.nll, full.nll) < 1e-5)
        #expect(fixed.levels == ["32:32"] && fixed.flops.upkeep > 0)
        #expect(fixed.flops.scores * scores(segment: 64, of: 64) == full.flops.scores * scores(segment: 16, of: 64))
    }

    /// Σ rows × keys of one window's blocks: 12 rows or up to their segment's end, so that less of short ones is masked.
    private func scores(segment: Int, of length: Int) -> Double {
        var sum = 0
        for first in stride(from: 0, to: length, by: segment) {
            for row in stride(from: first, to: first + segment, by: 12) {
                let end = min(row + 12, first + segment)
                sum += (end - row) * end
            }
        }
        return Double(sum)
    }

    @Test func flopsOfALevelAreCountedByHand() async throws {
        let model = try await TrainedModel.full()
        let result = try await model.result(["--attention", "fixed", "--level", "4:8", "--exact-recent", "off"])
        let windows = ((result.tokens - 1) + 63) / 64
        // 4 segments of 16 rows in blocks of 12 and 4, each up to its last row, for 2 heads in 2 layers.
        let pairs = Double(windows * 2 * 2 * (12 * (12 + 28 + 44 + 60) + 4 * (16 + 32 + 48 + 64)))
        #expect(result.flops.scores == pairs * 2 * 4 && result.flops.values == pairs * 2 * 8)
        // Queries and keys of rank 4, values and outputs of rank 8, 2 heads of each.
        #expect(result.flops.projections == Double(windows * 2 * 64 * 2 * 64 * 2 * (4 + 4 + 8 + 8)))
        #expect(result.score_rank == [4, 4] && result.value_rank == [8, 8])
    }

    /// Segments of 8 tokens: new bases after 4 of them.
    @Test func basesFollowTheTextWhereThatIsAsked() async throws {
        let model = try await TrainedModel.full(), options = [
            "--attention", "fixed", "--level", "4:8", "--segment", "8", "--exact-recent", "off",
        ]
        let resident = try await model.result(options), online = try await model.result(options + ["--basis", "online"])
        #expect(resident.basis == .resident && online.basis == .online)
        #expect(online.nll != resident.nll && relativeDifference(online.nll, resident.nll) < 0.01)
        #expect(online.flops.upkeep > resident.flops.upkeep && online.flops.scores == resident.flops.scores)
        // Values of the first 32 rows of a window once more, 2 heads of rank 8 in 2 layers.
        let windows = ((online.tokens - 1) + 63) / 64
        #expect(online.flops.projections - resident.flops.projections == Double(windows * 2 * 32 * 64 * 2 * 8 * 2))
        #expect(try await model.result([]).basis == nil)
    }

    @Test(arguments: [["--attention", "full"], ["--attention", "random", "--segment", "16"]])
    func twoRanksGiveWhatOneGives(options: [String]) async throws {
        let model = try await TrainedModel.full()
        let alone = try await model.result(options), both = try await model.result(options, ranks: 2)
        #expect(both.ranks == 2 && alone.ranks == 1)
        #expect(relativeDifference(both.nll, alone.nll) < 1e-12)
        #expect(both.flops.projections == alone.flops.projections && both.flops.scores == alone.flops.scores)
        #expect(both.flops.values == alone.flops.values && both.flops.upkeep == 2 * alone.flops.upkeep)
        #expect(both.score_rank == alone.score_rank && both.value_rank == alone.value_rank)
        #expect(both.text_hash == alone.text_hash && both.words == alone.words && both.bytes == alone.bytes)
        let lines = try await model.tokenLines(options)
        #expect(try await model.tokenLines(options, ranks: 3) == lines)
    }

    @Test func tokensSumToTheTotal() async throws {
        let model = try await TrainedModel.full()
        let options = ["--attention", "random", "--stride", "24"]
        let result = try await model.result(options), lines = try await model.tokenLines(options)
        #expect(lines.first == "position,token,nll,layer_0,layer_1")
        let rows = lines.dropFirst().map { $0.split(separator: ",").map(String.init) }
        #expect(rows.map { $0[0] } == (1..<result.tokens).map(String.init))
        #expect(relativeDifference(rows.reduce(0) { $0 + (Double($1[2]) ?? .nan) }, result.nll) < 1e-9)
        for layer in 0..<2 {
            let pairs = rows.map { $0[3 + layer].split(separator: ":").compactMap { Double($0) } }
            #expect(Set(pairs).count > 1, "random levels are all one")
            for (i, mean) in [result.score_rank[layer], result.value_rank[layer]].enumerated() {
                #expect(relativeDifference(pairs.reduce(0) { $0 + $1[i] } / Double(pairs.count), mean) < 1e-9)
            }
        }
    }

    @Test func overlappingWindowsPredictEveryTokenOnceWithMoreBeforeIt() async throws {
        let model = try await TrainedModel.full()
        let apart = try await model.result([]), overlapping = try await model.result(["--stride", "16"])
        #expect(overlapping.predicted_tokens == apart.predicted_tokens && overlapping.stride == 16)
        #expect(overlapping.flops.total > 3 * apart.flops.total)
        // The first window predicts all its tokens, so it is the same; later tokens see at least 48 before them.
        let (a, b) = (try await model.tokenLines([]), try await model.tokenLines(["--stride", "16"]))
        #expect(a.count == b.count && a[...64] == b[...64] && a[65] != b[65])
        let short = try await model.result(["--context", "16"])
        #expect(short.nll > overlapping.nll, "less context predicts no worse")
    }

    /// As a stranger would check it: other tokens at the end, or in the middle, or more of them.
    @Test(arguments: [
        ["--attention", "full"], ["--attention", "fixed", "--rank", "8"], ["--attention", "random"],
        ["--attention", "energy", "--energy", "0.6"], ["--attention", "random", "--stride", "24"],
        ["--attention", "performer"], ["--attention", "nystrom", "--segment", "16", "--landmarks", "3"],
        ["--attention", "random", "--segment", "8", "--basis", "online"],
    ])
    func whatComesLaterChangesNothingBefore(options: [String]) async throws {
        let model = try await TrainedModel.full()
        let text = try String(contentsOfFile: model.text, encoding: .utf8)
        let lines = try await model.tokenLines(options)
        let middle = text.index(text.startIndex, offsetBy: text.count / 2)
        let changes = [
            ("end", text.dropLast(3) + "xyz", 0.9), ("middle", text[..<middle] + "Q" + text[middle...].dropFirst(), 0.4),
            ("longer", text + " and some more of it , until another window is there .".repeated(8), 0.9),
        ]
        for (name, changed, share) in changes {
            let path = try model.scratch.write(String(changed), to: "\(UUID().uuidString).tokens")
            let other = try await model.tokenLines(options + ["--text", path])
            func token(_ line: String) -> Substring { line.split(separator: ",")[1] }
            let same = zip(lines, other).prefix { token($0) == token($1) }.count
            #expect(Double(same) > share * Double(lines.count), "\(name): the change came too early to tell")
            #expect(lines[..<same] == other[..<same], "\(name)")
            #expect(lines != other, "\(name): nothing was changed")
        }
    }

    @Test func aPersonReadsLines() async throws {
        let model = try await TrainedModel.full()
        let outcome = try await model.evaluate(["--attention", "energy"], ranks: 2)
        #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
        for start in ["checkpoint ", "text ", "windows ", "attention   energy 0.95, ", "perplexity ", "FLOPs ", "layer 1 "] {
            #expect(outcome.output.split(separator: "\n").count { $0.hasPrefix(start) } == 1, "\(start): \(outcome)")
        }
    }

    @Test(arguments: [["--help"], ["evaluate", "--help"], ["help", "evaluate"], ["compare", "--help"], []])
    func helpIsPrintedOnce(arguments: [String]) async throws {
        let outcome = try await drrl(arguments, ranks: 2)
        #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
        #expect(outcome.output.split(separator: "\n").count { $0.hasPrefix("USAGE:") } == 1, "\(outcome)")
        let named = arguments.contains("evaluate") ? ["--per-token <", "--attention <", "--stride <"]
            : arguments.contains("compare") ? ["--calibrate <", "--levels <", "per-layer"] : ["  evaluate ", "  compare "]
        for part in named { #expect(outcome.output.contains(part), "\(part): \(outcome)") }
    }
}

extension String {
    fileprivate func repeated(_ times: Int) -> String { String(repeating: self, count: times) }
}

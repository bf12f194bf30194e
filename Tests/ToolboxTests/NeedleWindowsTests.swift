import Corpus
import Kernels
import Model
import Options
import Testing
import Toolbox

/// Windows in which pairs are planted and asked for, in tokens that are bytes.
@Suite struct NeedleWindowsTests {
    private struct Bytes: Tokenizer {
        var isLossy = false
        let vocabularySize = 257
        let endOfText: Int32 = 256
        let hash = ""
        func encode(_ text: Span<UInt8>) -> [Int32] { text.indices.map { Int32(text[$0]) } }
        func decode(_ tokens: [Int32]) throws(CorpusError) -> [UInt8] { tokens.map { isLossy ? 63 : UInt8($0) } }
    }

    private static let text = Tokens(Buffer((0..<5000).map { Int32(97 + $0 * 7 % 26) }))
    private static let context = 640, segment = 32, exact = ExactTokens(recent: 1, first: 4)

    private static func windows(
        _ count: Int = 3, context: Int = context, seed: UInt64 = 1, isLossy: Bool = false
    ) throws -> NeedleWindows {
        try NeedleWindows(
            count, context: context, pairs: 4, segment: segment, exact: exact, from: text, Bytes(isLossy: isLossy), seed: seed)
    }

    /// Each answer stands twice among the far keys of every question, after its word, and nowhere else before it is asked for.
    @Test func answersLieFarBack() throws {
        let needles = try Self.windows()
        #expect(needles.questions == 12)
        for (tokens, answers) in zip(needles.windows, needles.answers) {
            #expect(tokens.count == Self.context && answers.count == 4 && Set(answers.map { tokens[$0] }).count > 1)
            let asked = (answers.map(\.lowerBound).min() ?? 0) - 10
            let far = Self.exact.far(of: asked, segment: Self.segment)
            for answer in answers {
                var start = answer.lowerBound
                while tokens[start] != 10 { start -= 1 }
                let pair = Array(tokens[start..<answer.upperBound])
                let places = (0..<(asked - pair.count)).filter { Array(tokens[$0..<($0 + pair.count)]) == pair }
                #expect(places.count == 2 && places.allSatisfy { far.contains($0) && far.contains($0 + pair.count) })
            }
        }
    }

    @Test func onlySeedAndWindowDecide() throws {
        let needles = try Self.windows(), fewer = try Self.windows(1)
        #expect(try needles == Self.windows() && fewer.windows[0] == needles.windows[0])
        #expect(try Self.windows(seed: 2).windows[0] != needles.windows[0] && needles.windows[1] != needles.windows[0])
    }

    /// What copies recalls all, and an answer with one wrong token is none.
    @Test func anAnswerIsAllOfItsTokens() throws {
        let needles = try Self.windows(), tokens = needles.windows[1], answers = needles.answers[1]
        #expect(needles.recalled(window: 1) { tokens[$0] } == 4)
        #expect(needles.recalled(window: 1) { $0 == answers[2].upperBound - 1 ? -1 : tokens[$0] } == 3)
        #expect(needles.recalled(window: 1) { _ in -1 } == 0)
    }

    @Test func whatDoesNotFitIsRefused() {
        #expect(throws: ConfigurationError.self) { try Self.windows(context: 256) }
        #expect(throws: ConfigurationError.self) { try Self.windows(context: 8000) }
        #expect(throws: ConfigurationError.self) { try Self.windows(isLossy: true) }
    }
}

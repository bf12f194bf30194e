import Corpus
import Kernels
import LowRank
import Model
import Options

// L tokens of a window; T a segment's.

/// Windows of a text in which pairs of a word and a number are planted far back and asked for at the end: what perplexity
/// forgives and recall does not.
///
/// A window is text, with the pairs spread over its first three quarters, then a question for each pair in another order, with
/// its answer. All of it is drawn by the counter-based generator: a pure function of (seed, window).
package struct NeedleWindows: Equatable, Sendable {
    /// L.
    package let context: Int
    /// By window, L each.
    package let windows: [[Int32]]
    /// By window, the positions of each answer's tokens.
    package let answers: [[Range<Int>]]

    /// Words that stand in no other pair of a window.
    private static let words = [
        "anchor", "basket", "candle", "desert", "engine", "feather", "garden", "hammer", "island", "jacket", "kettle", "ladder",
        "magnet", "needle", "orange", "pencil", "quarry", "ribbon", "saddle", "tunnel", "umbrella", "valley", "window", "yellow",
        "zebra", "bridge", "castle", "dragon", "eagle", "forest", "guitar", "harbor",
    ]
    /// Pairs of a window at most.
    static let mostPairs = words.count

    /// Numbers that are planted.
    private static let numbers = 100..<1000

    /// A pair as tokens: what is planted, twice in a row, as a small model needs it to; and how it is asked for.
    private struct Pair {
        let planted, question, answer, end: [Int32]
        var asked: [Int32] { question + answer + end }

        init(_ word: String, _ number: Int, _ tokenizer: some Tokenizer) throws(ConfigurationError) {
            func tokens(_ text: String) throws(ConfigurationError) -> [Int32] {
                let tokens = tokenizer.encode(text)
                guard !tokens.isEmpty, (try? tokenizer.decode(tokens)) == Array(text.utf8) else {
                    throw ConfigurationError(
                        "--needles plants \"\(word): \(number)\", which the checkpoint's tokenizer does not give back; leave it out")
                }
                return tokens
            }
            planted = try tokens("\n\n\(word): \(number)\n\(word): \(number)\n\n")
            question = try tokens("\n\(word):")
            answer = try tokens(" \(number)")
            end = try tokens(".")
        }
    }

    /// - Parameters:
    ///   - count: of windows.
    ///   - pairs: of a window.
    ///   - segment: T.
    ///   - exact: by which keys are far; the pairs lie among the far ones of all questions.
    ///   - text: what stands around the pairs.
    /// - Throws: `ConfigurationError` where the pairs do not fit, the text is too short, or the tokenizer changes what is planted.
    package init(
        _ count: Int, context L: Int, pairs: Int, segment: Int, exact: ExactTokens?, from text: Tokens,
        _ tokenizer: some Tokenizer, seed: UInt64
    ) throws(ConfigurationError) {
        precondition((1...Self.mostPairs).contains(pairs), "\(pairs) pairs")
        var windows: [[Int32]] = [], answers: [[Range<Int>]] = []
        for window in 0..<count {
            let generator = Philox(key: seed).derived(number: UInt64(window), purpose: RandomPurpose.needles)
            func uniform(_ i: Int, _ what: UInt32) -> Double { generator.uniform(UInt32(i), what) }
            func order(_ count: Int, _ what: UInt32) -> [Int] {
                (0..<count).sorted { (uniform($0, what), $0) < (uniform($1, what), $1) }
            }
            let words = order(Self.words.count, 0).prefix(pairs).map { Self.words[$0] }
            var planted: [Pair] = []
            for (i, word) in words.enumerated() {
                planted.append(
                    try Pair(word, Self.numbers.lowerBound + Int(uniform(i, 1) * Double(Self.numbers.count)), tokenizer))
            }
            let size = planted.reduce(0) { $0 + $1.planted.count }, asked = L - planted.reduce(0) { $0 + $1.asked.count }
            let first = exact?.first ?? 0, last = 3 * L / 4 - size
            let far = exact.map { $0.far(of: max(asked, 0), segment: segment).upperBound } ?? asked
            guard last - first >= pairs, 3 * L / 4 <= far else {
                throw ConfigurationError(
                    "--needles \(count): \(pairs) pairs of \(size) tokens, and \(L - asked) to ask for them, do not fit a context of \(L) "
                        + "so that all lie among the far keys; give a longer one, or fewer --needle-pairs")
            }
            let filler = asked - size
            guard text.count >= filler else {
                throw ConfigurationError(
                    "--needles \(count) needs \(filler) tokens of text at context \(L); the text that is measured has \(text.count)")
            }
            let start = Int(uniform(0, 2) * Double(text.count - filler + 1))
            let around = text[start..<(start + filler)].array
            var tokens: [Int32] = [], taken = 0
            for (i, pair) in planted.enumerated() {
                let place = first + Int((Double(i) + uniform(i, 3)) / Double(pairs) * Double(last - first))
                tokens += around[taken..<place] + pair.planted
                taken = place
            }
            tokens += around[taken...]
            var own: [Range<Int>] = []
            for i in order(pairs, 4) {
                tokens += planted[i].question
                own.append(tokens.count..<(tokens.count + planted[i].answer.count))
                tokens += planted[i].answer + planted[i].end
            }
            windows.append(tokens)
            answers.append(own)
        }
        self.init(context: L, windows: windows, answers: answers)
    }

    init(context: Int, windows: [[Int32]], answers: [[Range<Int>]]) {
        self.context = context
        self.windows = windows
        self.answers = answers
    }

    /// Questions of all windows.
    package var questions: Int { answers.reduce(0) { $0 + $1.count } }

    /// How many of a window's answers a model gives, all their tokens being the likeliest where those before them are given.
    ///
    /// - Parameter likeliest: the token predicted at a position from those before it.
    package func recalled(window: Int, _ likeliest: (_ position: Int) -> Int32) -> Int {
        answers[window].count { $0.allSatisfy { likeliest($0) == windows[window][$0] } }
    }
}

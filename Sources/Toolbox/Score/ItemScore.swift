import Foundation

/// What a model made of one item; as JSON under these names, a line of `--per-item`.
package struct ItemScore: Codable, Equatable, Sendable {
    package struct Choice: Codable, Equatable, Sendable {
        /// log p of the choice, the space before it too, given the context, in nats.
        package var loglikelihood: Double
        /// Whether each of its tokens is the likeliest.
        package var greedy: Bool
        package var tokens: Int
    }

    /// Of the task's file, from 1.
    package var line: Int
    /// Tokens of the context that were left out, since all do not fit.
    package var left_out: Int
    package var choices: [Choice]
    package var answer: Int
    /// The likeliest choice, as it is, by character and by byte; nil of a text.
    package var prediction, prediction_norm, prediction_bytes: Int?
    /// Whether the likeliest choice is the right one; of a text, whether its last word is what the model would write.
    package var acc: Bool

    /// - Parameters:
    ///   - requests, scored: the item's own, one a choice.
    init(_ item: ScoredTask.Item, _ kind: ScoredTask.Kind, _ requests: ArraySlice<ScoreRequest>, _ scored: ArraySlice<ScoredRequest>) {
        line = item.line
        left_out = requests.map(\.leftOut).max() ?? 0
        choices = zip(requests, scored).map {
            Choice(loglikelihood: $1.logLikelihood, greedy: $1.isGreedy, tokens: $0.predicted)
        }
        answer = item.answer
        guard kind == .multipleChoice else {
            acc = choices[0].greedy
            return
        }
        let likelihoods = choices.map(\.loglikelihood)
        /// The first of equals, as `numpy.argmax`.
        func likeliest(per size: (String) -> Int) -> Int {
            let each = zip(likelihoods, item.choices).map { $0 / Double(size($1)) }
            return each.indices.reduce(0) { each[$1] > each[$0] ? $1 : $0 }
        }
        prediction = likeliest { _ in 1 }
        // Characters are code points, as Python counts them.
        prediction_norm = likeliest { $0.unicodeScalars.count }
        prediction_bytes = likeliest { $0.utf8.count }
        acc = prediction == answer
    }
}

/// A mean with its standard error, as lm-evaluation-harness has it.
package struct ScoreMean: Codable, Equatable, Sendable {
    package var value: Double
    /// s / √n, s² the sample's variance, over n − 1; nil of one item.
    package var standard_error: Double?

    init(_ sample: [Double]) {
        let n = Double(sample.count), mean = sample.reduce(0, +) / n
        value = mean
        guard n > 1 else { return }
        standard_error = (sample.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1) / n).squareRoot()
    }

    init(shareOf hits: [Bool]) { self.init(hits.map { $0 ? 1 : 0 }) }

    /// exp(mean), with the error that follows to first order.
    var exponential: ScoreMean {
        var found = self
        found.value = exp(value)
        found.standard_error = standard_error.map { $0 * exp(value) }
        return found
    }
}

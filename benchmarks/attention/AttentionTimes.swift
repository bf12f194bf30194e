/// Seconds that one pass over a sequence takes, medians of what fits into the time of a case.
struct AttentionTimes: Encodable {
    /// From queries, keys and values to outputs, and back to their gradients.
    var attention = Passes()
    /// From the layer's normed input to the output projection's, biases included, and back to all gradients.
    var sublayer = Passes()
    /// What keeps low rank going for one training step of one sequence, beside either of the above.
    var upkeep = Passes()

    struct Passes: Encodable {
        var forward = 0.0
        /// Forward and backward together.
        var both = 0.0
    }
}

/// Repeats what is to be timed.
struct Timer {
    /// For how long.
    let seconds: Double

    /// The median duration of `body`, which runs at least once.
    func median(_ body: () throws -> Void) rethrows -> Double {
        var samples: [Double] = [], total = 0.0
        repeat {
            let sample = try ContinuousClock().measure(body) / .seconds(1)
            samples.append(sample)
            total += sample
        } while total < seconds
        return samples.sorted()[samples.count / 2]
    }
}

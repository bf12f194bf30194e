import Corpus
import Testing

struct SampleOrderTests {
    @Test(arguments: [1, 2, 3, 4, 5, 7, 16, 17, 100, 1023, 4097, 65_536, 100_003])
    func everyEpochReadsEverySampleOnce(count: Int) throws {
        let order = try SampleOrder(seed: 42, sampleCount: count)
        for epoch in [0, 1, 1000] {
            var seen = [Bool](repeating: false, count: count)
            for index in 0..<count { seen[order.position(epoch * count + index)] = true }
            #expect(!seen.contains(false))
        }
    }

    private func epoch(_ epoch: Int, seed: UInt64, count: Int) throws -> [Int] {
        let order = try SampleOrder(seed: seed, sampleCount: count)
        return (0..<count).map { order.position(epoch * count + $0) }
    }

    @Test func epochsAndSeedsDiffer() throws {
        for count in [7, 100, 4097] {
            let orders = try [
                epoch(0, seed: 1, count: count), epoch(1, seed: 1, count: count),
                epoch(2, seed: 1, count: count), epoch(0, seed: 2, count: count),
                Array(0..<count),
            ]
            #expect(Set(orders).count == orders.count)
        }
    }

    /// Where each sample stands in an epoch, over many epochs: chi-squared with (n−1)² degrees of freedom.
    @Test(arguments: [2, 3, 7, 20, 100])
    func everyPlaceIsEquallyLikely(count: Int) throws {
        let epochs = 4000
        let order = try SampleOrder(seed: 3, sampleCount: count)
        var tally = [Int](repeating: 0, count: count * count)
        for epoch in 0..<epochs {
            for index in 0..<count {
                tally[index * count + order.position(epoch * count + index)] += 1
            }
        }
        let mean = Double(epochs) / Double(count)
        let variance = mean * Double(count - 1) / Double(count)
        let squares = tally.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) / variance }
        let freedom = Double((count - 1) * (count - 1))
        // Rows and columns each sum to the number of epochs, which leaves (n−1)² of n² degrees.
        let chiSquared = squares * freedom / Double(count * count)
        #expect(chiSquared < freedom + 4.5 * (2 * freedom).squareRoot())
    }

    /// Neighbours in an epoch are as far apart as in a random order, n/3 on average.
    @Test func neighboursAreUnrelated() throws {
        let count = 10_000
        let places = try epoch(0, seed: 4, count: count)
        let distance = zip(places, places.dropFirst()).reduce(0) { $0 + abs($1.0 - $1.1) }
        let mean = Double(distance) / Double(count - 1)
        #expect(abs(mean - Double(count) / 3) < 0.03 * Double(count))
    }

    /// A run resumed by a later version must read on in the same order.
    @Test func theOrderIsFixedForever() throws {
        #expect(try epoch(3, seed: 1234, count: 10) == [6, 7, 2, 0, 4, 8, 3, 5, 9, 1])
        let order = try SampleOrder(seed: .max, sampleCount: 123_456_789)
        #expect(
            [0, 1, 123_456_789, Int.max].map(order.position)
                == [95_048_557, 84_723_455, 88_023_599, 108_149_139])
    }

    @Test func noSamples() {
        for count in [0, -1] {
            #expect(throws: CorpusError.sampleCount(count)) {
                try SampleOrder(seed: 1, sampleCount: count)
            }
        }
    }
}

struct WindowsTests {
    @Test func trainingWindowsShareOnlyTheirBorders() throws {
        for tokens in 2...60 {
            for context in 1..<tokens {
                let windows = try TrainingWindows(tokens: tokens, context: context)
                #expect(windows.count == (tokens - 1) / context)
                for i in 0..<windows.count {
                    #expect(windows.range(of: i) == i * context..<i * context + context + 1)
                }
                let end = windows.range(of: windows.count - 1).upperBound
                #expect(end <= tokens && end + context > tokens)
            }
        }
    }

    @Test func evaluationPredictsEveryTokenOnce() throws {
        for tokens in 2...60 {
            for context in 1...70 {
                let windows = try EvaluationWindows(tokens: tokens, context: context)
                var predicted: [Int] = []
                for i in 0..<windows.count {
                    let inputs = windows.inputs(of: i)
                    #expect(inputs.count >= 1 && inputs.count <= context)
                    #expect(windows.predicted(by: i) == inputs.lowerBound + 1..<inputs.upperBound + 1)
                    predicted += windows.predicted(by: i)
                }
                #expect(predicted == Array(1..<tokens))
                #expect(windows.targets == tokens - 1)
            }
        }
    }

    @Test func tooShort() throws {
        #expect(throws: CorpusError.shorterThanContext(tokens: 512, context: 512)) {
            try TrainingWindows(tokens: 512, context: 512)
        }
        #expect(try TrainingWindows(tokens: 513, context: 512).count == 1)
        #expect(throws: CorpusError.shorterThanContext(tokens: 1, context: 1)) {
            try EvaluationWindows(tokens: 1, context: 512)
        }
        #expect(throws: CorpusError.contextLength(0)) { try TrainingWindows(tokens: 9, context: 0) }
        #expect(throws: CorpusError.contextLength(-1)) {
            try EvaluationWindows(tokens: 9, context: -1)
        }
        #expect(
            "\(CorpusError.shorterThanContext(tokens: 100, context: 512))"
                == "the corpus is shorter than one context: it has 100 tokens, "
                + "a context of 512 needs 513")
    }
}

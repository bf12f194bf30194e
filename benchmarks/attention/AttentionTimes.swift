import Foundation
import Kernels
import Worker

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
    /// Whether seconds are those of the processor, over all of the process's threads, instead of the clock's.
    let isProcessorTime: Bool

    /// The median duration of `body`, which runs at least once.
    func median(_ body: () throws -> Void) rethrows -> Double {
        var samples: [Double] = [], total = 0.0
        repeat {
            let start = now()
            try body()
            samples.append(now() - start)
            total += samples[samples.count - 1]
        } while total < seconds
        return samples.sorted()[samples.count / 2]
    }

    private func now() -> Double {
        guard isProcessorTime else { return monotonicSeconds() }
        var time = timespec()
        // Cannot fail: Linux has this clock.
        _ = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }
}

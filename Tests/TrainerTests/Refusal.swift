import TestSupport
import Testing

/// The job ended by itself with exit code 2 and one line of its own that says all of `parts`; besides it only mpirun
/// may have spoken.
func expectRefused(
    _ outcome: Outcome, _ parts: [String], code: Int32 = 2, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(!outcome.timedOut && outcome.status == code, "\(outcome)", sourceLocation: sourceLocation)
    let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("drrl-train: ") }
    #expect(lines.count == 1, "\(outcome)", sourceLocation: sourceLocation)
    for part in parts {
        #expect(lines.first?.contains(part) == true, "\(part) is not named: \(outcome)", sourceLocation: sourceLocation)
    }
    for word in ["Fatal error", "MPI_ABORT", "rank 0: ", "rank 1: "] {
        #expect(!outcome.errors.contains(word), "\(outcome)", sourceLocation: sourceLocation)
    }
}

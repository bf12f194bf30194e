import Communicator
import Foundation
import Kernels
import Worker

/// The machine's SGEMM rate, measured as steps are: a mean over some time, with whatever else the machine does.
struct SGEMMRuler {
    let team: Team
    private let a, b, c: Matrix
    private static let size = 1024
    private static let seconds = 0.5

    /// FLOP/s of all ranks together by the clock, and per second of processor time.
    struct Measurement {
        let rate, ratePerCPU: Double
    }

    /// A product of 1024×1024 matrices for each thread.
    init(team: Team) {
        let n = Self.size, rows = n * team.threads
        self.team = team
        a = Matrix(Buffer(count: rows * n, repeating: 0.5), rows: rows, columns: n)
        b = Matrix(Buffer(count: n * n, repeating: 0.25), rows: n, columns: n)
        c = Matrix(Buffer(count: rows * n, repeating: 0), rows: rows, columns: n)
    }

    /// Collective: about half a second.
    ///
    /// - Throws: `MPIError`.
    func measure(on world: borrowing Communicator) throws -> Measurement {
        try world.barrier()
        let (start, cpuStart) = (monotonicSeconds(), processorSeconds())
        var products = 0
        repeat {
            team.gemm(a, b, into: c, .feedForward)
            products += 1
        } while monotonicSeconds() - start < Self.seconds
        let flops = 2 * Double(a.rows * a.columns * b.columns * products)
        let (elapsed, cpu) = (monotonicSeconds() - start, processorSeconds() - cpuStart)
        let sums = try world.allreduce([flops / elapsed, flops, cpu], .sum)
        return Measurement(rate: sums[0], ratePerCPU: sums[1] / sums[2])
    }
}

/// Processor time of all threads of this process so far.
func processorSeconds() -> Double {
    var time = timespec()
    // Cannot fail: Linux has this clock.
    _ = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}

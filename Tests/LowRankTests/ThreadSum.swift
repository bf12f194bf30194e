import Foundation
import Kernels
import LowRank
import Synchronization

/// Adds up over threads that stand for ranks, all replicas of one stage.
final class ThreadSum: Sendable {
    private let ranks: Int
    private let state = Mutex((round: 0, arrived: 0, sum: [Double](), result: [Double]()))

    private init(_ ranks: Int) { self.ranks = ranks }

    /// Runs `body` on a thread for each of `ranks` ranks, which all have to call the same sums.
    static func run(_ ranks: Int, _ body: @escaping @Sendable (Rank) -> Void) {
        let all = ThreadSum(ranks), group = DispatchGroup()
        for rank in 0..<ranks {
            group.enter()
            Thread.detachNewThread {
                body(Rank(all: all, replica: rank))
                group.leave()
            }
        }
        group.wait()
    }

    struct Rank: Peers {
        fileprivate let all: ThreadSum
        let replica: Int
        var replicas: Int { all.ranks }

        func sum(_ values: Buffer<Double>) { values.copy(from: Buffer(all.allreduce(values.array))) }
        func sumOverReplicas(_ values: Buffer<Double>) { sum(values) }
        func sum(_ values: Buffer<Float>) {
            values.copy(from: Buffer(all.allreduce(values.array.map(Double.init)).map { Float($0) }))
        }
    }

    private func allreduce(_ values: [Double]) -> [Double] {
        let round = state.withLock { state -> Int in
            if state.arrived == 0 { state.sum = Array(repeating: 0, count: values.count) }
            for i in 0..<values.count { state.sum[i] += values[i] }
            state.arrived += 1
            let round = state.round
            if state.arrived == ranks {
                (state.result, state.arrived) = (state.sum, 0)
                state.round += 1
            }
            return round
        }
        while state.withLock({ $0.round }) == round { sched_yield() }
        return state.withLock { $0.result }
    }
}

import Communicator
import Foundation

/// Runs a measurement in a session of MPI and prints what it returns on rank 0; an error ends all ranks.
public func measuring<Report: Encodable>(_ body: (_ world: consuming Communicator) throws -> Report) {
    do {
        let session = try MPISession()
        let isFirst = session.world.rank == 0
        let report = try body(session.world)
        if isFirst {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        }
        try session.finalize()
    } catch {
        MPISession.abort(code: 1, reason: "\(error)")
    }
}

/// Half the samples lie below it.
public func median(_ samples: [Double]) -> Double {
    let sorted = samples.sorted(), n = sorted.count
    return n == 0 ? 0 : 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2])
}

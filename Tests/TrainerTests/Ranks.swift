import Foundation
import TestSupport
import Testing

/// A rank's process, found from mpirun's: its children are the ranks, in the order of their start.
struct RankProcess: Sendable {
    let identifier: Int32

    /// The ranks of a job under way, by rank.
    ///
    /// - Throws: `SupportError` when they are not as many.
    static func all(of command: RunningCommand, count: Int) throws -> [RankProcess] {
        let processes = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }
        let children = processes.filter { status(of: $0)?.parent == command.processIdentifier }
        let ranks = try children.map { process in
            let environment = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(process)/environ"))
            let variables = String(decoding: environment, as: UTF8.self).split(separator: "\0")
            let rank = variables.first { $0.hasPrefix("OMPI_COMM_WORLD_RANK=") }.flatMap { Int($0.split(separator: "=")[1]) }
            return (rank: rank ?? -1, process: RankProcess(identifier: process))
        }.sorted { $0.rank < $1.rank }
        guard ranks.map(\.rank) == Array(0..<count) else {
            throw SupportError("\(count) ranks expected below mpirun, found \(ranks.map(\.rank))")
        }
        return ranks.map(\.process)
    }

    func send(signal: Int32) { kill(identifier, signal) }

    /// Whether it still runs; a process that ended and was not yet waited for does not.
    var isRunning: Bool { Self.status(of: identifier).map { $0.state != "Z" && $0.state != "X" } ?? false }

    /// Whether a SIGSTOP has taken hold.
    var isStopped: Bool { Self.status(of: identifier)?.state == "T" }

    /// State and parent from /proc; nil once the process is gone.
    private static func status(of process: Int32) -> (state: Substring, parent: Int32)? {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let name = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: name)...].split(separator: " ")
        guard fields.count > 1, let parent = Int32(fields[1]) else { return nil }
        return (fields[0], parent)
    }
}

/// Fails for every rank that is still there a while after its job has ended.
func expectNoOrphans(_ ranks: [RankProcess], sourceLocation: SourceLocation = #_sourceLocation) async throws {
    for _ in 0..<1000 where ranks.contains(where: \.isRunning) { try await Task.sleep(for: .milliseconds(10)) }
    for (rank, process) in ranks.enumerated() {
        #expect(!process.isRunning, "rank \(rank) outlived its job", sourceLocation: sourceLocation)
    }
}

/// Holds what an interaction found, for the test to look at afterwards.
final class Found<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var held: Value

    init(_ value: Value) { held = value }

    var value: Value {
        get { lock.withLock { held } }
        set { lock.withLock { held = newValue } }
    }
}

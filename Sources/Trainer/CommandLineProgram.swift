import ArgumentParser
import Communicator
import Foundation
import Kernels
import Transformer
import Worker

/// What `drrl-train` and `drrl` share from start to end on one rank: MPI around their work, and how a mistake is told.
public struct CommandLineProgram: Sendable {
    /// A user's mistake, or a file that cannot be read or written.
    private static let mistakeCode: Int32 = 2
    /// Anything else that stops it.
    private static let failureCode: Int32 = 1

    private let name: String

    public init(name: String) { self.name = name }

    /// Runs `work`, after `prepare` and MPI's start, and returns the exit code, which is what `work` returns where nothing
    /// failed. A failure that other ranks do not know of ends the whole job at once instead.
    public func run(prepare: () throws -> Void = {}, _ work: (borrowing MPISession) throws -> Int32) -> Int32 {
        OpenBLASCore.useWidest()
        do {
            StandardStreams.secure()
            try WriteSignals.ignore()
            try prepare()
            let session = try MPISession()
            let code = try outcome(session, work)
            try session.finalize()
            return code
        } catch {
            MPISession.abort(code: Self.failureCode, reason: "\(error)")
        }
    }

    private func outcome(_ session: borrowing MPISession, _ work: (borrowing MPISession) throws -> Int32) throws -> Int32 {
        let rank = session.world.rank
        do {
            try SameOnAllRanks.requireBuild(on: session.world)
            return try work(session)
        } catch let error as AgreedError {
            return stop(error, Self.mistakeCode, rank)
        } catch let error as DivergedError {
            return stop(error, Self.failureCode, rank)
        }
    }

    /// One line from one rank; every rank leaves with the same code.
    private func stop(_ error: any Error, _ code: Int32, _ rank: Int) -> Int32 {
        if rank == 0 { StandardStreams.complain("\(name): \(oneLine("\(error)"))") }
        return code
    }

    /// Deals with what parsing the command line of `options` threw: help that was asked for is shown by the root.
    ///
    /// - Throws: `ConfigurationError` for a mistake, which sends on to `help`, and where help cannot be shown.
    public func settle<Options: ParsableArguments>(
        _ error: any Error, of options: Options.Type, help: String, isRoot: Bool
    ) throws(ConfigurationError) {
        if let error = error as? ConfigurationError { throw error }
        guard Options.exitCode(for: error) == .success else {
            throw ConfigurationError("\(oneLine(Options.message(for: error))); see \(help)")
        }
        if isRoot { try StandardOutput.write(Options.fullMessage(for: error) + "\n") }
    }

    private func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}

import ArgumentParser
import Communicator
import Foundation
import Kernels
import Options
import Worker

/// A failure that every rank knows of: rank 0 tells it, and all leave in order.
public protocol CollectiveError: Error, CustomStringConvertible {}

/// What ranks agree to stop for is a person's to mend.
extension AgreedError: CollectiveError, UserError {}

/// What `drrl-train` and `drrl` share from start to end on one rank: MPI around their work, and how a mistake is told.
public struct CommandLineProgram: Sendable {
    /// What a person can mend.
    private static let mistakeCode: Int32 = 2
    /// Anything else that stops it.
    private static let failureCode: Int32 = 1

    private let name: String

    /// - Parameter name: what the program's own lines begin with.
    public init(name: String) { self.name = name }

    /// Runs `work` between MPI's start and end. A failure that other ranks do not know of ends the whole job at once.
    ///
    /// - Parameters:
    ///   - prepare: what must be done before MPI starts.
    ///   - work: gives the exit code of a run in which nothing failed.
    /// - Returns: the exit code: what `work` returns; 2 for a `UserError` that all ranks know of; 1 for another failure.
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
            MPISession.abort(code: Self.failureCode, reason: asFlags("\(error)"))
        }
    }

    /// Runs `work` in one process without MPI, which may so start others.
    ///
    /// - Returns: the exit code: 0, or 2 for a failure, as of what ranks agree to stop for.
    public func runAlone(_ work: () throws -> Void) -> Int32 {
        do {
            StandardStreams.secure()
            try WriteSignals.ignore()
            try requireOneProcess()
            try work()
            return 0
        } catch {
            StandardStreams.complain("\(name): \(oneLine(asFlags("\(error)")))")
            return Self.mistakeCode
        }
    }

    /// - Throws: `ConfigurationError` where mpirun has started several.
    private func requireOneProcess() throws(ConfigurationError) {
        let count = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"].flatMap { Int($0) } ?? 1
        guard count == 1 else {
            throw ConfigurationError("this command works in one process, and mpirun started \(count); call it without mpirun")
        }
    }

    private func outcome(_ session: borrowing MPISession, _ work: (borrowing MPISession) throws -> Int32) throws -> Int32 {
        do {
            try SameOnAllRanks.requireBuild(on: session.world)
            return try work(session)
        } catch let error as any CollectiveError {
            // One line from one rank; every rank leaves with the same code.
            if session.world.rank == 0 { StandardStreams.complain("\(name): \(oneLine(asFlags("\(error)")))") }
            return error is any UserError ? Self.mistakeCode : Self.failureCode
        }
    }

    /// Deals with what parsing a command line threw: help that was asked for is shown by the root.
    ///
    /// - Parameters:
    ///   - error: what was thrown.
    ///   - options: what was parsed.
    ///   - help: the command line that shows help, to which a mistake sends on.
    ///   - isRoot: whether this is the rank that shows help.
    /// - Throws: `ConfigurationError` for a mistake; `error` itself where it is none of the parser's; `UnusableFileError` where
    ///   help cannot be shown.
    public func settle<Command: ParsableArguments>(
        _ error: any Error, of options: Command.Type, help: String, isRoot: Bool
    ) throws {
        if error is any UserError { throw error }
        guard Command.exitCode(for: error) == .success else {
            throw ConfigurationError("\(oneLine(Command.message(for: error))); see \(help)")
        }
        if isRoot { try StandardOutput.write(Command.fullMessage(for: error) + "\n") }
    }

    private func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}

/// A message with options as the command line has them: `--batch`.
///
/// - Parameter message: with names as `\(option:)` puts them.
public func asFlags(_ message: String) -> String { OptionName.spelled(message, prefix: "--") }

import ArgumentParser
import Communicator
import Foundation
import Transformer
import Worker

/// `drrl` from start to end on one rank.
public enum ToolboxProgram {
    /// A user's mistake, or a file that cannot be read or written.
    static let mistakeCode: Int32 = 2
    /// Anything else that stops it.
    static let failureCode: Int32 = 1

    /// Runs with the process's arguments and returns its exit code; a failure that other ranks do not know of ends the
    /// whole job at once instead.
    public static func main(_ arguments: [String]) -> Int32 {
        do {
            let session = try MPISession()
            let code = try run(arguments, session)
            try session.finalize()
            return code
        } catch {
            MPISession.abort(code: failureCode, reason: "\(error)")
        }
    }

    private static func run(_ arguments: [String], _ session: borrowing MPISession) throws -> Int32 {
        let isRoot = session.world.rank == 0
        do {
            guard let options = try agreed(on: session.world, { try parse(arguments, isRoot: isRoot) }) else { return 0 }
            let report = try evaluate(options, on: session.world)
            try agreed(on: session.world) {
                if isRoot { print(options.json ? try report.json() : report.lines) }
            }
            return 0
        } catch let error as AgreedError {
            if isRoot { FileHandle.standardError.write(Data("drrl: \(oneLine("\(error)"))\n".utf8)) }
            return mistakeCode
        }
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    /// Nil once help was asked for and shown. Throws `ConfigurationError` for a mistake.
    private static func parse(_ arguments: [String], isRoot: Bool) throws(ConfigurationError) -> EvaluateOptions? {
        do {
            var command = try ToolboxOptions.parseAsRoot(arguments)
            if let options = command as? EvaluateOptions { return options }
            // What is no tool is the parser's own command, which throws the help asked for.
            try command.run()
            return nil
        } catch {
            if ToolboxOptions.exitCode(for: error) == .success {
                if isRoot { print(ToolboxOptions.fullMessage(for: error)) }
                return nil
            }
            let tool = arguments.first == EvaluateOptions.configuration.commandName ? "evaluate " : ""
            throw ConfigurationError("\(oneLine(ToolboxOptions.message(for: error))); see drrl \(tool)--help")
        }
    }
}

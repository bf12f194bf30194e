import ArgumentParser
import CommandLine
import Communicator
import Model
import Options
import Worker

/// `drrl` from start to end on one rank.
public enum ToolboxProgram {
    private static let program = CommandLineProgram(name: "drrl")

    /// Runs with the process's arguments and returns its exit code; a failure that other ranks do not know of ends the
    /// whole job at once instead.
    public static func main() -> Int32 {
        let named = (try? Arguments.ofProcess())?.first
        if ToolboxOptions.localTools.contains(where: { $0.configuration.commandName == named }) {
            return program.runAlone {
                let arguments = Arguments.joiningNegativeNumbers(try Arguments.ofProcess())
                guard let tool = try parse(arguments, isRoot: true) as? any LocalTool else { return }
                try StandardOutput.write(tool.report() + "\n")
            }
        }
        return program.run { session in
            try run(session)
            return 0
        }
    }

    private static func run(_ session: borrowing MPISession) throws {
        let isRoot = session.world.rank == 0
        let arguments = try agreed(on: session.world) { Arguments.joiningNegativeNumbers(try Arguments.ofProcess()) }
        try SameOnAllRanks.require(Arguments.numbered(arguments), on: session.world)
        guard let tool = try agreed(on: session.world, { try parse(arguments, isRoot: isRoot) }) as? any Tool else { return }
        let report = try tool.report(arguments, on: session.world)
        // A tool may have written its result itself, as it came.
        guard !report.isEmpty else { return }
        try agreed(on: session.world) { if isRoot { try StandardOutput.write(report + "\n") } }
    }

    /// Nil once help was asked for and shown.
    ///
    /// - Throws: a `UserError` for a mistake.
    private static func parse(_ arguments: [String], isRoot: Bool) throws -> (any ParsableCommand)? {
        do {
            var command = try ToolboxOptions.parseAsRoot(arguments)
            if command is any Tool || command is any LocalTool { return command }
            // What is no tool is the parser's own command, which throws the help asked for.
            try command.run()
        } catch {
            let named = ToolboxOptions.all.compactMap { $0.configuration.commandName }.first { $0 == arguments.first }
            let help = "drrl \(named.map { $0 + " " } ?? "")--help"
            try program.settle(error, of: ToolboxOptions.self, help: help, isRoot: isRoot)
        }
        return nil
    }
}

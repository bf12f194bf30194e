import ArgumentParser
import Communicator
import Foundation
import Worker

/// A subcommand of `drrl`, parsed.
protocol Tool: ParsableCommand {
    /// Collective: does the work and returns what rank 0 prints, or nothing where it has done so; `arguments` are those it was parsed from.
    ///
    /// - Throws: `AgreedError` for what a user can mend, and `MPIError`.
    func report(_ arguments: [String], on world: borrowing Communicator) throws -> String
}

/// A subcommand of `drrl` that one process does without MPI, parsed.
protocol LocalTool: ParsableCommand {
    /// Does the work and returns what is printed.
    ///
    /// - Throws: `UserError` for what a user can mend.
    func report() throws -> String
}

/// The command line of `drrl`: one subcommand a tool.
struct ToolboxOptions: ParsableCommand {
    static let tools: [any Tool.Type] = [
        EvaluateOptions.self, SampleOptions.self, CompareOptions.self, ScoreOptions.self, CalibrateOptions.self,
        ImportOptions.self, ExportOptions.self, MergeOptions.self,
    ]
    static let localTools: [any LocalTool.Type] = [ReportOptions.self]
    static var all: [any ParsableCommand.Type] { tools + localTools }
    static let configuration = CommandConfiguration(
        commandName: "drrl", abstract: "Looks at what drrl-train has trained, and exchanges models with other programs.",
        subcommands: all)
}

/// One line, keys sorted.
///
/// - Throws: `EncodingError`.
func jsonLine(_ report: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(report), as: UTF8.self)
}

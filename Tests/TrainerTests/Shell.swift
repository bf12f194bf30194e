import Foundation
import TestSupport

/// Runs a shell script in `directory`; `$T` in it is drrl-train.
func bash(
    _ script: String, in directory: String, timeout: TimeInterval = 60,
    while interaction: (@Sendable (RunningCommand) throws -> Void)? = nil
) async throws -> Outcome {
    try await run(
        URL(fileURLWithPath: "/bin/bash"), ["-c", script],
        environment: MPIRun.environment.merging(["T": BuiltProduct.url(named: "drrl-train").path]) { $1 },
        currentDirectory: URL(fileURLWithPath: directory), timeout: timeout, while: interaction)
}

extension SmallRun {
    /// The options of a small run, each in quotes for a shell.
    func words(_ options: [String]) throws -> String {
        try arguments(options).map { "'" + $0.replacing("'", with: #"'\''"#) + "'" }.joined(separator: " ")
    }

    /// Every file of the run directory with its bytes, the lock aside, which is opened at every start.
    func files() throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: directory.path) where name != ".lock" {
            files[name] = FileManager.default.contents(atPath: directory.path + "/" + name) ?? Data()
        }
        return files
    }
}

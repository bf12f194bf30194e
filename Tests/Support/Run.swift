import Foundation

/// Runs a program to its end, one at a time over all tests: each may use all cores.
///
/// - Parameters:
///   - environment: added to this process's own.
///   - timeout: seconds after which it is killed.
///   - interaction: called while it runs, to read its output or send signals. When it throws, the program
///     is ended and the error passed on.
public func run(
    _ program: URL, _ arguments: [String] = [], environment: [String: String] = [:],
    currentDirectory: URL? = nil, timeout: TimeInterval = 60,
    while interaction: (@Sendable (RunningCommand) throws -> Void)? = nil
) async throws -> Outcome {
    try await withCheckedThrowingContinuation { continuation in
        oneAtATime.async {
            continuation.resume(
                with: Result {
                    let command = try RunningCommand(
                        program, arguments, environment: environment,
                        currentDirectory: currentDirectory, timeout: timeout)
                    do {
                        try interaction?(command)
                    } catch {
                        command.send(signal: SIGTERM)
                        _ = command.wait()
                        throw error
                    }
                    return command.wait()
                })
        }
    }
}

private let oneAtATime = DispatchQueue(label: "programs started by tests")

/// The real mpirun.
public enum MPIRun {
    /// Where mpirun lies on the search path; nil where it is not installed.
    public static let program: URL? = (ProcessInfo.processInfo.environment["PATH"] ?? "")
        .split(separator: ":")
        .map { URL(fileURLWithPath: String($0)).appendingPathComponent("mpirun") }
        .first { FileManager.default.isExecutableFile(atPath: $0.path) }

    /// For `.enabled(if:)`: tests that need mpirun are skipped where it is missing.
    public static var isInstalled: Bool { program != nil }

    /// What Open MPI wants to be told before it runs as root, as in a container.
    public static let environment = [
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    ]
}

/// Runs `ranks` processes of a program under the real mpirun, to their end; see `run`.
///
/// - Parameter flags: for mpirun, besides those that allow more ranks than cores.
public func mpirun(
    ranks: Int, _ program: URL, _ arguments: [String] = [], flags: [String] = [],
    environment: [String: String] = [:], currentDirectory: URL? = nil, timeout: TimeInterval = 60,
    while interaction: (@Sendable (RunningCommand) throws -> Void)? = nil
) async throws -> Outcome {
    guard let mpirun = MPIRun.program else { throw SupportError("mpirun is not installed") }
    return try await run(
        mpirun, ["--oversubscribe", "-n", "\(ranks)"] + flags + [program.path] + arguments,
        environment: MPIRun.environment.merging(environment) { $1 },
        currentDirectory: currentDirectory, timeout: timeout, while: interaction)
}

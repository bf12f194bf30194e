import Foundation

/// How a program ended.
public struct Outcome: Sendable, CustomStringConvertible {
    /// The exit status; nil when a signal ended it.
    public let status: Int32?
    /// The signal that ended it; nil when it exited.
    public let signal: Int32?
    /// Whether it ran past its time and was killed.
    public let timedOut: Bool
    public let output: String
    public let errors: String

    /// Whether it exited with 0 in time.
    public var succeeded: Bool { status == 0 && !timedOut }

    public var description: String {
        let end = status.map { "exit status \($0)" } ?? "signal \(signal ?? 0)"
        return "\(timedOut ? "timed out, " : "")\(end)\n--- output\n\(output)\n--- errors\n\(errors)"
    }
}

/// A program under way. Its output goes to files, so that it never waits for a reader.
public final class RunningCommand: @unchecked Sendable {
    /// The process's number.
    public var processIdentifier: Int32 { process.processIdentifier }

    private let process = Process()
    private let ended = DispatchSemaphore(value: 0)
    private let directory: URL
    private let deadline: Date

    /// Starts the program.
    ///
    /// - Parameters:
    ///   - environment: added to this process's own.
    ///   - timeout: seconds from now after which `wait` kills it.
    /// - Throws: what Foundation throws when it cannot be started.
    public init(
        _ program: URL, _ arguments: [String] = [], environment: [String: String] = [:],
        currentDirectory: URL? = nil, timeout: TimeInterval = 60
    ) throws {
        directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("command-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        process.executableURL = program
        process.arguments = arguments
        process.currentDirectoryURL = currentDirectory
        // A trap on purpose needs no backtrace, which takes seconds.
        process.environment = ProcessInfo.processInfo.environment
            .merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
            .merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        let files = [
            try Self.newFile(directory.appendingPathComponent("output")),
            try Self.newFile(directory.appendingPathComponent("errors")),
        ]
        process.standardOutput = files[0]
        process.standardError = files[1]
        process.terminationHandler = { [ended] _ in ended.signal() }
        deadline = Date(timeIntervalSinceNow: timeout)
        // The program has them now. Foundation keeps them open for good, and crashes on some 1,500 descriptors.
        defer { for file in files { try? file.close() } }
        try Self.withSignalsUnblocked { try process.run() }
    }

    /// Dispatch blocks signals on its threads, and a new process inherits that: mpirun would hear of none.
    private static func withSignalsUnblocked(_ body: () throws -> Void) rethrows {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try body()
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// What it has written to standard output so far.
    public var output: String { text("output") }

    /// What it has written to standard error so far.
    public var errors: String { text("errors") }

    public var isRunning: Bool { process.isRunning }

    /// Sends it a signal.
    public func send(signal: Int32) { kill(processIdentifier, signal) }

    /// Returns once `condition` holds; throws `SupportError` when it ends, or its time does, before that.
    public func wait(for what: String, until condition: () -> Bool) throws {
        while true {
            // Asked first: what it wrote just before its end still counts.
            let goesOn = isRunning && Date() < deadline
            if condition() { return }
            guard goesOn else {
                throw SupportError("no \(what) before the end; errors: \(errors)")
            }
            Thread.sleep(forTimeInterval: 0.01)
        }
    }

    /// Returns once it has ended, or was killed because its time was over.
    public func wait() -> Outcome {
        let timedOut = ended.wait(timeout: .now() + max(0, deadline.timeIntervalSinceNow)) == .timedOut
        if timedOut {
            // mpirun ends its ranks on SIGTERM; SIGKILL would leave them behind.
            send(signal: SIGTERM)
            if ended.wait(timeout: .now() + 5) == .timedOut {
                send(signal: SIGKILL)
                ended.wait()
            }
        }
        let exited = process.terminationReason == .exit
        return Outcome(
            status: exited ? process.terminationStatus : nil,
            signal: exited ? nil : process.terminationStatus,
            timedOut: timedOut, output: output, errors: errors)
    }

    private func text(_ name: String) -> String {
        let contents = try? Data(contentsOf: directory.appendingPathComponent(name))
        return String(decoding: contents ?? Data(), as: UTF8.self)
    }

    private static func newFile(_ url: URL) throws -> FileHandle {
        try Data().write(to: url)
        return try FileHandle(forWritingTo: url)
    }
}

import CProcess

#if canImport(Glibc)
import Glibc
#endif

/// A signal that asks a run to save and stop.
///
/// mpirun forwards SIGUSR1 to all ranks at once; after SIGTERM it kills them within a second unless its
/// `odls_base_sigkill_timeout` says otherwise. Ranks are signalled at different moments, so they must agree, by the
/// maximum of `raised`, before they act.
public struct StopSignal: Sendable, Equatable {
    /// The signal's number, above 0.
    public let number: Int32

    private static let names = [
        SIGUSR1: "SIGUSR1", SIGTERM: "SIGTERM", SIGINT: "SIGINT", SIGHUP: "SIGHUP", SIGXCPU: "SIGXCPU",
    ]

    /// The signal of that number; nil for 0, which stands for none.
    public init?(number: Int32) {
        guard number > 0 else { return nil }
        self.number = number
    }

    /// e.g. "SIGUSR1".
    public var name: String { Self.names[number] ?? "signal \(number)" }

    /// The exit code of a run that saved and stopped: 0 after SIGUSR1 and SIGTERM, which batch systems send to ask for just
    /// that; 128 and the number, as shells say it, after those that end something unforeseen.
    public var exitCode: Int32 { number == SIGUSR1 || number == SIGTERM ? 0 : 128 + number }

    /// Notes SIGUSR1, SIGTERM, SIGINT, SIGHUP and SIGXCPU from now on instead of dying of them; a second SIGINT ends the
    /// process at once. SIGINT and SIGHUP stay ignored where the process was started so, as nohup does.
    ///
    /// Install before MPI is initialised, for a signal that comes earlier kills.
    /// - Throws: `ProcessError` where the system refuses.
    public static func install() throws(ProcessError) {
        for (number, name) in names {
            let code = drrl_note_signal(number)
            guard code == 0 else { throw ProcessError(operation: "handler for \(name)", code: code) }
        }
    }

    /// The one that came last to this rank; nil when none has come.
    public static var raised: StopSignal? { StopSignal(number: drrl_noted_signal()) }

    /// The number of the one that came last to this rank; 0 when none has come.
    public static var raisedNumber: Int32 { drrl_noted_signal() }
}

/// Signals of failing writes.
public enum WriteSignals {
    /// Lets a write to a pipe without a reader, or beyond the file size limit, fail with an error in place of a signal that
    /// kills.
    /// - Throws: `ProcessError` where the system refuses.
    public static func ignore() throws(ProcessError) {
        for number in [SIGPIPE, SIGXFSZ] {
            let code = drrl_ignore_signal(number)
            guard code == 0 else { throw ProcessError(operation: "ignoring signal \(number)", code: code) }
        }
    }
}

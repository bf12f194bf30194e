import CProcess

#if canImport(Glibc)
import Glibc
#endif

/// The signals that ask a run to save and stop: SIGUSR1 and SIGTERM.
///
/// mpirun forwards SIGUSR1 to all ranks at once; after SIGTERM it kills them within a second unless its
/// `odls_base_sigkill_timeout` says otherwise. Ranks are signalled at different moments, so they must
/// agree, by a reduction, before they act.
public enum StopSignal {
    /// Notes the signals from now on instead of dying of them. Install before MPI is initialised, for a
    /// signal that comes earlier kills. Throws `ProcessError`.
    public static func install() throws(ProcessError) {
        for signal in [SIGUSR1, SIGTERM] {
            let code = drrl_note_signal(signal)
            guard code == 0 else {
                throw ProcessError(operation: "handler for signal \(signal)", code: code)
            }
        }
    }

    /// Whether one of the signals has come.
    public static var isRaised: Bool { drrl_noted_signal() != 0 }

    /// The name of the signal that came last, e.g. "SIGUSR1"; nil when none has come.
    public static var raisedName: String? {
        switch drrl_noted_signal() {
        case SIGUSR1: "SIGUSR1"
        case SIGTERM: "SIGTERM"
        default: nil
        }
    }
}

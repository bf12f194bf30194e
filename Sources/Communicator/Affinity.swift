import CProcess

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The cores this process may use.
public enum Affinity {
    /// Number of cores in the affinity mask of the calling thread.
    ///
    /// Under mpirun's binding it is often 1, and OpenBLAS then runs single-threaded whatever its thread
    /// count says (OpenBLAS#1676): set that count from here.
    ///
    /// - Throws: `ProcessError`.
    public static func usableCores() throws(ProcessError) -> Int {
        let cores = drrl_usable_cores()
        guard cores > 0 else { throw ProcessError(operation: "reading the affinity mask", code: -cores) }
        return Int(cores)
    }
}

/// A request that the operating system refused.
public struct ProcessError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was asked for.
    public let operation: String
    /// The errno value.
    public let code: Int32

    public var description: String { "\(operation): \(String(cString: strerror(code)))" }
}

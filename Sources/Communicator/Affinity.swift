import CProcess

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

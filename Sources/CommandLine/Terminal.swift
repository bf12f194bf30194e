import Foundation

/// Whether what this process prints is seen on a terminal as it comes.
///
/// mpirun gives every rank a pseudo-terminal, whatever its own output goes to: below mpirun it is mpirun's that counts.
public func printsToTerminal() -> Bool {
    guard isatty(STDOUT_FILENO) == 1 else { return false }
    guard ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK"] != nil else { return true }
    let descriptor = open("/proc/\(getppid())/fd/1", O_WRONLY | O_NOCTTY | O_CLOEXEC)
    // Another user's process, or none: plain lines can be read anywhere.
    guard descriptor >= 0 else { return false }
    defer { _ = close(descriptor) }
    return isatty(descriptor) == 1
}

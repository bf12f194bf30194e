import Foundation

/// Python with h5py, for tests of what others can read.
public enum Python {
    /// Named by DRRL_PYTHON or found as python3; nil where there is none with h5py.
    public static let withH5py: URL? = {
        let name = ProcessInfo.processInfo.environment["DRRL_PYTHON"] ?? "python3"
        let folders = name.contains("/") ? [""] : (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let found = folders.map { URL(fileURLWithPath: $0.isEmpty ? name : $0 + "/" + name) }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
        guard let found else { return nil }
        let process = Process()
        process.executableURL = found
        process.arguments = ["-c", "import h5py"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        process.waitUntilExit()
        return process.terminationStatus == 0 ? found : nil
    }()
}

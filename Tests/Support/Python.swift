import Foundation

/// Python, for tests of what others can read, and of what is written in it.
public enum Python {
    /// Named by DRRL_PYTHON or found as python3; nil where there is none.
    public static let program: URL? = {
        let name = ProcessInfo.processInfo.environment["DRRL_PYTHON"] ?? "python3"
        let folders = name.contains("/") ? [""] : (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.map { URL(fileURLWithPath: $0.isEmpty ? name : $0 + "/" + name) }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }()

    /// The same; nil where it has no h5py.
    public static let withH5py: URL? = importing("h5py")

    /// The same; nil where it has no safetensors.
    public static let withSafetensors: URL? = importing("numpy, safetensors")

    /// The same; nil where it has no tokenizers.
    public static let withTokenizers: URL? = importing("tokenizers")

    private static func importing(_ modules: String) -> URL? {
        guard let program else { return nil }
        let process = Process()
        process.executableURL = program
        process.arguments = ["-c", "import \(modules)"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        process.waitUntilExit()
        return process.terminationStatus == 0 ? program : nil
    }
}

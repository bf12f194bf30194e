import Foundation
import Kernels
import Model
import Options

/// How much memory the system lets this process have.
public enum MemoryLimits {
    /// Bytes of this node's memory, or of this process's control group where that allows less; nil where neither is known.
    static var memory: Double? {
        let physical = Double(sysconf(Int32(_SC_PHYS_PAGES))) * Double(sysconf(Int32(_SC_PAGESIZE)))
        return [physical > 0 ? physical : nil, controlGroup].compactMap(\.self).min()
    }

    /// The least `memory.max` of this process's control group (version 2) and those above it.
    private static var controlGroup: Double? {
        guard let line = text("/proc/self/cgroup")?.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else {
            return nil
        }
        var parts = line.dropFirst(4).split(separator: "/"), limits: [Double] = []
        while true {
            let group = (["/sys/fs/cgroup"] + parts.map(String.init)).joined(separator: "/")
            // "max" is no number, and no limit.
            if let limit = text(group + "/memory.max").flatMap({ Double($0.trimmingCharacters(in: .whitespacesAndNewlines)) }) {
                limits.append(limit)
            }
            if parts.isEmpty { return limits.min() }
            parts.removeLast()
        }
    }

    /// - Throws: `ConfigurationError` where `bytes`, OpenBLAS's buffers for `threads` and what start-up still takes exceed the
    ///   address space that a limit (`ulimit -v`, a batch system's virtual memory) leaves this process.
    public static func requireAddressSpace(bytes: Double, threads: Int) throws(ConfigurationError) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur != rlim_t.max,
            let pages = text("/proc/self/statm")?.split(separator: " ").first.flatMap({ Double($0) })
        else { return }
        let taken = pages * Double(sysconf(Int32(_SC_PAGESIZE)))
        // As many threads compute at once as there are cores; helpers have a stack and an arena of the allocator each.
        let busy = min(threads, ProcessInfo.processInfo.activeProcessorCount)
        let needed = taken + bytes + Double(busy * OpenBLASBuffers.bytesPerThread + (busy - 1) * 72 << 20)
        guard needed > Double(limit.rlim_cur) else { return }
        throw ConfigurationError(
            "the address space is limited to \(gibibytes(Double(limit.rlim_cur))) GiB (ulimit -v) and about "
                + "\(gibibytes(needed)) GiB are needed; raise the limit, or use fewer \(option: "threads") or a smaller model")
    }

    static func gibibytes(_ bytes: Double) -> String {
        bytes < 1e16 ? "\((bytes / 1_073_741_824 * 100).rounded() / 100)" : "\(bytes / 1_073_741_824)"
    }

    private static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}

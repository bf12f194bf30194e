import Communicator
import Files
import Options
import Worker

/// What all ranks of a job must have alike: a job of unequal ranks hangs, crashes, or trains something that nobody asked for.
public enum SameOnAllRanks {
    /// Collective: compares the programs' own bytes.
    ///
    /// - Throws: `AgreedError` where a rank runs another build than rank 0, and `MPIError`.
    static func requireBuild(on world: borrowing Communicator) throws {
        guard world.size > 1 else { return }
        let own = try agreed(on: world) {
            try sha256(SystemFile.contents(of: "/proc/self/exe"))
        }
        let first = try world.broadcast(own, root: 0)
        try agreed(on: world) {
            guard own == first else {
                throw ConfigurationError("this rank runs another build of the program than rank 0; install one on all nodes")
            }
        }
    }

    /// Collective: compares options, by name.
    ///
    /// - Throws: `AgreedError` that names the first option in which a rank differs from rank 0, and `MPIError`.
    public static func require(_ options: [(name: String, value: String)], on world: borrowing Communicator) throws {
        try world.requireSame(options) { name, own, first in
            func said(_ value: String?) -> String { value.map { $0.isEmpty ? "empty" : $0 } ?? "not given" }
            return ConfigurationError(
                "\(option: name) is \(said(own)) on this rank and \(said(first)) on rank 0; "
                    + "give all ranks the same options and configuration file")
        }
    }
}

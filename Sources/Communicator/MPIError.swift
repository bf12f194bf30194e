import CMPI

/// A call that MPI refused, or that was refused before it reached MPI.
///
/// The description is one line: operation, communicator and rank, what was wrong, what to do.
public struct MPIError: Error, Sendable, Equatable, CustomStringConvertible {
    /// MPI's classes of errors (MPI 3.1, section 8.4), as far as this package tells them apart.
    public struct Class: RawRepresentable, Sendable, Hashable {
        /// MPI's number.
        public let rawValue: Int32
        /// The class of that number.
        public init(rawValue: Int32) { self.rawValue = rawValue }

        /// A buffer that is none.
        public static let buffer = Class(rawValue: MPI_ERR_BUFFER)
        /// A count that cannot be.
        public static let count = Class(rawValue: MPI_ERR_COUNT)
        /// A tag that cannot be.
        public static let tag = Class(rawValue: MPI_ERR_TAG)
        /// A rank that the communicator does not have.
        public static let rank = Class(rawValue: MPI_ERR_RANK)
        /// A root that the communicator does not have.
        public static let root = Class(rawValue: MPI_ERR_ROOT)
        /// Another argument that cannot be.
        public static let argument = Class(rawValue: MPI_ERR_ARG)
        /// A message longer than what was to receive it.
        public static let truncate = Class(rawValue: MPI_ERR_TRUNCATE)
        /// What has no class of its own.
        public static let other = Class(rawValue: MPI_ERR_OTHER)
    }

    /// What was being done, e.g. "allreduce".
    public let operation: String
    /// The communicator's name; nil for calls that belong to none.
    public let communicator: String?
    /// The rank that saw the error, in that communicator.
    public let rank: Int?
    /// The code MPI returned, or the class's own code where the call never reached MPI.
    public let code: Int32
    /// What kind of failure it is.
    public let errorClass: Class
    /// MPI's own text, or ours where the call never reached MPI.
    public let text: String

    public var description: String {
        var place = operation
        if let communicator { place += " on \(communicator)" }
        if let rank { place += " (rank \(rank))" }
        let advice =
            errorClass == .truncate
            ? "; the ranks disagree on the length, give all of them the same" : ""
        return "\(place): \(text)\(advice)"
    }
}

/// Where a call is made: what its errors say besides MPI's text.
struct CallSite {
    let operation: String
    var communicator: String?
    var rank: Int?

    /// An error found before MPI was called.
    func error(_ errorClass: MPIError.Class, _ text: String) -> MPIError {
        MPIError(
            operation: operation, communicator: communicator, rank: rank,
            code: errorClass.rawValue, errorClass: errorClass, text: text)
    }

    /// Every status MPI returns goes through here.
    func check(_ code: Int32) throws(MPIError) {
        guard code != MPI_SUCCESS else { return }
        var errorClass: Int32 = MPI_ERR_UNKNOWN
        var characters = [CChar](repeating: 0, count: Int(MPI_MAX_ERROR_STRING) + 1)
        var length: Int32 = 0
        let isKnown =
            MPI_Error_class(code, &errorClass) == MPI_SUCCESS
            && MPI_Error_string(code, &characters, &length) == MPI_SUCCESS
        let text = isKnown ? string(characters, length) : "MPI error \(code), which has no text"
        throw MPIError(
            operation: operation, communicator: communicator, rank: rank, code: code,
            errorClass: MPIError.Class(rawValue: errorClass),
            text: text.split(whereSeparator: \.isNewline).joined(separator: " "))
    }

    /// - Throws: `MPIError` unless MPI may be called now, on this thread (FUNNELED: the one that initialised it).
    func requireActive() throws(MPIError) {
        guard Runtime.isInitialized else {
            throw error(.other, "MPI is not initialised; make an MPISession first")
        }
        guard !Runtime.isFinalized else {
            throw error(.other, "MPI is finalised; finalize the session last")
        }
        guard Runtime.isMainThread else {
            throw error(.other, "called off the thread that made the MPISession; call it there")
        }
    }
}

/// The characters MPI wrote, as text.
func string(_ characters: [CChar], _ length: Int32) -> String {
    String(decoding: characters.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
}

import CHDF5
import CHDF5Driver
import Synchronization

/// What an HDF5 call was about, for its error.
package struct Place: Sendable {
    /// Path of the file.
    package let file: String
    /// What in it.
    package let object: String

    /// The same file, another object of it.
    package func at(_ object: String) -> Place { Place(file: file, object: object) }
}

/// An HDF5 call that failed: the call, what it was about, and the innermost message of the library's error stack.
public struct HDF5Error: Error, Equatable, Sendable, CustomStringConvertible {
    /// The C function that failed.
    public let operation: String
    /// What it was called for.
    public let object: String
    /// The file that this is in.
    public let file: String
    /// The innermost reason that the library gave.
    public let message: String

    public var description: String {
        "\(file): \(operation) failed on \(object): \(message)"
    }
}

/// The one door to the library.
///
/// Every call passes `call` or `release`, which hold the library's lock (not every build of HDF5 is thread-safe),
/// keep the library from printing, and turn a negative status into an `HDF5Error`.
enum Library {
    private static let isStarted = Mutex(false)

    /// The descriptor driver's identifier.
    static let driver = Result { () throws(HDF5Error) in
        try call("H5FDregister", Place(file: "HDF5", object: "the descriptor driver")) { drrl_h5_driver_register() }
    }

    @discardableResult
    static func call<Status: SignedInteger & Sendable>(
        _ operation: StaticString, _ place: Place, _ body: () -> Status
    ) throws(HDF5Error) -> Status {
        let (status, message) = isStarted.withLock { isStarted in
            start(&isStarted)
            let status = body()
            return (status, status < 0 ? deepestMessage() : "")
        }
        guard status >= 0 else {
            throw HDF5Error(
                operation: "\(operation)", object: place.object, file: place.file, message: message)
        }
        return status
    }

    /// Closes a handle on a path that cannot throw; true if the library agreed.
    @discardableResult
    static func release(_ close: () -> herr_t) -> Bool {
        isStarted.withLock { isStarted in
            start(&isStarted)
            return close() >= 0
        }
    }

    private static func start(_ isStarted: inout Bool) {
        if !isStarted {
            // Owners close every handle; at exit the library could only retry what has already failed.
            // Both report through the calls that follow them, which fail if these did.
            _ = H5dont_atexit()
            _ = H5open()
            isStarted = true
        }
        // The setting is per thread. Should it fail, the library prints; nothing else changes.
        _ = H5Eset_auto2(hid_t(H5E_DEFAULT), nil, nil)
    }

    private static func deepestMessage() -> String {
        var message = ""
        let status = withUnsafeMutablePointer(to: &message) { message in
            H5Ewalk2(
                hid_t(H5E_DEFAULT), H5E_WALK_DOWNWARD,
                { index, entry, message in
                    guard let entry, let message else { return -1 }
                    // Walking downward from the API call, the last entry is the innermost; keep the last that speaks.
                    if let text = entry.pointee.desc, text.pointee != 0 {
                        message.assumingMemoryBound(to: String.self).pointee = String(cString: text)
                    }
                    return 0
                }, message)
        }
        guard status >= 0, !message.isEmpty else { return "the library gave no reason" }
        return message.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}

import Kernels

extension Buffer {
    /// Calls `body` with the bytes, which stay allocated until it returns.
    func withBytes<Result, Failure>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(bytes)
    }
}

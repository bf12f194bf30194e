/// The bytes of every token, by id.
struct TokenBytes: Sendable {
    private var storage: [UInt8] = []
    private var ends: [Int] = []

    mutating func append(_ bytes: [UInt8]) {
        storage += bytes
        ends.append(storage.count)
    }

    subscript(id: Int) -> ArraySlice<UInt8> { storage[(id == 0 ? 0 : ends[id - 1])..<ends[id]] }
}

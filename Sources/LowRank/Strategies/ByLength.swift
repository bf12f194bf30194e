import Synchronization

/// What is found once for each length of sequences.
final class ByLength<Value: Sendable>: Sendable {
    private let known = Mutex<[Int: Value]>([:])

    func value(ofLength length: Int, _ find: () -> Value) -> Value {
        known.withLock {
            if let value = $0[length] { return value }
            let value = find()
            $0[length] = value
            return value
        }
    }
}

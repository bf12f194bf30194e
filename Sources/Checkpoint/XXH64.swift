/// XXH64 with seed 0, fed in pieces (Collet, "xxHash fast digest algorithm", version 0.1.1).
///
/// Chosen because it is fast without special instructions and every language has it, so that anyone
/// can check a checkpoint's digests.
struct XXH64 {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5
    private static let stripe = 32

    private var lanes = (prime1 &+ prime2, prime2, UInt64(0), 0 &- prime1)
    private var byteCount = 0
    /// The bytes after the last whole stripe.
    private var tail: [UInt8] = []

    init() {
        tail.reserveCapacity(Self.stripe)
    }

    /// The digest of `bytes`.
    static func digest(of bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = XXH64()
        hash.update(bytes)
        return hash.digest
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        byteCount += bytes.count
        var rest = bytes[...]
        if !tail.isEmpty {
            let taken = rest.prefix(Self.stripe - tail.count)
            tail.append(contentsOf: taken)
            rest = rest.dropFirst(taken.count)
            guard tail.count == Self.stripe else { return }
            tail.withUnsafeBytes { lanes = Self.mix(lanes, stripes: $0) }
            tail.removeAll(keepingCapacity: true)
        }
        let whole = rest.count / Self.stripe * Self.stripe
        lanes = Self.mix(lanes, stripes: UnsafeRawBufferPointer(rebasing: rest.prefix(whole)))
        tail.append(contentsOf: rest.dropFirst(whole))
    }

    /// The digest of everything fed so far.
    var digest: UInt64 {
        var hash: UInt64
        if byteCount < Self.stripe {
            hash = Self.prime5
        } else {
            hash = rotate(lanes.0, 1) &+ rotate(lanes.1, 7) &+ rotate(lanes.2, 12) &+ rotate(lanes.3, 18)
            for lane in [lanes.0, lanes.1, lanes.2, lanes.3] {
                hash = (hash ^ Self.round(0, lane)) &* Self.prime1 &+ Self.prime4
            }
        }
        hash &+= UInt64(byteCount)
        tail.withUnsafeBytes { tail in
            var i = 0
            while i + 8 <= tail.count {
                hash = rotate(hash ^ Self.round(0, word(tail, i)), 27) &* Self.prime1 &+ Self.prime4
                i += 8
            }
            if i + 4 <= tail.count {
                let half = UInt64(UInt32(littleEndian: tail.loadUnaligned(fromByteOffset: i, as: UInt32.self)))
                hash = rotate(hash ^ (half &* Self.prime1), 23) &* Self.prime2 &+ Self.prime3
                i += 4
            }
            while i < tail.count {
                hash = rotate(hash ^ (UInt64(tail[i]) &* Self.prime5), 11) &* Self.prime1
                i += 1
            }
        }
        hash = (hash ^ (hash >> 33)) &* Self.prime2
        hash = (hash ^ (hash >> 29)) &* Self.prime3
        return hash ^ (hash >> 32)
    }

    private typealias Lanes = (UInt64, UInt64, UInt64, UInt64)

    private static func mix(_ lanes: Lanes, stripes: UnsafeRawBufferPointer) -> Lanes {
        var lanes = lanes
        var i = 0
        while i < stripes.count {
            lanes.0 = round(lanes.0, word(stripes, i))
            lanes.1 = round(lanes.1, word(stripes, i + 8))
            lanes.2 = round(lanes.2, word(stripes, i + 16))
            lanes.3 = round(lanes.3, word(stripes, i + 24))
            i += stripe
        }
        return lanes
    }

    @inline(__always)
    private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
        rotate(lane &+ input &* prime2, 31) &* prime1
    }
}

@inline(__always)
private func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
    (value << bits) | (value >> (64 &- bits))
}

@inline(__always)
private func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
}

extension UInt64 {
    /// Sixteen lower-case hexadecimal digits.
    var hexadecimal: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

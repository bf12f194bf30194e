/// GPT-2's printable stand-ins for bytes, in which vocabulary files spell their tokens.
///
/// The 188 printable bytes of Latin-1 stand for themselves, the other 68, in order, for U+0100 onwards.
enum ByteAlphabet {
    /// All bytes in the order of their ids in GPT-2's vocabulary: the printable ones first.
    static let order: [UInt8] = {
        let all = (0...255).map(UInt8.init)
        return all.filter(isPrintable) + all.filter { !isPrintable($0) }
    }()

    /// The character of every byte.
    static let characters: [Unicode.Scalar] = {
        var characters = [Unicode.Scalar](repeating: " ", count: 256)
        var next: UInt8 = 0
        for byte in order {
            if isPrintable(byte) {
                characters[Int(byte)] = Unicode.Scalar(byte)
            } else {
                characters[Int(byte)] = Unicode.Scalar(UInt16(0x100) + UInt16(next))!
                next += 1
            }
        }
        return characters
    }()

    /// The bytes that `text` spells, or nil where a character stands for none.
    static func bytes(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for character in text.unicodeScalars {
            guard character.value < byteOf.count else { return nil }
            let byte = byteOf[Int(character.value)]
            guard byte >= 0 else { return nil }
            bytes.append(UInt8(byte))
        }
        return bytes
    }

    /// The byte of every character up to the last one in use, −1 where there is none.
    private static let byteOf: [Int16] = {
        var byteOf = [Int16](repeating: -1, count: 0x100 + 68)
        for byte in 0..<256 { byteOf[Int(characters[byte].value)] = Int16(byte) }
        return byteOf
    }()

    private static func isPrintable(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: true
        default: false
        }
    }
}
